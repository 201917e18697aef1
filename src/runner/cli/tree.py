"""``runner tree``: which configs are alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli.chosen import project
from runner.cli.run import document

if TYPE_CHECKING:
    from runner.experiments.clusters import Tree

_WIDTH = 30  # columns of the tree itself


@click.command(short_help="Draw which configs are alike, as a tree.")
@click.argument("what", nargs=-1, metavar="RUN|FILE...")
@click.option("--metric", default="", metavar="NAME", help="Show this metric of each run.")
@click.option("--out", metavar="FILE", help="Into this file: .png or .svg.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else.")
@click.option("-c", "--config", "files", multiple=True, metavar="FILE", help="As for `run`.")
def command(
    what: tuple[str, ...], metric: str, out: str | None, as_json: bool, files: tuple[str, ...]
) -> None:
    """Cluster two or more runs or config files by the parameters in which they differ, and draw
    the tree: the further to the left two branches meet, the less they have in common.
    """
    from runner.redaction import Redactor

    settings, chosen = project(files)
    redactor = Redactor(settings.secrets)
    with document(as_json, redactor) as write:
        from runner.cli.text import safe_line
        from runner.experiments import clusters, dendrogram, picture_file
        from runner.experiments.records import Records

        if out:
            picture_file.check(Path(out))

        def clean(text: str) -> str:
            return safe_line(redactor.clean(text))

        found = clusters.tree(what, metric, Records(chosen, settings), settings, clean)
        if out:
            dendrogram.draw(found, Path(out))
        write({"file": out, **found.as_dict()})
    if not as_json:
        _print(found, out)


def _print(found: Tree, out: str | None) -> None:
    from rich.table import Table
    from rich.text import Text

    from runner.cli.display import stdout
    from runner.cli.text import safe_line
    from runner.experiments import dendrogram

    console = stdout()
    if out is not None:
        console.print(Text(safe_line(f"wrote  {out}")), soft_wrap=True)
        return
    top = max(join.height for join in found.joins)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(Text(f"{top:<{_WIDTH - 1}.2g}0", style="dim"), no_wrap=True)
    table.add_column("", overflow="fold")
    if found.metric:
        table.add_column(found.metric, justify="right")
    table.add_column("differs in" if found.parameters else "", overflow="fold")
    for line, leaf in zip(dendrogram.text(found, _WIDTH), found.leaves, strict=True):
        value = [] if not found.metric else [leaf.metric]
        numbers = ["" if number is None else f"{number:.4g}" for number in value]
        label = Text(leaf.label, style="dim")
        table.add_row(Text(line, style="blue"), Text(leaf.name), *numbers, label)
    console.print(table)
