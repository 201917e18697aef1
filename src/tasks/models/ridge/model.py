"""What a ridge is, and what of it can be set."""

from typing import Self

from pydantic import PositiveFloat
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from runner import TaskConfig
from runner.model import DataProcessor
from tasks.estimators import Estimator


class Config(TaskConfig):
    """[Trainer.ridge] in luigi.toml.

    Attributes:
        alpha: how much large weights cost.
    """

    alpha: PositiveFloat = 1.0


class Model(Estimator):
    """A ridge, whose features are brought to one scale: weights cost the same for each."""

    trusted = ("sklearn.preprocessing._label.LabelBinarizer",)

    @classmethod
    def build(cls, config: Config, processor: DataProcessor) -> Self:
        """A ridge without weights."""
        scaled = make_pipeline(processor, StandardScaler(with_mean=False))
        return cls.of(scaled, RidgeClassifier(alpha=config.alpha))
