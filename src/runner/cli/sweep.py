"""``runner sweep``: many runs of one config."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from runner.cli import program
from runner.cli.chosen import project
from runner.cli.run import as_toml, document
from runner.errors import UsageError

if TYPE_CHECKING:
    from runner.settings import Settings
    from runner.sweeps.report import SweepReport
    from runner.sweeps.trials import SweepListener


@click.command(short_help="Try many values of a config, and find the best.")
@click.argument("task", required=False)
@click.option("-c", "--config", "files", multiple=True, metavar="FILE", help="As for `run`.")
@click.option(
    "-o",
    "--override",
    "overrides",
    multiple=True,
    metavar="TASK.KEY=VALUE",
    help="As for `run`; Sweep.trials=5 and the like, too.",
)
@click.option("--parallel", type=click.IntRange(1), help="Trials at once; over [Sweep] parallel.")
@click.option("--resume", metavar="SWEEP", help="Go on with a sweep that was stopped.")
@click.option("--join", metavar="SWEEP", help="Help with a sweep that is at work elsewhere.")
@click.option("--run-name", metavar="NAME", help="Name of the sweep; default: MLflow's own.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@click.option("-v", "--verbose", is_flag=True, help="Show the log from INFO on.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else.")
def command(  # noqa: PLR0913, PLR0917  click hands over one argument an option
    task: str | None,
    files: tuple[str, ...],
    overrides: tuple[str, ...],
    parallel: int | None,
    resume: str | None,
    join: str | None,
    run_name: str | None,
    quiet: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    """Run TASK (default: the one that the config names) once for each trial that [Sweep] in the
    config describes. Tasks that no swept key reaches run once for all trials.

    Each trial is a run of its own inside of the sweep's; SWEEP is the name or id of that, or
    `latest`.
    """
    again = resume or join
    if (resume and join) or (again and (task or run_name)) or (join and parallel):
        text = "--resume and --join take the sweep as it was started, with the values of that day"
        raise UsageError(text, "name only the sweep; with --resume, --parallel N as well")
    settings, chosen = project(files)
    changes = list(overrides)
    changes += [] if task is None else [f"RunConfig.task={as_toml(task)}"]
    changes += [] if parallel is None else [f"Sweep.parallel={parallel}"]

    def start(listener: SweepListener) -> SweepReport:
        from runner.request import Request
        from runner.sweeps import sweep

        asked = Request(chosen, changes, run_name=run_name)
        if resume:
            return sweep.resume(resume, asked, settings, listener, parallel)
        if join:
            return sweep.join(join, asked, settings, listener)
        return sweep.start(asked, settings, listener)

    return carry_out(start, settings, click.get_current_context().params)


def carry_out(
    start: Callable[[SweepListener], SweepReport], settings: Settings, params: Mapping[str, Any]
) -> int:
    """Runs trials, shows them, and returns the exit code.

    Args:
        start: the sweep, for a listener.
        params: of the command: `quiet`, `verbose`, `as_json`, `files` and `overrides`.
    """
    from runner.cli.sweep_display import SweepDisplay
    from runner.logs import console
    from runner.redaction import Redactor

    quiet, as_json = params["quiet"], params["as_json"]
    level = "ERROR" if quiet else "INFO" if params["verbose"] else settings.log_level
    redactor = Redactor(settings.secrets)
    display = SweepDisplay(quiet=quiet or as_json, redactor=redactor)
    with document(as_json, redactor) as write:
        with display, console(display.log_line, level, redactor):
            report = start(display)
        write(report.as_dict())
    if not as_json:
        display.report(report, program.resume_sweep(params, report.run_id))
    if report.signum is not None:
        return 128 + report.signum
    return 0 if report.ok else 1
