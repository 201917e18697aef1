"""Whether a sweep's values fit the tasks that they are for, before the first trial runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from runner.config.document import dotted
from runner.config.model import SectionCheck
from runner.config.schema import PATHS, SWEEP, shown
from runner.config.sweep import Range, SweepConfig, Values, check_sweep
from runner.errors import did_you_mean


def checked_sweep(
    data: Mapping[str, Any],
    written: Mapping[str, Any],
    tasks: Mapping[str, SectionCheck] | None,
    problem: Callable[[str, str], None],
) -> SweepConfig | None:
    """`[Sweep]` of a config, checked; None when there is none, or something is wrong with it.

    Args:
        data: the sections of the config, `${VAR}` expanded.
        written: the same as they stand there. Values to be tried stay so, and are expanded by each
            trial: what a variable holds is nothing to keep.
        tasks: what judges the sections of tasks; without it they are not judged.
        problem: is told (key, sentence) of all that is wrong.
    """
    if SWEEP not in data:
        return None
    sweep, problems = check_sweep(data[SWEEP])
    for key, text in problems:
        problem(f"{SWEEP}.{key}" if key else SWEEP, text)
    if sweep is not None and tasks is not None:
        for swept, values in sweep.space.items():
            for text in _misfits(swept, _examples(values), data, tasks):
                problem(f"{SWEEP}.space.{swept}", text)
    if sweep is None:
        return None
    as_written, _ = check_sweep({**data[SWEEP], "space": written[SWEEP]["space"]})
    return as_written or sweep


def _misfits(
    swept: str, values: list[Any], data: Mapping[str, Any], tasks: Mapping[str, SectionCheck]
) -> Iterator[str]:
    section, *path = dotted(swept) or (swept, "")
    if section == PATHS:
        return
    if section not in tasks:
        yield f"{section!r} is no task of this project{did_you_mean(section, tasks)}"
        return
    now = data.get(section, {})
    known = set(tasks[section](now))
    for value in values:
        for key, text in tasks[section](_with(now, path, value)):
            if (key, text) not in known:
                where = "" if key == ".".join(path) else f"{key}: "
                yield f"{shown(value)} does not fit: {where}{text}"


def _with(table: Mapping[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    found: dict[str, Any] = deepcopy(dict(table))
    inner = found
    for name in path[:-1]:
        if not isinstance(inner.get(name), dict):
            inner[name] = {}
        inner = inner[name]
    inner[path[-1]] = value
    return found


def _examples(values: Values) -> list[Any]:
    """Values that stand for all of them."""
    return [values.low, values.high] if isinstance(values, Range) else values
