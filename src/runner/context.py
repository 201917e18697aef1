"""What a task may ask about the run that it is part of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from runner.config import Config
from runner.errors import RunnerError

if TYPE_CHECKING:
    from runner.artifacts.store import ArtifactStore


@dataclass(frozen=True)
class Origin:
    """The run that computed something, when, and who ran it; what is not known is empty."""

    run_id: str
    run_name: str
    created: datetime | None = None
    user: str = ""


@dataclass(frozen=True)
class Placement:
    """Where a task's outputs lie, or will lie, and why.

    Attributes:
        directory: the task's own directory, absolute.
        decision: ``new``: this run computes it; ``reused``: it is complete and is taken as it is.
        reason: one phrase for people.
        origin: the run that computed a reused task, where known.
        metrics: what a reused task logged when it was computed.
        size: bytes of a reused task, where known.
        pinned: whether the user said so, in `[PathConfig]`.
        content: digest over all that a reused task published, where known.
    """

    directory: Path
    decision: Literal["new", "reused"]
    reason: str
    origin: Origin | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    size: int | None = None
    pinned: bool = False
    content: str = ""


class Watch(Protocol):
    """Is told what the tasks of a run log, wherever they run; it travels to them, pickled."""

    def logged(self, metric: str, value: float, step: int) -> None:
        """A metric was stored.

        Raises:
            EndedEarly: the run is to end.
        """


@dataclass(frozen=True)
class RunContext:
    """One run, as its tasks see it.

    Attributes:
        config: the run's whole config.
        run_id: MLflow's id of the run; empty while a run is only planned.
        run_name: MLflow's name of the run.
        experiment_id: MLflow's id of the experiment.
        artifact_dir: the run's artifact directory on this machine, absolute.
        families: the tasks of the graph by family, so that `path_config` can tell a task from a
            named input: family -> task ids.
        places: task id -> placement. It grows while the run meets dynamic requirements.
        finished: ids of the tasks whose outputs this run has seen complete.
        required: task id -> what its `requires()` returned, while a run is only planned; later it
            may return something else.
        store: where the run's artifacts are sent; None when `artifact_dir` is where they are kept.
        watch: is told what tasks log.
    """

    config: Config
    run_id: str
    run_name: str
    experiment_id: str
    artifact_dir: Path
    families: dict[str, list[str]] = field(default_factory=dict)
    places: dict[str, Placement] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)
    required: dict[str, Any] = field(default_factory=dict)
    store: ArtifactStore | None = None
    watch: Watch | None = None


_current: ContextVar[RunContext] = ContextVar("runner_context")
_open: list[RunContext] = []


def current() -> RunContext:
    """The run that this code is part of.

    A thread that a task started does not inherit the context variable; while one run is open in
    the process, that run is meant.

    Raises:
        RunnerError: no run is open, so a task has no directory.
    """
    found = _current.get(None)
    if found is not None:
        return found
    if len(_open) == 1:
        return _open[0]
    raise RunnerError(
        "no run is open: a task has its config and directories only inside of a run",
        "start it with: python -m runner",
    )


def is_open() -> bool:
    """Whether a run is open in this process."""
    return bool(_open)


@contextmanager
def using(context: RunContext) -> Iterator[RunContext]:
    """Makes a run the current one."""
    token = _current.set(context)
    _open.append(context)
    try:
        yield context
    finally:
        _open.remove(context)
        _current.reset(token)
