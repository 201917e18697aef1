"""How often the model is right, for each group of passengers: a page to read and to pass on."""

import mlflow
import pandas as pd
from pydantic import Field, PositiveInt

from runner import RunTask, TaskConfig, requires
from tasks.page import page
from tasks.preprocessor import Preprocessor
from tasks.trainer import Trainer


class EvaluationConfig(TaskConfig):
    """[Evaluation] in luigi.toml.

    Attributes:
        groups: columns of the table of features; the passengers are grouped by each of them.
        smallest: what is found in groups of fewer passengers is chance, and left out.
    """

    groups: tuple[str, ...] = Field(default=("Sex", "Pclass", "Title", "Embarked"), min_length=1)
    smallest: PositiveInt = 10


@requires(Preprocessor, Trainer)
class Evaluation(RunTask):
    """Nothing requires it: `python -m runner Evaluation` runs it, and reuses what is there."""

    config: EvaluationConfig
    outputs = {"page": "evaluation.html"}

    def run(self) -> None:
        """Writes the page. It stands alone: pictures are inside of it."""
        passengers = pd.read_csv(self.inputs["train"], index_col="PassengerId")
        predicted = pd.read_csv(self.inputs["cross_validated"], index_col="PassengerId")
        survived = predicted["Survived"]
        found = pd.DataFrame({"survived": survived, "predicted": predicted["Probability"] >= 0.5})
        found["right"] = found["predicted"] == survived

        tables = {}
        for group in self.config.groups:
            groups = found.groupby(passengers[group])
            table = groups.mean().assign(passengers=groups.size())
            tables[group] = table[table["passengers"] >= self.config.smallest]

        pictures = [self.inputs["roc_curve"], self.inputs["confusion_matrix"]]
        self.outputs["page"].write_text(page(found, tables, pictures), encoding="utf-8")
        mlflow.log_metric("worst_group", min(table["right"].min() for table in tables.values()))
