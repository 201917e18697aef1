"""``runner diff``: what differs between runs, and config files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runner.cli.chosen import project
from runner.cli.run import document
from runner.errors import UsageError

if TYPE_CHECKING:
    from runner.experiments.differences import Differences, Row
    from runner.redaction import Redactor


@click.command(short_help="Show what differs between runs, and config files.")
@click.argument("what", nargs=-1, metavar="RUN|FILE...")
@click.option("--all", "everything", is_flag=True, help="Metrics, code and inputs too.")
@click.option("--table", "as_table", is_flag=True, help="A table, also into a file or a pipe.")
@click.option("--csv", "as_csv", is_flag=True, help="CSV, also on a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else.")
@click.option("-c", "--config", "files", multiple=True, metavar="FILE", help="As for `run`.")
def command(
    what: tuple[str, ...],
    everything: bool,
    as_table: bool,
    as_csv: bool,
    as_json: bool,
    files: tuple[str, ...],
) -> None:
    """Show the parameters that differ between two or more runs or config files: a row a key, a
    column a run.

    A RUN is an id, a name, the beginning of either, `latest`, or `latest~2` for the one two before.
    What is printed is a table on a terminal, and CSV elsewhere.
    """
    from runner.redaction import Redactor

    if len(what) < 2:
        text = "diff compares two or more: name runs, or config files"
        raise UsageError(text, "for example: diff luigi.toml latest")
    if as_table + as_csv + as_json > 1:
        raise UsageError("--table, --csv and --json: choose one")
    settings, chosen = project(files)
    redactor = Redactor(settings.secrets)
    with document(as_json, redactor) as write:
        from runner.experiments.differences import compare
        from runner.experiments.records import Records

        found = compare(what, Records(chosen, settings), settings, everything=everything)
        write(found.as_dict())
    if not as_json:
        _print(found, redactor, as_csv=as_csv, as_table=as_table)


def _print(found: Differences, redactor: Redactor, *, as_csv: bool, as_table: bool) -> None:
    from rich.text import Text

    from runner.cli import grid, spreadsheet
    from runner.cli.display import stdout
    from runner.cli.text import safe, safe_line
    from runner.cli.values import shown
    from runner.experiments.chance import MARK

    out = stdout()
    if as_csv or not (as_table or out.is_terminal):
        rows = [["key", *found.titles]]
        rows += [[row.shown, *map(shown, row.values)] for row in found.rows]
        clean = [[safe(redactor.clean(cell)) for cell in row] for row in rows]
        click.echo(spreadsheet.text(clean), nl=False)
        return
    if not found.rows:
        out.print("nothing differs")
        return

    def cell(row: Row, at: int) -> Text:
        value = row.values[at]
        text = safe_line(redactor.clean(shown(value)))
        near = row.inside and row.inside[at] is not None
        return Text(f"{text} {MARK}" if near else text, style="dim" if value is None else "")

    cells = [
        [
            Text(safe_line(redactor.clean(row.shown))),
            *(cell(row, at) for at in range(len(row.values))),
        ]
        for row in found.rows
    ]
    titles = [redactor.clean(title) for title in found.titles]
    grid.show(out, ["", *titles], cells)
    within = {titles[at] for row in found.rows for at in row.inside if at is not None}
    for title in sorted(within):
        out.print(Text(safe_line(f"{MARK} inside the 95 % interval of {title}"), style="dim"))
