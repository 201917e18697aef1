"""luigi's Worker, driven for one run: here and in the scheduler are luigi's private names used.

luigi walks the graph, runs tasks, hands dynamic requirements back; `scheduler` says what is next.
What changes: a task runs in this process, or in a worker of an engine for which a thread waits, and
never in a forked process; and `run()` is wrapped while it is called.
"""

from __future__ import annotations

import contextlib
import logging
import queue
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from luigi.rpc import RemoteScheduler
from luigi.worker import DequeQueue, TaskProcess, TaskStatusReporter, Worker
from runner.engine import scheduler
from runner.engine.delegated import Engine
from runner.engine.execution import Execution
from runner.engine.outcome import Outcome
from runner.engine.turn import Turn
from runner.errors import Interrupted

_log = logging.getLogger(__name__)


class _Process(TaskProcess):
    """luigi's account of one task's execution, without a process around it.

    With an engine, it is a thread of this process that waits for a worker.
    """

    def __init__(
        self, execution: Execution, on_start: Any, on_end: Any, threads: _Threads, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.use_multiprocessing = False
        self._execution = execution
        self._on_start = on_start
        self._on_end = on_end
        self._threads = threads

    def run(self) -> None:
        if isinstance(self.task, luigi.WrapperTask) or self.task.run is None:
            super().run()
        else:
            self._threads.do(self._run)

    def _run(self) -> None:
        _log.info("%s starts", self.task)
        self._on_start(self.task)
        self.task.run = self._execution.run
        try:
            super().run()
        finally:
            del self.task.run
            _log.info("%s: %s", self.task, self._execution.outcome.status)
            self._on_end(self._execution.outcome)


class _Threads:
    """Executes tasks in this thread, or each in one of its own while the turn is its.

    Args:
        workers: how many at once; None for this thread.
    """

    def __init__(self, workers: int | None, turn: Turn) -> None:
        self._turn = turn
        self._pool = None if workers is None else ThreadPoolExecutor(workers, "runner-task")

    def do(self, action: Callable[[], None]) -> None:
        if self._pool is None:
            action()
        else:
            self._pool.submit(copy_context().run, self._in_turn, action)

    def close(self) -> None:
        if self._pool is not None:
            with self._turn.away():
                self._pool.shutdown(cancel_futures=True)

    def _in_turn(self, action: Callable[[], None]) -> None:
        with self._turn.taken():
            try:
                action()
            except KeyboardInterrupt:  # luigi has no answer to that; the main thread has
                _log.debug("a task was stopped", exc_info=True)


class _Results(DequeQueue):
    """luigi's queue of results within one process, which it closes when a scheduler is remote."""

    def close(self) -> None:
        pass


class _ThreadResults(queue.Queue[Any]):
    """The same, filled by threads; whoever waits gives its turn away."""

    def __init__(self, turn: Turn) -> None:
        super().__init__()
        self._turn = turn

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        with self._turn.away():
            return super().get(block, timeout)

    def close(self) -> None:
        pass


class _Forgets(list[Any]):
    """A history that nobody reads: luigi keeps it for its summary."""

    def append(self, item: Any) -> None:
        pass


class RunWorker(Worker):
    """Runs a root task and what it requires.

    Args:
        start: makes the execution of a task, once for each.
        on_start: told of each task that starts.
        on_end: told of each outcome.
        interrupted: the signal that asked the run to stop, for tasks that swallow the exception.
        turn: shared with the executions.
        engine: executes tasks; None for this process itself.
    """

    def __init__(
        self,
        start: Callable[[luigi.Task], Execution],
        on_start: Callable[[luigi.Task], None],
        on_end: Callable[[Any], None],
        interrupted: Callable[[], int | None],
        turn: Turn,
        engine: Engine | None = None,
    ) -> None:
        workers = engine.workers if engine else 1
        super().__init__(
            scheduler=_scheduler(), worker_processes=workers, no_install_shutdown_handler=True
        )
        self._task_result_queue: Any = _ThreadResults(turn) if engine else _Results()
        self._add_task_history: Any = _Forgets()
        self._get_work_response_history: Any = _Forgets()
        self._start = start
        self._on_start = on_start
        self._told = on_end
        self._interrupted = interrupted
        self._engine = engine
        self._turn = turn
        self._threads = _Threads(workers if engine else None, turn)
        self._executions: dict[str, Execution] = {}

    def run_all(self, root: luigi.Task) -> bool:
        """Adds the root and runs until nothing is left that can run; whether all succeeded."""
        remote = isinstance(self._scheduler, RemoteScheduler)
        with self._turn.taken(), _few_lines():
            try:
                with self if remote else contextlib.nullcontext():
                    added = self.add(root)
                    return bool(self.run() and added)
            except BaseException:
                if self._engine is not None:
                    self._engine.stop()
                raise
            finally:
                self._threads.close()

    def _get_work(self) -> Any:
        signum = self._interrupted()
        if signum is not None:
            raise Interrupted(signum)
        return super()._get_work()

    def _ended(self, outcome: Outcome) -> None:
        if outcome.status in ("done", "reused"):  # of others there may be another start
            del self._executions[outcome.task.task_id]
        self._told(outcome)

    def _purge_children(self) -> None:
        """There are no child processes of luigi's: executions tell of a death, and keep time."""

    def _create_task_process(self, task: luigi.Task) -> TaskProcess:
        reporter = TaskStatusReporter(self._scheduler, task.task_id, self._id, None)
        if task.task_id not in self._executions:
            self._executions[task.task_id] = self._start(task)
        return _Process(
            self._executions[task.task_id],
            self._on_start,
            self._ended,
            self._threads,
            task=task,
            worker_id=self._id,
            result_queue=self._task_result_queue,
            status_reporter=reporter,
            check_unfulfilled_deps=self._config.check_unfulfilled_deps,
            check_complete_on_run=self._config.check_complete_on_run,
        )


@contextlib.contextmanager
def _few_lines() -> Iterator[None]:
    """luigi tells four times of each task what it does with it; twice is enough, and told above."""
    logger = logging.getLogger("luigi-interface")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _scheduler() -> Any:
    """The scheduler of this process, or luigi's central one that `[core]` names."""
    config = luigi.configuration.get_config()
    url = config.get("core", "scheduler_url", "") or config.get("core", "default_scheduler_url", "")
    if not url and config.has_option("core", "scheduler_host"):
        port = config.get("core", "scheduler_port", 8082)
        url = f"http://{config.get('core', 'scheduler_host')}:{port}/"
    return RemoteScheduler(url) if url else scheduler.local()
