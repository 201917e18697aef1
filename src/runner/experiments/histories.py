"""Histories of metrics: what many runs logged at which step, in as few questions as possible."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product

from runner.experiments.records import Records, RunRecord
from runner.tracking import store

_ASKED = 500  # runs in one question: databases take about a thousand values
_THREADS = 8  # that ask a server, which answers for one run at a time
_RUN_ID = re.compile(r"[0-9a-f]{32}")

Key = tuple[str, str]
_Point = tuple[int, int, float]  # step, milliseconds, value


@dataclass(frozen=True)
class History:
    """What a run logged of a metric, one value a step.

    Attributes:
        steps: rising; of values that were all logged at one step: 0, 1, 2, … as they were logged.
        values: one for each step, the last one that was logged there; may be NaN or infinite.
    """

    steps: tuple[int, ...]
    values: tuple[float, ...]

    @property
    def last(self) -> float:
        return self.values[-1]

    @property
    def is_curve(self) -> bool:
        """Whether there is more than a final value."""
        return len(self.steps) > 1


def read(runs: Sequence[RunRecord], metrics: Sequence[str], records: Records) -> dict[Key, History]:
    """(run id, metric) -> its history; without those that were never logged.

    A run that took a task over from another run holds only the last values of its metrics. What
    that other run logged is given where it ends in the same value.

    Raises:
        TrackingError: the store can't be used.
    """
    found = _histories([run.run.run_id for run in runs], metrics, records)
    sources = {
        run.run.run_id: [source for source in run.run.reused.values() if _RUN_ID.fullmatch(source)]
        for run in runs
        if any((key := (run.run.run_id, m)) in found and not found[key].is_curve for m in metrics)
    }
    known = {key[0] for key in found}
    wanted = dict.fromkeys(s for some in sources.values() for s in some if s not in known)
    elsewhere = found | _histories(list(wanted), metrics, records)
    for (run_id, some), metric in product(sources.items(), metrics):
        own = found.get((run_id, metric))
        for source in some:
            other = elsewhere.get((source, metric))
            if own and other and not own.is_curve and _same(own.last, other.last):
                found[run_id, metric] = other
    return found


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def _histories(
    run_ids: Sequence[str], metrics: Sequence[str], records: Records
) -> dict[Key, History]:
    points: dict[Key, list[_Point]] = {}
    with store.errors_of(records.location):
        server = records.location.uri.startswith("http")
        ask = _from_server if server else _from_database
        for key, point in ask(run_ids, metrics, records):
            points.setdefault(key, []).append(point)
    return {key: _history(found) for key, found in points.items()}


def _from_database(
    run_ids: Sequence[str], metrics: Sequence[str], records: Records
) -> Iterator[tuple[Key, _Point]]:
    """MLflow's own functions make an object of each row, and take twenty times as long."""
    import sqlalchemy
    from mlflow.store.tracking.dbmodels.models import SqlMetric as Table

    columns = (Table.run_uuid, Table.key, Table.step, Table.timestamp, Table.value, Table.is_nan)
    engine = sqlalchemy.create_engine(records.location.uri)
    try:
        with engine.connect() as connection:
            for start in range(0, len(run_ids), _ASKED):
                some = run_ids[start : start + _ASKED]
                wanted = Table.run_uuid.in_(some), Table.key.in_(metrics)
                for run_id, metric, step, when, value, is_nan in connection.execute(
                    sqlalchemy.select(*columns).where(*wanted)
                ):
                    yield (run_id, metric), (step, when, math.nan if is_nan else _unbound(value))
    finally:
        engine.dispose()


def _from_server(
    run_ids: Sequence[str], metrics: Sequence[str], records: Records
) -> Iterator[tuple[Key, _Point]]:
    client = records.client()
    keys = list(product(run_ids, metrics))
    with ThreadPoolExecutor(_THREADS) as pool:
        logged = pool.map(lambda key: client.get_metric_history(*key), keys)
        for key, found in zip(keys, logged, strict=True):
            for metric in found:
                yield key, (metric.step, metric.timestamp, _unbound(metric.value))


def _unbound(value: float) -> float:
    """Databases have no infinity: MLflow writes the largest number for it."""
    return math.copysign(math.inf, value) if abs(value) == sys.float_info.max else value


def _history(points: Iterable[_Point]) -> History:
    by_time = sorted(points, key=lambda point: point[1])
    if len({step for step, _, _ in by_time}) == 1:
        return History(tuple(range(len(by_time))), tuple(value for _, _, value in by_time))
    last = {step: value for step, _, value in sorted(by_time, key=lambda point: point[:2])}
    return History(tuple(last), tuple(last.values()))
