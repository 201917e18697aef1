"""Panels as a picture: a PNG or an SVG, drawn by matplotlib."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import UsageError
from runner.experiments.curves import Panel, Series
from runner.report_page import marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ENDINGS = (".png", ".svg")

# Told apart by all forms of colour vision, and all readable on white: M. A. Petroff, "Accessible
# Color Sequences for Data Visualization", 2021, arXiv:2107.02270, the sequence of eight.
_COLOURS = "#1845fb #ff5e02 #c91f16 #c849a9 #adad7d #86c8dd #578dff #656364".split()
_DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (4, 1.5, 1, 1.5)))
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": "#59636e",
    "axes.labelcolor": "#1f2328",
    "axes.xmargin": 0.02,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e2e6ea",
    "grid.linewidth": 0.7,
    "text.color": "#1f2328",
    "xtick.color": "#59636e",
    "ytick.color": "#59636e",
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: it can be searched, and is smaller
    "svg.hashsalt": "runner",  # the same picture is the same file
}
_DPI = 160
_WIDTH, _HEIGHT = 5.6, 3.6  # inches of a panel
_LEFT, _BELOW = 0.8, 0.5  # inches for the numbers and titles of axes
_BAR = 0.27  # inches of a bar, with its gap
_MOST_LABELS = 60  # of a legend
_ROWS = 20  # labels below one another
_SMALL = 8.0  # points of a label
_JOINED = 12  # places up to which points are joined by a line: more of them are a cloud
_SPREAD = 0.2  # of the largest; below that, bars from 0 would all look the same

Style = Mapping[str, Any]


def draw(panels: Sequence[Panel], out: Path) -> None:
    """Draws panels side by side into a file, which is replaced.

    Raises:
        UsageError: it is neither .png nor .svg, or can't be written.
    """
    check(out)
    with styled():
        save(_figure(panels), out)


def check(out: Path) -> None:
    """Raises UsageError for a file that can't become a picture."""
    if out.suffix.lower() not in ENDINGS:
        raise UsageError(f"--out {out}: a picture ends in {' or '.join(ENDINGS)}")
    if not out.parent.is_dir():
        raise UsageError(f"--out {out}: there is no folder {out.parent}")


