"""What a person sees: progress while it runs, one table at the end."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from runner.report import Report, TaskReport

_STYLES = {
    "ran": "green",
    "reused": "cyan",
    "failed": "bold red",
    "not run": "yellow",
    "not needed": "dim",
    "to run": "yellow",
}
_REDRAWS = 5  # a second
_WIDE = 100  # columns of a table that goes to a file or a pipe, at least


class Display:
    """Listens to a run, and draws: a live view on a terminal, plain lines elsewhere.

    Args:
        quiet: show errors only.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._err = Console(stderr=True, highlight=False)
        self._left: list[str] = []
        self._total = 0
        self._running: dict[str, float] = {}
        self._live: Live | None = None
        self._run_name = ""

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def log_line(self, line: str) -> None:
        self._err.print(Text(line), soft_wrap=True)

    def opened(self, context: Any, to_run: Sequence[str]) -> None:
        self._left = list(to_run)
        self._total = len(self._left)
        self._run_name = context.run_name
        if self._quiet:
            return
        if self._err.is_terminal:
            self._live = Live(
                get_renderable=self._draw,
                console=self._err,
                refresh_per_second=_REDRAWS,
                transient=True,
            )
            self._live.start()
        else:
            self._say(f"run {context.run_name}: {self._total} tasks to run")

    def started(self, name: str) -> None:
        self._running[name] = time.monotonic()
        if name in self._left:
            self._left.remove(name)
        if not self._live:
            self._say(f"{name} started")

    def ended(self, name: str, outcome: Any) -> None:
        self._running.pop(name, None)
        if not self._live:
            words = {"done": "done", "failed": "FAILED", "running": "waits for what it requires"}
            self._say(f"{name} {words[outcome.status]}, {outcome.seconds:.1f} s")

    def report(self, report: Report, resume: str) -> None:
        """The table, and below it what to do next."""
        if self._quiet:
            if not report.ok:
                click_line = f"runner: {report.error}"
                self._err.print(Text(click_line), soft_wrap=True)
            return
        if report.traceback:
            self._err.print(Text(report.traceback.rstrip()), soft_wrap=True)
        out = Console(highlight=False)
        if not out.is_terminal:
            out = Console(highlight=False, width=max(_WIDE, out.width))
        for note in report.notes:
            out.print(Text(f"note: {note}", style="yellow"), soft_wrap=True)
        out.print(_table(report.tasks, planned=report.status == "PLANNED"))
        for line in _closing(report, resume):
            out.print(line, soft_wrap=True)

    def _say(self, text: str) -> None:
        if not self._quiet:
            self._err.print(Text(f"{time.strftime('%H:%M:%S')} {text}"), soft_wrap=True)

    def _draw(self) -> Group:
        done = self._total - len(self._left) - len(self._running)
        lines = [Text(f"run {self._run_name}: {done} of {self._total} tasks done", style="bold")]
        now = time.monotonic()
        for name, since in list(self._running.items()):
            lines.append(Text(f"  ▶ {name}  {_duration(now - since)}", style="green"))
        if self._left:
            more = f" and {len(self._left) - 8} more" if len(self._left) > 8 else ""
            lines.append(Text(f"  then {', '.join(self._left[:8])}{more}", style="dim"))
        return Group(*lines)


def _table(tasks: Iterable[TaskReport], *, planned: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("task", overflow="fold")
    table.add_column("")
    if planned:
        table.add_column("why", overflow="fold")
        for task in tasks:
            table.add_row(_plain(task.name), _styled(task.status), _plain(task.reason))
        return table
    table.add_column("seconds", justify="right")
    table.add_column("size", justify="right")
    table.add_column("metrics", overflow="fold")
    for task in tasks:
        origin = f" from {escape(task.origin)}" if task.status == "reused" and task.origin else ""
        seconds = "" if task.seconds is None else f"{task.seconds:.1f}"
        metrics = ", ".join(f"{name} {value:.4g}" for name, value in task.metrics.items())
        state = Text.assemble(_styled(task.status), Text.from_markup(origin))
        table.add_row(_plain(task.name), state, seconds, _size(task.size), _plain(metrics))
    return table


def _closing(report: Report, resume: str) -> Iterable[Text]:
    if report.status == "PLANNED":
        yield Text("\ndry run: nothing was written")
        return
    words = {"FINISHED": "finished", "FAILED": "FAILED", "KILLED": "KILLED"}
    style = "bold green" if report.ok else "bold red"
    head = f"\nrun {report.run_name} ({report.run_id}) {words[report.status]}"
    yield Text(f"{head} in {_duration(report.seconds)}", style=style)
    if report.error:
        yield Text(f"  {report.error}", style="red")
        for task in report.tasks:
            if task.status == "failed" and task.kept is not None:
                yield Text(f"  {task.name} left unfinished files in {task.kept}")
        yield Text(f"  log       {report.artifact_dir}/runner.log")
        yield Text(f"  continue  {resume}")
    else:
        yield Text(f"  files  {report.artifact_dir}")
        yield Text("  look   python -m runner ui")


def _plain(text: str) -> Text:
    return Text("".join(c if c.isprintable() else "�" for c in text))


def _styled(status: str) -> Text:
    return Text(status, style=_STYLES[status])


def _size(size: int | None) -> str:
    if size is None:
        return ""
    amount, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount /= 1000
    return f"{size} B" if unit == "B" else f"{amount:.1f} {unit}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
