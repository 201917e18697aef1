"""Panels on a terminal: what they show, and below it the values that one looks for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from runner.cli.canvas import Axis, Canvas, Point
from runner.experiments.curves import Panel, Series

_HEIGHT = 15  # rows of a drawing
_NUMBERED = (0, _HEIGHT // 2, _HEIGHT - 1)
_WIDEST = 100  # columns
_ROWS = 40  # of a table
# Seen on light and on dark ground.
_STYLES = "bright_blue dark_orange red3 orchid dark_khaki turquoise2 green3 grey58".split()


def show(out: Console, panels: Sequence[Panel]) -> None:
    """Prints panels below one another."""
    width = min(out.width, _WIDEST)
    for number, panel in enumerate(panels):
        if number:
            out.print()
        out.print(_bars(panel, width) if panel.kind == "bars" else _drawn(panel, width))


def _drawn(panel: Panel, width: int) -> RenderableType:
    curves = [_points(series, panel) for series in panel.series]
    points = [point for curve in curves for point in curve]
    title = Text(panel.metric, style="bold")
    if not points:
        return Group(title, Text("nothing that can be drawn", style="dim"), _table(panel))
    x = Axis([x for x, _ in points], log=panel.log_x)
    y = Axis([y for _, y in points], log=panel.log_y)
    numbers = {row: f"{y.at(1 - row / (_HEIGHT - 1)):.4g}" for row in _NUMBERED}
    gutter = max(map(len, numbers.values())) + 1
    canvas = Canvas(width - gutter - 1, _HEIGHT, x, y)
    for at, curve in reversed(list(enumerate(curves))):
        style = _STYLES[at % len(_STYLES)]
        if panel.kind == "curves":
            canvas.line(curve, style)
        for point in curve if panel.kind == "points" else ():
            canvas.mark(point, style)
    axis = _axis(x, panel.x_title, width - gutter - 1)
    below = (Text.assemble(" " * gutter, line, style="dim") for line in axis)
    return Group(title, *_framed(canvas, numbers, gutter), *below, _table(panel))


def _points(series: Series, panel: Panel) -> list[Point]:
    values = series.smooth or series.y
    return [
        (x, y)
        for x, y in zip(series.x, values, strict=True)
        if math.isfinite(y) and (x > 0 or not panel.log_x) and (y > 0 or not panel.log_y)
    ]


def _framed(canvas: Canvas, numbers: Mapping[int, str], gutter: int) -> Iterator[Text]:
    for row, line in enumerate(canvas.lines()):
        edge = "┤" if row in numbers else "│"
        yield Text.assemble((f"{numbers.get(row, ''):>{gutter - 1}} {edge}", "dim"), line)


def _axis(x: Axis, title: str, width: int) -> Iterator[str]:
    yield f"└{'─' * width}"
    low, high = f"{x.low:.4g}", f"{x.high:.4g}"
    middle = width - len(low) - len(high)
    shown = title if len(title) <= middle - 2 else ""
    yield f" {low}{shown:^{middle}}{high}"


def _table(panel: Panel) -> RenderableType:
    """The values that a picture in so few dots can't tell."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("", overflow="fold")
    curves = panel.kind == "curves"
    for title in ("last", "lowest", "at", "highest", "at") if curves else ("lowest", "highest"):
        table.add_column(title, justify="right")
    if curves:
        for at, series in enumerate(panel.series[:_ROWS]):
            mark = Text("━━", style=_STYLES[at % len(_STYLES)])
            table.add_row(mark, Text(series.label), f"{series.y[-1]:.4g}", *_extremes(series))
    elif len(panel.series) == 1:
        return Text()
    else:
        for at, series in enumerate(panel.series[:_ROWS]):
            mark = Text("●", style=_STYLES[at % len(_STYLES)])
            lowest, _, highest, _ = _extremes(series)
            table.add_row(mark, Text(series.label), lowest, highest)
    more = len(panel.series) - _ROWS
    return Group(table, Text(f"… and {more} more", style="dim")) if more > 0 else table


def _extremes(series: Series) -> tuple[str, str, str, str]:
    values = [(y, x) for x, y in zip(series.x, series.y, strict=True) if math.isfinite(y)]
    if not values:
        return "", "", "", ""
    (low, low_at), (high, high_at) = min(values), max(values, key=lambda pair: (pair[0], -pair[1]))
    return f"{low:.4g}", f"{low_at:.4g}", f"{high:.4g}", f"{high_at:.4g}"


def _bars(panel: Panel, width: int) -> RenderableType:
    means = [sum(series.y) / len(series.y) for series in panel.series]
    values = [mean for mean in means if math.isfinite(mean)]
    high = max([abs(value) for value in values], default=0.0)
    room = max(10, width - 14 - max(len(series.label) for series in panel.series))
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(panel.x_title, overflow="fold")
    table.add_column(panel.metric, justify="right")
    table.add_column("")
    for series, mean in zip(panel.series, means, strict=True):
        share = abs(mean) / high if high and math.isfinite(mean) else 0.0
        style = "red3" if mean < 0 else "bright_blue"
        bar = Text("━" * round(share * min(room, 50)), style=style)
        many = f"  of {len(series.y)}" if len(series.y) > 1 else ""
        table.add_row(Text(series.label), f"{mean:.4g}", Text.assemble(bar, (many, "dim")))
    return table
