"""The picture of a graph in dots: its SVG, drawn by matplotlib.

It knows the shapes that `report_page.graph_picture` draws, and no others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, fromstring

from runner.experiments.picture_file import plain
from runner.report_page.marks import PAPER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PER_INCH = 100.0  # pixels of the SVG
_NAME, _SOFT = 8.3, 7.3  # points: the font is broader than those that browsers take
_LINES = 72 / _PER_INCH  # points of a pixel
_SVG = "{http://www.w3.org/2000/svg}"
_PATH = re.compile(r"([MLCHVA])([^MLCHVA]*)")
_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)")
_SHIFT = re.compile(r"translate\((\S+) (\S+)\)")
_KINDS = ("ran", "reused", "failed", "stopped", "idle")

Point = tuple[float, float]


def figure(svg: str) -> Figure:
    """The same picture as a figure of matplotlib."""
    from matplotlib.figure import Figure

    root = fromstring(svg)
    width, height = (float(root.get(name, 0)) for name in ("width", "height"))
    found = Figure((width / _PER_INCH, height / _PER_INCH))
    axes = found.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.axis("off")
    for at, (element, shift, classes) in enumerate(_shapes(root)):
        name = element.tag.removeprefix(_SVG)
        artist = (
            _text(element, shift, classes) if name == "text" else _patch(element, name, classes)
        )
        if name != "text":
            from matplotlib.transforms import Affine2D

            artist.set_transform(Affine2D().translate(*shift) + axes.transData)
        artist.set_zorder(at)
        axes.add_artist(artist)
    return found


def _shapes(root: Element) -> Iterator[tuple[Element, Point, frozenset[str]]]:
    """Each shape in the order of drawing, where its 0 is, and the classes that it stands in."""
    waiting: list[tuple[Element, Point, frozenset[str]]] = [(root, (0.0, 0.0), frozenset())]
    while waiting:
        element, (x, y), outer = waiting.pop()
        own = frozenset(element.get("class", "").split())
        kinds = frozenset(_KINDS) if own & set(_KINDS) else frozenset()
        classes = (outer - kinds) | own
        if moved := _SHIFT.fullmatch(element.get("transform", "")):
            x, y = x + float(moved[1]), y + float(moved[2])
        if element.tag in (f"{_SVG}g", f"{_SVG}svg"):
            waiting += [(inner, (x, y), classes) for inner in reversed(element)]
        elif element.tag not in (f"{_SVG}title", f"{_SVG}style") and own | outer:
            yield element, (x, y), classes


def _patch(element: Element, name: str, classes: frozenset[str]) -> Any:
    from matplotlib import patches
    from matplotlib.path import Path

    style = _style(classes)

    def at(key: str) -> float:
        return float(element.get(key, 0))

    if name == "rect":
        corner = f"round,pad=0,rounding_size={at('rx')}" if at("rx") else "square,pad=0"
        place = at("x"), at("y")
        return patches.FancyBboxPatch(place, at("width"), at("height"), corner, **style)
    if name == "circle":
        return patches.Circle((0, 0), at("r"), **style)
    if name == "polygon":
        numbers = [float(n) for n in _NUMBER.findall(element.get("points", ""))]
        corners = list(zip(numbers[::2], numbers[1::2], strict=True))
        return patches.Polygon(corners, **style)
    vertices, codes = _path(element.get("d", ""))
    return patches.PathPatch(Path(vertices, codes), capstyle="round", **style)


def _style(classes: frozenset[str]) -> dict[str, Any]:
    kind = next((name for name in _KINDS if name in classes), "idle")
    colour, tint = PAPER[kind], PAPER[f"{kind}-tint"]
    if "ground" in classes:
        return {"facecolor": PAPER["ground"], "edgecolor": "none"}
    if "edge" in classes:
        return {"facecolor": "none", "edgecolor": PAPER["edge"], "linewidth": 1.3 * _LINES}
    if "tip" in classes:
        return {"facecolor": PAPER["edge"], "edgecolor": "none"}
    if "share" in classes or "full" in classes:
        return {"facecolor": colour, "edgecolor": "none"}
    if "mark" in classes:
        dots = {"linestyle": (0, (1, 1.3))} if "dots" in classes else {}
        return {"facecolor": "none", "edgecolor": colour, "linewidth": 2 * _LINES, **dots}
    dashed = {"linestyle": (0, (4, 3))} if classes & {"not-run", "not-needed"} else {}
    fill = "none" if "group" in classes and "cell" not in classes else tint
    return {"facecolor": fill, "edgecolor": colour, "linewidth": 1.2 * _LINES, **dashed}


def _text(element: Element, shift: Point, classes: frozenset[str]) -> Any:
    from matplotlib.text import Text

    soft = "soft" in classes
    return Text(
        float(element.get("x", 0)) + shift[0],
        float(element.get("y", 0)) + shift[1],
        plain(element.text or ""),
        fontsize=_SOFT if soft else _NAME,
        fontweight="bold" if "name" in classes else "normal",
        color=PAPER["soft" if soft or "not-needed" in classes else "ink"],
        horizontalalignment="right" if element.get("text-anchor") == "end" else "left",
    )


def _path(drawn: str) -> tuple[list[Point], list[int]]:
    """Vertices and codes of a path of straight lines, Bezier curves and the arc of a circle."""
    from matplotlib.path import Path

    vertices: list[Point] = []
    codes: list[int] = []
    for command, text in _PATH.findall(drawn):
        numbers = [float(number) for number in _NUMBER.findall(text)]
        if command == "A":
            found = list(_arc(vertices[-1], numbers))
        elif command in "HV":
            x, y = vertices[-1]
            found = [(numbers[0], y) if command == "H" else (x, numbers[0])]
        else:
            found = list(zip(numbers[::2], numbers[1::2], strict=True))
        kind = {"M": Path.MOVETO, "C": Path.CURVE4}.get(command, Path.LINETO)
        vertices += found
        codes += [int(kind)] * len(found)
    return vertices, codes


def _arc(start: Point, numbers: list[float]) -> Iterator[Point]:
    """Points on the larger arc of a circle around 0, against the clock as seen on the page."""
    radius, end = numbers[0], (numbers[-2], numbers[-1])
    first, last = (math.atan2(y, x) for x, y in (start, end))
    if last > first:
        last -= 2 * math.pi
    for step in range(1, 25):
        angle = first + (last - first) * step / 24
        yield radius * math.cos(angle), radius * math.sin(angle)