@contextmanager
def styled() -> Iterator[None]:
    """The look of all pictures."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcParams.update({**_STYLE})
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a box is drawn for it
        yield


def save(figure: Figure, out: Path) -> None:
    """Writes a figure, which is there as a whole or not at all.

    Raises:
        UsageError: it can't be written.
    """
    kind = out.suffix.lower()[1:]
    part = out.with_name(f".{out.name}.{os.getpid()}")
    nothing = {"Date": None} if kind == "svg" else {"Software": None}  # that changes every time
    try:
        figure.savefig(part, format=kind, dpi=_DPI, metadata=nothing)
        os.replace(part, out)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UsageError(f"--out {out}: can't be written: {error.strerror}") from None


def plain(text: str) -> str:
    """Text that matplotlib takes for nothing but text: it has formulas, and hides a leading _."""
    text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def _figure(panels: Sequence[Panel]) -> Figure:
    from matplotlib.figure import Figure

    across = min(len(panels), 2)
    down = math.ceil(len(panels) / across)
    heights = [1.0 + _BAR * len(p.series) if p.kind == "bars" else _HEIGHT for p in panels]
    named = _named(panels)
    room, columns = _room(named)
    width, height = across * _WIDTH + room, down * max(heights)
    # matplotlib's own layout has to draw everything twice, which only bars with their names need.
    figure = Figure((width, height), layout="constrained" if max(heights) != _HEIGHT else "none")
    grid = figure.subplots(down, across, squeeze=False)
    if max(heights) == _HEIGHT:
        ends = {"right": 1 - (room + 0.1) / width, "top": 1 - 0.1 / height}
        figure.subplots_adjust(_LEFT / width, _BELOW / height, **ends, wspace=0.19, hspace=0.22)
    handles: dict[str, Any] = {}
    for panel, axes in zip(panels, grid.flat, strict=False):
        _panel(axes, panel, named, handles)
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    if len(handles) > 1:
        _legend(figure, handles, columns, 1 - room / width)
    return figure


def _named(panels: Sequence[Panel]) -> dict[str, Style]:
    """How each curve is drawn, in all panels alike."""
    names = dict.fromkeys(s.label for p in panels if p.kind != "bars" for s in p.series)
    if len(names) <= len(_COLOURS):
        return {n: {"color": c} for n, c in zip(names, _COLOURS, strict=False)}
    import matplotlib

    shades = matplotlib.colormaps["viridis"]
    end = len(names) - 1
    return {
        name: {"color": shades(0.92 * at / end), "linestyle": _DASHES[at % len(_DASHES)]}
        for at, name in enumerate(names)
    }


def _room(named: Mapping[str, Style]) -> tuple[float, int]:
    """Inches that the legend takes, and in how many columns."""
    if len(named) < 2:
        return 0.0, 1
    shown = list(named)[:_MOST_LABELS]
    columns = math.ceil(len(shown) / _ROWS)
    longest = max(map(marks.breadth, shown))
    return columns * (1.1 * longest * _SMALL / 72 + 0.5), columns


def _legend(figure: Figure, handles: Mapping[str, Any], columns: int, left: float) -> None:
    shown = list(handles)[:_MOST_LABELS]
    drawn = [handles[name] for name in shown]
    texts = [plain(name) for name in shown]
    if len(handles) > len(shown):
        texts[-1] = f"… {len(handles) - len(shown) + 1} more"
    figure.legend(
        drawn,
        texts,
        loc="outside right upper" if figure.get_layout_engine() else "upper left",
        bbox_to_anchor=None if figure.get_layout_engine() else (left, 1.0),
        ncols=columns,
        fontsize=_SMALL,
        handlelength=2.2,
        columnspacing=1.2,
        labelspacing=0.45,
    )


def _panel(axes: Axes, panel: Panel, named: Mapping[str, Style], handles: dict[str, Any]) -> None:
    if panel.kind == "bars":
        _bars(axes, panel)
        return
    for series in panel.series:
        one = _curve if panel.kind == "curves" else _points
        handles.setdefault(series.label, one(axes, series, named[series.label]))
    if panel.log_x:
        axes.set_xscale("log")
    elif panel.kind == "curves":
        axes.xaxis.get_major_locator().set_params(integer=True)
    if panel.log_y:
        axes.set_yscale("log")
    axes.set_xlabel(plain(panel.x_title))
    axes.set_ylabel(plain(panel.metric))


def _curve(axes: Axes, series: Series, style: Style) -> Any:
    """A line, pale behind a smoothed one; a cross where it stops being a number."""
    if series.smooth:
        pale = 0.08 if "linestyle" in style else 0.22  # of many
        axes.plot(series.x, series.y, color=style["color"], alpha=pale, linewidth=0.8)
    values = series.smooth or series.y
    (line,) = axes.plot(series.x, values, **{"linewidth": 1.4, **style})
    if len(values) == 1:
        line.set_marker("o")
        line.set_markersize(4)
    lost = next((at for at, value in enumerate(values) if not math.isfinite(value)), 0)
    if lost:
        place = [series.x[lost - 1]], [values[lost - 1]]
        axes.plot(*place, "x", color=style["color"], markersize=6, markeredgewidth=1.6)
    return line


def _points(axes: Axes, series: Series, style: Style) -> Any:
    """A point a run, and a line through the means where there are few places."""
    size = {"markersize": 5, "markeredgecolor": "white", "markeredgewidth": 0.6}
    (points,) = axes.plot(series.x, series.y, "o", color=style["color"], **size)
    places: dict[float, list[float]] = {}
    for x, y in zip(series.x, series.y, strict=True):
        places.setdefault(x, []).append(y)
    if 1 < len(places) <= _JOINED:
        means = [sum(values) / len(values) for values in places.values()]
        axes.plot(list(places), means, linewidth=1.2, alpha=0.7, **style)
    return points


def _bars(axes: Axes, panel: Panel) -> None:
    """A bar from 0 for the mean of each series; only its end where all are far from 0."""
    means = [sum(series.y) / len(series.y) for series in panel.series]
    values = [value for series in panel.series for value in series.y if math.isfinite(value)]
    low, high = min([*values, 0.0]), max([*values, 0.0])
    spread = max(values) - min(values) if values else 0.0
    from_zero = len(values) < 2 or spread >= _SPREAD * max(high, -low)
    places = range(len(means))
    colour = _COLOURS[-2]
    if from_zero and not panel.log_y:
        axes.barh(places, means, height=0.66, color=colour)
        axes.set_xlim(low * 1.18, high * 1.18 or 1.0)
    else:
        axes.plot(means, places, "o", color=colour, markersize=6)
        axes.margins(x=0.18)
    for at, (mean, series) in enumerate(zip(means, panel.series, strict=True)):
        if len(series.y) > 1:
            axes.plot(series.y, [at] * len(series.y), "|", color="#1f2328", markersize=7)
        if math.isfinite(mean):
            axes.annotate(
                f"{mean:.4g}",
                (max([mean, *series.y]), at),
                (6, 0),
                textcoords="offset points",
                va="center",
                fontsize=_SMALL,
            )
    if panel.log_y:
        axes.set_xscale("log")
    axes.set_yticks(list(places), [plain(series.label) for series in panel.series])
    axes.set_ylim(len(means) - 0.4, -0.6)
    axes.grid(axis="y", visible=not from_zero)
    axes.set_xlabel(plain(panel.metric))
    axes.set_ylabel(plain(panel.x_title))
