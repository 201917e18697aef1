"""Wide tables: as many columns beside one another as fit, and the others below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from runner.cli.text import safe_line

_WIDEST = 40  # columns of a terminal for one of the table; what is longer is folded
_GAP = 2


def show(out: Console, head: Sequence[str], rows: Sequence[Sequence[Text]]) -> None:
    """Prints a table, its first column repeated where it does not fit the width.

    Args:
        head: titles of the columns.
        rows: cells, that are safe to print.
    """
    titles = [safe_line(title) for title in head]
    widths = [
        min(_WIDEST, max([cell_len(title), *(row[column].cell_len for row in rows)])) + _GAP
        for column, title in enumerate(titles)
    ]
    for number, columns in enumerate(_blocks(widths, out.width)):
        if number:
            out.print()
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in (0, *columns):
            table.add_column(Text(titles[column]), overflow="fold")
        for row in rows:
            table.add_row(*(row[column] for column in (0, *columns)))
        out.print(table)


def _blocks(widths: Sequence[int], most: int) -> Iterator[list[int]]:
    columns: list[int] = []
    used = widths[0]
    for column, width in enumerate(widths[1:], start=1):
        if columns and used + width > most + _GAP:
            yield columns
            columns, used = [], widths[0]
        columns.append(column)
        used += width
    yield columns
