"""From Kaggle's passenger lists to tables of features.

The tables hold only what each row says by itself. What must be learned from many rows (the median
age, say) is left to the encoder, which is written beside them unfitted: it becomes a part of the
model, so that cross-validation fits it anew for every fold and no fold sees another's passengers.
"""

import pandas as pd
from pandas import DataFrame
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder

from runner import RunTask, TaskConfig
from tasks.estimators import save

TITLES = ("Mr", "Mrs", "Miss", "Master")
SYNONYMS = {"Mme": "Mrs", "Mlle": "Miss", "Ms": "Miss"}


class PreprocessorConfig(TaskConfig):
    """[Preprocessor] in luigi.toml.

    Attributes:
        numeric: columns whose gaps are filled with the median.
        categorical: columns of which every value becomes a column of its own.
    """

    numeric: tuple[str, ...] = ("Age", "Fare", "FamilySize")
    categorical: tuple[str, ...] = ("Pclass", "Sex", "Title", "Embarked")


class Preprocessor(RunTask):
    """Reads files from outside (`sources`) and requires no other task."""

    config: PreprocessorConfig
    sources = {"train": "train.csv", "test": "test.csv"}
    outputs = {"train": "train.csv", "test": "test.csv", "encoder": "encoder.skops"}

    def run(self) -> None:
        """Writes one table for each list, and the encoder."""
        numeric, categorical = list(self.config.numeric), list(self.config.categorical)
        train = features(pd.read_csv(self.inputs["train"], index_col="PassengerId"))
        test = features(pd.read_csv(self.inputs["test"], index_col="PassengerId"))
        train[["Survived", *numeric, *categorical]].to_csv(self.outputs["train"])
        test[[*numeric, *categorical]].to_csv(self.outputs["test"])
        save(encoder(numeric, categorical), self.outputs["encoder"])


def features(passengers: DataFrame) -> DataFrame:
    """The passengers with two more columns, `Title` (from the name) and `FamilySize`."""
    title = passengers["Name"].str.extract(r", ([^.]+)\.", expand=False).replace(SYNONYMS)
    return passengers.assign(
        Title=title.where(title.isin(TITLES), "Other"),
        FamilySize=passengers["SibSp"] + passengers["Parch"] + 1,
    )


def encoder(numeric: list[str], categorical: list[str]) -> ColumnTransformer:
    """From a table of features, gaps and words included, to numbers; still to be fitted."""
    return ColumnTransformer(
        [
            ("numeric", SimpleImputer(strategy="median"), numeric),
            ("categorical", OneHotEncoder(handle_unknown="ignore"), categorical),
        ]
    )
