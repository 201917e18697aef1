"""Families of models: finds the package that a config names, and imports its parts.

A family is a package of the project with the modules `model`, `trainer` and `model_api`, in which
there are the classes `Model` (and `Config`), `Trainer` and `ModelAPI`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast

from pydantic import create_model, field_validator

from runner.artifacts.modules import Modules
from runner.declared import TaskConfig, typed
from runner.errors import GraphError, ProjectCodeError, did_you_mean

if TYPE_CHECKING:
    from runner import model as protocols

T = TypeVar("T", bound=TaskConfig)

FOLDER = "models"  # beside the tasks; a family in it is known by its last name alone
PARTS = ("model", "trainer", "model_api")
MARK = ".family"  # a file of this kind says of which family a saved model is, by its name alone


@dataclass(frozen=True)
class Family:
    """The parts of a family; each is imported when it is asked for.

    Attributes:
        module: dotted name of its package.
    """

    module: str

    @property
    def name(self) -> str:
        """The last part of its module's name: the key of its table in a config."""
        return self.module.rpartition(".")[2]

    @cached_property
    def Config(self) -> type[TaskConfig]:
        """Its parameters; without any where it has no such class."""
        found = getattr(self._module("model"), "Config", TaskConfig)
        return cast("type[TaskConfig]", found)

    @cached_property
    def Model(self) -> type[protocols.Model]:
        """What is trained, saved and loaded."""
        return cast("type[protocols.Model]", self._part("model", "Model"))

    @cached_property
    def Trainer(self) -> type[protocols.Trainer]:
        """How it is trained."""
        return cast("type[protocols.Trainer]", self._part("trainer", "Trainer"))

    @cached_property
    def ModelAPI(self) -> type[protocols.ModelAPI]:
        """How it is asked."""
        return cast("type[protocols.ModelAPI]", self._part("model_api", "ModelAPI"))

    def save(self, model: protocols.Model, folder: Path) -> None:
        """Writes a model into a folder, which is made, with the name of the family."""
        folder.mkdir(parents=True)
        model.save(folder)
        text = "A model of this family; runner.model.load reads the folder.\n"
        (folder / f"{self.module}{MARK}").write_text(text, encoding="utf-8")

    def _part(self, module: str, name: str) -> Any:
        found = getattr(self._module(module), name, None)
        if not isinstance(found, type):
            raise ProjectCodeError(f"{self.module}.{module} has no class {name}")
        return found

    def _module(self, name: str) -> Any:
        try:
            return importlib.import_module(f"{self.module}.{name}")
        except (Exception, SystemExit) as error:  # whatever the user's module raises
            what = " ".join(f"{type(error).__name__}: {error}".split())
            raise ProjectCodeError(f"{self.module}.{name} can't be imported: {what}") from error


def known(beside: str) -> dict[str, str]:
    """The families in the `models` folders beside a module, nearest first: name -> package."""
    modules = Modules()
    found: dict[str, str] = {}
    for package in filter(modules.is_users, _folders(beside)):
        for name in _in_folder(package, set(modules.inside(package))):
            found.setdefault(name, f"{package}.{name}")
    return found


def find(name: str, beside: str) -> Family:
    """The family that a config names.

    Args:
        name: of a folder in `models`, or the dotted name of a package of the project.
        beside: the module whose `models` folder is meant.

    Raises:
        ProjectCodeError: there is none; what is no family of the project's is not imported.
    """
    families = known(beside)
    module = families.get(name, name)
    if "." in module and is_family(module):
        return Family(module)
    names = ", ".join(sorted(families)) or f"a folder in {FOLDER}"
    near = did_you_mean(name, families)
    raise ProjectCodeError(f"expected {names} or the dotted name of a family of the project{near}")


def is_family(module: str) -> bool:
    """Whether a package of the user's has all parts of a family; nothing is imported to tell."""
    modules = Modules()
    parts = (f"{module}.{part}" for part in PARTS)
    return modules.is_users(module) and all(modules.file(part) for part in parts)


