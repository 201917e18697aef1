"""Pictures of a sweep, as SVG: its history, what matters, and which values go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element, SubElement

from runner.config.sweep import SweepConfig
from runner.report_page import marks
from runner.report_page.marks import number
from runner.sweeps import scales
from runner.sweeps.report import TrialReport
from runner.sweeps.space import labels

_WIDTH = 1020.0  # pixels
_HEIGHT = 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 16.0, 14.0, 34.0
_ROW = 30.0
_NAMES = 260.0
_EM = 13.0
_AXIS = 130.0  # at least, between two axes
STYLE = (
    ".trials .grid{stroke:var(--grid)}.trials .axis{stroke:var(--edge)}"
    ".trials .dot{fill:var(--reused);stroke:var(--ground);stroke-width:1.5}"
    ".trials .best{fill:var(--ran)}"
    ".trials .so-far{fill:none;stroke:var(--ran);stroke-width:2}"
    ".trials .line{fill:none;stroke:var(--reused);stroke-width:1.4}"
    ".trials .line.best{stroke:var(--ran);stroke-width:3}"
    ".trials .line:hover{stroke:var(--ink);stroke-width:3;opacity:1}"
    ".trials text{paint-order:stroke;stroke:var(--ground);stroke-width:3px}"
    ".trials .bar{fill:var(--reused)}"
    ".trials .lost{stroke:var(--failed);stroke-width:1.6}.trials .pruned{stroke:var(--stopped)}"
)


def history(trials: Sequence[TrialReport], sweep: SweepConfig) -> str:
    """The value of each trial, and the best so far; empty when no trial is done."""
    done = [t for t in trials if t.state == "done" and t.value is not None]
    if not done:
        return ""
    svg = _picture(_WIDTH, _HEIGHT, f"{sweep.metric} of {len(done)} trials")
    across = scales.of_numbers([0.0, float(max(len(trials) - 1, 1))])
    up = scales.of_numbers([t.value for t in done if t.value is not None])
    _axes(svg, across, up, sweep.metric)
    points, best = [], None
    for trial in done:
        value = trial.value or 0.0
        better = best is None or (value > best if sweep.direction == "maximize" else value < best)
        if better and best is not None:
            points.append((_x(across.at(trial.number)), _y(up.at(best))))
        best = value if better else best
        points.append((_x(across.at(trial.number)), _y(up.at(best or 0.0))))
    places = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    SubElement(svg, "polyline", {"class": "so-far", "points": places})
    for trial in done:
        dot = {"cx": number(_x(across.at(trial.number))), "cy": number(_y(up.at(trial.value)))}
        marks.titled(SubElement(svg, "circle", {"class": "dot", "r": "4.5", **dot}), _hint(trial))
    for trial in trials:
        if trial.state in ("failed", "pruned"):
            kind = "lost" if trial.state == "failed" else "lost pruned"
            x = number(_x(across.at(trial.number)))
            place = {"x1": x, "x2": x, "y1": number(_y(0) - 7), "y2": number(_y(0))}
            marks.titled(SubElement(svg, "line", {"class": kind, **place}), _hint(trial))
    return marks.written(svg)


def importance(shares: Mapping[str, float]) -> str:
    """How much of the differences each key explains; empty when that is not known."""
    if not shares:
        return ""
    svg = _picture(_WIDTH, _ROW * len(shares) + 6, "importance of each key")
    longest = max(shares.values()) or 1.0
    room = _WIDTH - _NAMES - 70
    for at, (key, share) in enumerate(sorted(shares.items(), key=lambda pair: -pair[1])):
        top = _ROW * at
        marks.text(svg, 0, top + 19, marks.fitted(key, 32))
        bar = {"x": number(_NAMES), "y": number(top + 6), "height": "17", "rx": "3"}
        width = number(max(room * share / longest, 1))
        SubElement(svg, "rect", {"class": "bar", "width": width, **bar})
        place = _NAMES + room * share / longest + 8
        marks.text(svg, place, top + 19, f"{share:.0%}", class_="soft")
    return marks.written(svg)


def parallel(trials: Sequence[TrialReport], sweep: SweepConfig, best: int | None) -> str:
    """A line a trial through its value on the axis of each key, and of the metric."""
    done = [t for t in trials if t.state == "done" and t.value is not None]
    if not done:
        return ""
    width = max(_WIDTH, _AXIS * len(sweep.space) + _LEFT + 90)
    svg = _picture(width, _HEIGHT + 36, f"values of {len(done)} trials, key by key")
    axes = {key: scales.of_key(values) for key, values in sweep.space.items()}
    metric = scales.of_numbers([t.value for t in done if t.value is not None])
    room = (width - _LEFT - 90) / len(axes)
    ranked = sorted(done, key=lambda t: t.value or 0.0, reverse=sweep.direction == "minimize")
    for rank, trial in enumerate(ranked):
        places = [
            (_LEFT + room * at, _at(axes[key].at(_label(trial.params[key], sweep, key))))
            for at, key in enumerate(axes)
            if key in trial.params
        ]
        places.append((_LEFT + room * len(axes), _at(metric.at(trial.value))))
        line = {"points": " ".join(f"{number(x)},{number(y)}" for x, y in places)}
        line["class"] = "line best" if trial.number == best else "line"
        if trial.number != best:
            line["opacity"] = f"{0.12 + 0.78 * ((rank + 1) / len(ranked)) ** 2:.2f}"
        marks.titled(SubElement(svg, "polyline", line), _hint(trial))
    for at, (key, axis) in enumerate([*axes.items(), (sweep.metric, metric)]):
        _upright(svg, _LEFT + room * at, axis)
        name = marks.fitted(key, 2 * room / _EM - 2)  # they take turns above and below
        place = (_LEFT + room * at, _HEIGHT + 12 + 17 * (at % 2))
        marks.text(svg, *place, name, text_anchor="middle")
    return marks.written(svg)


def _label(value: object, sweep: SweepConfig, key: str) -> object:
    """A value as its axis has it."""
    choices = sweep.space[key]
    is_list = isinstance(choices, list) and scales.of_key(choices).choices
    return labels(choices)[choices.index(value)] if is_list else value


def _picture(width: float, height: float, said: str) -> Element:
    svg = marks.picture(width, height, "trials", said)
    SubElement(svg, "style").text = marks.COLOURS + marks.STYLE + STYLE
    return svg


def _axes(svg: Element, across: scales.Scale, up: scales.Scale, name: str) -> None:
    for at, said in up.ticks():
        y = number(_y(at))
        line = {"x1": number(_LEFT), "x2": number(_WIDTH - _RIGHT), "y1": y, "y2": y}
        SubElement(svg, "line", {"class": "grid", **line})
        marks.text(svg, _LEFT - 8, _y(at) + 4, said, class_="soft", text_anchor="end")
    for at, said in across.ticks():
        if "." not in said:
            marks.text(svg, _x(at), _HEIGHT - 14, said, class_="soft", text_anchor="middle")
    place = _WIDTH - _RIGHT
    marks.text(svg, place, _HEIGHT - 1, "trial", class_="soft", text_anchor="end")
    marks.text(svg, _LEFT + 6, _TOP + 2, marks.fitted(name, 60), class_="soft")


def _upright(svg: Element, x: float, axis: scales.Scale) -> None:
    line = {"x1": number(x), "x2": number(x), "y1": number(_at(0)), "y2": number(_at(1))}
    SubElement(svg, "line", {"class": "axis", **line})
    for at, said in axis.ticks():
        marks.text(svg, x + 6, _at(at) + 4, said, class_="soft")


def _x(share: float) -> float:
    return _LEFT + 8 + share * (_WIDTH - _LEFT - _RIGHT - 16)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _BOTTOM - _TOP - 8)


def _at(share: float) -> float:
    """The height on an axis of the parallel coordinates."""
    return _HEIGHT - 12 - share * (_HEIGHT - 28)


def _hint(trial: TrialReport) -> str:
    value = "" if trial.value is None else f" {trial.value:.6g}"
    values = "".join(f"\n{key} = {value}" for key, value in trial.params.items())
    error = f"\n{trial.error}" if trial.error else ""
    return f"trial {trial.number}: {trial.state}{value}{values}{error}"
