"""The mean of a metric over runs that differ in chance alone, and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

_CONFIDENCE = 0.95
_FEWEST = 3  # values from which on an interval says anything


@dataclass(frozen=True)
class Spread:
    """A metric over several runs.

    Attributes:
        values: one a run, in their order.
        mean: of them.
        std: their standard deviation, with n - 1 in its denominator; None of a single one.
        interval: half the width of the 95 % interval of the mean by Student's t distribution,
            t(0.975, n - 1) * std / sqrt(n); None of fewer than three.
        single: half the width of the 95 % prediction interval, in which one more run lies:
            t(0.975, n - 1) * std * sqrt(1 + 1 / n).
    """

    values: tuple[float, ...]
    mean: float
    std: float | None
    interval: float | None
    single: float | None = None


def spread(values: Sequence[float]) -> Spread:
    """The spread of some values, of which there is at least one."""
    middle = mean(values)  # exact, so that of equal values it is theirs
    std = stdev(values) if len(values) > 1 else None
    interval = single = None
    if std is not None and len(values) >= _FEWEST:
        from scipy.special import stdtrit

        quantile = float(stdtrit(len(values) - 1, (1 + _CONFIDENCE) / 2))
        interval = quantile * std / len(values) ** 0.5
        single = quantile * std * (1 + 1 / len(values)) ** 0.5
    return Spread(tuple(values), middle, std, interval, single)


def spreads(metrics: Sequence[Mapping[str, float]]) -> dict[str, Spread]:
    """The spread of each metric that all runs have, by name."""
    names = set.intersection(*map(set, metrics)) if metrics else set()
    return {name: spread([run[name] for run in metrics]) for name in sorted(names)}
