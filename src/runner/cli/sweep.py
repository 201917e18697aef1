"""``runner sweep``: many runs of one config."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runner.cli import program
from runner.cli.chosen import project
from runner.cli.run import as_toml, document
from runner.errors import UsageError

if TYPE_CHECKING:
    from runner.sweeps.report import SweepReport


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
    from runner.cli.sweep_display import SweepDisplay
    from runner.logs import console
    from runner.redaction import Redactor

    again = resume or join
    if (resume and join) or (again and (task or run_name or parallel)):
        raise UsageError("--resume and --join take the sweep as it was started: name only that")
    settings, chosen = project(files)
    changes = list(overrides)
    changes += [] if task is None else [f"RunConfig.task={as_toml(task)}"]
    changes += [] if parallel is None else [f"Sweep.parallel={parallel}"]
    redactor = Redactor(settings.secrets)
    level = "ERROR" if quiet else "INFO" if verbose else settings.log_level
    display = SweepDisplay(quiet=quiet or as_json, redactor=redactor)
    with document(as_json, redactor) as write:
        with display, console(display.log_line, level, redactor):
            from runner.request import Request
            from runner.sweeps import sweep

            asked = Request(chosen, changes, run_name=run_name)
            if resume:
                report = sweep.resume(resume, asked, settings, display)
            elif join:
                report = sweep.join(join, asked, settings, display)
            else:
                report = sweep.start(asked, settings, display)
        write(report.as_dict())
    if not as_json:
        display.report(report, _go_on(report, files))
    return _exit_code(report)


def _go_on(report: SweepReport, files: tuple[str, ...]) -> str:
    return program.command("sweep", "--resume", report.run_name, files=files)


def _exit_code(report: SweepReport) -> int:
    if report.signum is not None:
        return 128 + report.signum
    return 0 if report.ok else 1
