"""``runner plot``: metrics of many runs in one picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.chosen import project
from runner.cli.run import document
from runner.errors import UsageError

if TYPE_CHECKING:
    from runner.experiments.curves import Panel
    from runner.redaction import Redactor
    from runner.settings import Settings


@click.command(short_help="Draw metrics of many runs in one picture.")
@click.argument("what", nargs=-1, metavar="RUN|FILE...")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="What to draw.")
@click.option(
    "--smooth",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    metavar="WEIGHT",
    help="Smooth curves, as in TensorBoard: 0.9 much, 0.99 very much.",
)
@click.option("--log-x", is_flag=True, help="A logarithmic x axis.")
@click.option("--log-y", is_flag=True, help="A logarithmic axis for the metric.")
@click.option(
    "--against", default="", metavar="TASK.KEY", help="Draw final values over this parameter."
)
@click.option("--children", is_flag=True, help="The runs inside of those named.")
@click.option("--out", metavar="FILE", help="Into this file: .png or .svg.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else.")
@click.option("-c", "--config", "files", multiple=True, metavar="FILE", help="As for `run`.")
def command(  # noqa: PLR0913, PLR0917  click hands over one argument an option
    what: tuple[str, ...],
    metrics: tuple[str, ...],
    smooth: float,
    log_x: bool,
    log_y: bool,
    against: str,
    children: bool,
    out: str | None,
    as_json: bool,
    files: tuple[str, ...],
) -> None:
    """Draw what runs logged of a metric over its steps, or of final values a bar a run, or points
    over the one parameter in which the runs differ. Default: `latest`.

    A RUN without the metric stands for the runs inside of it, and a config FILE for the newest
    finished run of its parameters. Without --out it is a quick look on the terminal.
    """
    from runner.redaction import Redactor

    settings, chosen = project(files)
    redactor = Redactor(settings.secrets)
    with document(as_json, redactor) as write:
        from runner.experiments import picture, picture_file
        from runner.experiments.curves import Wanted

        if out:
            picture_file.check(Path(out))
        wanted = Wanted(tuple(dict.fromkeys(metrics)), smooth, against, log_x, log_y)
        drawn, notes = _panels(what or ("latest",), wanted, chosen, settings, children, redactor)
        if out:
            picture.draw(drawn, Path(out))
        found = {"file": out, "notes": notes, "panels": [panel.as_dict() for panel in drawn]}
        write(found)
    if not as_json:
        _print(drawn, notes, out, redactor)


def _panels(
    what: tuple[str, ...],
    wanted: Any,
    chosen: list[Path],
    settings: Settings,
    children: bool,
    redactor: Redactor,
) -> tuple[list[Panel], list[str]]:
    from runner.cli.text import safe_line
    from runner.experiments import curves, histories
    from runner.experiments.records import Records
    from runner.experiments.selection import select

    records = Records(chosen, settings)
    runs = select(what, wanted.metrics, records, settings, children=children)
    if not wanted.metrics:
        known = sorted({name for run in runs for name in run.metrics})
        raise UsageError("name a metric: --metric NAME", f"there are: {', '.join(known)}")
    found = histories.read(runs, wanted.metrics, records)
    drawn = curves.panels(runs, found, wanted, lambda text: safe_line(redactor.clean(text)))
    return drawn, list(curves.notes(runs, found, drawn))


def _print(drawn: list[Panel], notes: list[str], out: str | None, redactor: Redactor) -> None:
    from rich.text import Text

    from runner.cli import quick_look
    from runner.cli.display import stdout
    from runner.cli.text import safe_line

    console = stdout()
    if out is None:
        quick_look.show(console, drawn)
    for note in notes:
        line = safe_line(redactor.clean(f"note: {note}"))
        console.print(Text(line, style="yellow"), soft_wrap=True)
    if out is not None:
        console.print(Text(safe_line(f"wrote  {out}")), soft_wrap=True)
