"""When each task ran, as a picture: an SVG that stands by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from runner import quantities
from runner.report_page import marks
from runner.report_page.marks import number

_MOST_ROWS = 50
_ROW = 26.0  # pixels
_BAR = 12.0
_NAMES = 210.0  # width of the column of names
_TIMES = 76.0  # and of that of durations
_WIDTH = 1000.0
_HEAD = 26.0
_TICKS = 8  # at most
_EM = 13.0
_STYLE = (
    ".timeline .grid{stroke:var(--line);stroke-width:1}"
    ".timeline .grid.first{stroke:var(--edge)}"
    ".timeline .bar{fill:var(--idle)}"
) + "".join(
    f".timeline .{kind} .bar{{fill:var(--{kind})}}"
    for kind in ("ran", "reused", "failed", "stopped")
)

#: Lengths that a scale may count in: seconds, minutes, hours, days.
_ROUND = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


@dataclass(frozen=True)
class Row:
    """A task on the timeline.

    Attributes:
        spans: (start, end) of each stretch that it ran, in seconds since the epoch.
        hint: shown when the mouse rests on it.
    """

    name: str
    status: str
    spans: tuple[tuple[float, float], ...]
    hint: str = ""

    @property
    def seconds(self) -> float:
        return sum(end - start for start, end in self.spans)


def draw(rows: Sequence[Row], start: float, end: float) -> str:
    """The timeline of a run; empty when no task ran.

    Args:
        rows: at most 50 of them are drawn, those that took longest.
        start, end: of the run, in seconds since the epoch.
    """
    ran = [row for row in rows if row.spans]
    if not ran:
        return ""
    longest = sorted(ran, key=lambda row: -row.seconds)[:_MOST_ROWS]
    shown = sorted(longest, key=lambda row: row.spans[0])
    start = min(start, shown[0].spans[0][0])
    end = max(end, *(row.spans[-1][1] for row in shown), start + 1e-3)
    height = _HEAD + _ROW * len(shown) + 8
    svg = marks.picture(_WIDTH, height, "timeline", f"when each of {len(shown)} tasks ran")
    SubElement(svg, "style").text = marks.COLOURS + marks.STYLE + _STYLE
    scale = (_WIDTH - _NAMES - _TIMES) / (end - start)
    _grid(svg, end - start, scale, height - 4)
    for at, row in enumerate(shown):
        _row(svg, row, _HEAD + _ROW * at, start, scale)
    return marks.written(svg)


def left_out(rows: Sequence[Row]) -> int:
    """How many tasks that ran are not drawn."""
    return max(0, sum(bool(row.spans) for row in rows) - _MOST_ROWS)


def _grid(svg: Element, length: float, scale: float, bottom: float) -> None:
    step = _step(length)
    group = SubElement(svg, "g")
    for at in range(int(length / step) + 1):
        x = _NAMES + at * step * scale
        line = {"x1": number(x), "x2": number(x), "y1": "18", "y2": number(bottom)}
        SubElement(group, "line", {"class": "grid" if at else "grid first", **line})
        marks.text(group, x, 11, _said(at * step, step), class_="soft", text_anchor="middle")


def _step(length: float) -> float:
    """A round length of time that fits into another one at most eight times."""
    least = length / _TICKS
    if least > _ROUND[-1]:
        return float(_ROUND[-1] * math.ceil(least / _ROUND[-1]))
    if least > 1:
        return float(next(step for step in _ROUND if step >= least))
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * times for times in (1, 2, 5, 10) if power * times >= least * 0.999)


def _said(seconds: float, step: float) -> str:
    if not seconds:
        return "0 s"
    if step < 1:
        return f"{seconds:.{max(0, -math.floor(math.log10(step)))}f} s"
    if step < 60:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes}:{rest:02}" if minutes else f"{rest} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02}" if hours else f"{minutes} min"


def _row(svg: Element, row: Row, top: float, start: float, scale: float) -> None:
    group = SubElement(svg, "g", {"class": marks.kind(row.status)})
    marks.titled(group, row.hint or row.name)
    # A rectangle that is not seen, so that the hint is shown on the whole row.
    whole = {"x": "0", "y": number(top), "width": number(_WIDTH), "height": number(_ROW)}
    SubElement(group, "rect", {"fill": "transparent", **whole})
    middle = top + _ROW / 2
    marks.mark(group, row.status, 10, middle)
    marks.text(group, 26, middle + 4.5, marks.fitted(row.name, (_NAMES - 40) / _EM))
    right = 0.0
    for since, until in row.spans:
        left = _NAMES + (since - start) * scale
        width = max((until - since) * scale, 2.0)
        right = left + width
        place = {"x": number(left), "y": number(middle - _BAR / 2), "rx": "2.5"}
        SubElement(
            group,
            "rect",
            {"class": "bar", "width": number(width), "height": number(_BAR), **place},
        )
    marks.text(group, right + 7, middle + 4, quantities.brief(row.seconds), class_="soft")
