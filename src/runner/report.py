"""What became of a run: the value that `runner.run` and `pipeline.run` return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from runner.errors import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

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
        outputs: file or folder of each output by name, once it is there.
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
    outputs: Mapping[str, Path] = field(default_factory=dict)
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

    @property
    def metrics(self) -> dict[str, float]:
        """Last value of each metric of the run; of a name that several tasks logged, that of the
        one which ended last, and of a task that ran before that of a reused one.
        """
        ended = sorted(self.tasks, key=lambda task: task.spans[-1][1] if task.spans else 0.0)
        return {name: value for task in ended for name, value in task.metrics.items()}

    def __getitem__(self, task: str) -> TaskReport:
        """One task.

        Args:
            task: its name, as in `tasks`; the family is enough where the run has one of it.

        Raises:
            KeyError: the run has no such task, or several.
        """
        found = [t for t in self.tasks if t.name == task]
        found = found or [t for t in self.tasks if t.name.startswith(f"{task}(")]
        if len(found) == 1:
            return found[0]
        names = [t.name for t in found or self.tasks]
        if found:
            raise KeyError(f"the run has several of {task}: {', '.join(names)}")
        raise KeyError(f"the run has no task {task!r}{did_you_mean(task, names)}")

    def frame(self) -> pd.DataFrame:
        """The tasks as a table of pandas: a row a task, a column `metrics.<name>` a metric."""
        import pandas as pd

        columns = ("status", "origin", "seconds", "size", "directory")
        rows = [
            {name: getattr(task, name) for name in columns}
            | {f"metrics.{name}": value for name, value in task.metrics.items()}
            for task in self.tasks
        ]
        index = pd.Index([task.name for task in self.tasks], name="task")
        return pd.DataFrame(rows, index=index, columns=None if rows else list(columns))

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from runner import notebook

        return notebook.page(self)

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
