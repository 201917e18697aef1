"""The parent run of several runs of one config: what those are told, and what is kept of them."""

from __future__ import annotations

import math
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.config import Config, to_toml
from runner.config.document import dotted
from runner.config.sweep import SweepConfig
from runner.context import Watch, using
from runner.errors import UsageError
from runner.planning import Plan
from runner.redaction import MASK
from runner.request import Request
from runner.sweeps.report import TrialReport
from runner.tracking import reaper, surroundings
from runner.tracking.lookup import CUT_TAG, TRIAL_TAG, UNTIL_TAG
from runner.tracking.naming import PARENT_TAG
from runner.tracking.params import flatten
from runner.tracking.recording import SNAPSHOT_NAME, Recorder, Status
from runner.tracking.store import errors_of

BEST_NAME = "best.toml"
_STORE_KEY = "RunConfig.tracking_uri"


@dataclass(frozen=True)
class Parent:
    """The parent run of several.

    Attributes:
        recorder: writes to the store.
        config: that they have in common.
        artifact_dir: of the run, on this machine.
        store: where the run's artifacts are sent, if they are.
    """

    recorder: Recorder
    config: Config
    run_id: str
    run_name: str
    artifact_dir: Path
    store: Any = None

    @property
    def sweep(self) -> SweepConfig:
        """What is asked for."""
        assert self.config.sweep is not None
        return self.config.sweep

    @property
    def snapshot(self) -> Path:
        """The config that every trial starts from, whatever becomes of the files meanwhile."""
        return self.artifact_dir / SNAPSHOT_NAME

    def request(self, number: int, overrides: Mapping[str, Any], watch: Watch | None) -> Request:
        """What is asked of one of the runs; it has a number for a name."""
        files: list[Any] = [self.snapshot]
        if any(isinstance(value, Mapping) for value in overrides.values()):
            files = [self._with(overrides)]  # an override would be merged into a table
            overrides = {}
        return Request(
            files=files,
            overrides={"RunConfig.reuse": "auto", **overrides},
            record=True,
            tags={PARENT_TAG: self.run_id, TRIAL_TAG: str(number)},
            run_name=f"{self.run_name}-{number}",
            watch=watch,
        )

    def write_best(self, best: TrialReport) -> None:
        """Writes the config of the best trial."""
        self.write(BEST_NAME, to_toml(self._with({**best.params, "RunConfig.reuse": "auto"})))

    def _with(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The config with other values; a table takes the place of one that is there."""
        data: dict[str, Any] = tomllib.loads(self.snapshot.read_text(encoding="utf-8"))
        for name, value in values.items():
            *outer, last = dotted(name) or (name,)
            table = data
            for part in outer:
                table = table.setdefault(part, {})
            table[last] = value
        return data

    def write(self, name: str, text: str) -> None:
        """Writes a file of the run; it takes the place of an earlier one at once."""
        path = self.artifact_dir / name
        new = path.with_name(f".{name}.new")
        new.write_text(self.recorder.redactor.clean(text), encoding="utf-8")
        new.replace(path)
        if self.store is not None:
            self.store.upload([(path, name)])

    def cut_off(self, *run_ids: str) -> None:
        """Gives up the names of runs whose trials are done again, by runs of the same names."""
        client = self.recorder.client
        for run_id in run_ids:
            with errors_of(self.recorder.location):
                name = client.get_run(run_id).info.run_name
                client.update_run(run_id, name=f"{name}-cut-{run_id[:4]}")
                client.set_tag(run_id, CUT_TAG, "true")

    def tags(self) -> dict[str, str]:
        """Of the run, as they are now."""
        with errors_of(self.recorder.location):
            found: dict[str, str] = self.recorder.client.get_run(self.run_id).data.tags
        return found

    def log_best(self, value: float, step: int) -> None:
        """The best value so far, which MLflow draws over the number of trials that are done."""
        with errors_of(self.recorder.location):
            self.recorder.client.log_metric(self.run_id, self.sweep.metric, value, step=step)

    def status(self) -> str:
        """MLflow's, as it is now."""
        with errors_of(self.recorder.location):
            return str(self.recorder.client.get_run(self.run_id).info.status)

    def limit(self, seconds: float) -> None:
        """Tells those who join how long trials may begin."""
        until = "" if math.isinf(seconds) else f"{time.time() + seconds:.0f}"
        self.recorder.log(self.run_id, tags={UNTIL_TAG: until})

    def seconds_left(self) -> float:
        """In which trials may begin."""
        until = self.tags().get(UNTIL_TAG, "")
        return float(until) - time.time() if until else math.inf

    def take_over(self) -> None:
        """Makes this process the one that the run belongs to."""
        tags = {**surroundings.host_tags(), reaper.PROCESS_TAG: reaper.process_tag()}
        self.recorder.log(self.run_id, tags=tags)
        with errors_of(self.recorder.location):
            self.recorder.client.update_run(self.run_id, status="RUNNING")

    def close(self, status: Status, tags: Mapping[str, str]) -> None:
        """Ends the run."""
        self.recorder.close(self.run_id, status, tags)


def open_parent(
    plan: Plan,
    recorder: Recorder,
    run_name: str | None,
    tags: Mapping[str, str],
    section: Mapping[str, Any],
) -> Parent:
    """Starts the parent run.

    Args:
        tags: that tell what it is the parent of.
        section: parameters of it alone, by section.

    Raises:
        UsageError: a secret stands in the config, and so the trials could not be told of it.
        TrackingError: the store refuses.
    """
    config = plan.context.config
    hidden = [key for key, text in flatten(config.written) if recorder.redactor.clean(text) != text]
    if set(hidden) - {_STORE_KEY}:
        text = f"{hidden[0]} holds a secret, which is masked where trials read their config"
        raise UsageError(text, "put it into .env, and write ${NAME} in its place")
    with using(plan.context):
        opened = recorder.open(config, {**plan.parameters(), **section}, tags, run_name)
    run = (opened.run_id, opened.run_name, opened.artifact_dir, opened.store)
    return Parent(recorder, opened.config, *run)


def store_override(snapshot: Path, tracking_uri: str) -> dict[str, str]:
    """Says where the store is, if the address in a snapshot is masked."""
    text = snapshot.read_text(encoding="utf-8")
    values = dict(flatten(tomllib.loads(text)))
    return {_STORE_KEY: tracking_uri} if MASK in values.get(_STORE_KEY, "") else {}
