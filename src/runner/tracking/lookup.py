"""Finding earlier runs, and where the outputs of their tasks lie."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.artifacts import manifest as manifests
from runner.artifacts.copies import Copies, Damaged
from runner.artifacts.store import ArtifactStore
from runner.errors import MissingInputError, TrackingError
from runner.tracking import lineage_table, roots
from runner.tracking.store import StoreLocation, errors_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

REUSED_TAG = "reused."  # + task -> the run, or the directory, that it was taken from
PLACED_TAG = "placed."  # + task -> the directory outside of every run that it was written to
FREED_TAG = "runner.freed"  # the day on which outputs of the run were freed
RESUMES_TAG = "resumes"  # the run that this one goes on with
FORCED_TAG = "runner.forced"  # families that the run was told to compute anew

_RECENT = 50  # runs that are looked at to suggest one
_SUGGESTED = 3
_RUN_FOLDER = re.compile(r"[0-9a-f]{32}")


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
    """Answers questions about earlier runs; the store is contacted with the first of them."""

    def __init__(
        self, connect: Callable[[], MlflowClient], location: StoreLocation, copies: Copies
    ) -> None:
        self._connect = connect
        self._location = location
        self._copies = copies

    def by_id(self, run_id: str) -> FoundRun:
        """Raises MissingInputError when there is no such run."""
        return self._only([*self._search(f"attributes.run_id = '{_quoted(run_id)}'")], run_id)

    def by_prefix(self, prefix: str) -> FoundRun:
        """The run whose id or name is, or alone begins with, a prefix.

        Raises:
            MissingInputError: no run, or more than one.
        """
        text = _quoted(prefix)
        named = self._search(f"attributes.run_name LIKE '{text}%'")
        found = {run.run_id: run for run in named if run.run_name.startswith(prefix)}
        if re.fullmatch(r"[0-9a-f]{1,32}", prefix):
            every = self._search("")
            found |= {run.run_id: run for run in every if run.run_id.startswith(prefix)}
        exact = [run for run in found.values() if prefix in (run.run_id, run.run_name)]
        return self._only(exact or list(found.values()), prefix)

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
        for run in self._search("", most=_RECENT):
            if task in run.reused or self._completed(run, task):
                found.append(run)
            if len(found) == _SUGGESTED:
                break
        return found

    def _completed(self, run: FoundRun, task: str) -> bool:
        here = (run.artifact_dir / task / manifests.NAME).is_file()
        return here or (run.store is not None and manifests.NAME in run.store.names(task))

    def _search(self, condition: str, most: int | None = None) -> Iterator[FoundRun]:
        with errors_of(self._location):
            client = self._connect()
            ids = [experiment.experiment_id for experiment in client.search_experiments()]
            token = None
            while ids:
                page = client.search_runs(
                    ids,
                    condition,
                    max_results=most or 1000,
                    order_by=["attributes.start_time DESC"],
                    page_token=token,
                )
                for run in page:
                    yield self._found(run)
                token = page.token
                if not token or most:
                    return

    def _found(self, run: Any) -> FoundRun:
        uri = run.info.artifact_uri
        return FoundRun(
            run_id=run.info.run_id,
            run_name=run.info.run_name or "",
            status=run.info.status,
            artifact_dir=roots.artifact_dir(uri, run.info.run_id, self._copies.root),
            tags=run.data.tags,
            store=roots.store_of(uri, self._location),
        )

    def _only(self, found: list[FoundRun], asked: str) -> FoundRun:
        if len(found) == 1:
            return found[0]
        if not found:
            text = f"no run in {self._location.shown} is called {asked!r}"
            raise MissingInputError(text, "see the runs with: python -m runner ui")
        names = ", ".join(f"{run.run_name} ({run.run_id[:8]})" for run in found[:5])
        text = f"{len(found)} runs begin with {asked!r}: {names}"
        raise MissingInputError(text, "say more of it")


def _quoted(text: str) -> str:
    """A text inside of MLflow's quotes, which know no escape; `by_prefix` checks what it finds."""
    return re.sub(r"['\"%\\]", "_", text)
