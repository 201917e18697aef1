"""The other side of a `Slot`: the worker process itself."""

from __future__ import annotations

import logging
import logging.handlers
import os
import pickle
import queue
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

from runner.errors import ExecutionError


def main(descriptor: int, python_path: str | None) -> None:
    """Carries out what is asked for, until the run is gone.

    Args:
        descriptor: of the connection to the run.
        python_path: PYTHONPATH as it was there, for what tasks start.
    """
    _set_back(python_path)
    connection = Connection(descriptor)
    sending = threading.Lock()

    def send(kind: str, value: Any) -> None:
        data = pickle.dumps((kind, value))
        with sending:
            connection.send_bytes(data)

    _log_to(send)
    calls: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, calls), daemon=True).start()
    while True:
        try:
            function, args = pickle.loads(calls.get())
            kind, value = "done", function(*args)
        except BaseException as error:
            kind, value = "error", error
        sys.stdout.flush()
        try:
            send(kind, value)
        except OSError:
            return
        except Exception as error:  # a value that can't travel
            send("error", ExecutionError(f"a worker can't hand back what it has: {error}"))


def _receive(connection: Connection, calls: queue.SimpleQueue[bytes]) -> None:
    """Hands calls on; when the run is gone, nothing that it started may go on."""
    try:
        while True:
            calls.put(connection.recv_bytes())
    except (EOFError, OSError):
        os.killpg(os.getpid(), signal.SIGKILL)


def _set_back(python_path: str | None) -> None:
    if python_path is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = python_path
    # A run that was started by nohup ignores SIGHUP, and so would what tasks start.
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_DFL)


class _Sender(logging.handlers.QueueHandler):
    """Hands records to the run, as text: their arguments may not travel."""

    def __init__(self, send: Any) -> None:
        super().__init__(queue.SimpleQueue())
        self._send = send

    def enqueue(self, record: logging.LogRecord) -> None:
        self._send("log", record)


def _log_to(send: Any) -> None:
    from runner import logs

    os.environ["MLFLOW_CONFIGURE_LOGGING"] = "false"  # it would print by itself
    logs.record_everything()
    logging.getLogger("alembic").setLevel(logging.WARNING)  # MLflow looks at its database
    logging.getLogger().addHandler(_Sender(send))
