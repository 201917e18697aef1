"""What a person sees: progress while it runs, one table at the end."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from itertools import islice
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from runner import quantities
from runner.cli import process, tables
from runner.cli.text import safe, safe_line
from runner.redaction import Redactor
from runner.report import Report

_REDRAWS = 5  # a second
_WIDE = 100  # columns of a table that goes to a file or a pipe, at least


class _Out(Console):
    """Goes on when its reader has gone, as in ``runner … | head``: the exit code is the run's."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Display:
    """Listens to a run, and draws: a live view on a terminal, plain lines elsewhere.

    Args:
        quiet: show errors only.
        redactor: masks secrets in what tasks say.
        live: whether a terminal is drawn upon.
    """

    def __init__(self, *, quiet: bool, redactor: Redactor | None = None, live: bool = True) -> None:
        self._quiet = quiet
        self._may_draw = live
        self._redactor = redactor or Redactor()
        self._err = Console(stderr=True, highlight=False)
        self._left: dict[str, None] = {}
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
        self.pause()

    def pause(self) -> None:
        """Draws no more; from here on there are lines."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def log_line(self, line: str) -> None:
        self._err.print(Text(safe(line)), soft_wrap=True)

    def opened(self, context: Any, to_run: Sequence[str]) -> None:
        process.working()
        self._left = dict.fromkeys(to_run)
        self._total = len(to_run)
        self._run_name = safe_line(context.run_name)
        if self._quiet:
            return
        if self._err.is_terminal and self._may_draw:
            self._live = Live(
                get_renderable=self._draw,
                console=self._err,
                refresh_per_second=_REDRAWS,
                transient=True,
            )
            self._live.start()
        else:
            self._say(f"run {self._run_name}: {self._total} {_tasks(self._total)} to run")

    def started(self, name: str) -> None:
        self._running[name] = time.monotonic()
        if name in self._left:
            del self._left[name]
        if not self._live:
            self._say(f"{name} started")

    def ended(self, name: str, outcome: Any) -> None:
        self._running.pop(name, None)
        if not self._live:
            words = {
                "done": "done",
                "failed": "FAILED",
                "stopped": "stopped",
                "running": "waits for what it requires",
            }
            words["reused"] = "reused: its inputs are the same as before"
            self._say(f"{name} {words[outcome.status]}, {outcome.seconds:.1f} s")

    def report(self, report: Report, resume: str) -> None:
        """The table, and below it what to do next."""
        if self._quiet and report.ok:
            return
        if report.traceback:
            self._err.print(self._text(report.traceback.rstrip()), soft_wrap=True)
        out = self._err if self._quiet else stdout()
        if not self._quiet:
            for note in report.notes:
                out.print(self._text(f"note: {note}", "yellow"), soft_wrap=True)
            out.print(tables.of(report))
        for line, style in tables.closing(report, resume):
            out.print(self._text(line, style), soft_wrap=True)

    def _text(self, text: str, style: str = "") -> Text:
        return Text(safe(self._redactor.clean(text)), style=style)

    def _say(self, text: str) -> None:
        if not self._quiet:
            line = f"{time.strftime('%H:%M:%S')} {safe_line(text)}"
            self._err.print(Text(line), soft_wrap=True)

    def _draw(self) -> Group:
        done = self._total - len(self._left) - len(self._running)
        lines = [
            Text(
                f"run {self._run_name}: {done} of {self._total} {_tasks(self._total)} done",
                style="bold",
            )
        ]
        now = time.monotonic()
        for name, since in list(self._running.items()):
            lines.append(
                Text(f"  ▶ {safe_line(name)}  {quantities.duration(now - since)}", style="green")
            )
        if self._left:
            more = f" and {len(self._left) - 8} more" if len(self._left) > 8 else ""
            names = safe_line(", ".join(islice(self._left, 8)))
            lines.append(Text(f"  then {names}{more}", style="dim"))
        return Group(*lines)


def stdout() -> Console:
    """A console for tables; wide enough for them where it is no terminal."""
    out = _Out(highlight=False)
    return out if out.is_terminal else _Out(highlight=False, width=max(_WIDE, out.width))


def _tasks(count: int) -> str:
    return "task" if count == 1 else "tasks"
