"""Processes of this host that help with a sweep, so that several trials run at once."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any

_log = logging.getLogger(__name__)

_START = "from runner.sweeps.hand import main; main()"
_GRACE = 30.0  # seconds in which a hand may close its run


class Crew:
    """Starts hands; those that are left over are ended with it.

    Args:
        order: what a hand has to know, as plain values.
        count: how many.
    """

    def __init__(self, order: dict[str, Any], count: int) -> None:
        self._order = order
        self._count = count
        self._hands: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Crew:
        path = os.pathsep.join(entry for entry in sys.path if entry)
        flags = [flag for option in sys.warnoptions for flag in ("-W", option)]
        for _ in range(self._count):
            # In a group of its own: Ctrl-C is for the process that tells the others.
            hand = subprocess.Popen(
                [sys.executable, *flags, "-c", _START],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,
                text=True,
            )
            self._hands.append(hand)
            assert hand.stdin is not None
            with suppress(BrokenPipeError):
                hand.stdin.write(json.dumps(self._order) + "\n")
                hand.stdin.flush()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for hand in self._hands:
            assert hand.stdin is not None
            with suppress(BrokenPipeError):
                hand.stdin.close()
        for hand in self._hands:
            try:
                hand.wait(_GRACE)
            except subprocess.TimeoutExpired:
                _log.warning("a process that ran trials did not end, and is killed")
                with suppress(ProcessLookupError):
                    os.killpg(hand.pid, signal.SIGKILL)
                hand.wait()


def follow_the_owner() -> None:
    """Ends this process in order when the one that started it is gone, or says so."""

    def wait() -> None:
        while os.read(0, 1024):  # sys.stdin would be locked when this process ends
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="runner-owner", daemon=True).start()
