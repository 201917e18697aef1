"""``runner reproduce``: is the result of a run to be had again?"""

from __future__ import annotations

import math

import click

from runner.cli.chosen import project
from runner.cli.run import document, error_document
from runner.errors import Interrupted


def _finite(ctx: click.Context, param: click.Parameter, value: float) -> float:
    if not math.isfinite(value):
        raise click.BadParameter("expected a number")
    return value


@click.command(short_help="Run an earlier run again as it was, and compare the results.")
@click.argument("run")
@click.option("-c", "--config", "files", multiple=True, metavar="FILE", help="As for `run`.")
@click.option(
    "--tolerance",
    default=0.0,
    metavar="NUMBER",
    type=click.FloatRange(min=0),
    callback=_finite,
    help="Relative difference up to which metrics count as the same; default: none.",
)
@click.option("--keep", is_flag=True, help="Leave the worktree where it is, and say where.")
@click.option("-q", "--quiet", is_flag=True, help="Print the verdict only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else.")
def command(
    run: str, files: tuple[str, ...], tolerance: float, keep: bool, quiet: bool, as_json: bool
) -> int:
    """Check out what RUN was started from, run all of it again, and compare every output by digest
    and every metric by value.

    RUN is the id or name of a run, the beginning of either, or `latest`: the newest one that
    finished. The exit code is 0 when it is reproduced, and 1 when it is not.
    """
    from runner.cli.text import safe
    from runner.cli.verdict import show
    from runner.logs import console
    from runner.redaction import Redactor

    settings, chosen = project(files)
    redactor = Redactor(settings.secrets)

    def log_line(line: str) -> None:
        click.echo(safe(line), err=True)

    with document(as_json, redactor) as write:
        with console(log_line, "ERROR" if quiet else settings.log_level, redactor):
            from runner.reproduce import Asked, reproduce

            try:
                asked = Asked(run, chosen, tolerance, keep, quiet=quiet or as_json)
                verdict = reproduce(asked, settings)
            except Interrupted as interrupted:
                said = f"interrupted by {interrupted}; there is no verdict"
                log_line(f"runner: {said}")
                write(error_document(said, interrupted.exit_code))
                return interrupted.exit_code
        write(verdict.as_dict())
    if not as_json:
        show(verdict, redactor, quiet=quiet)
    return 0 if verdict.reproduced else 1
