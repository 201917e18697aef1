"""What a task class declares: `outputs`, `sources`, `requires` and a typed `config`."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ConfigDict

import luigi
from runner.config.renaming import check_renames
from runner.errors import GraphError, did_you_mean

_config_classes: WeakKeyDictionary[type, type[BaseModel] | None] = WeakKeyDictionary()

TaskClass = TypeVar("TaskClass", bound=type[luigi.Task])


class TaskConfig(BaseModel):
    """The typed section of a task: ``class TrainerConfig(TaskConfig): seed: int = 0``.

    Values are taken strictly (5.7 is no integer, true is no number); unknown keys, NaN and
    infinity are refused. Nested tables are nested classes. ``self.config["seed"]`` works as well
    as ``self.config.seed``.

    Attributes:
        renamed: what keys of older configs are called now: ``{"trees": "n_estimators"}``, inside of
            a nested table ``"boosting.n_estimators"``, and None for what has no effect any more.
            Such configs can be run as they are, and their runs say so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    renamed: ClassVar[Mapping[str, str | None]] = {}

    _more_keys: ClassVar[bool] = False  # whether a section may have others than the class

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        check_renames(cls, more_keys=cls._more_keys)

    def __getitem__(self, key: str) -> Any:
        if key not in self:
            near = did_you_mean(str(key), type(self).model_fields)
            raise KeyError(f"{type(self).__name__} has no key {key!r}{near}")
        return getattr(self, key)

    def __contains__(self, key: object) -> bool:
        return key in type(self).model_fields

    @classmethod
    def _judged_by(cls, values: Mapping[str, Any]) -> type[Self]:
        """The class by which a section is judged; a `FamilyConfig` has more fields then."""
        return cls

    def _settled(self) -> Self:
        """What is left of a section when it was judged."""
        return self

    def _own(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Of what is written of a section, what the task depends on."""
        return dict(values)

    if not TYPE_CHECKING:  # mypy knows the fields, and finds slips by itself

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)
            except AttributeError:
                near = did_you_mean(name, type(self).model_fields)
                raise AttributeError(f"{type(self).__name__} has no key {name!r}{near}") from None


class Section(dict[str, Any]):
    """The section of a task without a typed config: a plain dict that names itself when asked."""

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self._name = name

    def __missing__(self, key: str) -> Any:
        raise KeyError(f"[{self._name}] has no key {key!r} in the config")


def requires(
    *classes: type[luigi.Task], **named: type[luigi.Task]
) -> Callable[[TaskClass], TaskClass]:
    """Says what a task requires, as ``luigi.util.requires`` does, without copying parameters.

    luigi's decorator gives the downstream task every parameter of the upstream one and passes its
    own values up; the upstream's section in the config is then never read. Here a parameter is
    passed up only when both classes declare it.

    Raises:
        TypeError: no task class was named, or classes were named in both forms.
    """
    if bool(classes) == bool(named):
        raise TypeError("requires() takes task classes, or name=TaskClass pairs, and not both")
    for given in (*classes, *named.values()):
        if not (isinstance(given, type) and issubclass(given, luigi.Task)):
            raise TypeError(f"requires() takes task classes, got {given!r}")

    def up(task: luigi.Task, upstream: type[luigi.Task]) -> luigi.Task:
        names = set(upstream.get_param_names(include_significant=True))
        return upstream(**{k: v for k, v in task.param_kwargs.items() if k in names})

    def requires_tasks(self: luigi.Task) -> Any:
        if named:
            return {name: up(self, upstream) for name, upstream in named.items()}
        found = [up(self, upstream) for upstream in classes]
        return found[0] if len(found) == 1 else found

    def decorate(cls: TaskClass) -> TaskClass:
        cls.requires = requires_tasks  # type: ignore[method-assign]
        return cls

    return decorate


#: Names of luigi's methods that are easily taken for what a class declares.
_METHODS = {
    "output": "`outputs = {…}` names the files that the task writes",
    "input": "`sources = {…}` names files from outside; self.inputs has all that it reads",
    "requires": "write @requires(…) above the class, or a method that returns tasks",
}


def check_names(cls: type) -> None:
    """Refuses what luigi would stumble over later, and a slip that it would pass over.

    Raises:
        TypeError: a method's name stands for values, or `source` for `sources`.
    """
    for name, hint in _METHODS.items():
        found = vars(cls).get(name)
        if isinstance(found, Mapping | list | tuple | set | str | type):
            raise TypeError(f"{cls.__name__}: {name} is a method of luigi's; {hint}")
    if isinstance(vars(cls).get("source"), Mapping):
        raise TypeError(f"{cls.__name__}: source means nothing; did you mean 'sources'?")


def config_class(cls: type) -> type[BaseModel] | None:
    """The pydantic class that ``config: …`` names in a task class or a class above it.

    Raises:
        GraphError: the annotation names something that is not there.
    """
    if cls not in _config_classes:
        _config_classes[cls] = _config_class(cls)
    return _config_classes[cls]


def _config_class(cls: type) -> type[BaseModel] | None:
    for owner in cls.__mro__:
        try:
            annotation = inspect.get_annotations(owner).get("config")
            if isinstance(annotation, str):
                module = sys.modules.get(owner.__module__)
                scope = {**vars(module), **vars(owner)} if module else dict(vars(owner))
                annotation = eval(annotation, scope)
        except Exception as error:  # whatever evaluating the project's own source raises
            text = f"{owner.__name__}: what `config:` names can't be found: {error}"
            raise GraphError(text, "define or import the class above the task") from error
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return annotation
    return None


def typed(model: type[BaseModel], values: Mapping[str, Any]) -> BaseModel:
    """A section as an instance of its class.

    The values go through JSON, so that what TOML has no type for (paths, enums, tuples) is taken
    from its string or list, and everything else strictly.

    Raises:
        pydantic.ValidationError: the values do not fit.
    """
    text = json.dumps(values, default=_iso)
    found = judged_by(model, values).model_validate_json(text, strict=True, extra="forbid")
    return found._settled() if isinstance(found, TaskConfig) else found


def judged_by(model: type[BaseModel], values: Mapping[str, Any]) -> type[BaseModel]:
    """The class by which these values of a section are judged: it may depend on them."""
    return model._judged_by(values) if issubclass(model, TaskConfig) else model


def own_values(config: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Of what is written of a section, what its task depends on."""
    return config._own(values) if isinstance(config, TaskConfig) else dict(values)


def _iso(value: Any) -> str:
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables merged deeply; `above` wins."""
    merged = dict(below)
    for name, value in above.items():
        inner = merged.get(name)
        if isinstance(value, Mapping) and isinstance(inner, Mapping):
            merged[name] = overlaid(inner, value)
        else:
            merged[name] = value
    return merged
