"""One task that a worker executes: asked for, waited for, and published here."""

from __future__ import annotations

import logging
import pickle
import time
from collections.abc import Callable, Generator
from typing import Any, Protocol

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from runner.engine.attempt import Written
from runner.engine.call import Answer, Call, View, exception
from runner.engine.calls import Calls
from runner.engine.execution import Execution
from runner.engine.limits import timeout_of
from runner.engine.shared import Shared


class Engine(Protocol):
    """Where tasks are executed.

    Attributes:
        workers: how many at once, at most.
        session: a pickled `Session`.
        collects: whether the workers' logs come with their answers.
        stopped: whether it was told to stop.
    """

    workers: int
    session: bytes
    collects: bool
    stopped: bool

    def ask(self, call: Call, task: luigi.Task) -> Answer:
        """Has a call executed, and waits for the answer.

        Raises:
            ExecutionError: the worker died, or the task took too long.
        """

    def stop(self) -> None:
        """Ends whatever is being executed, at once."""


class Delegated(Execution):
    """Like `Execution`, for a `run()` that is called by a worker of an engine.

    Args:
        engine: the workers.
        calls: makes calls.
        view: what the task can see of its run, at this moment; it is given what `run()` yielded.
    """

    def __init__(
        self,
        task: luigi.Task,
        shared: Shared,
        engine: Engine,
        calls: Calls,
        view: Callable[[luigi.Task, list[luigi.Task]], View],
        *,
        forced: bool = False,
    ) -> None:
        super().__init__(task, shared, forced=forced)
        self._engine = engine
        self._calls = calls
        self._view = view
        self._yielded: dict[str, luigi.Task] = {}
        self._answer = Answer()
        self._seconds = 0.0

    def _open_attempt(self) -> None:
        """The place to write to is made where the task is executed."""
        self._answer = Answer()
        self._seconds = 0.0

    def _work(self) -> Generator[Any, Any, None]:
        while True:
            required = self._asked()
            if required is None:
                break
            self._require(required)
            self._yielded |= {task.task_id: task for task in required}
            yield required
        # The last start has passed over what it was known to yield; the manifest tells of it all.
        self._dynamic |= self._yielded
        found = self._answer
        if found.partial is not None:
            self._written = Written(found.partial, found.files, found.folders, found.sent)

    def _asked(self) -> list[luigi.Task] | None:
        """What the task requires and has not got; None when it ended."""
        limit = timeout_of(self._task, self._shared.timeout)
        view = self._view(self._task, list(self._yielded.values()))
        call = self._calls.make(self._task, view, self._notes, limit)
        begun = time.monotonic()
        try:
            with self._shared.away():
                self._answer = answer = self._engine.ask(call, self._task)
        except BaseException as error:
            self._seconds += time.monotonic() - begun
            if self._engine.stopped:  # then that is why there is no answer
                raise KeyboardInterrupt from error
            raise
        self._seconds += answer.seconds
        for record in answer.records:
            logging.getLogger(record.name).handle(record)
        self._notes = answer.notes or self._notes
        if answer.error_text:
            raise exception(answer)
        if answer.required is None:
            return None
        required: list[luigi.Task] = pickle.loads(answer.required)
        return required

    def _elapsed(self) -> float:
        return self._seconds

    def _described(self, error: BaseException) -> tuple[str, str]:
        if self._answer.error_text:
            return self._answer.error_text, self._answer.traceback
        return super()._described(error)

    def _fail(self, error: BaseException) -> None:
        super()._fail(error)
        partial = self._answer.partial
        if partial is not None and partial.is_dir() and any(partial.iterdir()):
            self.outcome.kept = partial
