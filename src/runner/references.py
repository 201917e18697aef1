"""Which directories the runs of a store refer to, whether they lie in them or in other runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.artifacts import manifest as manifests
from runner.artifacts.manifest import Manifest
from runner.artifacts.store import is_remote
from runner.tracking import lineage_table, reaper
from runner.tracking.lookup import PLACED_TAG, REUSED_TAG
from runner.tracking.recording import TASK_TAG
from runner.tracking.roots import local_folder
from runner.tracking.store import StoreLocation, errors_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PAGE = 1000
_RUN = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_IN_RUN = re.compile(r"/(?P<id>[0-9a-f]{32})/artifacts/(?P<name>[^/]+)/?$")
_ENDED = ("FINISHED", "FAILED", "KILLED")


@dataclass(frozen=True)
class StoredRun:
    """A run of the store, deleted ones too.

    Attributes:
        ours: whether the runner made it.
        deleted: whether it was deleted in MLflow.
        working: whether its process is at work, or may be.
        since: when it ended, or began.
        folder: its artifacts on this machine.
    """

    run_id: str
    run_name: str
    ours: bool
    deleted: bool
    working: bool
    since: datetime
    folder: Path
    tags: dict[str, str] = field(repr=False)

    def directories(self) -> Iterator[Path]:
        """Folders in the run's own, links left out."""
        if self.folder.is_dir():
            for path in sorted(self.folder.iterdir()):
                if path.is_dir() and not path.is_symlink():
                    yield path


def stored(client: MlflowClient, location: StoreLocation) -> dict[str, StoredRun]:
    """Every run whose artifacts are in a folder of this machine, by id."""
    from mlflow.entities import ViewType

    found: dict[str, StoredRun] = {}
    with errors_of(location):
        experiments = client.search_experiments(view_type=ViewType.ALL)
        ids = [experiment.experiment_id for experiment in experiments]
        token = None
        while ids:
            page = client.search_runs(
                ids, run_view_type=ViewType.ALL, max_results=_PAGE, page_token=token
            )
            found |= {run.run_id: run for run in map(_stored, page) if run is not None}
            token = page.token
            if not token:
                break
    return found


class References:
    """Follows what runs refer to.

    Manifests are remembered, so that what was withdrawn meanwhile is followed too.

    Attributes:
        runs: every run of the store, by id.
    """

    def __init__(self, runs: dict[str, StoredRun]) -> None:
        self.runs = runs
        self._manifests: dict[Path, Manifest] = {}

    def manifest(self, directory: Path) -> Manifest | None:
        if directory not in self._manifests:
            found = manifests.read(directory)
            if found is None:
                return None
            self._manifests[directory] = found
        return self._manifests[directory]

    def of(self, kept: Iterable[StoredRun], pins: Iterable[tuple[str, str]] = ()) -> set[Path]:
        """Every directory that these runs refer to, and all that those were made from.

        Args:
            pins: names and values of `[PathConfig]`.
        """
        waiting = [path for run in kept for path in self._named_by(run)]
        waiting += [path for name, value in pins for path in self._pinned(name, value)]
        found: set[Path] = set()
        while waiting:
            directory = waiting.pop()
            if directory not in found:
                found.add(directory)
                waiting.extend(self._made_from(directory))
        return found

    def _named_by(self, run: StoredRun) -> Iterator[Path]:
        yield from (path for path in run.directories() if self.manifest(path))
        for task, source in _reused(run):
            yield from self._at(source, task)
        table = run.folder / lineage_table.NAME  # in a large run in place of tags
        if table.is_file():
            text = table.read_text(encoding="utf-8", errors="replace")
            for run_id in set(_RUN.findall(text)).intersection(self.runs):
                names = _named_in(text, run_id)
                for path in self.runs[run_id].directories():
                    if names is None or path.name in names:
                        yield path

    def _made_from(self, directory: Path) -> Iterator[Path]:
        manifest = self.manifest(directory)
        for record in manifest.inputs.values() if manifest else ():
            if manifest is not None and record.kind == "task":
                yield from self._at(record.run_id or manifest.made_by.run_id, record.path)

    def _at(self, source: str, task: str) -> Iterator[Path]:
        """Where a run has a task, or the directory itself."""
        seen: set[str] = set()
        inside = _IN_RUN.search(source)
        if inside:
            source, task = inside["id"], inside["name"]
        while source in self.runs and source not in seen:
            seen.add(source)
            run = self.runs[source]
            if self.manifest(run.folder / task):
                yield run.folder / task
                return
            source = dict(_reused(run)).get(task, "")
        if source.startswith("/"):
            yield Path(source)

    def _pinned(self, name: str, value: str) -> Iterator[Path]:
        begins = value.removeprefix("run:").strip("/ ") if value.startswith("run:") else ""
        ids = set(_RUN.findall(value))
        for run in self.runs.values():
            meant = begins and (run.run_id.startswith(begins) or run.run_name.startswith(begins))
            if meant or run.run_id in ids:
                yield from self._at(run.run_id, name)
                for path in run.directories():
                    manifest = self.manifest(path)
                    if manifest is not None and manifest.task == name:
                        yield path


def _stored(run: Any) -> StoredRun | None:
    info, tags = run.info, run.data.tags
    if is_remote(info.artifact_uri):
        return None
    return StoredRun(
        run_id=info.run_id,
        run_name=info.run_name or "",
        ours=TASK_TAG in tags,
        deleted=info.lifecycle_stage == "deleted",
        working=info.status not in _ENDED and reaper.state(tags) != "dead",
        since=datetime.fromtimestamp((info.end_time or info.start_time) / 1000, UTC),
        folder=local_folder(info.artifact_uri),
        tags=tags,
    )


def _reused(run: StoredRun) -> Iterator[tuple[str, str]]:
    for tag, value in run.tags.items():
        for prefix in (REUSED_TAG, PLACED_TAG):
            if tag.startswith(prefix):
                yield tag.removeprefix(prefix), value


def _named_in(table: str, run_id: str) -> set[str] | None:
    """Tasks that a table has of a run; None for all of them where that can't be told."""
    try:
        rows = json.loads(table)["data"]
        cells = [str(cell) for row in rows if run_id in json.dumps(row) for cell in row]
        return {Path(cell).name for cell in cells}
    except (ValueError, TypeError, KeyError):
        return None
