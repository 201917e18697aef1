"""A tree of configs, drawn: the root at the left, a leaf a line, as a picture or as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.experiments.clusters import Leaf, Tree
from runner.experiments.picture_file import check, plain, save, styled
from runner.report_page import marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH = 3.6  # inches of the tree itself
_LINE = 0.23  # inches of a leaf
_EM = 9 / 72  # inches
_GAP = 0.22  # inches between columns of text
_LONGEST = 60  # characters of what a leaf differs in
_RIGHT, _DOWN, _LEFT, _UP = 1, 2, 4, 8
_LINES = {
    _RIGHT | _LEFT: "─",
    _DOWN | _UP: "│",
    _RIGHT | _DOWN: "┌",
    _RIGHT | _UP: "└",
    _RIGHT | _DOWN | _LEFT: "┬",
    _RIGHT | _UP | _LEFT: "┴",
    _RIGHT | _DOWN | _UP: "├",
    _DOWN | _LEFT | _UP: "┤",
    _RIGHT | _DOWN | _LEFT | _UP: "┼",
    _DOWN | _LEFT: "┐",
    _LEFT | _UP: "┘",
}


def draw(tree: Tree, out: Path) -> None:
    """Draws a tree into a file, which is replaced.

    Raises:
        UsageError: it is neither .png nor .svg, or can't be written.
    """
    check(out)
    with styled():
        from matplotlib.figure import Figure

        columns = _columns(tree.leaves, tree.metric)
        widths = [1.08 * _EM * max(map(marks.breadth, some)) + _GAP for some in columns]
        width = _WIDTH + sum(widths) + 0.45
        height = _LINE * (len(tree.leaves) + 1) + 0.6
        figure = Figure((width, height))
        low, room = 0.5 / height, _LINE * len(tree.leaves) / height
        axes = figure.add_axes((0.15 / width, low, _WIDTH / width, room))
        _lines(axes, tree)
        _texts(axes, tree, columns, widths)
        save(figure, out)


def text(tree: Tree, width: int) -> list[str]:
    """The tree as lines of characters, one a leaf, in so many columns."""
    top = _top(tree)
    links = [[0] * width for _ in tree.leaves]

    def across(row: int, start: int, end: int) -> None:
        for column in range(start, end):
            links[row][column] |= _RIGHT
            links[row][column + 1] |= _LEFT

    ends = [(row, width - 1) for row in range(len(tree.leaves))]
    for join in tree.joins:
        (above, right), (below, other) = sorted((ends[join.left], ends[join.right]))
        column = min(round((1 - join.height / top) * (width - 2)), right, other)
        across(above, column, right)
        across(below, column, other)
        for row in range(above, below):
            links[row][column] |= _DOWN
            links[row + 1][column] |= _UP
        ends.append(((above + below) // 2, column))
    return ["".join(_LINES.get(link, " " if not link else "─") for link in row) for row in links]


def _top(tree: Tree) -> float:
    return max((join.height for join in tree.joins), default=0.0) or 1.0


def _columns(leaves: Sequence[Leaf], metric: str) -> list[list[str]]:
    """Texts of each leaf, below a title."""
    found = [["", *(leaf.name for leaf in leaves)]]
    if metric:
        values = ("" if leaf.metric is None else f"{leaf.metric:.4g}" for leaf in leaves)
        found.append([metric, *values])
    if any(leaf.label for leaf in leaves):
        found.append(["differs in", *(shortened(leaf.label) for leaf in leaves)])
    return found


def shortened(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"


def _lines(axes: Axes, tree: Tree) -> None:
    ends = [(0.0, float(row)) for row in range(len(tree.leaves))]
    for join in tree.joins:
        (x1, y1), (x2, y2) = ends[join.left], ends[join.right]
        h = join.height
        style: dict[str, Any] = {"color": "#3a5f8a", "linewidth": 1.3, "solid_joinstyle": "round"}
        axes.plot([x1, h, h, x2], [y1, y1, y2, y2], clip_on=False, **style)
        ends.append((h, (y1 + y2) / 2))
    axes.set_xlim(_top(tree), 0.0)
    axes.set_ylim(len(tree.leaves) - 0.5, -0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.set_xlabel("distance")


def _texts(
    axes: Axes, tree: Tree, columns: Sequence[Sequence[str]], widths: Sequence[float]
) -> None:
    """Columns of text right of the leaves; a dot in the colour of the metric before them."""
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    values = [leaf.metric for leaf in tree.leaves if leaf.metric is not None]
    shade = Normalize(min(values), max(values)) if values else None
    at = 0.14
    for row, leaf in enumerate(tree.leaves):
        if shade is not None and leaf.metric is not None:
            colour = colormaps["viridis"](0.95 * float(shade(leaf.metric)))
            axes.plot(
                [1 + 0.07 / _WIDTH],
                [row],
                "o",
                color=colour,
                markersize=5,
                transform=axes.get_yaxis_transform(),
                clip_on=False,
            )
    for number, (texts, width) in enumerate(zip(columns, widths, strict=True)):
        for row, said in enumerate(texts, start=-1):
            axes.text(
                1 + at / _WIDTH,
                row,
                plain(said),
                transform=axes.get_yaxis_transform(),
                va="center",
                fontweight="bold" if row < 0 else "normal",
                color="#59636e" if number == len(columns) - 1 and row >= 0 else "#1f2328",
            )
        at += width
