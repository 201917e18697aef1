"""When each task ran, as a picture: an SVG that stands by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from runner import quantities
from runner.report_page import marks
from runner.report_page.marks import number

_MOST_ROWS = 40
_ROW = 36.0  # pixels
_BAR = 9.0
_HEAD = 26.0
_TICKS = 8  # at most
_LAST = 93.0  # per cent of the width up to which there is room for the words at a line
_SHORTEST = 0.25  # per cent of the width; a bar that can still be seen
_EM = 13.0
_NAME = 30.0  # ems of a name, at most
_STYLE = (
    ".timeline .grid{stroke:var(--grid);stroke-width:1}"
    f".timeline .bar{{stroke:var(--idle);stroke-width:{_BAR:.0f}}}"
) + "".join(
    f".timeline .{kind} .bar{{stroke:var(--{kind})}}"
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
        rows: at most 40 of them are drawn, those that took longest.
        start, end: of the run, in seconds since the epoch.
    """
    ran = [row for row in rows if row.spans]
    if not ran:
        return ""
    longest = sorted(ran, key=lambda row: -row.seconds)[:_MOST_ROWS]
    shown = sorted(longest, key=lambda row: row.spans[0])
    start = min(start, shown[0].spans[0][0])
    end = max(end, *(row.spans[-1][1] for row in shown), start + 1e-3)
    said = f"when each of {len(shown)} tasks ran"
    svg = marks.picture(None, _HEAD + _ROW * len(shown) + 4, "timeline", said)
    SubElement(svg, "style").text = marks.COLOURS + marks.STYLE + _STYLE
    _grid(svg, end - start, _HEAD + _ROW * len(shown))
    for at, row in enumerate(shown):
        _row(svg, row, _HEAD + _ROW * at, start, end - start)
    return marks.written(svg)


def left_out(rows: Sequence[Row]) -> int:
    """How many tasks that ran are not drawn."""
    return max(0, sum(bool(row.spans) for row in rows) - _MOST_ROWS)


def _grid(svg: Element, length: float, bottom: float) -> None:
    step = _step(length)
    group = SubElement(svg, "g")
    for at in range(int(length / step) + 1):
        share = 100 * at * step / length
        place = {"x1": _percent(share), "x2": _percent(share), "y1": "0", "y2": number(bottom)}
        SubElement(group, "line", {"class": "grid", **place})
        if share <= _LAST:
            words = {"x": _percent(share), "dx": "5", "y": "10", "class": "soft"}
            SubElement(group, "text", words).text = _said(at * step, step)


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


def _row(svg: Element, row: Row, top: float, start: float, length: float) -> None:
    """The name, and below it a bar; shares of the width, so that it fits any page."""
    group = SubElement(svg, "g", {"class": marks.kind(row.status)})
    marks.titled(group, row.hint or row.name)
    # A rectangle that is not seen, so that the hint is shown on the whole row.
    whole = {"x": "0", "y": number(top), "width": "100%", "height": number(_ROW)}
    SubElement(group, "rect", {"fill": "transparent", **whole})
    marks.mark(group, row.status, 14, top + 11)
    words = marks.text(group, 28, top + 15.5, marks.fitted(row.name, _NAME))
    time = SubElement(words, "tspan", {"class": "soft", "dx": "9"})
    time.text = quantities.brief(row.seconds)
    for since, until in row.spans:
        # As a line its ends are points in the two times, whatever the width of the page.
        first, last = (100 * (at - start) / length for at in (since, until))
        place = {"x1": _percent(first), "y1": number(top + 27)}
        end = {"x2": _percent(max(last, first + _SHORTEST)), "y2": number(top + 27)}
        SubElement(group, "line", {"class": "bar", **place, **end})


def _percent(share: float) -> str:
    return f"{share:.2f}%"
