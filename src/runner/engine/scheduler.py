"""The scheduler of one worker in this process: what luigi's local one decides, in linear time.

luigi's own looks at every task each time it is asked for work. This one keeps, for each task, how
many of its requirements are not done, and a queue of those for which that is none. Everything that
users see is luigi's: priorities, resources, retries, disabled tasks, dynamic requirements.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from heapq import heappop, heappush
from typing import Any

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from luigi.metrics import MetricsCollectors
from luigi.scheduler import WORKER_STATE_ACTIVE, Scheduler
from luigi.scheduler import scheduler as SchedulerConfig
from luigi.task_register import Register
from luigi.task_status import DISABLED, DONE, FAILED, PENDING, RUNNING, UNKNOWN
from runner.engine.ready import Needs, ReadyQueue, Scheduled
from runner.engine.retries import Retries

_REPORTED = (DONE, FAILED)
_UNFINISHED = (PENDING, FAILED)


def local() -> Any:
    """The scheduler of this process: luigi's own, if something is asked for that only that does."""
    config = SchedulerConfig()
    reports = config.metrics_collector is not MetricsCollectors.default
    reports = reports or config.batch_emails or config.record_task_history
    batches = any(task_class.batch_param_names() for task_class in Register._reg)
    return Scheduler(prune_on_get_work=True) if reports or batches else ReadyScheduler()