def is_family_folder(folder: Path) -> bool:
    """Whether a folder is a family in a folder of families."""
    return folder.parent.name == FOLDER and all((folder / f"{p}.py").is_file() for p in PARTS)


def marked(names: Iterable[str]) -> set[str]:
    """The packages of the families of which there are models among files."""
    return {Path(name).name.removesuffix(MARK) for name in names if name.endswith(MARK)}


def _folders(beside: str) -> Iterator[str]:
    parts = beside.split(".")
    for depth in range(len(parts), -1, -1):
        yield ".".join((*parts[:depth], FOLDER))


def _in_folder(package: str, modules: set[str]) -> Iterator[str]:
    """Names of the families among the modules of a package."""
    for module in sorted(modules):
        name = module.removeprefix(f"{package}.").partition(".")[0]
        parts = [f"{package}.{name}.{part}" for part in PARTS]
        if module == parts[0] and modules.issuperset(parts):
            yield name


class FamilyConfig(TaskConfig):
    """The section of a task that trains a model of the family that `model` names.

    ``class TrainerConfig(FamilyConfig): model: str = "ridge"``. The parameters of a family stand
    in a table of its name, ``[Trainer.ridge]``. Tables of other families are checked, and then
    are as if they were not there: what trains a ridge does not depend on them.

    Attributes:
        model: the name of a folder in `models`, beside the module of the class, or a dotted name.
    """

    model: str

    _more_keys: ClassVar[bool] = True
    _tables: ClassVar[tuple[str, ...]] = ()  # of all families, for "did you mean"

    @field_validator("model")
    @classmethod
    def _is_known(cls, value: str) -> str:
        try:
            find(value, cls.__module__)
        except ProjectCodeError as error:
            raise ValueError(error.message) from None
        return value

    @property
    def family(self) -> Family:
        """The family that `model` names."""
        return find(self.model, type(self).__module__)

    @property
    def parameters(self) -> Any:
        """The family's parameters: an instance of its `Config`."""
        return getattr(self, self.family.name)

    @classmethod
    def _judged_by(cls, values: Mapping[str, Any]) -> type[Self]:
        """The class with a field for each family of which there is a table, and the chosen one."""
        field = cls.model_fields["model"]
        chosen = values.get("model", field.default)
        try:
            families = [find(chosen, cls.__module__)] if isinstance(chosen, str) else []
        except ProjectCodeError:  # which the field itself says
            families = []
        there = known(cls.__module__)
        more = there.keys() & values.keys() - {family.name for family in families}
        families += [Family(there[name]) for name in sorted(more - cls.model_fields.keys())]
        judge = _with_tables(cls, families)
        judge._tables = tuple(there)
        return judge

    def _settled(self) -> Self:
        """The same, without the tables of families that were not chosen."""
        base = type(self).__bases__[0]
        narrow: Any = _with_tables(base, [self.family])
        values = {name: getattr(self, name) for name in narrow.model_fields}
        return cast(Self, narrow.model_construct(**values))

    def _own(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What is written of a section, without the tables of families that were not chosen."""
        others = known(type(self).__module__).keys() - type(self).model_fields.keys()
        return {name: value for name, value in values.items() if name not in others}

    def __reduce__(self) -> Any:
        return typed, (type(self).__bases__[0], self.model_dump(mode="json"))


def _with_tables(cls: type[T], families: list[Family]) -> type[T]:
    """A class with a field for each family, which judges the default of `model` as well."""
    known_by = copy(cls.model_fields["model"])
    known_by.validate_default = True
    fields: dict[str, Any] = {"model": (known_by.annotation, known_by)}
    for family in families:
        if family.name in cls.model_fields:
            text = f"{cls.__name__} has a key {family.name!r}, and {family.module} is called so too"
            raise GraphError(text, "rename one of them")
        needed = any(field.is_required() for field in family.Config.model_fields.values())
        fields[family.name] = (family.Config, ... if needed else family.Config())
    made: type[T] = create_model(
        cls.__name__, __base__=cls, __module__=cls.__module__, __doc__=cls.__doc__, **fields
    )
    return made
