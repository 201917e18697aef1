"""``runner new-model``: a family of models to begin with."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli import program
from runner.cli.chosen import project
from runner.cli.run import document

if TYPE_CHECKING:
    from runner.config import Config
    from runner.settings import Settings

_NO_TASK = (
    "no task picks a family yet: derive its config class from runner.model.FamilyConfig, "
    "see docs/models.md"
)


@click.command(short_help="Write a family of models to begin with.")
@click.argument("name")
@click.option(
    "--path", metavar="FOLDER", help="Where it goes; default: models, beside the project's tasks."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else.")
@click.option("-c", "--config", "files", multiple=True, metavar="FILE", help="As for `run`.")
def command(name: str, path: str | None, as_json: bool, files: tuple[str, ...]) -> None:
    """Write the family NAME, which works as it is, and print the command that uses it.

    It is a folder with model.py, trainer.py and model_api.py; no file is ever overwritten.
    """
    from runner.cli.text import safe_line
    from runner.redaction import Redactor

    settings, chosen = project(files)
    with document(as_json, Redactor(settings.secrets)) as write_json:
        from runner import config as configs
        from runner.new_family import writing

        config = configs.load(chosen, settings=settings)
        folder = Path(os.path.abspath(path)) if path else None
        folder = folder or writing.folder_beside(config.run.modules[0], settings.root)
        made = writing.write(name, settings.root, folder)
        tasks = _tasks(config, settings)
        option = [word for file in files for word in ("-c", file)]
        runs = [
            " ".join([program.name(), shlex.join([*option, "-o", f"{task}.model={made.known_as}"])])
            for task in tasks
        ]
        written = [str(file) for file in made.files]
        write_json({"family": made.known_as, "module": made.module, "files": written, "run": runs})
    if not as_json:
        for file in made.files:
            click.echo(safe_line(f"wrote  {os.path.relpath(file)}"))
        for run in runs:
            click.echo(safe_line(f"run    {run}"))
        if not runs:
            click.echo(_NO_TASK)


def _tasks(config: Config, settings: Settings) -> list[str]:
    """Tasks whose config picks a family; none where the project's modules can't be imported."""
    from runner.declared import config_class
    from runner.errors import RunnerError
    from runner.families import FamilyConfig
    from runner.project_code import ProjectTasks, unload

    unload()
    found = ProjectTasks(settings.root)
    try:
        found.sections(config.run.modules)
        models = {name: config_class(cls) for name, cls in found.classes.items()}
    except RunnerError:  # which the next run says
        return []
    finally:
        unload()
    return [name for name, cls in sorted(models.items()) if cls and issubclass(cls, FamilyConfig)]
