"""``runner show``: one run, read back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from runner.cli.chosen import project
from runner.cli.run import document

if TYPE_CHECKING:
    from runner.experiments.details import Details, Link
    from runner.redaction import Redactor


@click.command(short_help="Show one run: config, tasks, metrics, code, lineage.")
@click.argument("run", default="latest")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else.")
@click.option("-c", "--config", "files", multiple=True, metavar="FILE", help="As for `run`.")
def command(run: str, as_json: bool, files: tuple[str, ...]) -> None:
    """Show what RUN was told, what it computed, and which runs it has to do with.

    RUN is an id, a name, the beginning of either, `latest` (the default), or `latest~2`.
    """
    from runner.redaction import Redactor

    settings, chosen = project(files)
    redactor = Redactor(settings.secrets)
    with document(as_json, redactor) as write:
        from runner.experiments import details
        from runner.experiments.records import Records

        records = Records(chosen, settings)
        (record,) = records.named([run])
        found = details.read(record, records)
        write(_plain(found))
    if not as_json:
        _print(found, redactor)


def _plain(found: Details) -> dict[str, Any]:
    record = found.record
    values = record.values.items()
    return {
        **record.as_dict(),
        "config": {k: {"value": v, "from": found.origins.get(k)} for k, v in values},
        "tasks": [vars(task) for task in found.tasks],
        "metrics": dict(record.metrics),
        "code": found.code,
        "artifact_dir": str(record.run.artifact_dir),
        "artifacts": list(found.artifacts),
        "up": [vars(link) for link in found.up],
        "down": [vars(link) for link in found.down],
    }


def _print(found: Details, redactor: Redactor) -> None:
    from rich.table import Table
    from rich.text import Text

    from runner import quantities
    from runner.cli.display import stdout
    from runner.cli.text import safe_line

    out = stdout()

    def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        made = Table(box=None, pad_edge=False, header_style="bold")
        for name in (title, *columns):
            right = name in ("seconds", "size", "value")
            made.add_column(name, overflow="fold", justify="right" if right else "left")
        for row in rows:
            made.add_row(*(Text(safe_line(redactor.clean(cell))) for cell in row))
        if made.row_count:
            out.print()
            out.print(made)

    for line in _head(found):
        out.print(Text(safe_line(redactor.clean(line))), soft_wrap=True)
    values = found.record.values.items()
    table("config", ("", "from"), ((k, v, found.origins.get(k, "")) for k, v in sorted(values)))
    tasks = (
        (
            task.name,
            f"from {task.origin}" if task.origin else "ran",
            "" if task.seconds is None else f"{task.seconds:.1f}",
            quantities.size(task.size),
        )
        for task in found.tasks
    )
    table("task", ("", "seconds", "size"), tasks)
    metrics = sorted(found.record.metrics.items())
    table("metric", ("value",), ((name, f"{value:.6g}") for name, value in metrics))
    table("code", ("",), found.code.items())
    table("lineage", ("", ""), _links([*found.up, *found.down]))


def _head(found: Details) -> Iterator[str]:
    from runner import quantities

    record = found.record
    took = "" if record.seconds is None else f" in {quantities.duration(record.seconds)}"
    yield f"run {record.run.run_name} ({record.run.run_id}) {record.run.status}{took}"
    when = quantities.age(record.started) if record.started else "at an unknown time"
    task = f", task {record.task}" if record.task else ""
    yield f"  experiment  {record.experiment}{task}, started {when}"
    yield f"  files       {record.run.artifact_dir}"
    if found.artifacts:
        yield f"  artifacts   {', '.join(found.artifacts)}"
    error = record.run.tags.get("runner.error", "")
    if error:
        yield f"  error       {error}"


def _links(links: Iterable[Link]) -> Iterator[tuple[str, str, str]]:
    for link in links:
        yield link.how, link.name, link.run_id[:8]
