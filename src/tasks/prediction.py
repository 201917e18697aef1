"""From the fitted model and Kaggle's test passengers to a file that Kaggle accepts."""

import mlflow
import pandas as pd

from runner import RunTask, requires
from runner.model import load
from tasks.preprocessor import Preprocessor
from tasks.trainer import Trainer


@requires(Preprocessor, Trainer)
class Prediction(RunTask):
    """Requires two tasks, and needs no config. luigi.toml names it, so it is the last to run."""

    outputs = {"submission": "submission.csv"}

    def run(self) -> None:
        """Writes one line for each passenger: 1 for a survivor, else 0."""
        passengers = pd.read_csv(self.inputs["test"], index_col="PassengerId")
        probability = pd.Series(load(self.inputs["model"]).predict(passengers), passengers.index)
        survived = (probability >= 0.5).astype(int).rename("Survived")
        survived.to_csv(self.outputs["submission"])
        mlflow.log_metric("predicted_survival", survived.mean())
