"""Ctrl-C, SIGTERM and SIGHUP end a run in order; its status is then KILLED."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from runner.errors import Interrupted

_HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """The signal that came first, for code that can't see the exception.

    Attributes:
        first: its number, or None.
    """

    def __init__(self) -> None:
        self.first: int | None = None
        self._held = False

    def received(self) -> int | None:
        return self.first

    def hold(self) -> None:
        """From here on signals are only noted: the run is being opened or closed."""
        self._held = True

    def release(self) -> None:
        """Raises Interrupted for a signal that was noted, and for those that come from now on."""
        self._held = False
        if self.first is not None:
            raise Interrupted(self.first)

    def handle(self, signum: int, frame: FrameType | None) -> None:
        self.first = self.first or signum
        if not self._held:
            raise Interrupted(signum)


@contextmanager
def handled() -> Iterator[Signals]:
    """Turns signals into Interrupted, in the main thread; ignored ones (nohup) stay ignored."""
    state = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield state
        return
    before = {number: signal.getsignal(number) for number in _HANDLED}
    # Ignored ones stay ignored; None is a handler that is not Python's, and can't be put back.
    left = (signal.SIG_IGN, None)
    taken = [number for number, handler in before.items() if handler not in left]
    for number in taken:
        signal.signal(number, state.handle)
    try:
        yield state
    finally:
        for number in taken:
            signal.signal(number, before[number])
