"""One start of a task's `run()` in this process: a place to write to, and what was written."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from runner.artifacts import contents, publish
from runner.artifacts.manifest import ListedFile
from runner.context import RunContext
from runner.errors import PublishError
from runner.task import RunTask
from runner.tracking.fluent import task_logs
from runner.tracking.plugin import MetricNotes


@dataclass(frozen=True)
class Written:
    """What a task wrote: its place, and what the manifest says of it.

    Attributes:
        sent: the files are in the run's store, and the place may be on another machine.
    """

    partial: Path
    files: tuple[ListedFile, ...]
    folders: tuple[str, ...]
    sent: bool = False


class Attempt:
    """One start of a task.

    Args:
        task: any luigi task; only a RunTask has a place of its own.
        context: the run.
        notes: what earlier starts of it logged.
        token: see `publish.partial_of`.
    """

    def __init__(
        self, task: luigi.Task, context: RunContext, notes: MetricNotes, token: str = ""
    ) -> None:
        self._task = task
        self._context = context
        self._notes = notes
        self._token = token
        self._stack = ExitStack()

    def open(self) -> None:
        """Makes the place to write to, and leads what the task logs to the run.

        Raises:
            PublishError: the place can't be made.
        """
        with suppress(OSError):  # a task may go elsewhere; the next one starts here again
            self._stack.callback(os.chdir, os.getcwd())
        if isinstance(self._task, RunTask):
            outputs = self._task.declared_outputs().values()
            directory = self._task.placement.directory
            self._task._partial = publish.open_partial(directory, outputs, self._token)
        self._stack.enter_context(task_logs(self._context, self._notes))

    def written(self) -> Written | None:
        """Checks what the task wrote, and lists it; None for a plain luigi task.

        Raises:
            PublishError: something declared is not there, or something can't be kept.
        """
        task = self._task
        if not isinstance(task, RunTask):
            return None
        publish.adopt_strays(task.placement.directory, task.directory)
        files = publish.collect(task.directory, task.declared_outputs(), task.get_task_family())
        return Written(task.directory, files, tuple(contents.empty_folders(task.directory)))

    def close(self) -> None:
        """Puts back what the task changed; may be called again."""
        self._stack.close()
        if isinstance(self._task, RunTask):
            self._task._partial = self._task._inputs = None


def sole_writer(directory: Path) -> FileLock:
    """A lock, taken: two runs may be told to write to the same directory outside of both.

    Raises:
        PublishError: the other one is at it.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(directory.with_name(f".{directory.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        text = f"another run is writing to {directory} at this moment"
        raise PublishError(text, "wait for it, or pin to another directory") from None
    return lock
