"""Goes on with a run that did not finish: its config, and all that it completed."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner import config as configs
from runner import pipeline
from runner.artifacts import contents
from runner.artifacts import manifest as manifests
from runner.artifacts.copies import Copies
from runner.config import Config
from runner.errors import MissingInputError, UsageError
from runner.planning import Plan
from runner.redaction import MASK
from runner.request import Request
from runner.settings import Settings
from runner.tracking import reaper, store
from runner.tracking.lookup import (
    FORCED_TAG,
    REPEAT_TAG,
    RESUMES_TAG,
    SWEEP_TAG,
    FoundRun,
    RunLookup,
    is_of_several,
)
from runner.tracking.naming import is_child
from runner.tracking.params import flatten
from runner.tracking.recording import SNAPSHOT_NAME, TASK_TAG
from runner.tracking.store import errors_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

_STORE_KEY = "RunConfig.tracking_uri"
_PAGE = 200


@dataclass(frozen=True)
class Unfinished:
    """A run that can be resumed.

    Attributes:
        run: as it was found.
        forced: families that it was told to compute anew.
        tracking_uri: of the store that it was found in.
    """

    run: FoundRun
    forced: tuple[str, ...]
    tracking_uri: str

    @property
    def snapshot(self) -> Path:
        """Its config, in a file on this machine."""
        return self.run.artifact_dir / SNAPSHOT_NAME


def find(named: str | None, request: Request, settings: Settings) -> Unfinished:
    """The run that is meant.

    Args:
        named: its id, its name, how one of them begins, or `latest~1`; None for the newest that
            did not finish and was not resumed to the end since.
        request: tells config and store, and the experiment that is searched.

    Raises:
        UsageError: there is no such run, or it is finished, or its process is at work.
    """
    config = configs.load(request.files, request.overrides, settings=settings)
    location = store.locate(config)
    if location.sqlite_file is not None and not location.sqlite_file.exists():
        raise UsageError(f"there are no runs yet: there is no {location.sqlite_file}")
    client = store.connect(location)
    lookup = RunLookup(lambda: client, location, Copies(config.root))
    with errors_of(location):
        run = _named(named, config, lookup) if named else lookup.by_id(_latest(config, client))
    forced = run.tags.get(FORCED_TAG, "").split()
    found = Unfinished(run, tuple(forced), config.run.tracking_uri or "")
    run.fetch_own(SNAPSHOT_NAME)
    if not found.snapshot.is_file():
        text = f"run {run.run_name} has no config to go on with: {found.snapshot} is not there"
        raise UsageError(text)
    return found


def request(found: Unfinished, asked: Request, settings: Settings) -> Request:
    """What is asked of the new run: that run's config, with all that it completed taken over.

    With ``reuse = "auto"`` that is found by fingerprint; otherwise it is pinned, and so is in any
    case what was forced, because an older computation has the same fingerprint.

    Raises:
        UsageError: a secret was masked in the config.
    """
    overrides = [*asked.overrides]
    again = replace(asked, files=[found.snapshot], tags={RESUMES_TAG: found.run.run_id})
    config = configs.load(again.files, overrides, settings=settings)
    hidden = _masked(config.written)
    if _STORE_KEY in hidden:
        hidden.remove(_STORE_KEY)
        overrides.append(f"{_STORE_KEY}={json.dumps(found.tracking_uri)}")
    if hidden:
        text = f"the config of run {found.run.run_name} has {MASK} where a secret was: {hidden[0]}"
        raise UsageError(text, f"give the value with -o {hidden[0]}=…")
    again = replace(again, overrides=overrides)
    automatic = config.run.reuse == "auto"
    if automatic and not found.forced:
        return again
    plan = pipeline.plan_for(replace(again, dry_run=True), settings)
    done = set(_completed(found.run, plan)) - set(plan.context.config.paths)
    pinned = done.intersection(found.forced) if automatic else done
    pins = [f"PathConfig.{_key(name)}=runs:/{found.run.run_id}/{name}" for name in sorted(pinned)]
    left = [family for family in found.forced if family not in done]
    return replace(again, overrides=[*overrides, *pins], force=left)


def is_resumable(folder: Path) -> bool:
    """Whether a run's config can be run again as its artifacts have it."""
    try:
        sections = tomllib.loads((folder / SNAPSHOT_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return set(_masked(sections)) <= {_STORE_KEY}


def _masked(sections: Mapping[str, Any]) -> list[str]:
    """Keys of a config that was read back, whose values were secrets and are lost."""
    return [key for key, value in flatten(sections) if MASK in value]


def _named(name: str, config: Config, lookup: RunLookup) -> FoundRun:
    try:
        run = lookup.found(lookup.names.find(name, config.run.experiment_name))
    except MissingInputError as error:
        raise UsageError(error.message, error.hint) from None
    said = f"run {run.run_name} ({run.run_id[:8]})"
    if SWEEP_TAG in run.tags:
        hint = f"go on with it: python -m runner sweep --resume {run.run_id}"
        raise UsageError(f"{said} is a sweep", hint)
    if REPEAT_TAG in run.tags:
        raise UsageError(f"{said} is of several; repeat it, and what is done is taken over")
    if run.status == "FINISHED":
        raise UsageError(f"{said} is finished: nothing is left to resume")
    if run.status == "RUNNING" and reaper.state(run.tags) == "alive":
        text = f"{said} is at work at this moment"
        raise UsageError(text, "wait for it, or end it with Ctrl-C where it runs")
    return run


def _latest(config: Config, client: MlflowClient) -> str:
    name = config.run.experiment_name
    experiment = client.get_experiment_by_name(name)
    ended: set[str] = set()  # runs that a later one brought to the end
    for run in _runs(experiment.experiment_id, client) if experiment else ():
        before = run.data.tags.get(RESUMES_TAG, "")
        if run.info.status == "FINISHED" or run.info.run_id in ended:
            ended.add(before)
        elif TASK_TAG in run.data.tags and not _in_a_sweep(run) and not _maybe_alive(run):
            return str(run.info.run_id)
    raise UsageError(f"no run of the experiment {name!r} is unfinished", "name one: resume RUN")


def _in_a_sweep(run: Any) -> bool:
    """Those are gone on with together."""
    return is_of_several(run) or is_child(run)


def _maybe_alive(run: Any) -> bool:
    return run.info.status == "RUNNING" and reaper.state(run.data.tags) != "dead"


def _runs(experiment_id: str, client: MlflowClient) -> Iterator[Any]:
    token = None
    while True:
        page = client.search_runs(
            [experiment_id],
            max_results=_PAGE,
            order_by=["attributes.start_time DESC"],
            page_token=token,
        )
        yield from page
        token = page.token
        if not token:
            return


def _completed(run: FoundRun, plan: Plan) -> Iterator[str]:
    """Families of which a run completed all that a plan has of them."""
    whole = {name: _task_in(run, name, plan.context.config.root) for name in run.completed()}
    for family, ids in plan.context.families.items():
        names = [family] if len(ids) == 1 else ids
        if all(whole.get(name) == family for name in names):
            yield family
    for name, task in whole.items():  # those that turned up as dynamic requirements
        if name == task and name not in plan.context.families:
            yield name


def _task_in(run: FoundRun, name: str, root: Path) -> str | None:
    """The family that a directory of a run holds; None unless it is that run's own, and whole."""
    directory = run.artifact_dir / name
    if run.store is not None:  # every file of it is looked at when it is fetched
        manifest = Copies(root).manifest(run.store, run.run_id, name)
    else:
        manifest = manifests.read(directory)
    if manifest is None or manifest.made_by.run_id != run.run_id:
        return None
    damaged = run.store is None and contents.damage(directory, manifest)
    return None if damaged else manifest.task


def _key(family: str) -> str:
    return f'"{family}"' if "." in family else family  # a namespace is no table