class ReadyScheduler:
    """What luigi's Worker calls on its scheduler, for one worker that runs tasks side by side.

    Args:
        resources: limits; those of luigi's `[resources]` when None.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        resources: Mapping[str, int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = SchedulerConfig()
        if resources is None:
            resources = luigi.configuration.get_config().getintdict("resources")
        self._ready = ReadyQueue(resources)
        self._clock = clock
        self._tasks: dict[str, Scheduled] = {}
        self._workers = 1
        self._unfinished = 0
        self._raised: list[tuple[float, int, str]] = []
        self._retries = Retries(self._config, clock)
        self._needs: dict[Needs, Needs] = {}

    # What luigi's worker tells.

    def add_worker(self, worker: str, info: Any, **_: Any) -> None:
        """Takes note of how many tasks the worker runs at once."""
        self._workers = dict(info).get("workers", self._workers)

    def add_task(
        self,
        *,
        task_id: str,
        status: str = PENDING,
        runnable: bool | None = True,
        deps: Iterable[str] | None = None,
        new_deps: Iterable[str] | None = None,
        resources: Mapping[str, int] | None = None,
        priority: float = 0,
        **more: Any,
    ) -> None:
        """Adds a task, or takes note of what became of it.

        As in luigi, a later call adds requirements by `new_deps`, replaces them by `deps`, and can
        raise a priority only; and what is done counts as done for a while, whatever is said.
        """
        if status == RUNNING:  # a task that tells its tracking URL, which nothing shows
            return
        task = self._known(task_id, PENDING, priority)
        if status == PENDING and task.status == DONE and self._is_settled(task):
            return
        self._ready.discard(task)
        if task.status != RUNNING or status in _REPORTED or new_deps:
            self._set_status(task, status)
        if deps is not None or new_deps:
            self._require(task, task.deps if deps is None else deps, new_deps or ())
        needs = tuple(sorted((resources or {}).items()))
        task.needs = self._needs.setdefault(needs, needs)  # one object for all that need the same
        self._raise(task, priority)
        task.policy = self._retries.policy(more.get("retry_policy_dict") or {})
        task.runnable = task.runnable or bool(runnable)
        self._queue(task)

    # What luigi's worker asks for.

    def get_work(self, **_: Any) -> dict[str, Any]:
        """The task to run next, as `task_id`: None when none can start at this moment."""
        self._look_at_clock()
        self._spread_priorities()
        task = self._ready.take(self._workers)
        if task is not None:
            self._move(task, RUNNING)
        reply = self.count_pending()
        reply["task_id"] = task and task.task_id
        return reply

    def count_pending(self, **_: Any) -> dict[str, Any]:
        """How much is left to wait for, in the form that luigi's worker reads.

        It decides by that whether to stay, when nothing runs and nothing can start; until then a
        number that costs nothing is told, with tasks in it that never can run.
        """
        count = self._unfinished if self._ready.running else self._can_run_later()
        return {
            "n_pending_tasks": count,
            "n_unique_pending": count,
            "n_pending_last_scheduled": count,
            "worker_state": WORKER_STATE_ACTIVE,
            "running_tasks": [],  # none that another worker runs
            "task_id": None,
        }

    def ping(self, **_: Any) -> dict[str, Any]:
        """Nobody sends the worker messages."""
        return {"rpc_messages": []}

    def decrease_running_task_resources(
        self, task_id: str, decrease_resources: Mapping[str, int]
    ) -> None:
        """Frees a part of what a running task holds."""
        self._ready.give_back(task_id, decrease_resources)

    def _unseen(self, *_: Any, **__: Any) -> None:
        """Is for luigi's web page, batches and e-mails, which a run without a server has not."""

    add_task_batcher = announce_scheduling_failure = add_scheduler_message_response = _unseen
    set_task_status_message = set_task_progress_percentage = report_task_statistics = _unseen

    # How it is done.

    def _is_settled(self, task: Scheduled) -> bool:
        since = self._clock() - (task.moment or 0.0)
        return bool(since < self._config.stable_done_cooldown_secs)

    def _known(self, task_id: str, status: str, priority: float) -> Scheduled:
        task = self._tasks.get(task_id)
        if task is None:
            task = Scheduled(task_id, len(self._tasks), priority, status, self._retries.usual)
            self._tasks[task_id] = task
            self._unfinished += status in _UNFINISHED
        return task

    def _require(self, task: Scheduled, deps: Iterable[str], more: Iterable[str]) -> None:
        ordered = dict.fromkeys((*deps, *more))
        for gone in task.deps.difference(ordered):
            other = self._tasks[gone]
            task.unmet -= other.status != DONE
            if other.dependants:
                other.dependants.discard(task.task_id)
        for name in ordered:
            other = self._known(name, UNKNOWN, task.priority)
            self._raise(other, task.priority)
            if name not in task.deps:
                task.unmet += other.status != DONE
                if other.dependants is None:
                    other.dependants = set()
                other.dependants.add(task.task_id)
        task.deps = frozenset(ordered)

    def _set_status(self, task: Scheduled, status: str) -> None:
        if task.status == DISABLED and status != DISABLED:
            if status == DONE:
                self._retries.forgive(task)
            elif task.moment is not None:  # disabled for its failures, until then
                return
        counts = status == FAILED and task.status != DISABLED
        if counts and self._retries.count_failure(task):
            self._move(task, DISABLED)
            self._retries.enable_later(task)
            return
        if status != DONE or task.status != DONE:
            task.moment = self._clock() if status == DONE else None
        self._move(task, status)
        if status == FAILED:
            self._retries.try_later(task)

    def _move(self, task: Scheduled, status: str) -> None:
        before, task.status = task.status, status
        if before == status:
            return
        self._unfinished += (status in _UNFINISHED) - (before in _UNFINISHED)
        if before == RUNNING:
            self._ready.release(task)
        if DONE in (before, status):
            for name in task.dependants or ():
                dependant = self._tasks[name]
                dependant.unmet += 1 if before == DONE else -1
                self._queue(dependant)

    def _queue(self, task: Scheduled) -> None:
        """Lets a task stand among the ready ones when it is ready, and only then."""
        if task.status != PENDING or not task.runnable or task.unmet:
            self._ready.discard(task)
        elif task.queued is None:
            self._ready.push(task)

    def _raise(self, task: Scheduled, priority: float) -> None:
        if priority > task.priority:
            task.priority = priority
            heappush(self._raised, (-priority, task.order, task.task_id))

    def _spread_priorities(self) -> None:
        """What a task requires is as urgent as itself; the most urgent first, so each task once."""
        while self._raised:
            turned, _, name = heappop(self._raised)
            task = self._tasks[name]
            if task.priority == -turned:
                if task.queued is not None:
                    self._ready.push(task)
                for dep in task.deps:
                    self._raise(self._tasks[dep], task.priority)

    def _look_at_clock(self) -> None:
        """Failed tasks are tried again, and disabled ones enabled, when their time has come."""
        for name, moment in self._retries.due():
            task = self._tasks[name]
            if task.moment != moment:
                continue
            task.moment = None
            if task.status == FAILED:
                self._move(task, PENDING)
                self._queue(task)
            elif task.status == DISABLED:
                self._retries.forgive(task)
                self._move(task, FAILED)
                self._retries.try_later(task)

    def _can_run_later(self) -> int:
        """How many unfinished tasks there are, without those that require a disabled one."""
        stack = [task for task in self._tasks.values() if task.status == DISABLED]
        lost: set[str] = set()
        while stack:
            for name in stack.pop().dependants or ():
                task = self._tasks[name]
                if task.status == PENDING and name not in lost:
                    lost.add(name)
                    stack.append(task)
        left = (task for task in self._tasks.values() if task.status in _UNFINISHED)
        return sum(task.runnable and task.task_id not in lost for task in left)
