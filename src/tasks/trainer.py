"""From the table of features to a fitted model, and how good it is."""

import mlflow
import numpy as np
import pandas as pd
from pandas import DataFrame, Series
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline

from runner import RunTask, TaskConfig, requires
from tasks.estimators import load, log, save
from tasks.figures import confusion_matrix, roc_curve
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
    outputs = {
        "model": "model.skops",
        "cross_validated": "cross_validated.csv",
        "roc_curve": "roc_curve.png",
        "confusion_matrix": "confusion_matrix.png",
    }

    def run(self) -> None:
        """Measures the model on passengers left out, then fits it to all of them."""
        passengers = pd.read_csv(self.inputs["train"], index_col="PassengerId")
        survived = passengers.pop("Survived")
        seed, boosting = self.config.seed, self.config.boosting.model_dump()
        model = make_pipeline(
            load(self.inputs["encoder"]),
            GradientBoostingClassifier(**boosting, random_state=seed),
        )
        self.cross_validate(model, passengers, survived)

        model.fit(passengers, survived)
        save(model, self.outputs["model"])
        log(model, "survival", passengers)

    def cross_validate(self, model: Pipeline, passengers: DataFrame, survived: Series) -> None:
        """Predicts the passengers of each fold by a model that was fitted to all others.

        What is an output here, as the pictures are, is there for later runs too. What is logged
        belongs to this run; metrics alone go along when the task is reused.
        """
        folds = StratifiedKFold(self.config.folds, shuffle=True, random_state=self.config.seed)
        predicted = cross_val_predict(model, passengers, survived, cv=folds, method="predict_proba")
        probability = pd.Series(predicted[:, 1], passengers.index, name="Probability")
        right = (probability >= 0.5) == survived
        accuracy = [right.iloc[fold].mean() for _, fold in folds.split(passengers, survived)]
        mlflow.log_metric("cv_accuracy", np.mean(accuracy))
        mlflow.log_metric("cv_accuracy_std", np.std(accuracy))

        table = DataFrame({"Survived": survived, "Probability": probability})
        table.to_csv(self.outputs["cross_validated"])
        roc_curve(survived, probability, self.outputs["roc_curve"])
        confusion_matrix(survived, probability >= 0.5, self.outputs["confusion_matrix"])
