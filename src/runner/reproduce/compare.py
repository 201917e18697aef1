"""Compares what a run recorded with what its reproduction recorded."""

from __future__ import annotations

import math
import platform
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from runner.reproduce.record import Record, TaskResult
from runner.reproduce.sources import other_inputs
from runner.reproduce.verdict import Change, Comparison, MetricRow, OutputRow
from runner.tracking import surroundings


@dataclass(frozen=True)
class Compared:
    """Rows of a verdict, and what else it says."""

    outputs: tuple[OutputRow, ...]
    metrics: tuple[MetricRow, ...]
    problems: tuple[str, ...]
    uncompared: tuple[str, ...]


def compare(then: Record, now: Record, tolerance: float) -> Compared:
    """Every output by digest, every metric by value.

    Args:
        tolerance: relative difference up to which metrics count as the same.
    """
    pairs = _paired(then, now)
    outputs: list[OutputRow] = []
    metrics: list[MetricRow] = []
    problems: list[str] = []
    for before, after in pairs:
        outputs += _outputs(before, after)
        metrics += _metrics(before, after, tolerance)
        if after:
            problems += other_inputs(before.manifest, after.manifest)
    outputs += _by_what_was_read(then, now)
    known = {row.name for row in metrics}
    if then.finished:  # of a run that did not, nobody knows which of them belong to a result
        metrics += _of_the_run(then, now, known, tolerance)
    matched = {after.name for _, after in pairs if after}
    left = [task for task in now.tasks if task.name not in matched]
    if then.finished and any(_is_root(task, then) for task in left):
        problems.append(f"what {then.root} wrote then is gone")
    rows = {row.task for row in outputs}
    uncompared = {name for name in (*(t.name for t in left), *then.lost) if name not in rows}
    return Compared(tuple(outputs), tuple(metrics), tuple(problems), tuple(sorted(uncompared)))


def environment(then: Record) -> Iterator[Change]:
    """Python, platform and packages that are others than they were."""
    tags = surroundings.host_tags()
    now = {"Python": platform.python_version(), "platform": tags["runner.platform"]}
    before = {
        "Python": then.tags.get("runner.python"),
        "platform": then.tags.get("runner.platform"),
    }
    for name, value in now.items():
        if before[name] not in (None, value):
            yield Change(name, before[name] or "", value)
    recorded = then.packages
    if recorded is not None:
        old, new = _versions(recorded), _versions(surroundings.packages().splitlines())
        for name in sorted({*old, *new}, key=str.casefold):
            if old.get(name) != new.get(name):
                yield Change(name, old.get(name, ""), new.get(name, ""))


def _versions(lines: list[str]) -> dict[str, str]:
    """Name -> version of the lines of ``pip freeze``."""
    found = {}
    for line in lines:
        name, at, origin = line.partition(" @ ")
        plain, _, version = line.partition("==")
        found[name if at else plain] = origin if at else version
    return found


def _paired(then: Record, now: Record) -> list[tuple[TaskResult, TaskResult | None]]:
    by_identity = {task.identity: task for task in now.tasks}
    return [(task, by_identity.get(task.identity)) for task in then.tasks]


def _is_root(task: TaskResult, then: Record) -> bool:
    return task.manifest.task.rpartition(".")[2] == then.root


def _outputs(before: TaskResult, after: TaskResult | None) -> Iterator[OutputRow]:
    then, now = before.contents, after.contents if after else {}
    for path in _rows(before.manifest.outputs.values(), {**then, **now}):
        old, new = _below(path, then), _below(path, now)
        differing = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
        status: Comparison = "different" if differing else "same"
        if not old or not new:
            status = "missing" if old else "new"
        files = tuple(differing) if status == "different" and differing != [path] else ()
        yield OutputRow(before.name, path, status, _size(old), _size(new), files)


def _by_what_was_read(then: Record, now: Record) -> Iterator[OutputRow]:
    """Of a task without a manifest, what read it has a digest; so it is with plain luigi tasks."""
    for name in then.lost:
        if name in then.read and name in now.read:
            status: Comparison = "same" if then.read[name] == now.read[name] else "different"
            yield OutputRow(name, "(all files)", status, None, None)


def _rows(declared: Iterable[str], files: Iterable[str]) -> list[str]:
    """The declared outputs, then each file that is in none of them."""
    rows = list(dict.fromkeys(declared))
    return rows + sorted(f for f in files if not any(_is_below(f, path) for path in rows))


def _below(path: str, files: Mapping[str, tuple[int, str]]) -> dict[str, tuple[int, str]]:
    return {name: file for name, file in files.items() if _is_below(name, path)}


def _is_below(name: str, path: str) -> bool:
    return PurePosixPath(name).is_relative_to(path)


def _size(files: Mapping[str, tuple[int, str]]) -> int | None:
    return sum(size for size, _ in files.values()) if files else None


def _metrics(before: TaskResult, after: TaskResult | None, tolerance: float) -> Iterator[MetricRow]:
    then, now = before.manifest.metrics, after.manifest.metrics if after else {}
    for name in dict.fromkeys([*then, *now]):
        yield _metric(before.name, name, then.get(name), now.get(name), tolerance)


def _of_the_run(
    then: Record, now: Record, known: Collection[str], tolerance: float
) -> Iterator[MetricRow]:
    """Metrics that no task is known for, such as those of a task's child processes."""
    for name, value in then.metrics.items():
        if name not in known:
            yield _metric("", name, value, now.metrics.get(name), tolerance)


def _metric(
    task: str, name: str, then: float | None, now: float | None, tolerance: float
) -> MetricRow:
    status: Comparison = "different"
    if then is None or now is None:
        status = "new" if then is None else "missing"
    elif then == now or (math.isnan(then) and math.isnan(now)):
        status = "same"
    elif math.isclose(then, now, rel_tol=tolerance):
        status = "within tolerance"
    return MetricRow(task, name, status, then, now)
