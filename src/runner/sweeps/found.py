"""A sweep that was started before, by its parent run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner import config as configs
from runner.artifacts.copies import Copies
from runner.config import Config
from runner.errors import MissingInputError, UsageError
from runner.request import Request
from runner.settings import Settings
from runner.sweeps.parent import store_override
from runner.tracking import reaper, store
from runner.tracking.lookup import SWEEP_TAG, FoundRun, RunLookup
from runner.tracking.naming import RunNames
from runner.tracking.recording import SNAPSHOT_NAME
from runner.tracking.store import StoreLocation, errors_of

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Found:
    """A sweep that was started before.

    Attributes:
        run: its parent run.
        config: as it was then.
    """

    run: FoundRun
    config: Config
    client: MlflowClient
    location: StoreLocation

    @property
    def at_work(self) -> bool:
        """Whether the process that started it may still be there."""
        return self.run.status == "RUNNING" and reaper.state(self.run.tags) != "dead"


def find(named: str, request: Request, settings: Settings) -> Found:
    """The sweep that is meant.

    Args:
        named: the id or name of its parent run, how one of them begins, or `latest`.
        request: tells config and store.

    Raises:
        UsageError: there is no such sweep.
    """
    config = configs.load(request.files, request.overrides, settings=settings)
    location = store.locate(config)
    if location.sqlite_file is not None and not location.sqlite_file.exists():
        raise UsageError(f"there are no runs yet: there is no {location.sqlite_file}")
    client = store.connect(location)
    lookup = RunLookup(lambda: client, location, Copies(config.root))
    try:
        with errors_of(location):
            experiment = config.run.experiment_name
            run = lookup.found(lookup.names.find(named, experiment, accept=_is_sweep))
    except MissingInputError as error:
        raise UsageError(error.message, error.hint) from None
    if SWEEP_TAG not in run.tags:
        text = f"run {run.run_name} ({run.run_id[:8]}) is no sweep"
        raise UsageError(text, "name the parent run of one, or: sweep --resume latest")
    run.fetch_own(SNAPSHOT_NAME)
    snapshot = run.artifact_dir / SNAPSHOT_NAME
    if not snapshot.is_file():
        raise UsageError(f"the sweep {run.run_name} has no config: {snapshot} is not there")
    overrides = store_override(snapshot, config.run.tracking_uri or "")
    return Found(run, configs.load([snapshot], overrides, settings=settings), client, location)


def check_name(
    name: str | None, experiment: str, client: MlflowClient, location: StoreLocation
) -> None:
    """Raises UsageError where another sweep has the name, after which its trials are called too."""
    if name is None:
        return
    names = RunNames(lambda: client, location)
    with errors_of(location):
        known = client.get_experiment_by_name(experiment)
    ids = [known.experiment_id] if known is not None else []
    quoted = name.replace("'", "_").replace("%", "_")
    for run in names.search(f"attributes.run_name LIKE '{quoted}'", ids):
        if run.info.run_name == name and _is_sweep(run):
            text = f"there is a sweep called {name!r} already, and trials like {name}-0"
            hint = f"choose another name, or go on with that one: sweep --resume {name}"
            raise UsageError(text, hint)


def _is_sweep(run: object) -> bool:
    return SWEEP_TAG in run.data.tags  # type: ignore[attr-defined]  # MLflow's Run, untyped
