"""What boosted trees are, and what of them can be set."""

from typing import Self

from pydantic import Field, PositiveFloat, PositiveInt
from sklearn.ensemble import GradientBoostingClassifier

from runner import TaskConfig
from runner.model import DataProcessor
from tasks.estimators import Estimator


class Config(TaskConfig):
    """[Trainer.boosting] in luigi.toml: arguments of scikit-learn's GradientBoostingClassifier."""

    n_estimators: PositiveInt = 100
    learning_rate: PositiveFloat = 0.05
    max_depth: PositiveInt = 3
    subsample: float = Field(default=0.8, gt=0, le=1)


class Model(Estimator):
    """Boosted trees, which split numbers as they are."""

    trusted = (
        "sklearn.tree._tree.Tree",  # this and what follows are safe to newer versions of skops
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.loss.HalfBinomialLoss",
    )

    @classmethod
    def build(cls, config: Config, processor: DataProcessor) -> Self:
        """Trees that are still to be grown."""
        return cls.of(processor, GradientBoostingClassifier(**config.model_dump()))
