"""Reads back what a run recorded, so that it can be run again and compared."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.artifacts import manifest as manifests
from runner.artifacts.manifest import Manifest
from runner.errors import MissingInputError, RunnerError, UsageError
from runner.tracking.lookup import FoundRun, RunLookup, is_of_several
from runner.tracking.recording import PACKAGES_NAME, PATCH_NAME, SNAPSHOT_NAME

if TYPE_CHECKING:
    from mlflow import MlflowClient

REPRODUCES_TAG = "reproduces"  # -> id of the run that a run computed again

_MACHINE = "system/"  # metrics that MLflow takes of the machine


@dataclass(frozen=True)
class TaskResult:
    """What a task wrote.

    Attributes:
        name: its directory's name.
        manifest: the list of it.
    """

    name: str
    manifest: Manifest

    @property
    def identity(self) -> tuple[str, ...]:
        """The same for the same task of another run."""
        params = sorted(self.manifest.params.items())
        return (self.manifest.task, *(text for pair in params for text in pair))

    @property
    def contents(self) -> dict[str, tuple[int, str]]:
        """Size and digest of every file by its path inside, and of folders with nothing in them."""
        files = {file.path: (file.size, file.digest) for file in self.manifest.files}
        return {**files, **dict.fromkeys(self.manifest.folders, (0, "an empty folder"))}


@dataclass(frozen=True)
class Record:
    """A run, read back.

    Attributes:
        run: where it is.
        tags: its MLflow tags.
        experiment: the name of its experiment.
        tasks: what it computed or took from others, and what that was computed from.
        lost: names of tasks that have no manifest, or not any more.
        read: one digest over all that a task published, for each that another one read.
        metrics: of the whole run, last values.
    """

    run: FoundRun
    tags: dict[str, str]
    experiment: str
    tasks: tuple[TaskResult, ...]
    lost: tuple[str, ...]
    read: dict[str, str]
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """The run as messages name it."""
        return f"{self.run.run_name} ({self.run.run_id[:8]})"

    @property
    def finished(self) -> bool:
        return self.run.status == "FINISHED"

    @property
    def root(self) -> str:
        """The name of the task that was asked for."""
        return self.tags.get("runner.task", "").rpartition(".")[2]

    @property
    def snapshot(self) -> Path:
        """Its config.

        Raises:
            MissingInputError: it is gone.
        """
        return self._artifact(SNAPSHOT_NAME)

    @property
    def packages(self) -> list[str] | None:
        """What was installed, a line a package; None when that was not recorded."""
        self.run.fetch_own(PACKAGES_NAME)
        path = self.run.artifact_dir / PACKAGES_NAME
        return path.read_text(encoding="utf-8").splitlines() if path.is_file() else None

    @property
    def commit(self) -> str:
        """Raises MissingInputError when none was recorded."""
        commit = self.tags.get("runner.git.commit", "")
        if not commit:
            text = f"the run {self.shown} recorded no git commit, so its code can't be had again"
            raise MissingInputError(text, "commit the project; later runs can be reproduced")
        return commit

    @property
    def patch(self) -> bytes:
        """What differed from the commit.

        Raises:
            MissingInputError: something did, and is not there any more.
        """
        dirty = self.tags.get("runner.git.dirty") == "true"
        return self._artifact(PATCH_NAME).read_bytes() if dirty else b""

    def _artifact(self, name: str) -> Path:
        self.run.fetch_own(name)
        path = self.run.artifact_dir / name
        if not path.is_file():
            text = f"the run {self.shown} has no {name} any more: {path}"
            raise MissingInputError(text, "it can't be reproduced without")
        return path


def find(asked: str, experiment: str, lookup: RunLookup) -> FoundRun:
    """The run that is asked for, `latest` being the newest that finished and is no reproduction.

    Raises:
        MissingInputError: there is none, or there are several.
        UsageError: it is still running.
    """
    found = lookup.found(lookup.names.find(asked, experiment, _may_be_latest))
    if found.status in ("RUNNING", "SCHEDULED"):
        text = f"the run {found.run_name} ({found.run_id}) is {found.status}"
        raise UsageError(text, "wait for its end")
    return found


def read(run: FoundRun, client: MlflowClient, lookup: RunLookup) -> Record:
    """All that a run recorded."""
    stored = client.get_run(run.run_id)
    tasks, lost, digests = _tasks(run, lookup)
    return Record(
        run=run,
        tags=dict(stored.data.tags),
        experiment=client.get_experiment(stored.info.experiment_id).name,
        tasks=tasks,
        lost=lost,
        read=digests,
        metrics={k: v for k, v in stored.data.metrics.items() if not k.startswith(_MACHINE)},
    )


def made_by(asked: str, pid: int, lookup: RunLookup) -> FoundRun | None:
    """The newest run that a process opened to reproduce another one."""
    for run in lookup.names.search(f"tags.{REPRODUCES_TAG} = '{asked}'"):
        if run.data.tags.get("runner.process", "").split("/")[1:2] == [str(pid)]:
            return lookup.found(run)
    return None


def _may_be_latest(run: Any) -> bool:
    done = run.info.status == "FINISHED" and not is_of_several(run)
    return done and REPRODUCES_TAG not in run.data.tags


def _tasks(
    run: FoundRun, lookup: RunLookup
) -> tuple[tuple[TaskResult, ...], tuple[str, ...], dict[str, str]]:
    """What a run shows as its result, followed to where that was computed, from end to start."""
    waiting = deque((run, name) for name in sorted({*run.completed(), *run.reused}))
    seen = {name for _, name in waiting}
    found: list[TaskResult] = []
    lost: list[str] = []
    digests: dict[str, str] = {}
    while waiting:
        owner, name = waiting.popleft()
        manifest = _manifest(owner, name, lookup)
        if manifest is None:
            lost.append(name)
            continue
        found.append(TaskResult(name, manifest))
        for record in manifest.inputs.values():
            if record.kind == "task":
                digests.setdefault(record.path, record.digest)
                if record.path not in seen:
                    seen.add(record.path)
                    maker = record.run_id or manifest.made_by.run_id
                    waiting.append((_maker(maker, run, lookup), record.path))
    return tuple(sorted(found, key=_age)), tuple(lost), digests


def _age(task: TaskResult) -> tuple[str, str]:
    """Sorts tasks by when they were computed."""
    return (task.manifest.created.isoformat(), task.name)


def _maker(run_id: str, run: FoundRun, lookup: RunLookup) -> FoundRun:
    """The run that computed something; the one that it is a part of when that is gone."""
    try:
        return run if run_id == run.run_id else lookup.by_id(run_id)
    except RunnerError:  # deleted; what was read of it has a digest
        return run


def _manifest(run: FoundRun, name: str, lookup: RunLookup) -> Manifest | None:
    try:
        return manifests.read(lookup.output_folder(run, name))
    except RunnerError:  # the run that it was taken from was deleted
        return None
