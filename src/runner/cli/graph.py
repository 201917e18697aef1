"""``runner graph``: the tasks of a config, and what they require."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli.chosen import project
from runner.cli.run import document
from runner.errors import UsageError

if TYPE_CHECKING:
    from runner.experiments.graphs import Graph

FORMS = ("text", "mermaid", "svg", "png")
_ENDINGS = {".svg": "svg", ".png": "png", ".mmd": "mermaid", ".mermaid": "mermaid", ".txt": "text"}


@click.command(short_help="Draw the tasks of a config and what they require.")
@click.argument("task", required=False)
@click.option(
    "--format", "form", type=click.Choice(FORMS), help="Default: as FILE ends, else text."
)
@click.option("--out", metavar="FILE", help="Into this file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else.")
@click.option("-c", "--config", "files", multiple=True, metavar="FILE", help="As for `run`.")
@click.option(
    "-o", "--override", "overrides", multiple=True, metavar="TASK.KEY=VALUE", help="As for `run`."
)
def command(
    task: str | None,
    form: str | None,
    out: str | None,
    as_json: bool,
    files: tuple[str, ...],
    overrides: tuple[str, ...],
) -> None:
    """Draw TASK (default: the one that the config names) and all that it requires, with what would
    become of each, as --dry-run says it.
    """
    from runner.cli.text import safe_line
    from runner.redaction import Redactor

    settings, chosen = project(files)
    redactor = Redactor(settings.secrets)
    with document(as_json, redactor) as write:
        from runner.experiments import graphs, picture_file
        from runner.request import Request

        form = _form(form, out, as_json=as_json)
        if out and form in ("svg", "png"):
            picture_file.check(Path(out))
        named = [] if task is None else [f"RunConfig.task={task}"]
        request = Request(chosen, [*overrides, *named], dry_run=True)
        found = graphs.planned(request, settings, lambda text: safe_line(redactor.clean(text)))
        if out:
            _write(found, form, Path(out))
        write({"file": out, **found.as_dict()})
    if not as_json:
        _print(found, form, out)


def _form(form: str | None, out: str | None, *, as_json: bool) -> str:
    ending = Path(out).suffix.lower() if out else ""
    if form is None and out and ending not in _ENDINGS:
        known = ", ".join(_ENDINGS)
        raise UsageError(f"--out {out}: its ending says nothing; known are {known}", "or --format")
    chosen = form or _ENDINGS.get(ending, "text")
    if chosen == "png" and not out and not as_json:
        raise UsageError("--format png: say into which file: --out graph.png")
    if out and chosen in ("svg", "png") and ending != f".{chosen}":
        raise UsageError(f"--format {chosen}: --out {out} should end in .{chosen}")
    return chosen


def _write(found: Graph, form: str, out: Path) -> None:
    from runner.experiments import graphs, picture_file

    if form in ("svg", "png"):
        graphs.draw(found, out)
        return
    text = graphs.mermaid(found) if form == "mermaid" else _text(found)
    picture_file.write(out, text.encode())


def _text(found: Graph) -> str:
    from runner.experiments import graphs

    rows = [(f"{line.branch}{line.name}", line.status, line.said) for line in graphs.lines(found)]
    first = max(len(name) for name, _, _ in rows)
    second = max(len(status) for _, status, _ in rows)
    lines = (f"{name:{first}}  {status:{second}}  {said}" for name, status, said in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _print(found: Graph, form: str, out: str | None) -> None:
    from rich.table import Table
    from rich.text import Text

    from runner.cli.display import stdout
    from runner.cli.tables import STYLES
    from runner.cli.text import safe_line
    from runner.experiments import graphs

    console = stdout()
    if out is not None:
        console.print(Text(safe_line(f"wrote  {out}")), soft_wrap=True)
    elif form != "text":
        click.echo(graphs.svg(found) if form == "svg" else graphs.mermaid(found), nl=form == "svg")
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        for _ in range(3):
            table.add_column(overflow="fold")
        for line in graphs.lines(found):
            name = Text.assemble((line.branch, "dim"), line.name)
            status = Text(line.status, style=STYLES.get(line.status, ""))
            table.add_row(name, status, Text(line.said, style="dim"))
        console.print(table)
