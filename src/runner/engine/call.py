"""What travels between a run and its workers: a call for one task, and the answer."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.artifacts.manifest import ListedFile
from runner.config import Config
from runner.context import Placement
from runner.tracking.plugin import MetricNotes


@dataclass(frozen=True)
class Session:
    """What a worker has to know before it can make the tasks of a run.

    Attributes:
        process: (host, process id) of the run itself, which has all of it already.
        config: of the run.
        path: `sys.path` of the run, the project's folders first; empty leaves a worker its own.
        code: the folder that stands for the project's, where a worker got a copy of its modules.
        environment: variables that the run's own process has, and a worker may lack.
        made: when, in ns since the epoch: a worker that stays enters anew for each run, because the
            project's code may have changed.
    """

    process: tuple[str, int]
    config: Config
    path: tuple[str, ...]
    environment: Mapping[str, str]
    made: int
    code: Path | None = None


@dataclass(frozen=True)
class View:
    """What one task can see of its run.

    Attributes:
        places: of the task, of what it requires, and of all that can be asked for by family.
        families: family -> task ids; of one that is there several times, those in `places`.
        complete: ids of the tasks of `places` that are complete.
        yielded: ids of the complete tasks that its `run()` has yielded before.
    """

    places: Mapping[str, Placement]
    families: Mapping[str, list[str]]
    complete: frozenset[str]
    yielded: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Call:
    """One task to be executed by a worker.

    Attributes:
        session: a pickled `Session`; the same bytes for every task of a run.
        run: a pickled `RunContext` without places, likewise.
        tracking_uri: of the run's store, for what the task logs by MLflow.
        task: the pickled task; a worker can make it when it has entered the session.
        notes: what earlier starts of the task logged.
        timeout: seconds for `run()`; None for as long as it takes.
        token: makes the name of the place to write to unique, where two attempts may overlap.
        collect: hand records of the log back with the answer.
    """

    session: bytes
    run: bytes
    tracking_uri: str
    task: bytes
    view: View
    notes: MetricNotes
    timeout: float | None = None
    token: str = ""
    collect: bool = False


@dataclass
class Answer:
    """What became of a call.

    Attributes:
        seconds: wall time inside of `run()`.
        notes: what the task has logged by now.
        required: pickled tasks that `run()` yielded and that are not complete; None when it ended.
        partial: where the task wrote.
        files, folders: what it wrote there, for the manifest.
        sent: the worker has sent the files to the run's store, because it is elsewhere.
        error: the exception that ended it: pickled where that is possible, and as text.
        traceback: the user's part of it.
        records: of the log, where they could not be handed over at once.
    """

    seconds: float = 0.0
    notes: MetricNotes | None = None
    required: bytes | None = None
    partial: Path | None = None
    files: tuple[ListedFile, ...] = ()
    folders: tuple[str, ...] = ()
    sent: bool = False
    error: bytes | None = None
    error_text: str = ""
    traceback: str = ""
    records: list[logging.LogRecord] = field(default_factory=list)


class TaskError(Exception):
    """Stands for an exception of a task that can't travel between processes."""


def exception(answer: Answer) -> BaseException:
    """The exception that ended a task, with its traceback in the worker as its cause."""
    found: Any = None
    try:
        found = pickle.loads(answer.error) if answer.error else None
    except Exception:  # what it was made of is not importable here
        found = None
    error = found if isinstance(found, BaseException) else TaskError(answer.error_text)
    if answer.traceback:
        error.__cause__ = TaskError(f"\n{answer.traceback}")
    return error
