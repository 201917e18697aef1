"""``runner why``: why a task runs, or does not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from runner.cli.chosen import project
from runner.cli.run import document
from runner.errors import UsageError

if TYPE_CHECKING:
    from runner.redaction import Redactor
    from runner.reuse import Explanation


@click.command(short_help="Say why a task would run, or would not.")
@click.argument("task")
@click.option("-c", "--config", "files", multiple=True, metavar="FILE", help="As for `run`.")
@click.option(
    "-o", "--override", "overrides", multiple=True, metavar="TASK.KEY=VALUE", help="As for `run`."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else.")
def command(task: str, files: tuple[str, ...], overrides: tuple[str, ...], as_json: bool) -> None:
    """Compare TASK with the nearest of what was computed before: config, inputs, code.

    With -o it answers what would happen if.
    """
    from runner.redaction import Redactor

    settings, chosen = project(files)
    redactor = Redactor(settings.secrets)
    changes = [*overrides, "RunConfig.reuse=auto"]
    with document(as_json, redactor) as write:
        from runner.pipeline import why
        from runner.request import Request

        try:
            explained = why(Request(chosen, changes), settings, task)
        except UsageError:  # not among what the config's own task requires
            changes.append(f"RunConfig.task={task}")
            explained = why(Request(chosen, changes), settings, task)
        write({"tasks": [{"name": name, **asdict(found)} for name, found in explained]})
    if not as_json:
        _print(explained, redactor)


def _print(explained: Iterable[tuple[str, Explanation]], redactor: Redactor) -> None:
    from runner.cli.text import safe

    for name, found in explained:
        lines = [f"{name}: {found.reason}"]
        if found.compared_with:
            lines.append(f"compared with run {found.compared_with}:")
            lines += [f"  {difference}" for difference in found.differences]
        lines += [found.code] if found.code else []
        click.echo(safe(redactor.clean("\n".join(lines))))
