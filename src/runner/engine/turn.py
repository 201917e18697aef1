"""One thread at a time is in the runner's own code; the others wait for workers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Turn:
    """A lock that a thread gives away while it waits for something else.

    So that planning, placing and publishing need no locks of their own, whatever the engine is.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # which knows its owner, even when a signal comes between

    @contextmanager
    def taken(self) -> Iterator[None]:
        """For the time of a thread's work."""
        self._lock.acquire()
        try:
            yield
        finally:
            with suppress(RuntimeError):  # a signal came while it was taken back
                self._lock.release()

    @contextmanager
    def away(self) -> Iterator[None]:
        """While the thread waits; does nothing in one that has no turn."""
        try:
            self._lock.release()
        except RuntimeError:
            yield
            return
        try:
            yield
        finally:
            self._lock.acquire()
