"""From values to places on an axis, and round values to write beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runner.config.sweep import Range, Values
from runner.sweeps.space import labels

_TICKS = 5  # about so many
_LONGEST = 12  # characters of a value beside an axis


@dataclass(frozen=True)
class Scale:
    """An axis: values lie from 0 at its beginning to 1 at its end.

    Attributes:
        low, high: at its ends; of choices, their first and last place.
        log: equal factors are equally far apart.
        choices: what it has in place of numbers.
        few: the only numbers that it has.
    """

    low: float
    high: float
    log: bool = False
    choices: tuple[Any, ...] = ()
    few: tuple[float, ...] = ()

    def at(self, value: Any) -> float:
        """The place of a value."""
        number = float(self.choices.index(value)) if self.choices else float(value)
        low, high = self.low, self.high
        if self.log:
            number, low, high = math.log10(number), math.log10(low), math.log10(high)
        return 0.5 if high == low else (number - low) / (high - low)

    def ticks(self) -> list[tuple[float, str]]:
        """Places and what is written there."""
        if self.choices:
            every = max(1, math.ceil(len(self.choices) / 12))
            return [(self.at(c), _short(str(c))) for c in self.choices[::every]]
        if 0 < len(self.few) <= 2 * _TICKS:
            return [(self.at(value), f"{value:.6g}") for value in self.few]
        found = _powers(self.low, self.high) if self.log else _rounds(self.low, self.high)
        return [(self.at(value), f"{value:.6g}") for value in found]


def of_numbers(values: Sequence[float]) -> Scale:
    """An axis on which all of some numbers lie, with round ends."""
    low, high = min(values), max(values)
    if low == high:
        return Scale(low - abs(low or 1) / 2, high + abs(high or 1) / 2)
    step = _step(low, high)
    return Scale(math.floor(low / step) * step, math.ceil(high / step) * step)


def of_key(values: Values) -> Scale:
    """An axis for the values that a sweep tries of one key."""
    if isinstance(values, Range):
        return Scale(float(values.low), float(values.high), values.log)
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return Scale(float(min(values)), float(max(values)), few=tuple(values))
    return Scale(0.0, float(len(values) - 1), choices=tuple(labels(values)))


def _step(low: float, high: float) -> float:
    least = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * times for times in (1, 2, 5, 10) if power * times >= least * 0.999)


def _rounds(low: float, high: float) -> list[float]:
    if low == high:
        return [low]
    step = _step(low, high)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _powers(low: float, high: float) -> list[float]:
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first < 1:
        return [low, high]
    every = max(1, math.ceil((last - first) / _TICKS))
    return [10.0**power for power in range(first, last + 1, every)]


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
