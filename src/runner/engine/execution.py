"""One task being executed: a place to write, the user's `run()`, and publishing at the end."""

from __future__ import annotations

import logging
import os
import time
import traceback
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from luigi.task import DynamicRequirements, flatten
from runner.artifacts import contents, publish, sending
from runner.artifacts.fingerprint import Ingredients
from runner.artifacts.manifest import Maker, Manifest
from runner.context import RunContext
from runner.engine.outcome import Outcome, users_part
from runner.errors import GraphError, PublishError, RunnerError
from runner.reuse import Reuse
from runner.task import RunTask
from runner.tracking.fluent import task_logs
from runner.tracking.plugin import MetricNotes

_log = logging.getLogger(__name__)


class Execution:
    """Wraps the `run()` of one task for one run of the pipeline.

    Args:
        task: any luigi task; only a RunTask is published.
        context: the run.
        maker: what manifests say about the run.
        place: places tasks that turn up as dynamic requirements.
        reuse: fingerprints the task, and finds what was computed before.
        forced: compute, whatever there is.
    """

    def __init__(
        self,
        task: luigi.Task,
        context: RunContext,
        maker: Maker,
        place: Callable[[Iterable[luigi.Task], luigi.Task], None],
        reuse: Reuse,
        *,
        forced: bool = False,
    ) -> None:
        self.outcome = Outcome(task)
        self._task = task
        self._context = context
        self._maker = maker
        self._place = place
        self._reuse = reuse
        self._forced = forced
        self._ingredients: Ingredients | None = None
        self._lock = ExitStack()
        self._user_run = task.run
        self._dynamic: dict[str, luigi.Task] = {}
        self._notes = MetricNotes()
        self._started = 0.0
        self._open = ExitStack()

    def run(self) -> Any:
        """Stands in for the task's own `run()`; after a new requirement luigi calls it again."""
        if isinstance(self._task, RunTask) and self._taken_over(self._task):
            return None
        self._begin()
        try:
            result = self._user_run()
        except BaseException as error:
            self._fail(error)
            raise
        if isinstance(result, Generator):
            return self._drive(result)
        self._finish()
        return None

    def _taken_over(self, task: RunTask) -> bool:
        """Takes what another run computed by now: its upstream is complete, so that can be told.

        Otherwise the lock is kept until the task is published, and others wait for that.
        """
        self._ingredients = self._reuse.ingredients(task)
        if self._ingredients is None or task.placement.pinned or not self._reuse.automatic:
            return False
        label, run = task.get_task_family(), self._maker.run_name
        self._lock.enter_context(self._reuse.computing(self._ingredients, label, run))
        found = None
        if not self._forced:
            found = self._reuse.find(task, self._ingredients, discard=True)
        if found is None:
            return False
        self._lock.close()
        if self.outcome.seconds:  # it had begun, and waited for what it yielded
            publish.discard_partial(task.placement.directory)
        self._context.places[task.task_id] = found
        self._context.finished.add(task.task_id)
        self.outcome.status = "reused"
        self.outcome.size, self.outcome.metrics = found.size or 0, dict(found.metrics)
        return True

    def _drive(self, steps: Generator[Any, Any, Any]) -> Generator[Any, Any, None]:
        sent = None
        try:
            while True:
                required = steps.send(sent)
                tasks = _tasks_in(required)
                self._place(tasks, self._task)
                self._dynamic |= {task.task_id: task for task in tasks}
                sent = yield required
        except StopIteration:
            pass
        except GeneratorExit:  # luigi computes the requirement, and starts from the first line
            steps.close()
            self._pause()
            raise
        except BaseException as error:
            self._fail(error)
            raise
        self._finish()

    def _begin(self) -> None:
        if self.outcome.status in (
            "failed",
            "stopped",
        ):  # a retry logs anew; a restarted generator does not
            self._notes = MetricNotes()
        self._notes.restart()
        self._dynamic.clear()
        self.outcome.status = "running"
        self._started = time.monotonic()
        self._open = ExitStack()
        with suppress(OSError):  # a task may go elsewhere; the next one starts here again
            self._open.callback(os.chdir, os.getcwd())
        try:
            if isinstance(self._task, RunTask):
                directory = self._task.placement.directory
                if not directory.is_relative_to(self._context.artifact_dir):
                    self._open.callback(_sole_writer(directory).release)
                outputs = self._task.declared_outputs().values()
                self._task._partial = publish.open_partial(directory, outputs)
            self._open.enter_context(task_logs(self._context, self._notes))
        except BaseException as error:
            self._fail(error)
            raise

    def _pause(self) -> None:
        self._lock.close()
        seconds, now = time.monotonic() - self._started, time.time()
        self.outcome.seconds += seconds
        self.outcome.spans.append((now - seconds, now))
        self._open.close()
        if isinstance(self._task, RunTask):
            self._task._partial = self._task._inputs = None

    def _finish(self) -> None:
        seconds = self.outcome.seconds + time.monotonic() - self._started
        try:
            if isinstance(self._task, RunTask):
                self.outcome.size = self._publish(self._task, seconds).size
        except BaseException as error:
            self._fail(error)
            raise
        self._pause()
        self.outcome.metrics = dict(self._notes.last)
        self.outcome.status = "done"

    def _publish(self, task: RunTask, seconds: float) -> Manifest:
        directory = task.placement.directory
        outputs = task.declared_outputs()
        partial = task.directory
        publish.adopt_strays(directory, partial)
        manifest = Manifest(
            task=task.get_task_family(),
            params=task.to_str_params(only_significant=True, only_public=True),
            config=task.logged_config(),
            outputs=outputs,
            folders=tuple(contents.empty_folders(partial)),
            files=publish.collect(partial, outputs, task.get_task_family()),
            metrics=self._notes.last,
            seconds=round(seconds, 3),
            created=datetime.now(UTC),
            made_by=self._maker,
            **self._origin_of(task),
        )
        publish.publish(partial, directory, manifest)
        if self._context.store and directory.parent == self._context.artifact_dir:
            sending.send(directory, self._context.store, self._context.config.root)
        self._reuse.offer(directory, manifest)
        self._context.finished.add(task.task_id)
        return manifest

    def _origin_of(self, task: RunTask) -> dict[str, Any]:
        """What the manifest says of the fingerprint; none when something changed meanwhile."""
        before = self._ingredients
        after = self._reuse.ingredients(task) if before else None
        if before is None or after is None:
            return {}
        if after.fingerprint() != before.fingerprint() or not before.code.as_read():
            _log.warning("%s: what it reads changed while it ran: it is not reused later", task)
            return {}
        dynamic = self._reuse.dynamic(self._dynamic.values())
        return {
            "fingerprint": None if dynamic is None else before.fingerprint(),
            "task_version": before.version,
            "code": before.code.pieces,
            "inputs": before.inputs,
            "packages": before.packages,
            "beside": before.beside,
            "dynamic": dynamic or (),
        }

    def _fail(self, error: BaseException) -> None:
        self._pause()
        self.outcome.status = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
        if isinstance(error, RunnerError):
            self.outcome.error, self.outcome.traceback = str(error), ""
        else:
            self.outcome.error = "".join(traceback.format_exception_only(error)).strip()
            self.outcome.traceback = users_part(error, __file__)
        self.outcome.metrics = dict(self._notes.last)
        if isinstance(self._task, RunTask):
            partial = publish.partial_of(self._task.placement.directory)
            if partial.is_dir() and any(partial.iterdir()):
                self.outcome.kept = partial
            elif partial.is_dir():
                partial.rmdir()


def _sole_writer(directory: Path) -> FileLock:
    """Two runs may be told to write to the same directory outside of both."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(directory.with_name(f".{directory.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        text = f"another run is writing to {directory} at this moment"
        raise PublishError(text, "wait for it, or pin to another directory") from None
    return lock


def _tasks_in(required: Any) -> list[luigi.Task]:
    if isinstance(required, DynamicRequirements):
        required = required.requirements
    tasks = flatten(required)
    for task in tasks:
        if not isinstance(task, luigi.Task):
            raise GraphError(f"run() yields a {type(task).__name__}; it may yield tasks only")
    return list(tasks)
