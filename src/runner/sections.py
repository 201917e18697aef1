"""Judges the section of a task in a config: its luigi parameters, and its class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

import runner.luigi_parser
import luigi
from runner.config.renaming import Renames, renames_of
from runner.config.schema import explain, shown
from runner.declared import config_class, judged_by, typed


def check_section(cls: type[luigi.Task]) -> _Check:
    """What `runner.config` calls to judge the section of a task class."""
    return _Check(cls)


class _Check:
    """Judges the section of a task class."""

    def __init__(self, cls: type[luigi.Task]) -> None:
        self._cls = cls

    def renames(self, values: Mapping[str, Any]) -> Renames:
        """What keys of older configs are called now."""
        model = config_class(self._cls)
        return renames_of(judged_by(model, values)) if model else {}

    def __call__(self, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        params = dict(self._cls.get_params())
        for name in params.keys() & values.keys():
            yield from _check_parameter(name, params[name], values[name])
        model = config_class(self._cls)
        rest = {name: value for name, value in values.items() if name not in params}
        if model is None or not values:  # a task that this run does not need may lack its section
            return
        try:
            typed(model, rest)
        except ValidationError as error:
            yield from explain(error, judged_by(model, rest))


def _check_parameter(
    name: str, param: luigi.Parameter[Any], value: Any
) -> Iterable[tuple[str, str]]:
    """luigi itself would take 5.7 for 5 and true for 1."""
    reason = ""
    try:
        parsed = param.normalize(param.parse(runner.luigi_parser.as_parameter(value)))
        if not _lost(value, parsed) and _of_kind(param, parsed):
            return
    except Exception as error:  # whatever a parameter class of the user raises
        reason = f": {error}"
    yield name, f"expected a value for {type(param).__name__}, got {shown(value)}{reason}"


def _of_kind(param: luigi.Parameter[Any], parsed: Any) -> bool:
    """luigi's optional parameters take numbers of any kind."""
    if isinstance(param, luigi.IntParameter):
        return parsed is None or type(parsed) is int
    return not (isinstance(param, luigi.FloatParameter) and isinstance(parsed, bool))


def _lost(value: Any, parsed: Any) -> bool:
    """Whether a number or boolean became another kind of value on its way."""
    if isinstance(value, bool):
        return parsed is not value
    if isinstance(value, int | float):
        return isinstance(parsed, bool | int | float) and (
            parsed != value or isinstance(parsed, bool) or type(parsed) is int is not type(value)
        )
    return False
