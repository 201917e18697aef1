"""Lines and points on a terminal, drawn with the dots of Braille: eight in each character."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from rich.text import Text

_BLANK = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # by row and column
_ACROSS, _DOWN = 2, 4  # dots of a character

Point = tuple[float, float]


class Axis:
    """A range of values, made to fit.

    Args:
        values: finite ones.
        log: whether it is logarithmic; values must be above 0 then.
    """

    def __init__(self, values: Sequence[float], *, log: bool = False) -> None:
        self._log = log
        self.low, self.high = min(values), max(values)
        self._from, self._to = self._scaled(self.low), self._scaled(self.high)

    def share(self, value: float) -> float:
        """Where a value lies, from 0 to 1."""
        size = self._to - self._from
        return (self._scaled(value) - self._from) / size if size else 0.5

    def at(self, share: float) -> float:
        """The value that lies there."""
        found = self._from + share * (self._to - self._from)
        return 10.0**found if self._log else found

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self._log else value


class Canvas:
    """A drawing.

    Args:
        width, height: in characters.
    """

    def __init__(self, width: int, height: int, x: Axis, y: Axis) -> None:
        self._width, self._height = width, height
        self._x, self._y = x, y
        self._dots = [[0] * width for _ in range(height)]
        self._styles = [[""] * width for _ in range(height)]

    def line(self, points: Sequence[Point], style: str) -> None:
        """Draws from point to point."""
        places = [self._place(point) for point in points]
        for (ax, ay), (bx, by) in pairwise(places):
            steps = max(abs(bx - ax), abs(by - ay), 1)
            for step in range(steps + 1):
                x, y = ax + (bx - ax) * step / steps, ay + (by - ay) * step / steps
                self._dot(round(x), round(y), style)
        if len(places) == 1:
            self.mark(points[0], style)

    def mark(self, point: Point, style: str) -> None:
        """Draws a point so large that it is seen."""
        x, y = self._place(point)
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            self._dot(x + dx, y + dy, style)

    def lines(self) -> list[Text]:
        """The drawing, from top to bottom."""
        return [
            Text.assemble(
                *((chr(_BLANK + dots), style) for dots, style in zip(row, styles, strict=True))
            )
            for row, styles in zip(self._dots, self._styles, strict=True)
        ]

    def _place(self, point: Point) -> tuple[int, int]:
        across, down = self._width * _ACROSS - 1, self._height * _DOWN - 1
        return (
            round(self._x.share(point[0]) * across),
            round((1 - self._y.share(point[1])) * down),
        )

    def _dot(self, x: int, y: int, style: str) -> None:
        column, row = x // _ACROSS, y // _DOWN
        if 0 <= column < self._width and 0 <= row < self._height:
            self._dots[row][column] |= _DOTS[y % _DOWN][x % _ACROSS]
            self._styles[row][column] = style
