"""luigi's Worker, driven for one run. The only module that uses luigi's private names.

luigi decides what is ready, hands dynamic requirements back, keeps priorities, resources and
retries; none of that is copied here. What changes: a task runs in this process and never in a
forked one, results do not travel through a pipe, and `run()` is wrapped while it is called.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Collection
from typing import Any

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from luigi.rpc import RemoteScheduler
from luigi.scheduler import Scheduler
from luigi.task_register import Register
from luigi.worker import DequeQueue, TaskProcess, TaskStatusReporter, Worker
from runner.engine.execution import Execution
from runner.errors import Interrupted

_log = logging.getLogger(__name__)


class _InlineProcess(TaskProcess):
    """luigi's account of one task's execution, without a process around it."""

    def __init__(self, execution: Execution, on_start: Any, on_end: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.use_multiprocessing = False
        self._execution = execution
        self._on_start = on_start
        self._on_end = on_end

    def run(self) -> None:
        if isinstance(self.task, luigi.WrapperTask):
            super().run()
            return
        self._on_start(self.task)
        self.task.run = self._execution.run
        try:
            super().run()
        finally:
            del self.task.run
            self._on_end(self._execution.outcome)


class _Results(DequeQueue):
    """luigi's queue of results within one process, which it closes when a scheduler is remote."""

    def close(self) -> None:
        pass


class RunWorker(Worker):
    """Runs a root task and what it requires.

    Args:
        start: makes the execution of a task, once for each.
        on_start: told of each task that starts.
        on_end: told of each outcome.
        interrupted: the signal that asked the run to stop, for tasks that swallow the exception.
    """

    def __init__(
        self,
        start: Callable[[luigi.Task], Execution],
        on_start: Callable[[luigi.Task], None],
        on_end: Callable[[Any], None],
        interrupted: Callable[[], int | None],
    ) -> None:
        super().__init__(scheduler=_scheduler(), no_install_shutdown_handler=True)
        self._task_result_queue: Any = _Results()
        self._start = start
        self._on_start = on_start
        self._on_end = on_end
        self._interrupted = interrupted
        self._executions: dict[str, Execution] = {}

    def run_all(self, root: luigi.Task) -> bool:
        """Adds the root and runs until nothing is left that can run; whether all succeeded."""
        remote = isinstance(self._scheduler, RemoteScheduler)
        with self if remote else contextlib.nullcontext():
            added = self.add(root)
            return bool(self.run() and added)

    def _get_work(self) -> Any:
        signum = self._interrupted()
        if signum is not None:
            raise Interrupted(signum)
        return super()._get_work()

    def _create_task_process(self, task: luigi.Task) -> TaskProcess:
        reporter = TaskStatusReporter(self._scheduler, task.task_id, self._id, None)
        if task.task_id not in self._executions:
            if task.worker_timeout or self._config.timeout:
                _log.warning("%s: worker_timeout is not kept: it runs in this process", task)
            self._executions[task.task_id] = self._start(task)
        return _InlineProcess(
            self._executions[task.task_id],
            self._on_start,
            self._on_end,
            task=task,
            worker_id=self._id,
            result_queue=self._task_result_queue,
            status_reporter=reporter,
            check_unfulfilled_deps=self._config.check_unfulfilled_deps,
            check_complete_on_run=self._config.check_complete_on_run,
        )


def forget(modules: Collection[str]) -> None:
    """Clears luigi's memory of task instances, and of the classes of some modules.

    A second run in one process reads its modules anew; classes of the first that have the same
    names would make each name ambiguous for luigi.
    """
    Register.clear_instance_cache()
    Register._reg = [cls for cls in Register._reg if cls.__module__ not in modules]


def _scheduler() -> Any:
    """luigi's scheduler in this process, or the central one that `[core]` names."""
    config = luigi.configuration.get_config()
    url = config.get("core", "scheduler_url", "") or config.get("core", "default_scheduler_url", "")
    if not url and config.has_option("core", "scheduler_host"):
        port = config.get("core", "scheduler_port", 8082)
        url = f"http://{config.get('core', 'scheduler_host')}:{port}/"
    return RemoteScheduler(url) if url else Scheduler(prune_on_get_work=True)
