"""Finding earlier runs, and where the outputs of their tasks lie."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.artifacts import manifest as manifests
from runner.artifacts.copies import Copies, Damaged
from runner.artifacts.store import ArtifactStore
from runner.errors import MissingInputError, TrackingError
from runner.tracking import lineage_table, roots
from runner.tracking.naming import RunNames
from runner.tracking.store import StoreLocation

if TYPE_CHECKING:
    from mlflow import MlflowClient

REUSED_TAG = "reused."  # + task -> the run, or the directory, that it was taken from
PLACED_TAG = "placed."  # + task -> the directory outside of every run that it was written to
FREED_TAG = "runner.freed"  # the day on which outputs of the run were freed
RESUMES_TAG = "resumes"  # the run that this one goes on with
SWEEP_TAG = "runner.sweep"  # how its trials are chosen; tells a sweep from other runs
REPEAT_TAG = "runner.repeat"  # how many runs, and which keys are their seeds
# metric + one of these: of the runs of such a one, whose mean is the metric
SPREAD, INTERVAL, SINGLE = ":std", ":interval", ":single"
UNTIL_TAG = "runner.sweep.until"  # seconds since the epoch, after which no trial begins
CUT_TAG = "runner.cut"  # on the run of a trial that was cut off, and is done again
TRIAL_TAG = "runner.trial"  # the number, on the run of a trial
FORCED_TAG = "runner.forced"  # families that the run was told to compute anew

_RECENT = 50  # runs that are looked at to suggest one
_SUGGESTED = 3
_RUN_FOLDER = re.compile(r"[0-9a-f]{32}")


def is_of_several(run: Any) -> bool:
    """Whether a run of MLflow's has no tasks, but runs in it: a sweep, or a repetition."""
    return bool({SWEEP_TAG, REPEAT_TAG} & set(run.data.tags))


@dataclass(frozen=True)
class FoundRun:
    """A run of the store.

    Attributes:
        tags: of the run.
        store: where its artifacts are, when `artifact_dir` holds copies only.
    """

    run_id: str
    run_name: str
    status: str
    artifact_dir: Path
    tags: Mapping[str, str]
    store: ArtifactStore | None = None

    @cached_property
    def reused(self) -> dict[str, str]:
        """Task -> run id or directory, for outputs that do not lie in this run."""
        named = {
            tag.removeprefix(prefix): value
            for prefix in (REUSED_TAG, PLACED_TAG)
            for tag, value in self.tags.items()
            if tag.startswith(prefix)
        }
        self.fetch_own(lineage_table.NAME if lineage_table.TAG in self.tags else "")
        return {**lineage_table.read(self.artifact_dir, self.tags), **named}

    def completed(self) -> list[str]:
        """Names of the directories of the tasks that the run itself completed."""
        if self.store is None:
            found = self.artifact_dir.glob(f"*/{manifests.NAME}")
            return sorted(path.parent.name for path in found)
        paths = (path.split("/") for path in self.store.files(""))
        return sorted(folder for folder, *name in paths if name == [manifests.NAME])

    def fetch_own(self, name: str) -> None:
        """Copies a file that the runner wrote to this machine, where it lies elsewhere."""
        path = self.artifact_dir / name
        if self.store is not None and name and not path.exists():
            with suppress(TrackingError):
                path.parent.mkdir(parents=True, exist_ok=True)
                self.store.download([(name, path)])


class RunLookup:
    """Answers questions about earlier runs; the store is contacted with the first of them.

    Attributes:
        names: says which run is meant.
    """

    def __init__(
        self, connect: Callable[[], MlflowClient], location: StoreLocation, copies: Copies
    ) -> None:
        self.names = RunNames(connect, location)
        self._location = location
        self._copies = copies

    def by_id(self, run_id: str) -> FoundRun:
        """Raises MissingInputError when there is no such run."""
        return self.found(self.names.by_id(run_id))

    def by_prefix(self, prefix: str) -> FoundRun:
        """The run whose id or name is, or alone begins with, a prefix.

        Raises:
            MissingInputError: no run, or more than one.
        """
        return self.found(self.names.by_prefix(prefix))

    def output_folder(self, run: FoundRun, name: str) -> Path:
        """Where a task of a run lies: in the run itself, or where that run took it from.

        What lies at a remote artifact root is fetched.

        Raises:
            MissingInputError: it is damaged there.
        """
        seen = {run.run_id}
        while not (directory := self._directory(run, name)).exists() and name in run.reused:
            source = run.reused[name]
            if not _RUN_FOLDER.fullmatch(source):
                return Path(source)
            if source in seen:
                break
            seen.add(source)
            run = self.by_id(source)
        return directory

    def _directory(self, run: FoundRun, name: str) -> Path:
        if run.store is None:
            return run.artifact_dir / name
        try:
            return self._copies.get(run.store, run.run_id, name) or run.artifact_dir / name
        except Damaged as damage:
            raise MissingInputError(f"{run.store.shown}/{name} is damaged: {damage}") from None

    def recent_with(self, task: str) -> list[FoundRun]:
        """Some recent runs in which a task is complete, newest first."""
        found: list[FoundRun] = []
        for run in map(self.found, islice(self.names.search(page=_RECENT), _RECENT)):
            if task in run.reused or self._completed(run, task):
                found.append(run)
            if len(found) == _SUGGESTED:
                break
        return found

    def _completed(self, run: FoundRun, task: str) -> bool:
        here = (run.artifact_dir / task / manifests.NAME).is_file()
        return here or (run.store is not None and manifests.NAME in run.store.names(task))

    def found(self, run: Any) -> FoundRun:
        """A run of MLflow's, and where its artifacts are."""
        uri = run.info.artifact_uri
        return FoundRun(
            run_id=run.info.run_id,
            run_name=run.info.run_name or "",
            status=run.info.status,
            artifact_dir=roots.artifact_dir(uri, run.info.run_id, self._copies.root),
            tags=run.data.tags,
            store=roots.store_of(uri, self._location),
        )
