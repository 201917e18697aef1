"""``runner resume``: goes on with a run that did not finish."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runner.cli import program
from runner.cli.chosen import project
from runner.cli.run import carry_out

if TYPE_CHECKING:
    from runner.report import Report
    from runner.request import Listener


@click.command(short_help="Go on with a run that failed or was killed.")
@click.argument("run", required=False)
@click.option("-c", "--config", "files", multiple=True, metavar="FILE", help="As for `run`.")
@click.option(
    "-o",
    "--override",
    "overrides",
    multiple=True,
    metavar="TASK.KEY=VALUE",
    help="One value over the config of that run.",
)
@click.option("--dry-run", is_flag=True, help="Show what would run, and why; write nothing.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@click.option("-v", "--verbose", is_flag=True, help="Show the log from INFO on.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else.")
def command(
    run: str | None,
    files: tuple[str, ...],
    overrides: tuple[str, ...],
    dry_run: bool,
    quiet: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    """Start a new run with the config of RUN, and take over all that RUN completed.

    RUN is an id, a name, or the beginning of one; default: the newest run of the config's
    experiment that did not finish.
    """
    from runner.cli.text import safe_line

    settings, chosen = project(files)
    params = click.get_current_context().params

    def start(listener: Listener) -> Report:
        from runner import pipeline, resume
        from runner.request import Request

        asked = Request(chosen, overrides, dry_run=dry_run)
        found = resume.find(run, asked, settings)
        if not (quiet or as_json):
            of = found.run
            said = f"resuming run {safe_line(of.run_name)} ({of.run_id}), {of.status}"
            click.echo(said, err=True)
        return pipeline.run(resume.request(found, asked, settings), settings, listener)

    return carry_out(start, settings, params, lambda report: program.resume(params, report))
