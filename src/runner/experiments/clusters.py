"""Which configs are alike: a tree of them, by the parameters in which they differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from runner.errors import UsageError, did_you_mean
from runner.experiments import differences, files, labels
from runner.experiments.differences import Column, Row
from runner.experiments.labels import Clean
from runner.experiments.records import Records
from runner.settings import Settings

_WIDE = 10.0  # from so many times the smallest value on, numbers are compared by their logarithms


@dataclass(frozen=True)
class Leaf:
    """A run, or a config file.

    Attributes:
        name: of the run or file.
        run_id: empty for a file.
        metric: None where it has none.
        label: what it differs in from the others.
    """

    name: str
    run_id: str
    metric: float | None
    label: str


@dataclass(frozen=True)
class Join:
    """Two groups become one.

    Attributes:
        left, right: numbers of groups: 0… are the leaves, after them come the joins.
        height: mean distance between the leaves of the one and those of the other, from 0 to 1.
    """

    left: int
    right: int
    height: float


@dataclass(frozen=True)
class Tree:
    """A hierarchical clustering.

    Attributes:
        leaves: in the order in which they are drawn.
        joins: the lowest first; the last one joins all.
        metric: the name of the one that the leaves have; empty for none.
        parameters: in which they differ.
    """

    leaves: tuple[Leaf, ...]
    joins: tuple[Join, ...]
    metric: str
    parameters: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "metric": self.metric or None,
            "parameters": list(self.parameters),
            "leaves": [{**vars(one), "run_id": one.run_id or None} for one in self.leaves],
            "joins": [vars(one) for one in self.joins],
        }


def tree(
    asked: Sequence[str], metric: str, records: Records, settings: Settings, clean: Clean
) -> Tree:
    """Clusters runs and config files by what they were told.

    Args:
        metric: its last value is shown of each run; empty: none.

    Raises:
        UsageError: there is no such run, no run has the metric, or fewer than two are asked for.
        ConfigError, ProjectCodeError, GraphError: a file is no config of this project.
    """
    names = list(dict.fromkeys(asked))
    plain = [name for name in names if not files.is_file(name)]
    runs = dict(zip(plain, records.named(plain), strict=True)) if plain else {}
    if metric and not any(metric in run.metrics for run in runs.values()):
        known = sorted({name for run in runs.values() for name in run.metrics})
        text = f"none of these runs has a metric {metric!r}{did_you_mean(metric, known)}"
        raise UsageError(text, f"there are: {', '.join(known[:10])}" if known else "")
    columns: dict[str, Column] = {}
    metrics: dict[str, float | None] = {}
    for name in names:
        run = runs.get(name)
        found = differences.of_run(run) if run else differences.of_file(name, settings)
        key = found.run_id or name
        columns[key] = labels.column(found, clean)
        metrics[key] = run.metrics.get(metric) if run else None
    if len(columns) < 2:
        raise UsageError("a tree is of two or more: name runs, or config files")
    return _clustered(list(columns.values()), list(metrics.values()), metric)


def _clustered(columns: Sequence[Column], metrics: Sequence[float | None], metric: str) -> Tree:
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering

    rows = labels.telling(columns)
    apart = distances(rows, len(columns))
    found = optimal_leaf_ordering(linkage(apart, "average"), apart)
    order = [int(number) for number in leaves_list(found)]
    places = {number: place for place, number in enumerate(order)}
    joins = tuple(
        Join(places.get(int(a), int(a)), places.get(int(b), int(b)), float(height))
        for a, b, height, _ in found
    )
    called = labels.described(columns, rows)
    titles = differences.Differences(tuple(columns), ()).titles
    leaves = tuple(Leaf(titles[n], columns[n].run_id, metrics[n], called[n]) for n in order)
    return Tree(leaves, joins, metric, tuple(row.name for row in rows))


def distances(rows: Sequence[Row], count: int) -> list[float]:
    """How far apart each two columns are, from 0 to 1: (0, 1), (0, 2), …, (1, 2), ….

    The mean over the parameters that differ anywhere. Of numbers it is the difference, as a share
    of the range that they span, taken of logarithms where all are above 0 and span more than
    tenfold; of anything else, and where one of the two has none, it is 1 unless they are equal.
    J. C. Gower, "A General Coefficient of Similarity and Some of Its Properties", Biometrics 27
    (1971), pp. 857-871; there, what one of the two lacks is left out of the mean.
    """
    if not rows:
        return [0.0] * (count * (count - 1) // 2)
    scaled = [_scaled(row) for row in rows]
    return [
        sum(_apart(values[a], values[b]) for values in scaled) / len(rows)
        for a, b in combinations(range(count), 2)
    ]


def _scaled(row: Row) -> list[float | str | None]:
    """The values of a parameter: numbers between 0 and 1, or texts."""
    numbers = [labels.number(value) for value in row.values]
    known = [number for number in numbers if number is not None]
    if not known or len(known) < sum(value is not None for value in row.values):
        return list(row.values)
    if min(known) > 0 and max(known) > _WIDE * min(known):
        numbers = [None if number is None else math.log(number) for number in numbers]
        known = [number for number in numbers if number is not None]
    low, span = min(known), max(known) - min(known)
    return [None if n is None else (n - low) / span if span else 0.0 for n in numbers]


def _apart(one: float | str | None, other: float | str | None) -> float:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other)
    return 0.0 if one == other else 1.0
