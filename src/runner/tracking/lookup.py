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
from runner.errors import MissingInputError, TrackingError
from runner.tracking import lineage_table
from runner.tracking.recording import local_folder
from runner.tracking.store import StoreLocation, errors_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

REUSED_TAG = "reused."  # + task -> the run, or the directory, that it was taken from
PLACED_TAG = "placed."  # + task -> the directory outside of every run that it was written to

_RECENT = 50  # runs that are looked at to suggest one
_SUGGESTED = 3
_RUN_FOLDER = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class FoundRun:
    """A run of the store.

    Attributes:
        tags: of the run.
    """

    run_id: str
    run_name: str
    status: str
    artifact_dir: Path
    tags: Mapping[str, str]

    @cached_property
    def reused(self) -> dict[str, str]:
        """Task -> run id or directory, for outputs that do not lie in this run."""
        named = {
            tag.removeprefix(prefix): value
            for prefix in (REUSED_TAG, PLACED_TAG)
            for tag, value in self.tags.items()
            if tag.startswith(prefix)
        }
        return {**lineage_table.read(self.artifact_dir, self.tags), **named}


class RunLookup:
    """Answers questions about earlier runs; the store is contacted with the first of them."""

    def __init__(self, connect: Callable[[], MlflowClient], location: StoreLocation) -> None:
        self._connect = connect
        self._location = location

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
        """Where a task of a run lies: in the run itself, or where that run took it from."""
        seen = {run.run_id}
        while not (run.artifact_dir / name).exists() and name in run.reused:
            source = run.reused[name]
            if not _RUN_FOLDER.fullmatch(source):
                return Path(source)
            if source in seen:
                break
            seen.add(source)
            run = self.by_id(source)
        return run.artifact_dir / name

    def recent_with(self, task: str) -> list[FoundRun]:
        """Some recent runs in which a task is complete, newest first."""
        found: list[FoundRun] = []
        for run in self._search("", most=_RECENT):
            if (run.artifact_dir / task / manifests.NAME).is_file() or task in run.reused:
                found.append(run)
            if len(found) == _SUGGESTED:
                break
        return found

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
                    with suppress(TrackingError):  # its artifacts are out of this machine's reach
                        yield _found(run)
                token = page.token
                if not token or most:
                    return

    def _only(self, found: list[FoundRun], asked: str) -> FoundRun:
        if len(found) == 1:
            return found[0]
        if not found:
            text = f"no run in {self._location.shown} is called {asked!r}"
            raise MissingInputError(text, "see the runs with: python -m runner ui")
        names = ", ".join(f"{run.run_name} ({run.run_id[:8]})" for run in found[:5])
        text = f"{len(found)} runs begin with {asked!r}: {names}"
        raise MissingInputError(text, "say more of it")


def _found(run: Any) -> FoundRun:
    return FoundRun(
        run_id=run.info.run_id,
        run_name=run.info.run_name or "",
        status=run.info.status,
        artifact_dir=local_folder(run.info.artifact_uri),
        tags=run.data.tags,
    )


def _quoted(text: str) -> str:
    """A text inside of MLflow's quotes, which know no escape; `by_prefix` checks what it finds."""
    return re.sub(r"['\"%\\]", "_", text)
