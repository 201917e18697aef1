"""What a task requires: by name, and all of it down to the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from luigi.task import flatten
from runner.task import RunTask


def by_name(task: RunTask) -> Iterator[tuple[str, luigi.Task]]:
    """The tasks whose outputs a task may read, in order, each with a name of its own.

    What has no outputs of its own stands for what it requires.
    """
    counts: dict[str, int] = {}
    asked = task.run_context.required
    structure = asked[task.task_id] if task.task_id in asked else task.requires()
    for given, required in _leaves("", structure):
        for one in _through_groups(required):
            family = one.get_task_family()
            name = f"{given}: {family}" if given else family
            counts[name] = counts.get(name, 0) + 1
            yield name if counts[name] == 1 else f"{name}#{counts[name]}", one


def all_of(task: luigi.Task) -> list[luigi.Task]:
    """All that a task requires, directly or not, each once."""
    found: dict[str, luigi.Task] = {}
    waiting = list(reversed(flatten(task.requires())))
    while waiting:
        upstream = waiting.pop()
        if upstream.task_id not in found:
            found[upstream.task_id] = upstream
            waiting.extend(reversed(flatten(upstream.requires())))
    return list(found.values())


def is_group(task: luigi.Task) -> bool:
    """A task that has nothing of its own and stands for what it requires."""
    if isinstance(task, RunTask):
        return False
    return isinstance(task, luigi.WrapperTask) or not flatten(task.output())


def producer(path: Path, task: RunTask) -> RunTask | None:
    """The required task in whose directory a path lies; None when it is outside of all tasks.

    Raises:
        LookupError: it is in the directory of a task that is not required.
    """
    places = task.run_context.places.values()
    inside = [p.directory for p in places if path.is_relative_to(p.directory)]
    if not inside:
        return None
    for upstream in all_of(task):
        if isinstance(upstream, RunTask) and upstream.placement.directory in inside:
            return upstream
    raise LookupError(f"it reads {path.name} of {inside[0].name}, which it does not require")


def target_keys(structure: Any) -> list[str]:
    """The keys of dicts that lead to each of the targets that `flatten` finds, in its order."""
    if isinstance(structure, Mapping):
        pairs = ((key, inner) for key, value in structure.items() for inner in target_keys(value))
        return [f"{key}.{inner}" for key, inner in pairs]
    if isinstance(structure, list | tuple):
        return [key for value in structure for key in target_keys(value)]
    return [""] * len(flatten(structure))


def _leaves(given: str, required: Any) -> Iterator[tuple[str, luigi.Task]]:
    if isinstance(required, Mapping):
        for key, inner in required.items():
            yield from _leaves(f"{given}.{key}" if given else str(key), inner)
    else:
        for task in flatten(required):
            yield given, task


def _through_groups(task: luigi.Task) -> Iterator[luigi.Task]:
    waiting, seen = [task], {task.task_id}
    while waiting:
        one = waiting.pop()
        if not is_group(one):
            yield one
            continue
        for inner in reversed(flatten(one.requires())):
            if inner.task_id not in seen:
                seen.add(inner.task_id)
                waiting.append(inner)
