"""A report as a notebook shows it: one table, and where the report of the run lies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from runner import quantities

if TYPE_CHECKING:
    from runner.report import Report, TaskReport

_ROWS = 200  # more of them nobody reads
_PAGE = "report.html"
_WORDS = {
    "PLANNED": "a plan; nothing was run",
    "UNCHANGED": "nothing to do: all of it is there already",
}


def page(report: Report) -> str:
    """HTML without scripts; all that others wrote is escaped."""
    return "\n".join(_parts(report))


def _parts(report: Report) -> Iterator[str]:
    head = _WORDS.get(report.status)
    if head is None:
        took = quantities.duration(report.seconds)
        name = f"<b>{escape(report.run_name)}</b> <code>{escape(report.run_id)}</code>"
        head = f"run {name} {report.status} in {took}"
    yield f"<p>{head}</p>"
    if report.error:
        yield f"<pre>{escape(report.traceback.rstrip() or report.error)}</pre>"
    planned = report.status == "PLANNED"
    last = "why" if planned else "metrics"
    yield "<table>"
    yield _row("th", ("task", "", "seconds", "size", last))
    for task in report.tasks[:_ROWS]:
        yield _row("td", _cells(task, planned=planned))
    yield "</table>"
    more = len(report.tasks) - _ROWS
    if more > 0:
        yield f"<p>… and {more:,} tasks more</p>"
    for note in report.notes:
        yield f"<p>note: {escape(note)}</p>"
    if report.artifact_dir is not None and (report.artifact_dir / _PAGE).is_file():
        yield f"<p>{_link(report.artifact_dir / _PAGE)}</p>"


def _cells(task: TaskReport, *, planned: bool) -> Iterator[str]:
    origin = f" from {task.origin}" if task.status == "reused" and task.origin else ""
    yield task.name
    yield f"{task.status}{origin}"
    yield "" if task.seconds is None else f"{task.seconds:.1f}"
    yield quantities.size(task.size)
    metrics = ", ".join(f"{name} {value:.4g}" for name, value in task.metrics.items())
    yield task.reason if planned else metrics


def _row(tag: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"


def _link(path: Path) -> str:
    return f'<a href="{escape(path.as_uri())}">{escape(str(path))}</a>'
