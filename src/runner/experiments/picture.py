"""Panels as a picture: a PNG or an SVG, drawn by matplotlib."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from runner.experiments.curves import Panel, Series
from runner.experiments.picture_file import check, plain, save, styled
from runner.report_page import marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Told apart by all forms of colour vision, and all readable on white: M. A. Petroff, "Accessible
# Color Sequences for Data Visualization", 2021, arXiv:2107.02270, the sequence of eight.
_COLOURS = "#1845fb #ff5e02 #c91f16 #c849a9 #adad7d #86c8dd #578dff #656364".split()
_DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (4, 1.5, 1, 1.5)))
_WIDTH, _HEIGHT = 5.6, 3.6  # inches of a panel
_BELOW = 0.5  # inches for the numbers and the title of an x axis
_BAR = 0.27  # inches of a bar, with its gap
_MOST_LABELS = 60  # of a legend
_ROWS = 20  # labels below one another
_SMALL = 8.0  # points of a label
_JOINED = 12  # places up to which points are joined by a line: more of them are a cloud
_BETWEEN = ("23468", "25", "")  # digits on a log axis: of up to a decade, up to two, and more
_MOST_OF = (3, 97)  # percent of values as logged that are in the picture in any case
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


def _figure(panels: Sequence[Panel]) -> Figure:
    from matplotlib.figure import Figure

    across = min(len(panels), 2)
    down = math.ceil(len(panels) / across)
    heights = [1.0 + _BAR * len(p.series) if p.kind == "bars" else _HEIGHT for p in panels]
    named = _named(panels)
    room, columns = _room(named)
    width, height = across * _WIDTH + room, down * max(heights)
    # matplotlib's own layout has to draw everything twice, which only bars with their names need.
    figure = Figure((width, height), layout="constrained" if max(heights) != _HEIGHT else None)
    grid = figure.subplots(down, across, squeeze=False)
    handles: dict[str, Any] = {}
    for panel, axes in zip(panels, grid.flat, strict=False):
        _panel(axes, panel, named, handles)
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    if max(heights) == _HEIGHT:
        ends = {"right": 1 - (room + 0.1) / width, "top": 1 - 0.1 / height}
        left = max(map(_taken, grid.flat[: len(panels)]))
        gaps = {"wspace": left / (_WIDTH - left), "hspace": 0.22}
        figure.subplots_adjust(left / width, _BELOW / height, **ends, **gaps)
    if len(handles) > 1:
        _legend(figure, handles, columns, 1 - room / width)
    return figure


def _taken(axes: Axes) -> float:
    """Inches that the numbers and the title of a y axis take."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(axes.figure.figure)
    box = axes.yaxis.get_tightbbox(canvas.get_renderer())
    return 0.1 + (axes.bbox.x0 - box.x0) / axes.figure.dpi if box is not None else 0.5


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
    from matplotlib.ticker import MaxNLocator

    if panel.kind == "bars":
        _bars(axes, panel)
        return
    for series in panel.series:
        one = _curve if panel.kind == "curves" else _points
        handles.setdefault(series.label, one(axes, series, named[series.label]))
    if panel.log_x:
        _scale(axes, "x")
    elif panel.kind == "curves":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    if panel.log_y:
        _scale(axes, "y")
    if any(series.smooth for series in panel.series):
        axes.set_ylim(_limits(panel))
    axes.set_xlabel(plain(panel.x_title))
    axes.set_ylabel(plain(panel.metric))


def _scale(axes: Axes, which: Literal["x", "y"]) -> None:
    """Makes an axis logarithmic, with plain numbers on it."""
    from matplotlib.ticker import FuncFormatter

    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis

    def between(value: float, _: object) -> str:
        low, high = axis.get_view_interval()
        shown = _BETWEEN[sum(high > span * low for span in (10, 100))]
        return f"{value:.4g}" if f"{value:e}"[0] in shown else ""

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
    axis.set_minor_formatter(FuncFormatter(between))


def _limits(panel: Panel) -> tuple[float, float]:
    """The range of smoothed curves, and of most of what is behind them: outliers are cut off."""
    from numpy import asarray, isfinite, log10, percentile

    def shown(values: Iterable[float]) -> Any:
        found = asarray(list(values), float)
        found = found[isfinite(found) & (found > 0)] if panel.log_y else found[isfinite(found)]
        return log10(found) if panel.log_y else found

    smooth = shown(value for series in panel.series for value in series.smooth)
    raw = shown(value for series in panel.series for value in series.y)
    if not len(smooth):
        return (0.1, 1.0) if panel.log_y else (0.0, 1.0)
    low = min(smooth.min(), percentile(raw, _MOST_OF[0]))
    high = max(smooth.max(), percentile(raw, _MOST_OF[1]))
    edge = 0.04 * (high - low) or 0.5
    ends = float(low - edge), float(high + edge)
    return (10 ** ends[0], 10 ** ends[1]) if panel.log_y else ends


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
    size: Style = {"markersize": 5, "markeredgecolor": "white", "markeredgewidth": 0.6}
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
        _scale(axes, "x")
    axes.set_yticks(list(places), [plain(series.label) for series in panel.series])
    axes.set_ylim(len(means) - 0.4, -0.6)
    axes.grid(axis="y", visible=not from_zero)
    axes.set_xlabel(plain(panel.metric))
    axes.set_ylabel(plain(panel.x_title))
