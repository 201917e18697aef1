"""One task being executed: a place to write, the user's `run()`, and publishing at the end."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from runner.artifacts import publish, sending
from runner.artifacts.fingerprint import Ingredients
from runner.artifacts.manifest import Manifest
from runner.engine.attempt import Attempt, Written, sole_writer
from runner.engine.limits import alarm, retries_of, timeout_of
from runner.engine.outcome import Outcome, text_of, users_part
from runner.engine.shared import Shared
from runner.errors import EndedEarly, GraphError, RunnerError
from runner.graph import tasks_in
from runner.task import RunTask
from runner.tracking.plugin import MetricNotes

_log = logging.getLogger(__name__)


class Execution:
    """Wraps the `run()` of one task for one run of the pipeline.

    Args:
        task: any luigi task; only a RunTask is published.
        shared: what it has in common with the others.
        forced: compute, whatever there is.
    """

    def __init__(self, task: luigi.Task, shared: Shared, *, forced: bool = False) -> None:
        self.outcome = Outcome(task)
        self._task = task
        self._shared = shared
        self._context = shared.context
        self._reuse = shared.reuse
        self._forced = forced
        self._ingredients: Ingredients | None = None
        self._lock = ExitStack()
        self._user_run = task.run
        self._dynamic: dict[str, luigi.Task] = {}
        self._notes = MetricNotes()
        self._written: Written | None = None
        self._started = 0.0
        self._open = ExitStack()

    def run(self) -> Generator[Any, Any, None]:
        """Stands in for the task's own `run()`; after a new requirement luigi calls it again."""
        for left in range(retries_of(self._task), -1, -1):
            if isinstance(self._task, RunTask) and self._taken_over(self._task):
                return
            try:
                yield from self._once()
                return
            except Exception as error:
                if not left or isinstance(error, GraphError):
                    raise
                _log.warning("%s failed, %d more: %s", self._task, left, self.outcome.error)

    def _once(self) -> Generator[Any, Any, None]:
        self._begin()
        try:
            yield from self._work()
        except GeneratorExit:  # luigi computes the requirement, and starts from the first line
            self._pause()
            raise
        except BaseException as error:
            try:
                self._look_at(error)
            finally:
                self._fail(error)
            raise
        self._finish()

    def _look_at(self, error: BaseException) -> None:
        look = self._shared.post_mortem
        if look is not None and isinstance(error, Exception) and not isinstance(error, RunnerError):
            look(error)

    def _taken_over(self, task: RunTask) -> bool:
        """Takes what another run computed by now: its upstream is complete, so that can be told.

        Otherwise the lock is kept until the task is published, and others wait for that.
        """
        self._ingredients = self._reuse.ingredients(task)
        if self._ingredients is None or task.placement.pinned or not self._reuse.automatic:
            return False
        label, run = task.get_task_family(), self._shared.maker.run_name
        with self._shared.away():
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

    def _work(self) -> Generator[Any, Any, None]:
        """Calls the user's `run()`; yields what it requires while it runs."""
        limit = timeout_of(self._task, self._shared.timeout)
        with alarm(self._task, limit):
            steps = self._user_run()
        if isinstance(steps, Generator):
            yield from self._drive(steps, limit)
        self._written = self._attempt.written()

    def _drive(
        self, steps: Generator[Any, Any, Any], limit: float | None
    ) -> Generator[Any, Any, None]:
        sent = None
        try:
            while True:
                with alarm(self._task, limit):
                    required = steps.send(sent)
                self._require(tasks_in(required))
                sent = yield required
        except StopIteration:
            pass
        finally:
            steps.close()

    def _require(self, tasks: list[luigi.Task]) -> None:
        self._shared.place(tasks, self._task)
        self._dynamic |= {task.task_id: task for task in tasks}

    def _begin(self) -> None:
        if self.outcome.status in ("failed", "stopped"):
            self._notes = MetricNotes()  # a retry logs anew; a restarted generator does not
        self._notes.restart()
        self._dynamic.clear()
        self._written = None
        self.outcome.status = "running"
        self._started = time.monotonic()
        self._open = ExitStack()
        try:
            if isinstance(self._task, RunTask):
                directory = self._task.placement.directory
                if not directory.is_relative_to(self._context.artifact_dir):
                    self._open.callback(sole_writer(directory).release)
            self._open_attempt()
        except BaseException as error:
            self._fail(error)
            raise

    def _open_attempt(self) -> None:
        self._attempt = Attempt(self._task, self._context, self._notes)
        self._open.callback(self._attempt.close)
        self._attempt.open()

    def _pause(self) -> None:
        self._lock.close()
        seconds, now = self._elapsed(), time.time()
        self.outcome.seconds += seconds
        self.outcome.spans.append((now - seconds, now))
        self._open.close()

    def _elapsed(self) -> float:
        """Seconds since the task was started, the last time."""
        return time.monotonic() - self._started

    def _finish(self) -> None:
        seconds = self.outcome.seconds + self._elapsed()
        try:
            if isinstance(self._task, RunTask) and self._written:
                self.outcome.size = self._publish(self._task, self._written, seconds).size
        except BaseException as error:
            self._fail(error)
            raise
        self._pause()
        self.outcome.metrics = dict(self._notes.last)
        self.outcome.status = "done"

    def _publish(self, task: RunTask, written: Written, seconds: float) -> Manifest:
        directory = task.placement.directory
        manifest = Manifest(
            task=task.get_task_family(),
            params=task.to_str_params(only_significant=True, only_public=True),
            config=task.logged_config(),
            outputs=task.declared_outputs(),
            folders=written.folders,
            files=written.files,
            metrics=self._notes.last,
            seconds=round(seconds, 3),
            created=datetime.now(UTC),
            made_by=self._shared.maker,
            **self._origin_of(task),
        )
        store = self._context.store
        if store and written.sent:
            sending.complete(directory, manifest, store)
        else:
            with self._shared.away():
                publish.publish(written.partial, directory, manifest)
            self._shared.renames.done(directory.parent)
            if store and directory.parent == self._context.artifact_dir:
                sending.send(directory, store, self._context.config.root)
        self._reuse.offer(directory, manifest)
        self._context.finished.add(task.task_id)
        return manifest

    def _origin_of(self, task: RunTask) -> dict[str, Any]:
        """What the manifest says of the fingerprint; none when something changed meanwhile."""
        before = self._ingredients
        if before is None:
            return {}
        if not (self._reuse.reads_the_same(task, before) and before.code.as_read()):
            _log.warning("%s: what it reads changed while it ran: it is not reused later", task)
            return {}
        dynamic = self._reuse.dynamic(self._dynamic.values())
        return {
            "fingerprint": None if dynamic is None else before.fingerprint,
            "task_version": before.version,
            "code": before.code.pieces,
            "inputs": before.inputs,
            "packages": before.packages,
            "beside": before.beside,
            "dynamic": dynamic or (),
        }

    def _fail(self, error: BaseException) -> None:
        self._pause()
        self.outcome.early = isinstance(error, EndedEarly)
        stopped = isinstance(error, KeyboardInterrupt | EndedEarly)
        self.outcome.status = "stopped" if stopped else "failed"
        self.outcome.error, self.outcome.traceback = self._described(error)
        self.outcome.metrics = dict(self._notes.last)
        if isinstance(self._task, RunTask):
            partial = publish.partial_of(self._task.placement.directory)
            if self.outcome.early:
                publish.discard_partial(self._task.placement.directory)
            elif partial.is_dir() and any(partial.iterdir()):
                self.outcome.kept = partial
            elif partial.is_dir():
                partial.rmdir()

    def _described(self, error: BaseException) -> tuple[str, str]:
        """An error as text, and the user's part of its traceback."""
        if isinstance(error, RunnerError | EndedEarly):
            return str(error), ""
        return text_of(error), users_part(error, __file__)
