"""``runner runs``: recent runs, and what each of them changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from runner.cli import program
from runner.cli.chosen import project
from runner.cli.run import document
from runner.errors import UsageError

if TYPE_CHECKING:
    from runner.experiments.listing import Change, Listed
    from runner.redaction import Redactor

_CHANGES = 4  # of a run, in a table
_LONG = 20  # characters of a value in a table
_STYLES = {"FINISHED": "green", "FAILED": "bold red", "KILLED": "yellow", "RUNNING": "cyan"}


@click.command(short_help="List recent runs, and what each of them changed.")
@click.option(
    "--experiment",
    "experiments",
    multiple=True,
    metavar="NAME",
    help="Of this experiment, or those like 'titanic*'; default: the config's own.",
)
@click.option(
    "--where",
    default="",
    metavar="CONDITION",
    help='In MLflow\'s words: "metrics.accuracy > 0.8".',
)
@click.option(
    "--last",
    type=click.IntRange(0),
    metavar="N",
    help="The newest N of them; 0: all. Default: 20, with --sort the first of all.",
)
@click.option("--sort", default="", metavar="[-]METRIC", help="Lowest first, with - highest first.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Show this one.")
@click.option("--children", is_flag=True, help="Runs inside of other runs, too.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, with all metrics.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else.")
@click.option("-c", "--config", "files", multiple=True, metavar="FILE", help="As for `run`.")
def command(  # noqa: PLR0913, PLR0917  click hands over one argument an option
    experiments: tuple[str, ...],
    where: str,
    last: int | None,
    sort: str,
    metrics: tuple[str, ...],
    children: bool,
    as_csv: bool,
    as_json: bool,
    files: tuple[str, ...],
) -> None:
    """List the runs of this project's experiment, the newest first, with the parameters that each
    changed against the one before.
    """
    from runner.redaction import Redactor

    if as_csv and as_json:
        raise UsageError("--csv and --json: choose one")
    settings, chosen = project(files)
    redactor = Redactor(settings.secrets)
    with document(as_json, redactor) as write:
        from runner.experiments.listing import Asked, common_metrics, list_runs
        from runner.experiments.records import Records

        records = Records(chosen, settings)
        found = list_runs(Asked(experiments, where, last, sort, children), records)
        write({"runs": [run.as_dict() for run in found]})
    if as_csv:
        names = list(metrics) or sorted({name for run in found for name in run.record.metrics})
        _print_csv(found, names, redactor)
    elif not as_json:
        filtered = bool(where or experiments)
        experiment = records.config.run.experiment_name
        _print_table(found, list(metrics) or common_metrics(found, sort), redactor)
        if not found:
            of = "no run meets this" if filtered else f"no runs of {experiment!r} yet"
            click.echo(of if filtered else f"{of}; start one: {program.name()}")


def _print_csv(found: Sequence[Listed], metrics: list[str], redactor: Redactor) -> None:
    from runner.cli import spreadsheet
    from runner.cli.text import safe

    head = ["name", "run_id", "experiment", "started", "seconds", "task", "status", "changed"]
    rows = [[*head, *(f"metrics.{name}" for name in metrics)]]
    for run in found:
        record = run.record
        started = record.started.isoformat(timespec="seconds") if record.started else ""
        row = [record.run.run_name, record.run.run_id, record.experiment, started]
        row.append("" if record.seconds is None else f"{record.seconds:.1f}")
        row += [record.task, record.run.status, ", ".join(_told(run.changes or ()))]
        rows.append([*row, *(_number(record.metrics.get(name)) for name in metrics)])
    clean = [[safe(redactor.clean(cell)) for cell in row] for row in rows]
    click.echo(spreadsheet.text(clean), nl=False)


def _print_table(found: Sequence[Listed], metrics: list[str], redactor: Redactor) -> None:
    from rich.table import Table
    from rich.text import Text

    from runner import quantities
    from runner.cli.display import stdout
    from runner.cli.text import safe_line
    from runner.experiments.chance import MARK

    if not found:
        return
    several = len({run.record.experiment for run in found}) > 1

    def text(cell: str, style: str = "") -> Text:
        return Text(safe_line(redactor.clean(cell)), style=style)

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("run", "id", *(["experiment"] if several else []), "age", "task", "status"):
        table.add_column(title, overflow="fold", no_wrap=title not in ("run", "experiment"))
    table.add_column("took", justify="right", no_wrap=True)
    for name in metrics:
        table.add_column(
            Text("\n").join(map(text, _pieces(name))), justify="right", overflow="fold"
        )
    table.add_column("changed", overflow="fold")
    for run in found:
        record = run.record
        age = quantities.age(record.started).removesuffix(" ago") if record.started else ""
        took = "" if record.seconds is None else quantities.duration(record.seconds)
        near = dict.fromkeys(run.inside, f" {MARK}")
        table.add_row(
            text(record.run.run_name),
            record.run.run_id[:8],
            *([text(record.experiment)] if several else []),
            age,
            text(record.task),
            text(record.run.status, _STYLES.get(record.run.status, "")),
            took,
            *(f"{_short(record.metrics.get(name))}{near.get(name, '')}" for name in metrics),
            Text("\n").join(map(text, _brief(run.changes))),
        )
    out = stdout()
    out.print(table)
    if any(run.inside.intersection(metrics) for run in found):
        out.print(f"{MARK} no further from the run before than chance: a 95 % interval of seeds")


def _brief(changes: Sequence[Change] | None) -> list[str]:
    if not changes:
        return [] if changes is None else ["nothing"]
    told = [*_told(changes[:_CHANGES], _LONG)]
    more = len(changes) - _CHANGES
    return [*told, f"and {more} more"] if more > 0 else told


def _told(changes: Sequence[Change], longest: int = 0) -> Iterator[str]:
    from runner.cli.values import shortened, shown

    for change in changes:
        before, now = (shortened(shown(v), longest) for v in (change.before, change.now))
        yield f"{change.key} {before} → {now}"


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _pieces(name: str) -> list[str]:
    """The name of a metric on several lines, so that a column of numbers is no wider than them."""
    return re.findall(r"[^_./ -]+[_./ -]*|[_./ -]+", name)
