"""When a task that failed is tried again, and when it is disabled instead: luigi's rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from heapq import heappop, heappush
from typing import Any

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
from luigi import notifications
from runner.engine.ready import Policy, Scheduled


class Retries:
    """Counts failures, and tells which tasks' time has come.

    Args:
        config: luigi's `[scheduler]`; what it says of retries holds where a task says nothing.
        clock: seconds that never go back.
    """

    def __init__(self, config: Any, clock: Callable[[], float]) -> None:
        self._config = config
        self._clock = clock
        self._timers: list[tuple[float, int, str]] = []
        self.usual: Policy = (
            config.retry_count,
            config.disable_hard_timeout,
            config.disable_window,
        )
        self._policies = {self.usual: self.usual}

    def policy(self, asked: Mapping[str, float | None]) -> Policy:
        """What a task asks for by luigi's names; one object for all tasks that ask the same."""
        count, hard_timeout, window = self.usual
        own = (
            _or(asked.get("retry_count"), count),
            _or(asked.get("disable_hard_timeout"), hard_timeout),
            _or(asked.get("disable_window"), window),
        )
        return self._policies.setdefault(own, own)

    def count_failure(self, task: Scheduled) -> bool:
        """Counts one more; whether the task is to be disabled for it."""
        count, hard_timeout, window = task.policy
        now = self._clock()
        if task.failures is None or task.first_failure is None:
            task.failures, task.first_failure = [], now
        task.failures.append(now)
        while task.failures and task.failures[0] <= now - window:
            del task.failures[0]
        return now >= task.first_failure + hard_timeout or len(task.failures) >= count

    def forgive(self, task: Scheduled) -> None:
        """Forgets the failures of a task."""
        task.failures = task.first_failure = None

    def try_later(self, task: Scheduled) -> None:
        """Sets the time at which a failed task is tried again; a negative delay means never."""
        if self._config.retry_delay >= 0:
            self._set(task, self._config.retry_delay)

    def enable_later(self, task: Scheduled) -> None:
        """Sets the time until which a task is disabled, and tells its owner by luigi's e-mail."""
        self._set(task, self._config.disable_persist)
        count, _, window = task.policy
        text = f"{task.task_id} failed {count} times in the last {window} seconds, so it is "
        text += f"disabled for {self._config.disable_persist} seconds"
        subject = f"Luigi Scheduler: DISABLED {task.task_id} due to excessive failures"
        notifications.send_error_email(subject, text)

    def due(self) -> Iterator[tuple[str, float]]:
        """Ids of tasks whose time has come, and that time; some may have moved on since."""
        while self._timers and self._timers[0][0] < self._clock():
            moment, _, name = heappop(self._timers)
            yield name, moment

    def _set(self, task: Scheduled, delay: float) -> None:
        task.moment = self._clock() + delay
        heappush(self._timers, (task.moment, task.order, task.task_id))


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
