"""Whether two runs differ in a metric by more than chance, where one is of several seeds."""

from __future__ import annotations

from collections.abc import Mapping

from runner.tracking.lookup import INTERVAL, REPEAT_TAG, SPREAD

MARK = "≈"


def split(
    metrics: Mapping[str, float], tags: Mapping[str, str]
) -> tuple[dict[str, float], dict[str, float]]:
    """The metrics of a run, and half the width of the interval of each that is a mean.

    Args:
        tags: of the run; they tell one that `runner repeat` made.
    """
    if REPEAT_TAG not in tags:
        return dict(metrics), {}
    ends = {name for name in metrics if name.endswith((SPREAD, INTERVAL))}
    derived = {name for name in ends if name.removesuffix(SPREAD).removesuffix(INTERVAL) in metrics}
    means = {name: value for name, value in metrics.items() if name not in derived}
    halves = {name: metrics[name + INTERVAL] for name in means if name + INTERVAL in derived}
    return means, halves


def inside(value: float | None, mean: float | None, half: float | None) -> bool:
    """Whether a value lies in the interval around a mean."""
    return None not in (value, mean, half) and abs((value or 0) - (mean or 0)) <= (half or 0)
