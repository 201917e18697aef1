"""A run, or a plan of one, as a table and the lines below it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.table import Table
from rich.text import Text

from runner import quantities
from runner.cli import program
from runner.cli.text import safe_line
from runner.report import Report, TaskReport

STYLES = {
    "ran": "green",
    "reused": "cyan",
    "failed": "bold red",
    "stopped": "yellow",
    "not run": "yellow",
    "not needed": "dim",
    "to run": "yellow",
}
_ROWS = 200  # more of them nobody reads, and they take longer than the plan
_QUIET = ("reused", "not needed")
_SHOWN = 5  # results that are named when there was nothing to do


def of(report: Report) -> Table:
    """A row for each task; of very many, for those of which there is something to say."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("task", overflow="fold")
    table.add_column("")
    if report.status == "PLANNED":
        return _with_plan(table, _shown(report.tasks))
    table.add_column("seconds", justify="right")
    table.add_column("size", justify="right")
    table.add_column("metrics", overflow="fold")
    for task in _shown(report.tasks):
        origin = f" from {task.origin}" if task.status == "reused" and task.origin else ""
        seconds = "" if task.seconds is None else f"{task.seconds:.1f}"
        metrics = ", ".join(f"{name} {value:.4g}" for name, value in task.metrics.items())
        state = Text.assemble(_styled(task.status), _plain(origin))
        size = quantities.size(task.size)
        table.add_row(_plain(task.name), state, seconds, size, _plain(metrics))
    return table


def closing(report: Report, resume: str) -> Iterator[tuple[str, str]]:
    """Lines and their styles."""
    left = len(report.tasks) - len(_shown(report.tasks))
    if left:
        yield f"… and {left:,} tasks more; --json has them all", "dim"
    if report.status == "PLANNED":
        yield f"\n{_total(report.tasks)}", ""
        yield "dry run: nothing was written", ""
        return
    if report.status == "UNCHANGED":
        yield from _nothing_to_do(report)
        return
    words = {"FINISHED": "finished", "FAILED": "FAILED", "KILLED": "KILLED"}
    head = f"run {safe_line(report.run_name)} ({report.run_id}) {words[report.status]}"
    style = "bold green" if report.ok else "bold red"
    yield f"\n{head} in {quantities.duration(report.seconds)}", style
    if report.ok:
        yield f"  files  {report.artifact_dir}", ""
        on_server = report.tracking_uri.startswith("http")
        yield f"  look   {report.tracking_uri if on_server else f'{program.name()} ui'}", ""
        return
    yield f"  {report.error}", "red"
    for task in report.tasks:
        if task.status == "failed" and task.kept is not None:
            yield f"  {task.name} left unfinished files in {task.kept}", ""
    yield f"  log       {report.artifact_dir}/runner.log", ""
    yield f"  continue  {resume}", ""


def _shown(tasks: Sequence[TaskReport]) -> Sequence[TaskReport]:
    if len(tasks) <= _ROWS:
        return tasks
    telling = [number for number, task in enumerate(tasks) if task.status not in _QUIET]
    others = [number for number, task in enumerate(tasks) if task.status in _QUIET]
    return [tasks[number] for number in sorted([*telling, *others][:_ROWS])]


def _with_plan(table: Table, tasks: Iterable[TaskReport]) -> Table:
    table.add_column("why", overflow="fold")
    table.add_column("seconds", justify="right")
    table.add_column("size", justify="right")
    for task in tasks:
        why = task.reason
        if task.status == "reused" and task.computed is not None:
            why = f"{why} ({_when_and_who(task)})"
        row = (_plain(task.name), _styled(task.status), _plain(why))
        table.add_row(*row, *_expected(task))
    return table


def _expected(task: TaskReport) -> tuple[str, str]:
    if task.status == "to run":
        seconds, size = task.expected_seconds, task.expected_size
        return "?" if seconds is None else f"{seconds:.1f}", quantities.size(size) or "?"
    return "", quantities.size(task.size)


def _total(tasks: Iterable[TaskReport]) -> str:
    """``3 to run: about 42.0 s, 12.0 MB; 5 reused``."""
    tasks = list(tasks)
    to_run = [task for task in tasks if task.status == "to run"]
    seconds = [t.expected_seconds for t in to_run if t.expected_seconds is not None]
    sizes = [t.expected_size for t in to_run if t.expected_size is not None]
    unknown = len(to_run) - len(seconds)
    takes = ""
    if to_run and not seconds:
        takes = ": time and size unknown"
    elif to_run:
        takes = f"{quantities.duration(sum(seconds))}, {quantities.size(sum(sizes))}"
        takes = f": ≥ {takes}, {unknown} unknown" if unknown else f": about {takes}"
    reused = sum(task.status == "reused" for task in tasks)
    return f"{len(to_run)} to run{takes}; {reused} reused"


def _nothing_to_do(report: Report) -> Iterator[tuple[str, str]]:
    style = "bold green"
    results = [task for task in report.tasks if task.name in report.results]
    yield "", ""
    for result in results[:_SHOWN]:
        yield f"nothing to do: {safe_line(result.name)} {_whence(result)}", style
        if result.directory is not None:
            yield f"  files   {result.directory}", ""
    if len(results) > _SHOWN:
        yield f"  and {len(results) - _SHOWN} more, as the table has them", ""
    yield "  record  it as a run of its own all the same: --record", ""


def _whence(task: TaskReport) -> str:
    if task.computed is None:
        return "is there"
    run = f"{safe_line(task.origin)} ({task.origin_id[:8]})"
    return f"is from run {run}, {_when_and_who(task)}"


def _when_and_who(task: TaskReport) -> str:
    assert task.computed is not None
    who = f", by {safe_line(task.user)}" if task.user else ""
    return f"{quantities.age(task.computed)}{who}"


def _plain(text: str) -> Text:
    return Text(safe_line(text))


def _styled(status: str) -> Text:
    return Text(status, style=STYLES[status])
