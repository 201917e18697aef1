"""scikit-learn's estimators as files, by skops: no pickle, so that loading runs no foreign code."""

import itertools
import re
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import mlflow
import skops.io
from pandas import DataFrame

# What a pipeline of encoder and boosted trees holds beside the types that skops takes for safe by
# itself. The last four are safe to newer versions of it already.
TRUSTED = [
    "numpy.dtype",
    "sklearn.tree._tree.Tree",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn.compose._column_transformer._RemainderColsList",
]


def load(path: Path) -> Any:
    """Reads an estimator; a file that holds any other type is refused before anything is made."""
    return skops.io.load(path, trusted=TRUSTED)


def save(estimator: Any, path: Path) -> None:
    """Writes an estimator; the same estimator gives the same bytes.

    skops by itself writes the time of day, and addresses in memory as numbers of objects and names
    of files. With the time left out and the numbers counted from one, a fit that gives the same
    model gives the same file, and tasks that read it need not run again.
    """
    with ZipFile(BytesIO(skops.io.dumps(estimator))) as dumped, ZipFile(path, "w") as archive:
        arrays = [name for name in dumped.namelist() if name != "schema.json"]
        numbered = {name: f"{number}.npy" for number, name in enumerate(arrays, start=1)}
        ids = itertools.count(1)
        schema = dumped.read("schema.json").decode()
        schema = re.sub(r'(?<="__id__": )\d+', lambda _: str(next(ids)), schema)
        schema = re.sub(r'(?<="file": ")[^"]+', lambda file: numbered[file[0]], schema)
        for old, new in numbered.items():
            archive.writestr(ZipInfo(new), dumped.read(old), ZIP_DEFLATED)
        archive.writestr(ZipInfo("schema.json"), schema, ZIP_DEFLATED)


def log(model: Any, name: str, table: DataFrame) -> None:
    """Logs a fitted model to the run, for `mlflow.pyfunc.load_model` and `mlflow models serve`.

    Args:
        table: what it was fitted to, which tells its columns, their types, and an example.
    """
    with warnings.catch_warnings():
        # Whole numbers stay what they are: without gaps in this table, as the warning says.
        warnings.filterwarnings("ignore", "Hint: Inferred schema contains integer column")
        signature = mlflow.models.infer_signature(table, model.predict(table))
    mlflow.sklearn.log_model(
        model,
        name=name,
        signature=signature,
        input_example=table.head(3),
        # Without them MLflow loads the model in a process of its own to see what it imports.
        pip_requirements=mlflow.sklearn.get_default_pip_requirements(include_skops=True),
        serialization_format="skops",
        skops_trusted_types=TRUSTED,
    )
