"""``runner why``: why a task runs, or does not."""

from __future__ import annotations

import click

from runner.cli.chosen import project
from runner.errors import UsageError


@click.command(short_help="Say why a task would run, or would not.")
@click.argument("task")
@click.option("-c", "--config", "files", multiple=True, metavar="FILE", help="As for `run`.")
@click.option(
    "-o", "--override", "overrides", multiple=True, metavar="TASK.KEY=VALUE", help="As for `run`."
)
def command(task: str, files: tuple[str, ...], overrides: tuple[str, ...]) -> None:
    """Compare TASK with the nearest of what was computed before: config, inputs, code.

    With -o it answers what would happen if.
    """
    from runner.cli.text import safe
    from runner.pipeline import why
    from runner.redaction import Redactor
    from runner.request import Request

    settings, chosen = project(files)
    redactor = Redactor(settings.secrets)
    changes = [*overrides, "RunConfig.reuse=auto"]
    try:
        explained = why(Request(chosen, changes), settings, task)
    except UsageError:  # not among what the config's own task requires
        explained = why(Request(chosen, [*changes, f"RunConfig.task={task}"]), settings, task)
    for name, found in explained:
        lines = [f"{name}: {found.reason}"]
        if found.compared_with:
            lines.append(f"compared with run {found.compared_with}:")
            lines += [f"  {difference}" for difference in found.differences]
        lines += [found.code] if found.code else []
        click.echo(safe(redactor.clean("\n".join(lines))))
