"""A worker process: a Python of its own, kept warm, to which calls are sent one after another.

A fresh interpreter and no fork: libraries with threads (OpenMP, OpenBLAS, Arrow) and database
handles do not survive one. It leads a process group, which is ended as a whole, so that what a
task has started ends with it; and it ends by itself when this process is gone.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from typing import Any

from runner.errors import ExecutionError

_log = logging.getLogger(__name__)

_START = "from runner.engine.slot_process import main; main({}, {!r})"
_GRACE = 5.0  # seconds in which a task that takes too long may end by itself


class Slot:
    """A worker process.

    Args:
        environment: variables beside those of this process.
        path: `sys.path` of the worker while it starts.
    """

    def __init__(self, environment: Mapping[str, str], path: tuple[str, ...]) -> None:
        ours, theirs = Pipe()
        own = os.environ.get("PYTHONPATH")
        self._connection: Connection = ours
        flags = [flag for option in sys.warnoptions for flag in ("-W", option)]
        self._process = subprocess.Popen(
            [sys.executable, *flags, "-c", _START.format(theirs.fileno(), own)],
            env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(path)},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        self._posted = 0

    def post(self, function: Callable[..., Any], *args: Any) -> None:
        """Sends a call, without waiting for it."""
        try:
            self._connection.send_bytes(pickle.dumps((function, args)))
            self._posted += 1
        except OSError:  # it has died; `answer` finds out how
            _log.debug("a worker is gone", exc_info=True)

    def answer(self, timeout: float | None = None) -> Any:
        """What the last call returns; records of the worker's log are handled meanwhile.

        Args:
            timeout: seconds; None waits for as long as it takes.

        Raises:
            ExecutionError: the worker died.
            TimeoutError: the time is over; the worker is of no use any more.
            BaseException: what the function raised.
        """
        deadline = None if timeout is None else time.monotonic() + timeout + _GRACE
        while True:
            try:
                left = None if deadline is None else max(deadline - time.monotonic(), 0)
                if not self._connection.poll(left):
                    raise TimeoutError
                kind, value = pickle.loads(self._connection.recv_bytes())
            except (EOFError, ConnectionError, OSError) as error:
                if isinstance(error, TimeoutError):
                    raise
                raise self._death() from None
            if kind == "log":
                logging.getLogger(value.name).handle(value)
                continue
            self._posted -= 1
            if self._posted > 0:  # of an earlier call, for which nobody waits
                _log.debug("a worker was prepared: %s", value)
            elif kind == "error":
                raise value
            else:
                return value

    def kill(self) -> None:
        """Ends the process and all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._connection.close()

    def _death(self) -> ExecutionError:
        try:
            code = self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            code = 0  # it closed its connection, and lives
        how, hint = f"ended with exit code {code}", "the task, or a library of it, ends Python"
        if code == -signal.SIGKILL:
            how = "was killed (SIGKILL), as the system does when memory runs out"
            hint = "let fewer run at once (--workers), or let each take less memory"
        elif code < 0:
            how = f"crashed ({signal.Signals(-code).name})"
            hint = "a library outside of Python did that; run the task alone to see more"
        return ExecutionError(f"its worker process {how}", hint)
