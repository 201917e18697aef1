"""What stands on the page: values that the template only has to write down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from runner import quantities
from runner.report import Report, TaskReport
from runner.report_page import graph_picture, marks, timeline
from runner.report_page.grouping import Box
from runner.report_page.plots import Image
from runner.tracking.datasets import Dataset

_MOST_TASKS = 1000  # rows of the table
_MOST_METRICS = 500
_MOST_PARAMS = 1000
_LONGEST = 1000  # characters of one value
_LONGEST_TRACEBACK = 20_000
_WIDE, _HIGH = 1020, 760  # pixels of a picture above which it is made to fit at first
_FIRST = ("failed", "stopped")  # what a table that is cut short has in any case


@dataclass(frozen=True)
class Facts:
    """A run as the page shows it.

    Attributes:
        report: what became of it; its tasks are not looked at.
        tasks: task id -> report of it.
        families: task id -> family, of luigi's wrappers too.
        edges: (id of what is required, id of what requires it).
        started, ended: seconds since the epoch.
        tags, params, metrics: of the MLflow run.
        config_files: names, in the order in which they were read.
        inputs: from outside.
        images: that tasks made.
    """

    report: Report
    tasks: Mapping[str, TaskReport]
    families: Mapping[str, str]
    edges: Collection[tuple[str, str]]
    started: float
    ended: float
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    config_files: Sequence[str] = ()
    inputs: Sequence[Dataset] = ()
    images: Sequence[Image] = ()


def cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    """The same value with every string in it passed through `clean`."""
    if isinstance(value, str):
        return clean(value)
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, Path):
        return Path(clean(str(value)))
    if isinstance(value, Mapping):
        return {cleaned(k, clean): cleaned(inner, clean) for k, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return type(value)(cleaned(inner, clean) for inner in value)
    if is_dataclass(value) and not isinstance(value, type):
        own = {f.name: cleaned(getattr(value, f.name), clean) for f in fields(value)}
        return replace(value, **own)
    return value


def content(facts: Facts) -> dict[str, Any]:
    """The values of the template; all text in `facts` is safe to show."""
    report = facts.report
    rows = [_timeline_row(task) for task in facts.tasks.values() if task.spans]
    tasks = _selected(list(facts.tasks.values()))
    metrics = list(_metrics(facts))
    params = sorted(facts.params.items(), key=lambda pair: _section(pair[0]))
    counts: Counter[str] = Counter(task.status for task in facts.tasks.values())
    return {
        "report": report,
        "title": report.run_name or report.run_id,
        "state": {"FINISHED": "ran", "KILLED": "stopped"}.get(report.status, "failed"),
        "description": facts.tags.get("mlflow.note.content", ""),
        "facts": list(_facts(facts)),
        "totals": list(_totals(facts)),
        "error": _shortened(report.error),
        "traceback": report.traceback.strip()[-_LONGEST_TRACEBACK:],
        "counts": [(status, counts[status]) for status in marks.STATUSES if counts[status]],
        "wide": _WIDE,
        "high": _HIGH,
        "graph": _picture(facts),
        "timeline": timeline.draw(rows, facts.started, facts.ended),
        "timeline_more": timeline.left_out(rows),
        "origins": any(task.origin for task in tasks),
        "tasks": [_task_row(task) for task in tasks],
        "tasks_more": len(facts.tasks) - len(tasks),
        "metrics": metrics[:_MOST_METRICS],
        "metrics_more": max(0, len(metrics) - _MOST_METRICS),
        "inputs": facts.inputs,
        "params": _by_section(params[:_MOST_PARAMS]),
        "params_more": max(0, len(params) - _MOST_PARAMS),
        "version": facts.tags.get("runner.version", ""),
        "sign": marks.sign,
        "kind": marks.kind,
        "size": quantities.size,
        "number": _number,
    }


def _facts(facts: Facts) -> Iterator[tuple[str, str, bool]]:
    """(name, value, whether it is code) of what is known of a run."""
    tags, report = facts.tags, facts.report
    yield "Experiment", report.experiment, False
    yield "Task", tags.get("runner.task", ""), False
    started = datetime.fromtimestamp(facts.started).astimezone()
    yield "Started", started.strftime("%Y-%m-%d %H:%M:%S %z"), False
    yield "By", " on ".join(filter(None, (tags.get("runner.user"), tags.get("runner.host")))), False
    yield "Git", _git(tags), False
    yield "Run", report.run_id, True
    versions = [("Python", "runner.python"), ("luigi", "runner.luigi"), ("MLflow", "runner.mlflow")]
    known = [f"{name} {tags[key]}" for name, key in versions if tags.get(key)]
    yield "Software", ", ".join(known), False
    yield "Config", ", ".join(facts.config_files), True
    yield "Command", _shortened(tags.get("runner.command", "")), True
    ours = ("runner.", "mlflow.", "reused.", "placed.")
    own = [f"{k} = {_shortened(v)}" for k, v in sorted(tags.items()) if not k.startswith(ours)]
    yield "Tags", ", ".join(own[:50]), False


def _git(tags: Mapping[str, str]) -> str:
    commit, branch = tags.get("runner.git.commit", ""), tags.get("runner.git.branch", "")
    if not commit:
        return ""
    where = f" on {branch}" if branch else ""
    changed = ", with changes" if tags.get("runner.git.dirty") == "true" else ""
    return f"{commit[:10]}{where}{changed}"


def _totals(facts: Facts) -> Iterator[tuple[str, str]]:
    """The few numbers that say how large a run was: (value, what it is)."""
    tasks = facts.tasks.values()
    yield f"{len(facts.tasks):,}", "task" if len(facts.tasks) == 1 else "tasks"
    yield quantities.duration(facts.report.seconds), "in all"
    computing = sum(task.seconds or 0.0 for task in tasks)
    if computing:
        yield quantities.brief(computing), "in tasks"
    written = sum(task.size or 0 for task in tasks if task.status == "ran")
    if written:
        yield quantities.size(written), "written"
    taken = sum(task.size or 0 for task in tasks if task.status == "reused")
    if taken:
        yield quantities.size(taken), "reused"


def _boxes(facts: Facts) -> dict[str, Box]:
    boxes = {}
    for task_id, family in facts.families.items():
        task = facts.tasks.get(task_id)
        if task is None:
            boxes[task_id] = Box(family, "", family)
            continue
        seconds = quantities.brief(task.seconds) if task.seconds is not None else ""
        detail = seconds if task.status in ("ran", "failed", "stopped") else task.status
        if task.status == "reused" and task.origin:
            detail = f"from {task.origin}"
        boxes[task_id] = Box(task.name, task.status, family, detail, _hint(task), task.seconds)
    return boxes


def _picture(facts: Facts) -> graph_picture.Picture | None:
    try:
        return graph_picture.draw(_boxes(facts), facts.edges)
    except ValueError:  # what run() yields is not looked at for circles as a whole
        return None


def _hint(task: TaskReport) -> str:
    lines = [f"{task.name}: {task.status}"]
    lines += [task.reason] if task.reason else []
    if task.seconds is not None:
        lines.append(quantities.brief(task.seconds))
    lines += [quantities.size(task.size)] if task.size is not None else []
    lines += [f"{name} = {_number(value)}" for name, value in list(task.metrics.items())[:8]]
    lines += [_shortened(task.error)] if task.error else []
    return "\n".join(lines)


def _timeline_row(task: TaskReport) -> timeline.Row:
    since, until = (
        datetime.fromtimestamp(at).strftime("%H:%M:%S.%f")[:-4]
        for at in (task.spans[0][0], task.spans[-1][1])
    )
    hint = f"{task.name}: {task.status}\n{since} to {until}"
    return timeline.Row(task.name, task.status, tuple(task.spans), hint)


def _selected(tasks: Sequence[TaskReport]) -> Sequence[TaskReport]:
    """So many tasks that a browser can show them; what failed is among them."""
    if len(tasks) <= _MOST_TASKS:
        return tasks
    return sorted(tasks, key=lambda task: task.status not in _FIRST)[:_MOST_TASKS]


def _task_row(task: TaskReport) -> dict[str, Any]:
    return {
        "name": task.name,
        "status": task.status,
        "reason": task.reason,
        "origin": task.origin,
        "origin_id": task.origin_id if task.origin_id != task.origin else "",
        "seconds": "" if task.seconds is None else quantities.brief(task.seconds),
        "size": quantities.size(task.size),
        "error": _shortened(task.error),
        "kept": task.kept.name if task.kept else "",
    }


def _metrics(facts: Facts) -> Iterator[tuple[str, str, str]]:
    """(name, value, task) of each metric; without a task where none of them is known to have it."""
    known: dict[str, set[str]] = {}
    for task in facts.tasks.values():
        for name, value in task.metrics.items():
            known.setdefault(name, set()).add(_number(value))
            yield name, _number(value), task.name
    for name, value in sorted(facts.metrics.items()):
        if _number(value) not in known.get(name, ()):
            yield name, _number(value), ""


def _by_section(params: Sequence[tuple[str, str]]) -> list[tuple[str, list[tuple[str, str]]]]:
    sections: dict[str, list[tuple[str, str]]] = {}
    for key, value in params:
        section, dot, name = key.partition(".")
        sections.setdefault(section if dot else "", []).append((name or key, _shortened(value)))
    return list(sections.items())


def _section(key: str) -> tuple[bool, str]:
    """Sorts the runner's own sections before those of tasks."""
    return not key.startswith(("RunConfig.", "PathConfig.")), key


def _number(value: float) -> str:
    return f"{value:.6g}"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
