"""One run, read back: config, tasks, code, what it was made from, and what was made from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runner.artifacts import manifest as manifests
from runner.config.values import parse
from runner.errors import RunnerError
from runner.experiments.differences import changed_files
from runner.experiments.records import Records, RunRecord
from runner.tracking import origins, params, recording
from runner.tracking.lookup import REUSED_TAG

_LINKS = {"resumes": "resumes", "reproduces": "reproduces"}  # tag -> how it is told
_MOST_TASKS = 200  # whose later uses are asked for, each by one question to the store


@dataclass(frozen=True)
class TaskOrigin:
    """A task of a run.

    Attributes:
        origin: name of the run that computed it; empty when it was this one.
        origin_id: its id; empty as well where it was a directory outside of every run.
        seconds: wall time of `run()`, in whichever run that was; None where it is not known.
        size: bytes of its outputs; None where it is not known.
    """

    name: str
    origin: str
    origin_id: str
    seconds: float | None
    size: int | None


@dataclass(frozen=True)
class Link:
    """Another run that this one has to do with.

    Attributes:
        how: `reuses Trainer of`, `resumes`, `reproduces`, or the same from the other side.
    """

    how: str
    run_id: str
    name: str


@dataclass(frozen=True)
class Details:
    """All that is shown of a run.

    Attributes:
        origins: of each parameter: a file, `command line`, `environment`, or `default` where the
            config did not say it; `config` where that was not recorded.
        code: commit, branch, and the files that were changed.
        artifacts: files and folders at the top.
        up: what it was made from.
        down: what was made from it.
    """

    record: RunRecord
    origins: dict[str, str]
    tasks: tuple[TaskOrigin, ...]
    code: dict[str, str]
    artifacts: tuple[str, ...]
    up: tuple[Link, ...]
    down: tuple[Link, ...]


def read(record: RunRecord, records: Records) -> Details:
    """Reads all that there is of a run; what is gone is left out."""
    tasks = tuple(_tasks(record, records))
    return Details(
        record,
        _origins(record),
        tasks,
        _code(record),
        tuple(_artifacts(record, records)),
        tuple(_up(record, tasks, records)),
        tuple(_down(record, tasks, records)),
    )


def _origins(record: RunRecord) -> dict[str, str]:
    record.run.fetch_own(recording.SNAPSHOT_NAME)
    try:
        text = (record.run.artifact_dir / recording.SNAPSHOT_NAME).read_text(encoding="utf-8")
        written = origins.read(record.run.tags, dict(params.flatten(parse(text))))
    except (OSError, ValueError):
        return {}
    known = {params.key(name): origin for name, origin in written.items()}
    return {name: known.get(name, "default") for name in record.values}


def _tasks(record: RunRecord, records: Records) -> Iterator[TaskOrigin]:
    try:
        names = sorted({*record.run.completed(), *record.run.reused})
    except RunnerError:  # the artifacts are out of reach
        return
    for name in names:
        source = record.run.reused.get(name, "")
        try:
            found = manifests.read(records.lookup.output_folder(record.run, name))
        except RunnerError:
            found = None
        if found is None:
            yield TaskOrigin(name, "(gone)" if source else "", "", None, None)
            continue
        made = found.made_by
        own = made.run_id == record.run.run_id
        origin = "" if own else made.run_name
        yield TaskOrigin(name, origin, "" if own else made.run_id, found.seconds, found.size)


def _code(record: RunRecord) -> dict[str, str]:
    tags = record.run.tags
    named = ("mlflow.source.git.commit", "mlflow.source.git.branch")
    found = {name.rpartition(".")[2]: tags[name] for name in named if name in tags}
    return {**found, **changed_files(record)}


def _artifacts(record: RunRecord, records: Records) -> Iterator[str]:
    try:
        for item in records.client().list_artifacts(record.run.run_id):
            yield f"{item.path}/" if item.is_dir else item.path
    except Exception:  # whatever the client of an artifact store raises; the rest can be shown
        return


def _up(record: RunRecord, tasks: tuple[TaskOrigin, ...], records: Records) -> Iterator[Link]:
    taken: dict[str, list[TaskOrigin]] = {}
    for task in tasks:
        if task.origin_id:
            taken.setdefault(task.origin_id, []).append(task)
    for run_id, of in taken.items():
        yield Link(f"reuses {', '.join(task.name for task in of)} of", run_id, of[0].origin)
    linked = {tag: record.run.tags[tag] for tag in _LINKS if tag in record.run.tags}
    known = {run.info.run_id: run.info.run_name for run in records.names.by_ids(linked.values())}
    for tag, run_id in linked.items():
        yield Link(_LINKS[tag], run_id, known.get(run_id, ""))


def _down(record: RunRecord, tasks: tuple[TaskOrigin, ...], records: Records) -> Iterator[Link]:
    run_id = record.run.run_id
    users: dict[str, tuple[str, list[str]]] = {}
    for task in [task.name for task in tasks if not task.origin_id][:_MOST_TASKS]:
        for run in _tagged(f"{REUSED_TAG}{task}", run_id, records):
            users.setdefault(run.info.run_id, (run.info.run_name, []))[1].append(task)
    for user, (name, names) in users.items():
        yield Link(f"{', '.join(names)} reused by", user, name)
    for tag in _LINKS:
        for run in _tagged(tag, run_id, records):
            yield Link(f"{tag.removesuffix('s')}d by", run.info.run_id, run.info.run_name)


def _tagged(tag: str, value: str, records: Records) -> Iterator[Any]:
    if "`" not in tag:
        yield from records.names.search(f"tags.`{tag}` = '{value}'")
