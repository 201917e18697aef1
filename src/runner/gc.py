"""Frees what no run refers to any more: of deleted runs, of old ones, and what was left behind.

A run keeps its parameters, metrics, log and config in any case; what goes are directories of
tasks. A run that begins to reuse one at this very moment either is seen by the second look here,
or finds the directory withdrawn when it has written down what it reuses: see `OpenRun`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from runner.artifacts import freeing
from runner.artifacts.publish import is_partial
from runner.artifacts.store import is_remote
from runner.config import Config
from runner.errors import UsageError
from runner.references import References, StoredRun, stored
from runner.tracking import lineage_table, store
from runner.tracking.lookup import FREED_TAG
from runner.tracking.store import errors_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Freeable:
    """A directory that can go.

    Attributes:
        why: ``deleted``, ``old``, or ``left behind``: by a task that did not finish, or damaged.
        size: bytes.
    """

    directory: Path
    run: StoredRun
    why: str
    size: int


@dataclass(frozen=True)
class Garbage:
    """All that can go.

    Attributes:
        directories: of tasks.
        entries: files of the reuse index that lead nowhere.
        elsewhere: how many runs that might have been looked at lie outside of the artifact root.
        waits_for: a large run at work: it notes what it takes over when it ends, and until then
            nothing goes but what was left behind.
    """

    directories: tuple[Freeable, ...]
    entries: tuple[Path, ...]
    elsewhere: int = 0
    waits_for: str = ""

    @property
    def size(self) -> int:
        """Bytes of all directories together."""
        return sum(found.size for found in self.directories)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "directories": [
                {
                    "run_id": found.run.run_id,
                    "run_name": found.run.run_name,
                    "ended": found.run.since.isoformat(),
                    "why": found.why,
                    "directory": str(found.directory),
                    "size": found.size,
                }
                for found in self.directories
            ],
            "size": self.size,
            "entries": len(self.entries),
            "elsewhere": self.elsewhere,
            "waits_for": self.waits_for,
        }


class Collector:
    """Finds and frees what no run of a store refers to.

    Args:
        config: says which store and which artifact root; what it pins is kept.
        older: frees what ended longer ago too, not of deleted runs alone.

    Raises:
        UsageError: there is no store yet, or artifacts are not in a folder.
    """

    def __init__(self, config: Config, older: timedelta | None = None) -> None:
        location = store.locate(config)
        if location.sqlite_file is not None and not location.sqlite_file.exists():
            raise UsageError(f"there are no runs yet: there is no {location.sqlite_file}")
        if location.artifact_root is None or is_remote(location.artifact_root):
            text = "the artifacts of this project are kept in no folder of this machine"
            raise UsageError(text, "set [RunConfig] artifact_root to the folder, if there is one")
        self._config = config
        self._location = location
        self._root = Path(unquote(location.artifact_root.removeprefix("file://")))
        self._before = None if older is None else datetime.now(UTC) - older
        self._client: MlflowClient = store.connect(location)
        self._references = References({})
        self._waits_for = ""

    def find(self) -> Garbage:
        """What can go; nothing is changed."""
        referred = self._referred()
        runs = [run for run in self._references.runs.values() if run.ours and not run.working]
        inside = [run for run in runs if self._is_inside(run.folder)]
        found = [item for run in inside for item in self._freeable(run, referred)]
        entries = tuple(
            path
            for path, directory in freeing.entries(self._root)
            if freeing.leads_nowhere(directory)
        )
        elsewhere = sum(run.folder.is_dir() for run in runs) - sum(
            run.folder.is_dir() for run in inside
        )
        return Garbage(tuple(found), entries, elsewhere, self._waits_for)

    def free(self, garbage: Garbage) -> Garbage:
        """Frees it, apart from what a run has begun to refer to meanwhile.

        Returns:
            What was freed.
        """
        for path in garbage.entries:
            path.unlink(missing_ok=True)
        complete = [item.directory for item in garbage.directories if item.why != "left behind"]
        forgotten = freeing.withdraw(self._root, complete)
        referred = self._referred()
        freed = []
        for item in garbage.directories:
            try:
                if item.directory not in referred:
                    freeing.remove(item.directory)
                    freed.append(item)
                elif item.why != "left behind":
                    freeing.restore(self._root, item.directory, forgotten)
            except OSError as error:
                _log.warning("%s can't be freed: %s", item.directory, error)
        self._tag(freed)
        return Garbage(tuple(freed), garbage.entries)

    def _referred(self) -> set[Path]:
        self._references.runs = runs = stored(self._client, self._location)
        large = (run for run in runs.values() if run.working and lineage_table.TAG in run.tags)
        self._waits_for = next((run.run_name or run.run_id for run in large), "")
        kept = [run for run in self._references.runs.values() if not self._may_go(run)]
        return self._references.of(kept, self._config.paths.items())

    def _may_go(self, run: StoredRun) -> bool:
        old = self._before is not None and run.since < self._before
        return not run.working and (run.deleted or old) and not self._waits_for

    def _freeable(self, run: StoredRun, referred: set[Path]) -> Iterator[Freeable]:
        for path in run.directories():
            if path in referred:
                continue
            if is_partial(path) or freeing.is_leftover(path):
                yield Freeable(path, run, "left behind", freeing.size(path))
            elif self._may_go(run):
                manifest = self._references.manifest(path)
                if manifest is not None and manifest.made_by.run_id == run.run_id:
                    why = "deleted" if run.deleted else "old"
                    yield Freeable(path, run, why, freeing.size(path))

    def _is_inside(self, folder: Path) -> bool:
        real = Path(os.path.realpath(folder))
        return real.is_relative_to(os.path.realpath(self._root))

    def _tag(self, freed: list[Freeable]) -> None:
        today = datetime.now(UTC).date().isoformat()
        with errors_of(self._location):
            for run_id in {item.run.run_id for item in freed if item.why == "old"}:
                self._client.set_tag(run_id, FREED_TAG, today)
