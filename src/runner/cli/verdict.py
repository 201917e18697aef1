"""What a person sees of a verdict: tables, and the verdict as the last line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from runner import quantities
from runner.cli.display import stdout
from runner.cli.text import safe, safe_line
from runner.redaction import Redactor
from runner.reproduce.verdict import GOOD, MetricRow, OutputRow, Verdict

_FILES = 5  # that differ, of one folder


def show(verdict: Verdict, redactor: Redactor, *, quiet: bool) -> None:
    """Prints tables of what was compared, and the verdict.

    Args:
        quiet: the verdict alone.
    """
    out = stdout()

    def line(text: str, style: str = "") -> None:
        out.print(Text(safe(redactor.clean(text)), style=style), soft_wrap=True)

    def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
        made = _table(columns, rows, redactor)
        if made.row_count:
            out.print(made)
            out.print()

    if not quiet:
        for note in verdict.notes:
            line(f"note: {note}", "yellow")
        table(("task", "output", "", "then", "now"), map(_output, verdict.outputs))
        table(("metric", "", "then", "now", "difference"), map(_metric, verdict.metrics))
        changes = ((c.name, c.then or "-", c.now or "-") for c in verdict.environment)
        table(("environment", "then", "now"), changes)
        if verdict.new_run_id:
            line(f"run     {verdict.run_name} ({verdict.run_id})")
            line(f"again   {verdict.new_run_name} ({verdict.new_run_id})")
    line(verdict.sentence, "bold green" if verdict.reproduced else "bold red")


def _table(
    columns: Sequence[str], rows: Iterable[Sequence[str | Text]], redactor: Redactor
) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        number = name in ("then", "now", "difference") and columns[0] != "environment"
        table.add_column(name, overflow="fold", justify="right" if number else "left")
    for row in rows:
        cells = (c if isinstance(c, Text) else Text(safe_line(redactor.clean(c))) for c in row)
        table.add_row(*cells)
    return table


def _output(row: OutputRow) -> Sequence[str | Text]:
    more = f" and {len(row.files) - _FILES} more" if len(row.files) > _FILES else ""
    files = f" ({', '.join(row.files[:_FILES])}{more})" if row.files else ""
    return (
        row.task,
        f"{row.output}{files}",
        _status(row.status),
        quantities.size(row.then),
        quantities.size(row.now),
    )


def _metric(row: MetricRow) -> Sequence[str | Text]:
    difference = ""
    if row.then is not None and row.now is not None and row.status != "same":
        difference = f"{row.now - row.then:+.3g}"
    name = f"{row.task}: {row.name}" if row.task else row.name
    return name, _status(row.status), _number(row.then), _number(row.now), difference


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)


def _status(status: str) -> Text:
    return Text(status, style="green" if status in GOOD else "bold red")
