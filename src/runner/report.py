"""What became of a run: the value that `pipeline.run` returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

TaskStatus = Literal["ran", "reused", "failed", "stopped", "not run", "not needed", "to run"]
RunStatus = Literal["FINISHED", "FAILED", "KILLED", "PLANNED", "UNCHANGED"]


@dataclass(frozen=True)
class TaskReport:
    """One task of a run.

    Attributes:
        name: the family, with parameters where the graph holds several of it.
        status: `to run` in a plan only; `not needed`: a complete task stands in front of it.
        reason: why it runs or does not.
        directory: where its outputs lie; None for a plain luigi task.
        origin: name (or id) of the run that computed a reused task.
        origin_id: its id.
        computed: when that was, with time zone.
        user: who ran it.
        seconds: wall time; None when it did not run.
        spans: (start, end) of each start of `run()`, in seconds since the epoch.
        size: bytes of its outputs, where known.
        metrics: what it logged, last values.
        error: what made it fail, one line and the type.
        kept: where the unfinished files of a failed task are.
        expected_seconds: of a task to run, by what it took before; None when that is not known.
        expected_size: bytes, in the same way.
    """

    name: str
    status: TaskStatus
    reason: str = ""
    directory: Path | None = None
    origin: str = ""
    origin_id: str = ""
    computed: datetime | None = None
    user: str = ""
    seconds: float | None = None
    spans: tuple[tuple[float, float], ...] = ()
    size: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    kept: Path | None = None
    expected_seconds: float | None = None
    expected_size: int | None = None


@dataclass(frozen=True)
class Report:
    """A run, planned or done.

    Attributes:
        status: MLflow's status of the run; `PLANNED` after a dry run; `UNCHANGED` when nothing had
            to run, and so no run was opened.
        tasks: in the order in which they were needed.
        results: names of the tasks that were asked for: several where a wrapper was.
        artifact_dir: None after a dry run.
        tracking_uri: where MLflow keeps the run, without password.
        error: why the run did not finish.
        traceback: the user's own part of it, when a task failed.
        notes: what a user should know about the plan.
        resume: overrides that make the next run take what this one completed.
        signum: the signal that ended the run, if one did.
    """

    status: RunStatus
    experiment: str
    tasks: tuple[TaskReport, ...]
    results: tuple[str, ...] = ()
    run_id: str = ""
    run_name: str = ""
    artifact_dir: Path | None = None
    tracking_uri: str = ""
    seconds: float = 0.0
    error: str = ""
    traceback: str = ""
    notes: tuple[str, ...] = ()
    resume: tuple[str, ...] = ()
    signum: int | None = None

    @property
    def ok(self) -> bool:
        return self.status in ("FINISHED", "PLANNED", "UNCHANGED")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {key: _plain(value) for key, value in asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
