"""``runner clone``: a new config file, from a run or a file."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from runner.cli import program
from runner.cli.chosen import project
from runner.cli.run import document


@click.command(short_help="Write a new config file, from a run or from a file.")
@click.argument("what", metavar="RUN|FILE")
@click.option(
    "-o", "--override", "overrides", multiple=True, metavar="TASK.KEY=VALUE", help="As for `run`."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else.")
@click.option("-c", "--config", "files", multiple=True, metavar="FILE", help="As for `run`.")
def command(what: str, overrides: tuple[str, ...], as_json: bool, files: tuple[str, ...]) -> None:
    """Copy the config of RUN, or FILE, with the changes made, and print the command that runs it.

    The copy of luigi.toml is luigia.toml, the next luigib.toml; no file is ever overwritten.
    """
    from runner.cli.text import safe_line
    from runner.redaction import Redactor

    settings, chosen = project(files)
    with document(as_json, Redactor(settings.secrets)) as write:
        from runner.experiments.clones import clone
        from runner.experiments.records import Records

        made = clone(what, overrides, Records(chosen, settings), settings)
        name = _from_here(made)
        run = f"{program.name()} -c {shlex.quote(name)}"
        write({"file": str(made), "command": run})
    if not as_json:
        click.echo(safe_line(f"wrote  {name}"))
        click.echo(safe_line(f"run    {run}"))


def _from_here(path: Path) -> str:
    here = Path(os.path.realpath(os.curdir))
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
