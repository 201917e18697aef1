"""A list of runs, and what each of them changed against the one before."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any

from runner.errors import TrackingError, UsageError, did_you_mean
from runner.experiments.chance import near
from runner.experiments.ranking import first_ids
from runner.experiments.records import Records, RunRecord, by_start
from runner.tracking.naming import is_child
from runner.tracking.store import errors_of

_MOST = 1000  # runs that MLflow is asked for at once
_OWN_NAME = "RunConfig.run_name"  # differs wherever runs have names, and is a column of its own
_SWEEP = "Sweep."
_CHOSEN = 2  # metrics of a table when none are asked for
_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Asked:
    """Which runs to list.

    Attributes:
        experiments: names, or patterns of them such as `*`; none: the config's own.
        where: a condition in MLflow's words.
        last: so many of the newest; 0: all. None: 20, of which order they may be.
        sort: a metric, highest first after a `-`; runs without it come last.
        children: runs inside of others too.
    """

    experiments: tuple[str, ...] = ()
    where: str = ""
    last: int | None = None
    sort: str = ""
    children: bool = False


@dataclass(frozen=True)
class Change:
    """A parameter that is not what it was in the run before; None where it is missing."""

    key: str
    before: str | None
    now: str | None


@dataclass(frozen=True)
class Listed:
    """A run of a list.

    Attributes:
        changes: against the run before, which is the newest older one of its experiment that the
            list has; None when there is none.
        inside: metrics that differ from those of that run by no more than chance, where one of the
            two is of several seeds.
    """

    record: RunRecord
    changes: tuple[Change, ...] | None
    inside: frozenset[str] = frozenset()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        record = self.record
        changes = [vars(change) for change in self.changes] if self.changes is not None else None
        return {
            **record.as_dict(),
            "changes": changes,
            "inside": sorted(self.inside),
            "metrics": dict(record.metrics),
            "params": dict(record.values),
        }


def list_runs(asked: Asked, records: Records) -> list[Listed]:
    """The runs that are asked for, the newest first unless they are sorted by a metric.

    Raises:
        UsageError: there is no such experiment or metric, or the condition can't be read.
    """
    if records.is_new:
        return []
    with errors_of(records.location):
        known = {e.name: e.experiment_id for e in records.client().search_experiments()}
    experiments = [known[name] for name in _chosen(asked.experiments, known, records)]
    last = 20 if asked.last is None else asked.last
    by_metric = bool(asked.sort) and asked.last is None
    order = _order(asked.sort) if by_metric else "attributes.start_time DESC"
    # One more than is shown tells what the oldest of them changed.
    most = None if last == 0 else last if by_metric else last + 1
    runs = _ranked(asked, experiments, last, records) if by_metric else None
    runs = _runs(asked, experiments, order, most, records) if runs is None else runs
    found = _with_changes([records.record(run) for run in runs])
    found = found[:last] if last else found
    if asked.sort:
        return _sorted(found, asked.sort)
    return found


def common_metrics(listed: Sequence[Listed], sort: str = "") -> list[str]:
    """The metrics that most of the runs have, a few; the one that they are sorted by first."""
    counts = Counter(name for run in listed for name in run.record.metrics)
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    first = [sort.removeprefix("-")] if sort else []
    return list(dict.fromkeys([*first, *ranked]))[:_CHOSEN]


def _chosen(patterns: Sequence[str], known: Iterable[str], records: Records) -> list[str]:
    if not patterns:
        own = records.config.run.experiment_name
        return [own] if own in known else []
    chosen: dict[str, None] = {}
    for pattern in patterns:
        found = [n for n in known if n == pattern] or [n for n in known if fnmatchcase(n, pattern)]
        if not found:
            near = "" if _GLOB.search(pattern) else did_you_mean(pattern, known)
            text = f"there is no experiment {pattern!r}{near}"
            raise UsageError(text, f"there are: {', '.join(sorted(known)[:10])}")
        chosen |= dict.fromkeys(found)
    return list(chosen)


def _runs(
    asked: Asked, experiments: Sequence[str], order: str, most: int | None, records: Records
) -> list[Any]:
    page = min(most + 10, _MOST) if most else _MOST
    runs = records.names.search(asked.where, experiments, page=page, order=order)
    try:
        return list(islice((r for r in runs if asked.children or not is_child(r)), most))
    except TrackingError as error:
        from mlflow.exceptions import MlflowException

        cause = error.__cause__
        bad = isinstance(cause, MlflowException) and cause.error_code == "INVALID_PARAMETER_VALUE"
        if not (bad and asked.where):
            raise
        said = " ".join(str(cause).split())
        hint = """it is in MLflow's words: --where "metrics.accuracy > 0.8", or """
        hint += """--where 'params."Trainer.seed" = "1" and attributes.status = "FINISHED"'"""
        raise UsageError(f"--where {asked.where!r} can't be read: {said}", hint) from None


def _ranked(
    asked: Asked, experiments: Sequence[str], most: int, records: Records
) -> list[Any] | None:
    """The first runs by a metric; None where they have to be looked for in another way."""
    if asked.where or asked.children or not experiments:
        return None
    name, descending = asked.sort.removeprefix("-"), asked.sort.startswith("-")
    ids = first_ids(name, experiments, most, records, descending=descending)
    return None if ids is None else records.names.by_ids(ids)


def _order(sort: str) -> str:
    name = sort.removeprefix("-")
    if not name or "`" in name:
        raise UsageError(f"--sort {sort!r}: expected the name of a metric")
    return f"metrics.`{name}` {'DESC' if sort.startswith('-') else 'ASC'}"


def _with_changes(records: list[RunRecord]) -> list[Listed]:
    before: dict[str, RunRecord] = {}
    found: dict[str, Listed] = {}
    for record in by_start(records):
        older = before.get(record.experiment_id)
        if older is None:
            found[record.run.run_id] = Listed(record, None)
        else:
            changes = tuple(_changes(older, record))
            found[record.run.run_id] = Listed(record, changes, frozenset(_near(older, record)))
        before[record.experiment_id] = record
    return [found[record.run.run_id] for record in records]


def _near(before: RunRecord, now: RunRecord) -> Iterator[str]:
    for name in {**before.intervals, **now.intervals}:
        values = [(run.metrics.get(name), run.intervals.get(name)) for run in (before, now)]
        if near(*values[0], *values[1]):
            yield name


def _changes(before: RunRecord, now: RunRecord) -> Iterator[Change]:
    sweeps = [any(key.startswith(_SWEEP) for key in run.values) for run in (before, now)]
    for key in sorted({*before.values, *now.values} - {_OWN_NAME}):
        if key.startswith(_SWEEP) and not all(sweeps):  # that one is a sweep can be seen elsewhere
            continue
        if before.values.get(key) != now.values.get(key):
            yield Change(key, before.values.get(key), now.values.get(key))


def _sorted(listed: list[Listed], sort: str) -> list[Listed]:
    name = sort.removeprefix("-")
    known = {metric for run in listed for metric in run.record.metrics}
    if listed and name not in known:
        near = did_you_mean(name, known)
        raise UsageError(f"--sort {sort}: none of these runs has a metric {name!r}{near}")
    sign = -1 if sort.startswith("-") else 1

    def rank(run: Listed) -> tuple[bool, float]:
        value = run.record.metrics.get(name)
        absent = value is None or math.isnan(value)  # which has no order
        return absent, 0.0 if value is None or absent else sign * value

    return sorted(listed, key=rank)
