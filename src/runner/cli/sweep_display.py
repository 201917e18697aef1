"""What a person sees of a sweep: a line a trial while it goes on, one table at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from runner import quantities
from runner.cli import grid, process, program
from runner.cli.display import stdout
from runner.cli.text import safe, safe_line
from runner.cli.values import number
from runner.redaction import Redactor
from runner.sweeps.report import SweepReport, TrialReport, best_of

if TYPE_CHECKING:
    from runner.sweeps.parent import Parent

_REDRAWS = 5  # a second
_MOST = 50  # rows of the table; of more trials it has the best
_STYLES = {"done": "", "pruned": "dim", "failed": "red", "running": "yellow", "waiting": "dim"}


class SweepDisplay:
    """Listens to a sweep, and draws.

    Args:
        quiet: show errors only.
    """

    def __init__(self, *, quiet: bool, redactor: Redactor) -> None:
        self._quiet = quiet
        self._redactor = redactor
        self._err = Console(stderr=True, highlight=False)
        self._live: Live | None = None
        self._name = self._metric = self._direction = ""
        self._count = 0
        self._begun = time.monotonic()
        self._over: dict[int, TrialReport] = {}
        self._before = 0
        self._current = ""
        self._tasks: dict[str, float] = {}

    def __enter__(self) -> SweepDisplay:
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
        self._err.print(Text(safe(line)), soft_wrap=True)

    # what a sweep tells

    def opened(self, parent: Parent, count: int, trials: Sequence[TrialReport]) -> None:
        process.working()
        self._name, self._count = safe_line(parent.run_name), count
        self._metric = safe_line(parent.sweep.metric)
        self._direction = parent.sweep.direction
        self._begun = time.monotonic()
        self._over = {t.number: t for t in trials if t.state not in ("waiting", "running")}
        self._before = len(self._over)
        if self._quiet:
            return
        task = safe_line(parent.config.run.task)
        said = f"sweep {self._name}: {count} trials of {task}, {parent.sweep.method}, "
        done = f"; {self._before} are over" if self._before else ""
        self._err.print(Text(f"{said}{self._direction} {self._metric}{done}"), soft_wrap=True)
        if self._err.is_terminal:
            self._live = Live(
                get_renderable=self._draw,
                console=self._err,
                refresh_per_second=_REDRAWS,
                transient=True,
            )
            self._live.start()

    def began(self, number: int, values: Mapping[str, Any]) -> SweepDisplay.Run:
        self._current = f"trial {number}  {self._values(values)}"
        return SweepDisplay.Run(self._tasks)

    def looked(self, trials: Sequence[TrialReport]) -> None:
        over = {t.number: t for t in trials if t.state not in ("waiting", "running")}
        new = [trial for number, trial in over.items() if number not in self._over]
        self._over = over
        self._current = self._waits_for(trials)
        self._tasks.clear()
        if not self._quiet:
            for trial in sorted(new, key=lambda trial: trial.number):
                self._err.print(self._line(trial), soft_wrap=True)

    def _waits_for(self, trials: Sequence[TrialReport]) -> str:
        """What other processes do; on no terminal it is said once, when nothing else is left."""
        running = [trial for trial in trials if trial.state == "running"]
        if not running:
            return ""
        names = ", ".join(f"{trial.number} on {safe_line(trial.host)}" for trial in running)
        said = f"waits for trial {names}"
        left = any(trial.state == "waiting" for trial in trials)
        if not (left or self._quiet or self._live or said == self._current):
            self._err.print(Text(f"{time.strftime('%H:%M:%S')} {said}"), soft_wrap=True)
        return said

    class Run:
        """Listens to the run of one trial."""

        def __init__(self, tasks: dict[str, float]) -> None:
            self._tasks = tasks

        def opened(self, context: Any, to_run: Sequence[str]) -> None: ...
        def started(self, name: str) -> None:
            self._tasks[name] = time.monotonic()

        def ended(self, name: str, outcome: Any) -> None:
            self._tasks.pop(name, None)

    # what a person sees

    def report(self, report: SweepReport, resume: str) -> None:
        """The table, and below it the best trial and what to do next."""
        if self._quiet and report.ok:
            return
        out = self._err if self._quiet else stdout()
        if not self._quiet:
            self._table(out, report)
        for line, style in self._closing(report, resume):
            out.print(Text(safe(self._redactor.clean(line)), style=style), soft_wrap=True)

    def _table(self, out: Console, report: SweepReport) -> None:
        keys = sorted({key for trial in report.trials for key in trial.params})
        rows = []
        for trial in _shown(report):
            style = "bold green" if trial.number == report.best else _STYLES[trial.state]
            mark = "*" if trial.number == report.best else " "
            cells = [f"{trial.number}{mark}", _result(trial)]
            cells += [self._clean(trial.params.get(key, "")) for key in keys]
            cells += ["" if trial.seconds is None else f"{trial.seconds:.1f}"]
            rows.append([Text(cell, style=style) for cell in cells])
        grid.show(out, ["trial", report.metric, *keys, "seconds"], rows)
        left = len(report.trials) - len(rows)
        if left:
            out.print(Text(f"… and {left:,} trials more; --json and the page have them all"))

    def _closing(self, report: SweepReport, resume: str) -> Iterator[tuple[str, str]]:
        over = sum(trial.state not in ("waiting", "running") for trial in report.trials)
        words = {"FINISHED": "finished", "FAILED": "FAILED", "KILLED": "KILLED"}
        head = f"sweep {safe_line(report.run_name)} ({report.run_id}) {words[report.status]}"
        took = f"{over} of {len(report.trials)} trials, {quantities.duration(report.seconds)}"
        yield f"\n{head}: {took}", "bold green" if report.ok else "bold red"
        for error in dict.fromkeys(t.error for t in report.trials if t.state == "failed"):
            yield f"  failed: {error}", "red"
        best = report.best_trial
        if best is not None:
            value = number(best.value or 0.0)
            yield f"  best   {report.metric} {value} in trial {best.number}, {best.run_name}", ""
            yield f"         {self._values(best.params)}", ""
            config = program.command("-c", str(report.best_config))
            yield f"  run it {config}", ""
        yield f"  look   {report.artifact_dir / 'report.html'}", ""
        if report.status == "KILLED" or over < len(report.trials):
            yield f"  go on  {resume}", ""

    def _line(self, trial: TrialReport) -> Text:
        took = "" if trial.seconds is None else quantities.duration(trial.seconds)
        parts = [f"trial {trial.number}:", f"{self._metric} {_result(trial)}"]
        if trial.state in ("failed", "pruned"):
            parts[1] = self._clean(trial.error) if trial.error else trial.state
            parts[1] = f"{trial.state}: {parts[1]}" if trial.state == "failed" else parts[1]
        parts += [self._values(trial.params), took]
        text = f"{time.strftime('%H:%M:%S')} {'  '.join(part for part in parts if part)}"
        return Text(text, style=_STYLES[trial.state])

    def _draw(self) -> Group:
        over = len(self._over)
        head = f"sweep {self._name}: {over} of {self._count} trials"
        best = best_of(self._over.values(), self._direction)
        if best is not None and best.value is not None:
            head += f" · best {self._metric} {number(best.value)} (trial {best.number})"
        mine = over - self._before
        if mine and over < self._count:
            left = (time.monotonic() - self._begun) / mine * (self._count - over)
            head += f" · about {quantities.duration(left)} left"
        lines = [Text(head, style="bold")]
        if self._current:
            lines.append(Text(f"  ▶ {self._current}", style="green"))
        now = time.monotonic()
        for name, since in list(self._tasks.items()):
            took = quantities.duration(now - since)
            lines.append(Text(f"    {safe_line(name)}  {took}", style="green"))
        return Group(*lines)

    def _values(self, values: Mapping[str, Any]) -> str:
        return ", ".join(f"{safe_line(key)} = {self._clean(v)}" for key, v in values.items())

    def _clean(self, value: Any) -> str:
        text = number(value) if isinstance(value, float) else str(value)
        return safe_line(self._redactor.clean(text))


def _shown(report: SweepReport) -> Sequence[TrialReport]:
    if len(report.trials) <= _MOST:
        return report.trials
    sign = -1 if report.direction == "maximize" else 1
    done = [trial for trial in report.trials if trial.value is not None]
    return sorted(done, key=lambda trial: sign * (trial.value or 0.0))[:_MOST]


def _result(trial: TrialReport) -> str:
    return number(trial.value) if trial.value is not None else trial.state
