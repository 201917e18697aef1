"""One config over several seeds: how much of a difference between runs is chance."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from runner import pipeline, signals
from runner.context import using
from runner.engine import engines
from runner.errors import Interrupted, RunnerError, TrackingError, UsageError, did_you_mean
from runner.planning import Plan
from runner.redaction import Redactor
from runner.request import Listener, Request, Silent
from runner.settings import Settings
from runner.sweeps.parent import Parent, open_parent, store_override
from runner.sweeps.spread import Spread, spreads
from runner.tracking import reaper, store
from runner.tracking.lookup import INTERVAL, REPEAT_TAG, SINGLE, SPREAD
from runner.tracking.params import flatten
from runner.tracking.recording import Recorder
from runner.tracking.store import errors_of

_SEED_NAMES = ("seed", "random_seed", "random_state")


@dataclass(frozen=True)
class Repetition:
    """One of the runs.

    Attributes:
        number: from 0 on.
        seeds: `Task.key` -> the seed that it had.
        status: MLflow's.
        metrics: last values.
        seconds: wall time.
        error: why it did not finish.
    """

    number: int
    seeds: Mapping[str, int]
    status: str
    run_id: str = ""
    run_name: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class RepeatReport:
    """A config over several seeds.

    Attributes:
        status: MLflow's status of the parent run.
        run_id, run_name: of the parent run, whose metrics are the means.
        runs: by number.
        metrics: the spread of each metric over the runs that finished.
        seconds: of all of it.
        signum: the signal that ended it, if one did.
    """

    status: Literal["FINISHED", "FAILED", "KILLED"]
    experiment: str
    run_id: str
    run_name: str
    artifact_dir: Path
    runs: tuple[Repetition, ...]
    metrics: Mapping[str, Spread]
    seconds: float = 0.0
    signum: int | None = None

    @property
    def ok(self) -> bool:
        """Whether every run finished."""
        return self.status == "FINISHED"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "artifact_dir": str(self.artifact_dir)}


class RepeatListener(Protocol):
    """Is told how it goes on."""

    def opened(self, parent: Parent, count: int, keys: Sequence[str]) -> None:
        """The parent run is open."""

    def began(self, number: int, seeds: Mapping[str, int]) -> Listener:
        """A run begins; what is returned is told how it goes on."""

    def ended(self, run: Repetition) -> None:
        """A run is over."""


class Quiet:
    """A listener that does nothing with what it is told."""

    def opened(self, parent: Parent, count: int, keys: Sequence[str]) -> None: ...
    def began(self, number: int, seeds: Mapping[str, int]) -> Listener:
        return Silent()

    def ended(self, run: Repetition) -> None: ...


def repeat(
    count: int,
    request: Request,
    settings: Settings,
    seed_keys: Sequence[str] = (),
    listener: RepeatListener | None = None,
) -> RepeatReport:
    """Runs a config with one seed after another; what does not depend on it is computed once.

    Args:
        count: of runs.
        request: files, overrides and `run_name`, which is the parent run's.
        seed_keys: `Task.key` of each seed; by default the only one that is called so. The first
            run has the seeds of the config, and each further one greater ones by one.

    Raises:
        UsageError: it can't be told which key is the seed.
        RunnerError: as for `pipeline.run`.
    """
    with signals.handled():
        plan = pipeline.plan_for(replace(request, dry_run=True), settings)
        seeds = _seeds(plan, seed_keys)
        store.follow(plan.location)
        client = store.connect(plan.location)
        reaper.reap(client)
        recorder = Recorder(client, plan.location, Redactor(settings.secrets))
        tags = {REPEAT_TAG: f"{count} {' '.join(seeds)}"}
        parent = open_parent(plan, recorder, request.run_name, tags, {})
        return _Repeated(parent, settings, listener or Quiet(), seeds).run(count)


class _Repeated:
    def __init__(
        self, parent: Parent, settings: Settings, listener: RepeatListener, seeds: dict[str, int]
    ) -> None:
        self._parent = parent
        self._settings = settings
        self._listener = listener
        self._seeds = seeds
        self._runs: list[Repetition] = []
        self._signum: int | None = None

    def run(self, count: int) -> RepeatReport:
        """Runs them all, and closes the parent run whatever happens."""
        begun = time.monotonic()
        self._listener.opened(self._parent, count, list(self._seeds))
        status: Literal["FINISHED", "FAILED", "KILLED"] = "FAILED"
        try:
            with engines.kept_warm():
                for number in range(count):
                    self._one(number)
                    if self._signum is not None:
                        break
            finished = sum(run.status == "FINISHED" for run in self._runs)
            status = "FINISHED" if finished == count else "FAILED"
        except Interrupted as interrupted:
            self._signum = interrupted.signum
        finally:
            status = status if self._signum is None else "KILLED"
            found = self._close(status)
        return RepeatReport(
            status=status,
            experiment=self._parent.config.run.experiment_name,
            run_id=self._parent.run_id,
            run_name=self._parent.run_name,
            artifact_dir=self._parent.artifact_dir,
            runs=tuple(self._runs),
            metrics=found,
            seconds=time.monotonic() - begun,
            signum=self._signum,
        )

    def _one(self, number: int) -> None:
        seeds = {key: seed + number for key, seed in self._seeds.items()}
        where = store_override(self._parent.snapshot, self._parent.recorder.location.uri)
        request = self._parent.request(number, {**where, **seeds}, None)
        try:
            report = pipeline.run(request, self._settings, self._listener.began(number, seeds))
        except TrackingError:
            raise
        except RunnerError as error:
            run = Repetition(number, seeds, "FAILED", error=str(error))
        else:
            self._signum = report.signum
            metrics = self._metrics(report.run_id) if report.ok else {}
            told = (report.run_id, report.run_name, metrics, report.seconds, report.error)
            run = Repetition(number, seeds, report.status, *told)
        self._runs.append(run)
        self._listener.ended(run)

    def _metrics(self, run_id: str) -> dict[str, float]:
        recorder = self._parent.recorder
        with errors_of(recorder.location):
            found = recorder.client.get_run(run_id).data.metrics
        own = {name: value for name, value in found.items() if not name.startswith("system/")}
        return {name: value for name, value in own.items() if math.isfinite(value)}

    def _close(self, status: Literal["FINISHED", "FAILED", "KILLED"]) -> dict[str, Spread]:
        done = [run.metrics for run in self._runs if run.status == "FINISHED"]
        found = spreads(done)
        values = {name: spread.mean for name, spread in found.items()}
        for name, spread in found.items():
            if spread.std is not None:
                values[f"{name}{SPREAD}"] = spread.std
            if spread.interval is not None:
                values[f"{name}{INTERVAL}"] = spread.interval
            if spread.single is not None:
                values[f"{name}{SINGLE}"] = spread.single
        self._parent.recorder.log(self._parent.run_id, metrics=values)
        self._parent.close(status, {})
        return found


def _seeds(plan: Plan, asked: Sequence[str]) -> dict[str, int]:
    """The keys that are seeds, and their values in the config.

    Raises:
        UsageError: there is none, several may be meant, or one is no whole number.
    """
    with using(plan.context):
        known = dict(flatten(plan.parameters()))
    families = {task.get_task_family() for task in plan.graph.tasks.values()}
    of_tasks = {key for key in known if key.rpartition(".")[0].split(".")[0] in families}
    named = sorted(key for key in of_tasks if key.rpartition(".")[2] in _SEED_NAMES)
    for key in asked:
        if key not in known:
            raise UsageError(f"--seed-key {key}: no such parameter{did_you_mean(key, known)}")
    if not asked and len(named) != 1:
        said = f"several parameters may be the seed: {', '.join(named)}"
        said = said if named else "no parameter of this run is called seed"
        raise UsageError(said, "name it: --seed-key Task.key, several times for several")
    found = {}
    for key in asked or named:
        try:
            found[key] = int(known[key])
        except ValueError:
            raise UsageError(f"{key} = {known[key]} is no whole number, and so no seed") from None
    return found
