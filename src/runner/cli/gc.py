"""``runner gc``: frees what no run refers to any more."""

from __future__ import annotations

import re
import shlex
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from runner.cli.chosen import project
from runner.cli.run import document

if TYPE_CHECKING:
    from runner.gc import Garbage

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _age(ctx: click.Context, param: click.Parameter, value: str | None) -> timedelta | None:
    if value is None:
        return None
    found = re.fullmatch(r"([0-9]{1,6})([smhdw])", value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no age; say 90d, 12h or 4w")
    ctx.meta["older"] = value
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


@click.command(short_help="Free what no run refers to any more.")
@click.option(
    "--older",
    metavar="AGE",
    callback=_age,
    help="Free what runs computed that ended longer ago, too: 90d, 12h, 4w.",
)
@click.option("--delete", is_flag=True, help="Free it; without this it is shown only.")
@click.option("-c", "--config", "files", multiple=True, metavar="FILE", help="As for `run`.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else.")
def command(older: timedelta | None, delete: bool, files: tuple[str, ...], as_json: bool) -> None:
    """Show the outputs that no run refers to any more, and free them with --delete.

    Those are the outputs of runs that were deleted in MLflow, and what was left behind by tasks
    that did not finish. What another run reuses stays, and so do the runs themselves.
    """
    from runner.redaction import Redactor

    settings, chosen = project(files)
    with document(as_json, Redactor(settings.secrets)) as write:
        from runner import config
        from runner.gc import Collector

        collector = Collector(config.load(chosen, settings=settings), older)
        garbage = collector.find()
        if delete:
            garbage = collector.free(garbage)
        write({"freed": delete, **garbage.as_dict()})
    if not as_json:
        _print(garbage, files, delete=delete)


def _print(garbage: Garbage, files: tuple[str, ...], *, delete: bool) -> None:
    from runner import quantities
    from runner.cli import program
    from runner.cli.text import safe_line

    _show(garbage)
    directories, entries = len(garbage.directories), len(garbage.entries)
    said = f"{quantities.size(garbage.size)} in {directories} "
    said += "directory" if directories == 1 else "directories"
    said += f"; entries of the reuse index that lead nowhere: {entries}" if entries else ""
    if not (directories or entries):
        click.echo("nothing to free")
    elif delete:
        click.echo(f"freed: {said}")
    else:
        given = [word for file in files for word in ("-c", file)]
        age = click.get_current_context().meta.get("older")
        given += ["--older", age] if age else []
        again = shlex.join(["gc", *given, "--delete"])
        click.echo(f"{said}\nnothing was freed yet; that does: {program.name()} {again}")
    if garbage.waits_for:
        text = f"run {garbage.waits_for} is large and at work: only what was left behind can go now"
        click.echo(safe_line(text))
    if garbage.elsewhere:
        click.echo(f"{garbage.elsewhere} runs lie outside of the artifact root: left alone")


def _show(garbage: Garbage) -> None:
    from rich.table import Table
    from rich.text import Text

    from runner import quantities
    from runner.cli.display import stdout
    from runner.cli.text import safe_line

    if not garbage.directories:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("run", "ended", "why", "directory"):
        table.add_column(name, overflow="fold")
    table.add_column("size", justify="right")
    for found in garbage.directories:
        run = f"{found.run.run_name} ({found.run.run_id[:8]})"
        row = (run, quantities.age(found.run.since), found.why, found.directory.name)
        table.add_row(*(Text(safe_line(cell)) for cell in row), quantities.size(found.size))
    stdout().print(table)
