"""The tasks of a config and what they require, with what would become of each: in four forms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
from runner import pipeline, quantities, signals, summary
from runner.errors import UsageError
from runner.experiments import graph_png, picture_file
from runner.experiments.labels import Clean
from runner.logs import RunLog
from runner.redaction import Redactor
from runner.report import TaskReport
from runner.report_page import graph_picture, marks
from runner.report_page.grouping import Box, grouped
from runner.request import Request
from runner.settings import Settings

Form = Literal["text", "mermaid", "svg", "png"]

_MOST = 300  # boxes; of more, each family becomes one
_DEEPEST = 24  # levels of the text form
_INDENT = 2  # columns of a level
_KEPT = frozenset(" _-.,/+*'\N{MULTIPLICATION SIGN}\N{MIDDLE DOT}")  # beside letters and digits


@dataclass(frozen=True)
class Graph:
    """A planned graph.

    Attributes:
        root: key of the task that was asked for.
        boxes: by task id, what a task requires before it; names and hints can be shown.
        requires: ids that each task requires, in its own order.
        reports: what would become of each; none of luigi's wrappers.
    """

    root: str
    boxes: Mapping[str, Box]
    requires: Mapping[str, Sequence[str]]
    reports: Mapping[str, TaskReport]

    def edges(self) -> Iterator[tuple[str, str]]:
        """(required, requiring)."""
        return ((up, down) for down, ups in self.requires.items() for up in ups)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        tasks = [
            {
                "id": key,
                "name": box.name,
                "family": box.family,
                "status": box.status or None,
                "reason": self.reports[key].reason if key in self.reports else "",
                "requires": list(self.requires[key]),
            }
            for key, box in self.boxes.items()
        ]
        return {"root": self.root, "tasks": tasks}


@dataclass(frozen=True)
class Line:
    """A line of the text form.

    Attributes:
        branch: the lines of the tree in front of the name.
        name: of a task, or of a group.
        status: what would become of it; empty for a wrapper.
        said: more of that, or that it stands above.
    """

    branch: str
    name: str
    status: str
    said: str


def planned(request: Request, settings: Settings, clean: Clean) -> Graph:
    """The graph of a config's task, as a dry run plans it; nothing is written.

    Raises:
        RunnerError: the run could not be started.
    """
    with RunLog(Redactor(settings.secrets)).recording(), signals.handled():
        plan = pipeline.plan_for(request, settings)
        reports = summary.task_reports(plan, plan.context, {}, planned=True)
    boxes = {}
    for key, task in plan.graph.tasks.items():
        family = clean(str(task.get_task_family()))
        report = reports.get(key)
        place = plan.context.places.get(key)
        pinned = place is not None and place.pinned
        box = _box(report, family, clean, pinned=pinned) if report else Box(family, "", family)
        boxes[key] = box
    return Graph(plan.graph.root.task_id, boxes, plan.graph.requires, reports)


def _box(report: TaskReport, family: str, clean: Clean, *, pinned: bool) -> Box:
    name = clean(report.name)
    detail = f"from {clean(report.origin)}" if report.origin else report.status
    if pinned and report.status == "reused":
        detail = f"pinned, {detail}" if report.origin else "pinned"
    if report.expected_seconds is not None:
        detail = f"{detail}, about {quantities.duration(report.expected_seconds)}"
    hint = f"{name}: {report.status}\n{clean(report.reason)}".rstrip()
    return Box(name, report.status, family, detail, hint)


def draw(graph: Graph, out: Path) -> None:
    """Draws the graph into a file, which is replaced.

    Raises:
        UsageError: it is neither .png nor .svg, can't be written, or is too much to draw.
    """
    picture_file.check(out)
    if out.suffix.lower() == ".png":
        with picture_file.styled():
            picture_file.save(graph_png.figure(_drawn(graph)), out)
        return
    picture_file.write(out, svg(graph).encode())


def svg(graph: Graph) -> str:
    """The graph as an SVG, on white.

    Raises:
        UsageError: it is too much to draw.
    """
    head, style, rest = _drawn(graph).partition("<style>")
    ground = f'<rect width="100%" height="100%" fill="{marks.PAPER["ground"]}" />'
    return marks.on_paper(f"{head}{ground}{style}{rest}")


def _drawn(graph: Graph) -> str:
    found = graph_picture.draw(graph.boxes, graph.edges())
    if found is None:
        text = f"{len(graph.boxes)} tasks of more than {_MOST} families are too many for a picture"
        raise UsageError(text, "see them as text: --format text")
    return found.svg


def mermaid(graph: Graph) -> str:
    """The graph as text for Mermaid, which GitHub, GitLab and notebooks draw."""
    boxes, edges = grouped(graph.boxes, set(graph.edges()), _MOST)
    ids = {key: f"t{at}" for at, key in enumerate(boxes)}
    lines = ["flowchart LR"]
    for key, box in boxes.items():
        said = f"<br/>{_escaped(box.detail)}" if box.detail else ""
        lines.append(f'    {ids[key]}["{_escaped(box.name)}{said}"]:::{_class(box)}')
    lines += [f"    {ids[up]} --> {ids[down]}" for up, down in sorted(edges, key=str)]
    for name in sorted({_class(box) for box in boxes.values()}):
        fill, line = marks.PAPER[f"{name}-tint"], marks.PAPER[name]
        lines.append(f"    classDef {name} fill:{fill},stroke:{line},color:{marks.PAPER['ink']}")
    return "\n".join(lines) + "\n"


def _class(box: Box) -> str:
    return marks.kind(box.status)


def _escaped(text: str) -> str:
    """Text inside of quotes: all that might mean something there as an entity code, `#35;`.

    See https://mermaid.js.org/syntax/flowchart.html#special-characters-that-break-syntax
    """
    return "".join(c if c.isalnum() or c in _KEPT else f"#{ord(c)};" for c in text)


def lines(graph: Graph) -> Iterator[Line]:
    """The graph as a tree from the root to what it requires; what stands above is not repeated."""
    boxes, edges = grouped(graph.boxes, set(graph.edges()), _MOST)
    order = {key: at for at, key in enumerate(boxes)}
    requires: dict[str, list[str]] = {key: [] for key in boxes}
    for up, down in edges:
        requires[down].append(up)
    required = {up for up, _ in edges}
    roots = [key for key in reversed(list(boxes)) if key not in required]
    seen: set[str] = set()
    waiting = [(key, "", "", 0) for key in reversed(roots)]
    while waiting:
        key, branch, indent, depth = waiting.pop()
        box, inner = boxes[key], sorted(requires[key], key=lambda k: order[k])
        if key in seen:
            yield Line(branch, box.name, box.status, "above" if inner else "")
            continue
        seen.add(key)
        yield Line(branch, box.name, box.status, _said(box))
        if depth == _DEEPEST and inner:
            count = len(_below(inner, requires) - seen)
            yield Line(f"{indent}└ ", f"… {count} more", "", "--json has all")
            continue
        for at, up in enumerate(reversed(inner)):
            last = at == 0
            ends = ("└ ", " " * _INDENT) if last else ("├ ", "│ ")
            waiting.append((up, indent + ends[0], indent + ends[1], depth + 1))


def _said(box: Box) -> str:
    """What there is to say beside the status."""
    alike = len({member.status for member in box.members}) == 1
    repeated = f"{len(box.members)} {box.status}" if alike else box.status
    return box.detail.removeprefix(repeated).lstrip(", ")


def _below(keys: Sequence[str], requires: Mapping[str, Sequence[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(keys)
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting.extend(requires[key])
    return found
