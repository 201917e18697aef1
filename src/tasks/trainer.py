"""From the table of features to a fitted model, and how good it is."""

from typing import Any

import mlflow
import numpy as np
import pandas as pd
from pandas import DataFrame, Series
from pydantic import Field, NonNegativeInt
from sklearn.model_selection import StratifiedKFold

from runner import RunTask, requires
from runner.model import FamilyConfig, Model, log
from tasks.estimators import load
from tasks.figures import confusion_matrix, roc_curve
from tasks.preprocessor import Preprocessor


class TrainerConfig(FamilyConfig):
    """[Trainer] in luigi.toml.

    Attributes:
        model: the family, one of the folders in `models`; its parameters are in a table of its
            name, [Trainer.boosting].
        seed: of the folds and the model; the same seed gives the same files.
        folds: how many parts cross-validation cuts the passengers into.
    """

    model: str = "boosting"
    seed: NonNegativeInt = 0
    folds: int = Field(default=5, ge=2)


@requires(Preprocessor)
class Trainer(RunTask):
    """Requires one task, and finds that task's outputs in `self.inputs` by their names."""

    config: TrainerConfig
    outputs = {
        "model": "model",
        "cross_validated": "cross_validated.csv",
        "roc_curve": "roc_curve.png",
        "confusion_matrix": "confusion_matrix.png",
    }

    def run(self) -> None:
        """Measures the model on passengers left out, then fits it to all of them."""
        passengers = pd.read_csv(self.inputs["train"], index_col="PassengerId")
        survived = passengers.pop("Survived")
        self.cross_validate(passengers, survived)

        model = self.fitted(passengers, survived)
        self.config.family.save(model, self.outputs["model"])
        log(self.outputs["model"], "survival", passengers)

    def fitted(self, passengers: DataFrame, survived: Series, held_out: Any = None) -> Model:
        """A model of the family that luigi.toml names. No family is mentioned in this module."""
        family, parameters = self.config.family, self.config.parameters
        model = family.Model.build(parameters, load(self.inputs["encoder"]))
        trainer = family.Trainer(parameters)
        trainer.compile(model, self.config.seed)
        trainer.fit(model, passengers, survived, held_out)
        return model

    def cross_validate(self, passengers: DataFrame, survived: Series) -> None:
        """Predicts the passengers of each fold by a model that was fitted to all others.

        What is an output here, as the pictures are, is there for later runs too. What is logged
        belongs to this run; metrics alone go along when the task is reused.
        """
        probability = Series(0.0, passengers.index, name="Probability")
        accuracy: list[float] = []
        folds = StratifiedKFold(self.config.folds, shuffle=True, random_state=self.config.seed)
        for rest, fold in folds.split(passengers, survived):
            left_out = passengers.iloc[fold], survived.iloc[fold]
            # The metrics of epochs are those of the first fold.
            held_out = None if accuracy else left_out
            model = self.fitted(passengers.iloc[rest], survived.iloc[rest], held_out)
            probability.iloc[fold] = self.config.family.ModelAPI(model).predict(left_out[0])
            accuracy.append(((probability.iloc[fold] >= 0.5) == left_out[1]).mean())
        mlflow.log_metric("cv_accuracy", float(np.mean(accuracy)))
        mlflow.log_metric("cv_accuracy_std", float(np.std(accuracy)))

        table = DataFrame({"Survived": survived, "Probability": probability})
        table.to_csv(self.outputs["cross_validated"])
        roc_curve(survived, probability, self.outputs["roc_curve"])
        confusion_matrix(survived, probability >= 0.5, self.outputs["confusion_matrix"])
