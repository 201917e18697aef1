"""What a picture shows: a panel a metric, with a curve a run or with final values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from runner.errors import UsageError, did_you_mean
from runner.experiments import labels
from runner.experiments.differences import Column, Row
from runner.experiments.differences import Key as DifferenceKey
from runner.experiments.histories import History, Key
from runner.experiments.labels import Clean
from runner.experiments.records import RunRecord

Kind = Literal["curves", "points", "bars"]

_WIDE = 100.0  # from so many times the smallest value on, a parameter is shown on a log axis
_NAMED = 5  # metrics, or runs, that a message lists


@dataclass(frozen=True)
class Series:
    """One curve, one colour of points, or one bar.

    Attributes:
        label: what it is called.
        y: values; of a bar those of all runs that it stands for.
        x: one for each value; none of a bar.
        smooth: a smoothed value for each, where that was asked for.
        run_ids: where the values are from.
    """

    label: str
    y: tuple[float, ...]
    x: tuple[float, ...] = ()
    smooth: tuple[float, ...] = ()
    run_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Panel:
    """The picture of one metric.

    Attributes:
        metric: its name.
        kind: curves over steps, points over a parameter, or bars.
        series: one at least.
        x_title: what the values are over; of bars the parameter that they stand for, if it is one.
        log_x, log_y: which axes are logarithmic.
    """

    metric: str
    kind: Kind
    series: tuple[Series, ...]
    x_title: str = ""
    log_x: bool = False
    log_y: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        series = [
            {
                "label": one.label,
                "run_ids": list(one.run_ids),
                "x": list(one.x),
                "y": list(one.y),
                "smooth": list(one.smooth) or None,
            }
            for one in self.series
        ]
        return {"metric": self.metric, "kind": self.kind, "x": self.x_title, "series": series}


@dataclass(frozen=True)
class Wanted:
    """What is to be drawn.

    Attributes:
        metrics: names.
        smooth: weight of what came before, from 0 up to 1; 0: not smoothed.
        against: the parameter over which final values are drawn; empty: chosen.
        log_x, log_y: which axes are logarithmic.
    """

    metrics: Sequence[str]
    smooth: float = 0.0
    against: str = ""
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True)
class _Runs:
    """The runs that have a metric, and how they differ."""

    records: Sequence[RunRecord]
    columns: Sequence[Column]
    rows: Sequence[Row] = field(repr=False)

    def called(self, rows: Sequence[Row]) -> list[str]:
        statuses = {record.run.run_id: record.run.status for record in self.records}
        return labels.labels(self.columns, rows, statuses)


def panels(
    runs: Sequence[RunRecord], histories: Mapping[Key, History], wanted: Wanted, clean: Clean
) -> list[Panel]:
    """A panel for each metric.

    Raises:
        UsageError: no run has it, or there is no such parameter.
    """
    found = []
    for metric in wanted.metrics:
        having = [run for run in runs if (run.run.run_id, metric) in histories]
        if not having:
            raise UsageError(*_unknown(metric, runs))
        columns = labels.columns(having, clean)
        some = _Runs(having, columns, labels.telling(columns))
        of = {run.run.run_id: histories[run.run.run_id, metric] for run in having}
        if not wanted.against and any(history.is_curve for history in of.values()):
            found.append(_curves(metric, some, of, wanted))
        else:
            found.append(_final(metric, some, of, wanted))
    return found


def notes(
    runs: Sequence[RunRecord], histories: Mapping[Key, History], drawn: Sequence[Panel]
) -> Iterator[str]:
    """What the picture does not show."""
    for panel in drawn:
        without = [r.name for r in runs if (r.run.run_id, panel.metric) not in histories]
        if without:
            more = f" and {len(without) - _NAMED} more" if len(without) > _NAMED else ""
            yield f"without {panel.metric}: {', '.join(without[:_NAMED])}{more}"
        points = [(x, y) for s in panel.series for x, y in zip(s.x or s.y, s.y, strict=True)]
        gone = sum(not math.isfinite(y) for _, y in points)
        if gone:
            yield f"{panel.metric}: {gone} of {len(points)} values are NaN or infinite, not drawn"
        below = sum(
            (panel.log_x and x <= 0) or (panel.log_y and y <= 0)
            for x, y in points
            if math.isfinite(y)
        )
        if below:
            yield f"{panel.metric}: {below} of {len(points)} points are not above 0, not drawn"


def smoothed(values: Sequence[float], weight: float) -> Iterator[float]:
    """The exponential moving average of TensorBoard, without the bias towards 0 of its beginning.

    What is not finite stays as it is, and does not count.
    """
    average, left = 0.0, 1.0
    for value in values:
        if math.isfinite(value):
            average = weight * average + (1 - weight) * value
            left *= weight
        yield average / (1 - left) if math.isfinite(value) else value


def _unknown(metric: str, runs: Sequence[RunRecord]) -> tuple[str, str]:
    known = sorted({name for run in runs for name in run.metrics})
    who = (
        f"the run {runs[0].shown} has" if len(runs) == 1 else f"none of these {len(runs)} runs has"
    )
    nothing = "no" if len(runs) == 1 else "a"
    more = ", …" if len(known) > 2 * _NAMED else ""
    has = f"there are: {', '.join(known[: 2 * _NAMED])}{more}" if known else "there are none at all"
    return f"{who} {nothing} metric {metric!r}{did_you_mean(metric, known)}", has


def _curves(metric: str, runs: _Runs, histories: Mapping[str, History], wanted: Wanted) -> Panel:
    series = []
    for record, label in zip(runs.records, runs.called(runs.rows), strict=True):
        found = histories[record.run.run_id]
        smooth = tuple(smoothed(found.values, wanted.smooth)) if wanted.smooth else ()
        steps = tuple(map(float, found.steps))
        series.append(Series(label, found.values, steps, smooth, (record.run.run_id,)))
    if len(runs.rows) == 1 and (values := labels.numbers(runs.rows[0])) is not None:
        series = [one for _, one in sorted(zip(values, series, strict=True), key=lambda p: p[0])]
    return Panel(metric, "curves", tuple(series), "step", wanted.log_x, wanted.log_y)


def _final(metric: str, runs: _Runs, histories: Mapping[str, History], wanted: Wanted) -> Panel:
    row = _row(wanted.against, runs.columns) if wanted.against else _chosen(runs.rows)
    values = [histories[record.run.run_id].last for record in runs.records]
    numbers = labels.numbers(row) if row is not None else None
    if row is not None and numbers is not None:
        others = [r for r in runs.rows if r.name != row.name and labels.numbers(r) is None]
        groups = labels.described(runs.columns, others)
        wide = min(numbers) > 0 and max(numbers) >= _WIDE * min(numbers)
        found = _grouped(groups, values, runs.records, numbers)
        return Panel(metric, "points", found, row.name, wanted.log_x or wide, wanted.log_y)
    if row is None:
        found = _grouped(runs.called(runs.rows), values, runs.records)
    else:
        names = ["(missing)" if v is None else labels.brief(v) for v in row.values]
        found = _grouped(names, values, runs.records)
    return Panel(metric, "bars", found, row.name if row is not None else "", log_y=wanted.log_y)


def _grouped(
    groups: Sequence[str],
    values: Sequence[float],
    records: Sequence[RunRecord],
    numbers: Sequence[float] = (),
) -> tuple[Series, ...]:
    """A series for each group, in the order of their first runs; its points from left to right."""
    members: dict[str, list[int]] = {}
    for at, group in enumerate(groups):
        members.setdefault(group, []).append(at)
    return tuple(
        Series(
            group,
            tuple(values[at] for at in ordered),
            tuple(numbers[at] for at in ordered) if numbers else (),
            run_ids=tuple(records[at].run.run_id for at in ordered),
        )
        for group, some in members.items()
        for ordered in [sorted(some, key=lambda at: numbers[at]) if numbers else some]
    )


def _row(name: str, columns: Sequence[Column]) -> Row:
    key: DifferenceKey = ("parameter", name)
    values = tuple(column.values.get(key) for column in columns)
    if not any(value is not None for value in values):
        known = {key for column in columns for _, key in column.values}
        text = f"--against {name}: these runs have no such parameter{did_you_mean(name, known)}"
        raise UsageError(text, "those that differ are shown by: python -m runner diff")
    return Row("parameter", name, values)


def _chosen(rows: Sequence[Row]) -> Row | None:
    """The parameter to draw over: the only one that is a number, or the only one at all."""
    numeric = [row for row in rows if labels.numbers(row) is not None]
    if len(numeric) == 1:
        return numeric[0]
    return rows[0] if len(rows) == 1 else None
