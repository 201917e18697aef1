"""Whether two runs differ in a metric by more than chance, where one is of several seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from runner.tracking.lookup import INTERVAL, REPEAT_TAG, SINGLE, SPREAD

MARK = "≈"


class Interval(NamedTuple):
    """Half the widths of the 95 % intervals around the mean of several runs.

    Attributes:
        mean: of the mean itself.
        single: in which one more run lies.
    """

    mean: float
    single: float


def split(
    metrics: Mapping[str, float], tags: Mapping[str, str]
) -> tuple[dict[str, float], dict[str, Interval]]:
    """The metrics of a run, and the interval of each that is a mean.

    Args:
        tags: of the run; they tell one that `runner repeat` made.
    """
    if REPEAT_TAG not in tags:
        return dict(metrics), {}
    ends = (SPREAD, INTERVAL, SINGLE)
    derived = {f"{name}{end}" for name in metrics for end in ends} & metrics.keys()
    means = {name: value for name, value in metrics.items() if name not in derived}
    widths = {name: (name + INTERVAL, name + SINGLE) for name in means}
    intervals = {
        name: Interval(metrics[mean], metrics[single])
        for name, (mean, single) in widths.items()
        if {mean, single} <= derived
    }
    return means, intervals


def near(
    value: float | None, interval: Interval | None, other: float | None, others: Interval | None
) -> bool:
    """Whether two values differ by no more than chance, as far as that can be told.

    A run lies in the prediction interval of the repeated one, or does not; of two means the widths
    of both intervals count, as the root of the sum of their squares.
    """
    if value is None or other is None or (interval is None and others is None):
        return False
    if interval is not None and others is not None:
        reach = math.hypot(interval.mean, others.mean)
    else:
        reach = (interval or others or Interval(0, 0)).single
    return abs(value - other) <= reach or math.isclose(value, other, rel_tol=1e-12)
