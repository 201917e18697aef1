"""From the table of features to a fitted model, and how good it is."""

import mlflow
import pandas as pd
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from runner import RunTask, TaskConfig, requires
from tasks.estimators import load, save
from tasks.preprocessor import Preprocessor


class BoostingConfig(TaskConfig):
    """[Trainer.boosting] in luigi.toml: arguments of scikit-learn's GradientBoostingClassifier."""

    n_estimators: PositiveInt = 100
    learning_rate: PositiveFloat = 0.05
    max_depth: PositiveInt = 3
    subsample: float = Field(default=0.8, gt=0, le=1)


class TrainerConfig(TaskConfig):
    """[Trainer] in luigi.toml.

    Attributes:
        seed: of the folds and the model; the same seed gives the same files.
        folds: how many parts cross-validation cuts the passengers into.
        boosting: the model's parameters.
    """

    seed: NonNegativeInt = 0
    folds: int = Field(default=5, ge=2)
    boosting: BoostingConfig = BoostingConfig()


@requires(Preprocessor)
class Trainer(RunTask):
    """Requires one task, and finds that task's outputs in `self.inputs` by their names."""

    config: TrainerConfig
    outputs = {"model": "model.skops"}

    def run(self) -> None:
        """Measures the accuracy on passengers left out, then fits the model to all of them."""
        passengers = pd.read_csv(self.inputs["train"], index_col="PassengerId")
        survived = passengers.pop("Survived")
        seed, boosting = self.config.seed, self.config.boosting.model_dump()
        model = make_pipeline(
            load(self.inputs["encoder"]),
            GradientBoostingClassifier(**boosting, random_state=seed),
        )

        folds = StratifiedKFold(self.config.folds, shuffle=True, random_state=seed)
        accuracy = cross_val_score(model, passengers, survived, cv=folds, scoring="accuracy")
        mlflow.log_metric("cv_accuracy", accuracy.mean())
        mlflow.log_metric("cv_accuracy_std", accuracy.std())

        save(model.fit(passengers, survived), self.outputs["model"])
