"""Runs as the tracking store has them, in as few questions as possible."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any

from runner import config as configs
from runner.artifacts.copies import Copies
from runner.config import Config, ConfigSource
from runner.config.values import parse
from runner.errors import MissingInputError, UsageError
from runner.experiments import chance
from runner.redaction import Redactor
from runner.settings import Settings
from runner.tracking import params, recording, store
from runner.tracking.lookup import FoundRun, RunLookup
from runner.tracking.naming import Accept, RunNames

_MACHINE = "system/"  # metrics that MLflow takes of the machine


@dataclass(frozen=True)
class RunRecord:
    """A run, finished or not, of the runner's own or of any other program that logs to MLflow.

    Attributes:
        run: where it is.
        experiment_id: MLflow's.
        experiment: its name.
        started: None where the store does not say.
        ended: None while it is running.
        params: as logged: text by name.
        metrics: last values.
        inputs: digest of each dataset that it read, by name.
        intervals: of each metric that is a mean.
    """

    run: FoundRun
    experiment_id: str
    experiment: str
    started: datetime | None
    ended: datetime | None
    params: Mapping[str, str] = field(repr=False)
    metrics: Mapping[str, float] = field(repr=False)
    inputs: Mapping[str, str] = field(repr=False)
    intervals: Mapping[str, chance.Interval] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        return self.run.run_name or self.run.run_id[:8]

    @property
    def shown(self) -> str:
        """The run as messages name it."""
        return f"{self.run.run_name} ({self.run.run_id[:8]})"

    @property
    def task(self) -> str:
        """The task that was asked for; empty where the runner did not make the run."""
        return self.run.tags.get(recording.TASK_TAG, "").rpartition(".")[2]

    @property
    def seconds(self) -> float | None:
        """From start to end; None while it is running."""
        if self.started is None or self.ended is None:
            return None
        return (self.ended - self.started).total_seconds()

    def as_dict(self) -> dict[str, Any]:
        """Which run it is, when it was and what became of it, as plain values for JSON."""
        return {
            "run_id": self.run.run_id,
            "name": self.run.run_name,
            "experiment": self.experiment,
            "task": self.task,
            "status": self.run.status,
            "started": self.started.isoformat() if self.started else None,
            "seconds": self.seconds,
        }

    @cached_property
    def values(self) -> Mapping[str, str]:
        """The parameters, with defaults as they were then; what MLflow cut is in the snapshot."""
        cut = [name for name, text in self.params.items() if params.is_cut(text)]
        if not cut:
            return self.params
        whole = params.parameters(_snapshot(self.run), Redactor())
        return {**self.params, **{name: whole[name] for name in cut if name in whole}}


class Records:
    """The runs of a project's store.

    Args:
        files: config files, or what stands for them; they say where the store is, and which
            experiment is the project's.

    Raises:
        ConfigError, TrackingError: that can't be told, or the store can't be used.
    """

    def __init__(self, files: Sequence[ConfigSource], settings: Settings) -> None:
        self.config: Config = configs.load(files, settings=settings)
        self.location = store.locate(self.config)
        self.client = cache(self._connect)
        self.lookup = RunLookup(self.client, self.location, Copies(self.config.root))
        self._experiment = cache(self._name_of)

    @property
    def is_new(self) -> bool:
        """Whether there is no store as yet."""
        file = self.location.sqlite_file
        return file is not None and not file.exists()

    @property
    def names(self) -> RunNames:
        """Says which run is meant."""
        return self.lookup.names

    def named(self, asked: Sequence[str], accept: Accept | None = None) -> list[RunRecord]:
        """The runs that are asked for, in that order.

        Args:
            asked: ids, names, the beginnings of either, `latest`, `latest~2`.
            accept: what `latest` must be.

        Raises:
            UsageError: there is no such run, or several are meant.
        """
        if self.is_new:
            text = f"there are no runs yet: there is no {self.location.sqlite_file}"
            raise UsageError(text, "start one: python -m runner")
        plain = {name: name.removeprefix("run:") for name in asked}
        known = {run.info.run_id: run for run in self.names.by_ids(plain.values())}
        experiment = self.config.run.experiment_name
        latest = self.names.recent(experiment, accept)
        try:
            for name in plain.values():
                if name not in known:
                    known[name] = latest(name) or self.names.by_prefix(name)
        except MissingInputError as error:
            raise UsageError(error.message, error.hint) from None
        return [self.record(known[plain[name]]) for name in asked]

    def record(self, run: Any) -> RunRecord:
        """A run of MLflow's, read."""
        inputs = run.inputs.dataset_inputs if run.inputs else []
        own = {k: v for k, v in run.data.metrics.items() if not k.startswith(_MACHINE)}
        metrics, intervals = chance.split(own, run.data.tags)
        return RunRecord(
            run=self.lookup.found(run),
            experiment_id=run.info.experiment_id,
            experiment=self._experiment(run.info.experiment_id),
            started=_time(run.info.start_time),
            ended=_time(run.info.end_time),
            params=run.data.params,
            metrics=metrics,
            inputs={found.dataset.name: found.dataset.digest for found in inputs},
            intervals=intervals,
        )

    def _connect(self) -> Any:
        return store.connect(self.location)

    def _name_of(self, experiment_id: str) -> str:
        with store.errors_of(self.location):
            return str(self.client().get_experiment(experiment_id).name)


def _snapshot(run: FoundRun) -> Mapping[str, Any]:
    """The config of a run as it was written; empty where that is gone, or is none."""
    run.fetch_own(recording.SNAPSHOT_NAME)
    try:
        return parse((run.artifact_dir / recording.SNAPSHOT_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _time(milliseconds: int | None) -> datetime | None:
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def by_start(records: Iterable[RunRecord]) -> list[RunRecord]:
    """The oldest first."""
    return sorted(records, key=lambda r: (r.started is not None, r.started, r.run.run_id))
