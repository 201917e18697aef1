"""Worker processes as an executor: each ends alone, and another takes its place."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

from runner.engine.slot import Slot
from runner.errors import ExecutionError


class WarmPool(Executor):
    """A pool of `Slot`s, started when they are needed, and kept.

    Unlike `ProcessPoolExecutor`, one that dies takes no other call with it, and what takes too
    long can be ended.

    Args:
        workers: how many at most.
        start: starts one.
    """

    def __init__(self, workers: int, start: Callable[[], Slot]) -> None:
        self._start = start
        self._threads = ThreadPoolExecutor(workers, "runner-worker")
        self._idle: deque[Slot] = deque()
        self._all: set[Slot] = set()
        self._lock = threading.Lock()
        self._stopped = False
        self._retired = False

    def prepare(self, count: int, function: Callable[..., Any], *args: Any) -> None:
        """Starts workers ahead of their first calls, and has each call a function."""
        for _ in range(count):
            slot = self._new()
            slot.post(function, *args)
            self._idle.append(slot)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As every executor; what the function raises has to be such as can be pickled."""
        if kwargs:
            raise TypeError("keyword arguments are not handed on")
        return self.submit_within(None, fn, *args)

    def submit_within(
        self, timeout: float | None, fn: Callable[..., Any], *args: Any
    ) -> Future[Any]:
        """Ends the worker when the function takes longer.

        Args:
            timeout: seconds; the future then raises TimeoutError.
        """
        return self._threads.submit(self._in_slot, timeout, fn, args)

    def stop(self) -> None:
        """Ends every worker at once; what is being executed fails."""
        self._stopped = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            slots = list(self._all)
            self._all.clear()
        for slot in slots:
            slot.kill()

    def retire(self) -> None:
        """Ends each worker as soon as it has nothing to do."""
        self._retired = True
        self._threads.shutdown(wait=False)
        while self._idle:
            self._end(self._idle.pop())

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        if wait:
            self.stop()

    def _in_slot(self, timeout: float | None, fn: Callable[..., Any], args: Any) -> Any:
        slot = self._taken()
        try:
            slot.post(fn, *args)
            found = slot.answer(timeout)
        except (ExecutionError, TimeoutError):
            self._end(slot)
            raise
        except BaseException:
            self._give_back(slot)
            raise
        self._give_back(slot)
        return found

    def _give_back(self, slot: Slot) -> None:
        if self._stopped or self._retired:
            self._end(slot)
        else:
            self._idle.append(slot)

    def _end(self, slot: Slot) -> None:
        with self._lock:
            self._all.discard(slot)
        slot.kill()

    def _taken(self) -> Slot:
        try:
            return self._idle.pop()
        except IndexError:
            return self._new()

    def _new(self) -> Slot:
        slot = self._start()
        with self._lock:
            self._all.add(slot)
        if self._stopped:
            slot.kill()
        return slot
