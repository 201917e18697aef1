"""What all families of models here have in common: they are pipelines of scikit-learn's.

They are kept in files by skops: no pickle, so that loading runs no foreign code.
"""

import itertools
import re
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar, Self
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import skops.io
from pandas import DataFrame, Series
from sklearn.base import clone
from sklearn.pipeline import Pipeline

# What an encoder holds beside the types that skops takes for safe by itself. Newer versions of it
# take both for safe.
TRUSTED = ("numpy.dtype", "sklearn.compose._column_transformer._RemainderColsList")


class Estimator:
    """A `Model` that is a pipeline: first the processor, then what learns.

    Attributes:
        trusted: types that may be in its file, beside those that every file may have.
    """

    packages: ClassVar[Sequence[str]] = ("scikit-learn", "skops")
    trusted: ClassVar[Sequence[str]] = ()

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    @classmethod
    def of(cls, processor: Any, learner: Any) -> Self:
        """One that knows nothing yet."""
        return cls(Pipeline([("processor", clone(processor)), ("learner", learner)]))

    @property
    def learner(self) -> Any:
        """What learns, behind the processor."""
        return self.pipeline["learner"]

    def save(self, folder: Path) -> None:
        """Writes the pipeline, with the processor as it was fitted."""
        save(self.pipeline, folder / "pipeline.skops")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote."""
        return cls(load(folder / "pipeline.skops", cls.trusted))


class Predictor:
    """A `ModelAPI` for passengers in any form: a table, a list of dicts, or one dict."""

    def __init__(self, model: Estimator) -> None:
        self.model = model

    def predict(self, passengers: Any) -> Series:
        """How probable it is that each passenger survives."""
        table = DataFrame([passengers] if isinstance(passengers, dict) else passengers)
        return Series(self.probability(table), table.index, name="Probability")

    def probability(self, table: DataFrame) -> Any:
        """The same for a table; what learns something else overrides it."""
        return self.model.pipeline.predict_proba(table)[:, 1]


def load(path: Path, trusted: Sequence[str] = ()) -> Any:
    """Reads an estimator; a file that holds any other type is refused before anything is made."""
    return skops.io.load(path, trusted=[*TRUSTED, *trusted])


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
