"""``runner repeat``: one config over several seeds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from runner.cli.chosen import project
from runner.cli.run import as_toml, document

if TYPE_CHECKING:
    from rich.console import Console

    from runner.redaction import Redactor
    from runner.sweeps.parent import Parent
    from runner.sweeps.repeat import RepeatReport, Repetition


@click.command(short_help="Run one config over several seeds, and tell how far they lie apart.")
@click.argument("count", type=click.IntRange(1), metavar="COUNT")
@click.argument("task", required=False)
@click.option(
    "--seed-key",
    "seed_keys",
    multiple=True,
    metavar="TASK.KEY",
    help="Which key is the seed. Default: the only one that is called seed.",
)
@click.option("-c", "--config", "files", multiple=True, metavar="FILE", help="As for `run`.")
@click.option(
    "-o", "--override", "overrides", multiple=True, metavar="TASK.KEY=VALUE", help="As for `run`."
)
@click.option("--run-name", metavar="NAME", help="Name of the run that has them all.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@click.option("-v", "--verbose", is_flag=True, help="Show the log from INFO on.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else.")
def command(  # noqa: PLR0913, PLR0917  click hands over one argument an option
    count: int,
    task: str | None,
    seed_keys: tuple[str, ...],
    files: tuple[str, ...],
    overrides: tuple[str, ...],
    run_name: str | None,
    quiet: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    """Run TASK (default: the one that the config names) COUNT times: with the seed of the config,
    and with the ones that follow it. What does not depend on the seed runs once.

    For each metric it shows the mean, the standard deviation and the 95 % interval of the mean.
    """
    from runner.logs import console
    from runner.redaction import Redactor

    settings, chosen = project(files)
    changes = [*overrides, *([] if task is None else [f"RunConfig.task={as_toml(task)}"])]
    level = "ERROR" if quiet else "INFO" if verbose else settings.log_level
    redactor = Redactor(settings.secrets)
    display = _Display(quiet=quiet or as_json, redactor=redactor)
    with document(as_json, redactor) as write:
        with display, console(display.log_line, level, redactor):
            from runner.request import Request
            from runner.sweeps.repeat import repeat

            asked = Request(chosen, changes, run_name=run_name)
            report = repeat(count, asked, settings, seed_keys, display)
        write(report.as_dict())
    if not as_json:
        display.report(report)
    if report.signum is not None:
        return 128 + report.signum
    return 0 if report.ok else 1


class _Display:
    """A line a run while it goes on, a table at the end."""

    def __init__(self, *, quiet: bool, redactor: Redactor) -> None:
        from rich.console import Console

        self._quiet = quiet
        self._redactor = redactor
        self._err: Console = Console(stderr=True, highlight=False)
        self._status = self._err.status("")
        self._count = 0

    def __enter__(self) -> _Display:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._status.stop()

    def log_line(self, line: str) -> None:
        self._say(line)

    def opened(self, parent: Parent, count: int, keys: Sequence[str]) -> None:
        from runner.cli import process

        process.working()
        self._count = count
        if not self._quiet:
            self._say(f"{parent.run_name}: {count} runs over {', '.join(keys)}")
            if self._err.is_terminal:
                self._status.start()

    def began(self, number: int, seeds: Mapping[str, int]) -> Any:
        from runner.request import Silent

        said = ", ".join(f"{key} = {seed}" for key, seed in seeds.items())
        self._status.update(f"run {number + 1} of {self._count}: {said}")
        return Silent()

    def ended(self, run: Repetition) -> None:
        if self._quiet:
            return
        from runner import quantities
        from runner.cli.values import number

        seeds = ", ".join(f"{key} = {seed}" for key, seed in run.seeds.items())
        metrics = ", ".join(f"{name} {number(value)}" for name, value in run.metrics.items())
        said = f"{run.status}: {run.error}" if run.status != "FINISHED" else metrics
        took = quantities.duration(run.seconds)
        self._say(f"{time.strftime('%H:%M:%S')} {seeds}  {said}  {took}")

    def report(self, report: RepeatReport) -> None:
        """The table, and what it says."""
        from rich.table import Table
        from rich.text import Text

        from runner.cli.display import stdout
        from runner.cli.text import safe_line
        from runner.cli.values import number

        if self._quiet and report.ok:
            return
        out = self._err if self._quiet else stdout()
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("metric", "mean", "std", "95 % interval", "of one run", "from", "to"):
            table.add_column(title, justify="left" if title == "metric" else "right")
        for name, spread in report.metrics.items():
            half = "" if spread.interval is None else f"± {number(spread.interval)}"
            single = "" if spread.single is None else f"± {number(spread.single)}"
            std = "" if spread.std is None else number(spread.std)
            ends = (number(min(spread.values)), number(max(spread.values)))
            shown = Text(safe_line(self._redactor.clean(name)))
            table.add_row(shown, number(spread.mean), std, half, single, *ends)
        if report.metrics and not self._quiet:
            out.print(table)
        done = sum(run.status == "FINISHED" for run in report.runs)
        said = f"\n{report.run_name} ({report.run_id}) {report.status}: {done} runs"
        style = "bold green" if report.ok else "bold red"
        out.print(Text(safe_line(said.strip()), style=style), soft_wrap=True)
        for error in dict.fromkeys(run.error for run in report.runs if run.error):
            out.print(Text(safe_line(self._redactor.clean(f"  {error}")), "red"), soft_wrap=True)
        if report.ok and done < 3:
            out.print(Text("  an interval needs three runs or more", style="dim"))

    def _say(self, text: str) -> None:
        from rich.text import Text

        from runner.cli.text import safe

        self._err.print(Text(safe(self._redactor.clean(text))), soft_wrap=True)
