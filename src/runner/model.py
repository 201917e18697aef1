"""Models of many families behind one face: what a family has, and how its models are kept.

A family is a package in the folder `models` beside the tasks::

    models/ridge/model.py       class Config(TaskConfig), class Model
    models/ridge/trainer.py     class Trainer
    models/ridge/model_api.py   class ModelAPI

A task whose config is a `FamilyConfig` works with whichever `model = "ridge"` names. Classes need
not derive from the protocols here; they are what type checkers hold them to.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Protocol, Self

from runner.artifacts.modules import is_users_file
from runner.errors import MissingInputError
from runner.families import MARK, Family, FamilyConfig, find

__all__ = ["DataProcessor", "Family", "FamilyConfig", "Model", "ModelAPI", "Trainer", "load", "log"]


class DataProcessor(Protocol):
    """What training, prediction and serving do to inputs alike.

    It is fitted with the model and saved as a part of it. scikit-learn's transformers are such.
    """

    def fit(self, inputs: Any, targets: Any = None) -> Any:
        """Learns from the inputs of training, and from no others."""

    def transform(self, inputs: Any) -> Any:
        """Inputs as the model takes them."""


class Model(Protocol):
    """What is trained, with its processor: built, saved and loaded.

    Attributes:
        packages: installed packages that it needs; they are noted where it is served.
    """

    packages: ClassVar[Sequence[str]]

    @classmethod
    def build(cls, config: Any, processor: DataProcessor) -> Self:
        """An untrained one.

        Args:
            config: an instance of the family's `Config`.
        """

    def save(self, folder: Path) -> None:
        """Writes files into an empty folder, the same bytes for the same model."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote, and runs no code that stands in the files: no pickle."""


class Trainer(Protocol):
    """How a model is trained."""

    def __init__(self, config: Any) -> None:
        """Takes an instance of the family's `Config`."""

    def compile(self, model: Any, seed: int) -> None:
        """Makes a model ready to learn: sets optimiser, loss, and what chance decides."""

    def fit(self, model: Any, inputs: Any, targets: Any, held_out: Any = None) -> None:
        """Trains a model and its processor.

        Args:
            held_out: inputs and targets that it is measured on while it learns: with them, what
                learns in epochs logs metrics by ``mlflow.log_metric(…, step=epoch)``.
        """


class ModelAPI(Protocol):
    """How a trained model is asked: the same way for every family."""

    def __init__(self, model: Any) -> None:
        """Takes a trained model of the family."""

    def predict(self, inputs: Any) -> Any:
        """Predictions in one form, for inputs in any form that is allowed."""


def load(folder: Path) -> ModelAPI:
    """The model in a folder that `Family.save` wrote, ready to be asked.

    Raises:
        MissingInputError: there is no such model.
        ProjectCodeError: it is of a family that the project does not have.
    """
    names = [file.name.removesuffix(MARK) for file in folder.glob(f"*{MARK}")]
    if len(names) != 1:
        text = f"{folder} holds no model: a folder with one file *{MARK} is expected"
        raise MissingInputError(text, "config.family.save(model, folder) writes such a folder")
    family = find(names[0], "")
    return family.ModelAPI(family.Model.load(folder))


def log(folder: Path, name: str, inputs: Any) -> None:
    """Logs a saved model to the run in MLflow, for `mlflow models serve` and `mlflow.pyfunc`.

    The project's modules go along as source; what is loaded is what `load` loads.

    Args:
        folder: as for `load`.
        inputs: some, such as those of training; they tell names and types of columns, and the
            first three are kept as an example.
    """
    import mlflow

    with warnings.catch_warnings():
        # A column of whole numbers that has gaps elsewhere is for the caller to turn into floats.
        warnings.filterwarnings("ignore", "Hint: Inferred schema contains integer column")
        signature = mlflow.models.infer_signature(inputs, load(folder).predict(inputs))
    family = find(next(folder.glob(f"*{MARK}")).name.removesuffix(MARK), "")
    needed = ("mlflow", "luigi-mlflow-runner", *family.Model.packages)
    mlflow.pyfunc.log_model(
        name=name,
        loader_module=__name__,
        data_path=str(folder),
        code_paths=[str(path) for path in sorted(set(_own_code(family.module)))],
        signature=signature,
        input_example=inputs[:3],
        # Without them MLflow loads the model in a process of its own to see what it imports.
        pip_requirements=[f"{package}=={metadata.version(package)}" for package in needed],
    )


def _own_code(module: str) -> Iterator[Path]:
    """The packages and modules of the project that are imported: some may be needed."""
    loaded = sys.modules.copy()
    folder = next(_places(loaded[module.partition(".")[0]])).parent
    root = folder.parent if folder.name == "src" else folder
    for name, found in loaded.items():
        if "." not in name and name != "__main__":
            places = (p for p in _places(found) if p.is_relative_to(root) and is_users_file(p))
            yield from places


def _places(module: ModuleType) -> Iterator[Path]:
    """The folder of a package, or the file of a module; none of what is compiled in."""
    folders = vars(module).get("__path__") or ()
    file = vars(module).get("__file__")
    yield from (Path(found) for found in folders or ([file] if isinstance(file, str) else []))


class _Served:
    """What MLflow asks of a model that it loaded."""

    def __init__(self, api: ModelAPI) -> None:
        self._api = api

    def predict(self, inputs: Any, params: Any = None) -> Any:
        return self._api.predict(inputs)


def _load_pyfunc(path: str) -> _Served:
    """What MLflow calls, where the model's code is on the path."""
    return _Served(load(Path(path)))
