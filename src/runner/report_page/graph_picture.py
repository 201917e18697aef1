"""The dependency graph as a picture: an SVG that stands by itself."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.etree.ElementTree import Element, SubElement

from runner.report_page import marks
from runner.report_page.grouping import Box, grouped
from runner.report_page.layout import Layout, Point, Size, Spot, arrange
from runner.report_page.marks import number

_MOST_BOXES = 300
_CROWDED = 14  # boxes side by side above which they become lower
_BOLD, _SMALL = 14.8, 11.5  # pixels of an em; bold letters are broader
_NARROWEST, _WIDEST = 92.0, 216.0
_WIDEST_GROUP = 300.0
_LINE, _LINES = 26.0, 46.0  # heights of a box with one line of text, and with two
_MARGIN = 12.0
_TIP = 7.0  # length of an arrow's tip
_MOST_CELLS = 160  # tasks of a group that are drawn; of more, only their shares
_CELL, _PITCH = 19.0, 22.0
_STYLE = (
    ".graph .box{fill:var(--idle-tint);stroke:var(--idle);stroke-width:1.2}"
    ".graph .not-run>.box,.graph .not-needed>.box{stroke-dasharray:4 3}"
    ".graph .cell .box{stroke-width:1}"
    ".graph .group>.box{fill:none}"
    ".graph .not-needed text{fill:var(--soft)}"
    ".graph .name{font-weight:600}"
    ".graph .edge{fill:none;stroke:var(--edge);stroke-width:1.3}"
    ".graph .tip{fill:var(--edge)}"
    ".graph .share.idle{fill:var(--idle)}"
) + "".join(
    f".graph .{kind}>.box{{fill:var(--{kind}-tint);stroke:var(--{kind})}}"
    f".graph .{kind}.group>.box{{fill:none}}"
    f".graph .share.{kind}{{fill:var(--{kind})}}"
    for kind in ("ran", "reused", "failed", "stopped")
)


@dataclass(frozen=True)
class Picture:
    """An SVG, and its size in pixels."""

    svg: str
    width: float
    height: float


def draw(boxes: Mapping[str, Box], edges: Iterable[tuple[str, str]]) -> Picture | None:
    """The picture of a graph; None where there is nothing to draw, or far too much.

    Args:
        boxes: by any key.
        edges: (key of what is required, key of what requires it); unknown keys are left out.

    Raises:
        ValueError: the edges lead in a circle.
    """
    known = {(up, down) for up, down in edges if up in boxes and down in boxes}
    drawn, known = grouped(boxes, known, _MOST_BOXES)
    if not 0 < len(drawn) <= _MOST_BOXES:
        return None
    numbers = {key: at for at, key in enumerate(drawn)}
    wired = sorted((numbers[up], numbers[down]) for up, down in known)
    shown = list(drawn.values())
    layout, lines = _arranged(shown, wired)
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    svg = marks.picture(width, height, "graph", f"dependency graph of {len(boxes)} tasks")
    SubElement(svg, "style").text = marks.COLOURS + marks.STYLE + _STYLE
    inner = SubElement(svg, "g", {"transform": f"translate({number(_MARGIN)} {number(_MARGIN)})"})
    for (up, down), route in zip(wired, layout.routes, strict=True):
        _edge(inner, route, layout.downwards, f"{shown[up].name} → {shown[down].name}")
    for box, spot in zip(shown, layout.spots, strict=True):
        _box(inner, box, spot, lines)
    return Picture(marks.written(svg), width, height)


def _arranged(boxes: Sequence[Box], edges: Sequence[tuple[int, int]]) -> tuple[Layout, int]:
    """With two lines a box, or with one where that would become too long a column."""
    layout = arrange([_size(box, 2) for box in boxes], 14.0, edges)
    if not layout.downwards and layout.height > _CROWDED * (_LINES + 14.0):
        return arrange([_size(box, 1) for box in boxes], 6.0, edges), 1
    return layout, 2


def _size(box: Box, lines: int) -> Size:
    lines = 2 if box.members else lines
    name, detail = marks.breadth(box.name) * _BOLD, marks.breadth(box.detail) * _SMALL
    needed = max(name, detail) if lines == 2 else name + detail + 12
    needed += 46.0 if box.status else 26.0
    most = _WIDEST_GROUP if box.members or lines == 1 else _WIDEST
    width = min(max(needed, _NARROWEST), most)
    if not 0 < len(box.members) <= _MOST_CELLS:
        return Size(width, _LINE if lines == 1 else _LINES)
    columns, rows = _grid(len(box.members))
    cells = columns * _PITCH + 22.0
    return Size(max(width, cells), _LINES + rows * _PITCH + 9.0, elastic=False)


def _grid(count: int) -> tuple[int, int]:
    """Columns and rows for so many cells, about twice as broad as high."""
    columns = math.ceil(math.sqrt(2 * count))
    return columns, math.ceil(count / columns)


def _box(parent: Element, box: Box, spot: Spot, lines: int) -> None:
    cells = box.members if len(box.members) <= _MOST_CELLS else ()
    group = SubElement(parent, "g", {"class": f"{_classes(box)}{' group' if cells else ''}"})
    marks.titled(group, box.hint or box.name)
    SubElement(group, "rect", {"class": "box", "rx": "7", **_place(spot)})
    head = _LINES if cells else spot.height
    left = spot.x + (34 if box.status else 13)
    middle = spot.y + head / 2
    if box.status:
        marks.mark(group, box.status, spot.x + 18, middle)
    room = spot.x + spot.width - left - 8
    if (cells or lines == 2) and box.detail:
        marks.text(group, left, middle - 3, marks.fitted(box.name, room / _BOLD), class_="name")
        marks.text(group, left, middle + 13, marks.fitted(box.detail, room / _SMALL), class_="soft")
    else:
        detail = marks.fitted(box.detail, room * 0.6 / _SMALL)
        taken = marks.breadth(detail) * _SMALL + 10 if detail else 0.0
        name = marks.fitted(box.name, (room - taken) / _BOLD)
        marks.text(group, left, middle + 4.5, name, class_="name")
        if detail:
            end = spot.x + spot.width - 9
            marks.text(group, end, middle + 4, detail, class_="soft", text_anchor="end")
    if cells:
        _cells(group, cells, spot)
    elif box.members:
        _shares(group, box.members, spot)


def _cells(parent: Element, boxes: Sequence[Box], spot: Spot) -> None:
    """One small square for each task of a group."""
    columns, _ = _grid(len(boxes))
    left = spot.x + (spot.width - columns * _PITCH + _PITCH - _CELL) / 2
    for at, box in enumerate(boxes):
        row, column = divmod(at, columns)
        place = Spot(left + column * _PITCH, spot.y + _LINES + row * _PITCH, _CELL, _CELL)
        group = SubElement(parent, "g", {"class": f"cell {_classes(box)}"})
        marks.titled(group, box.hint or box.name)
        SubElement(group, "rect", {"class": "box", "rx": "4", **_place(place)})
        if box.status:
            marks.mark(group, box.status, place.x + _CELL / 2, place.y + _CELL / 2)


def _shares(parent: Element, boxes: Sequence[Box], spot: Spot) -> None:
    """A bar at the foot of a large group: how many of it have which status."""
    shares = Counter(box.status for box in boxes)
    at, width = spot.x + 8, spot.width - 16
    for status in marks.STATUSES:
        part = width * shares[status] / len(boxes)
        if part:
            place = _place(Spot(at, spot.y + spot.height - 5, part, 3))
            SubElement(parent, "rect", {"class": f"share {marks.kind(status)}", **place})
            at += part


def _edge(parent: Element, route: Sequence[Point], downwards: bool, hint: str) -> None:
    """A line that is level beside boxes, and turns between the layers."""
    *way, (x, y) = route
    way.append((x, y - _TIP) if downwards else (x - _TIP, y))
    path = f"M{_at(way[0])}"
    for count, ((ax, ay), (bx, by)) in enumerate(pairwise(way)):
        if count % 2 == 0:
            path += f" L{_at((bx, by))}"
            continue
        mx, my = (ax + bx) / 2, (ay + by) / 2
        turns = ((ax, my), (bx, my)) if downwards else ((mx, ay), (mx, by))
        path += f" C{_at(turns[0])} {_at(turns[1])} {_at((bx, by))}"
    group = SubElement(parent, "g")
    marks.titled(group, hint)
    SubElement(group, "path", {"class": "edge", "d": path})
    (ex, ey), half = way[-1], _TIP / 2
    sides = ((half, 0), (-half, 0)) if downwards else ((0, half), (0, -half))
    corners = [(ex + dx, ey + dy) for dx, dy in sides]
    points = " ".join(map(_at, [*corners, (x, y)]))
    SubElement(group, "polygon", {"class": "tip", "points": points})


def _classes(box: Box) -> str:
    return f"{marks.kind(box.status)} {box.status.replace(' ', '-')}".strip()


def _place(spot: Spot) -> dict[str, str]:
    place = {"x": spot.x, "y": spot.y, "width": spot.width, "height": spot.height}
    return {name: number(value) for name, value in place.items()}


def _at(point: Point) -> str:
    return f"{number(point[0])},{number(point[1])}"
