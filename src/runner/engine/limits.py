"""How often and how long a task may try."""

from __future__ import annotations

import inspect
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from runner.errors import ExecutionError, GraphError

_log = logging.getLogger(__name__)


def retries_of(task: luigi.Task) -> int:
    """How often a task is tried again after a failure.

    Raises:
        GraphError: it says something else than a whole number from 0 on.
    """
    value = _said(task, "retries", 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise GraphError(f"{task}: retries is a whole number from 0 on, got {value!r}")
    return value


def timeout_of(task: luigi.Task, default: float | None = None) -> float | None:
    """Seconds that one start of a task may take: its `timeout`, or luigi's `worker_timeout`.

    Args:
        default: for a task that says nothing; None or 0 for as long as it takes.

    Raises:
        GraphError: it says something else than a positive number.
    """
    value = _said(task, "timeout", None)
    if value is None:
        value = task.worker_timeout
        value = (default if value is None else value) or None  # 0 is luigi's way to say: none
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1e9:
        raise GraphError(f"{task}: timeout is a number of seconds above 0, got {value!r}")
    return float(value)


def too_long(task: str, seconds: float) -> ExecutionError:
    """The error of a task that was stopped."""
    return ExecutionError(
        f"{task} took longer than its timeout of {seconds:g} s and was stopped",
        "raise its timeout, or find out what it waits for",
    )


@contextmanager
def alarm(task: luigi.Task, seconds: float | None) -> Iterator[None]:
    """Ends what goes on in this process after a time, at the next line of Python.

    Raises:
        ExecutionError: the time is over.
    """
    if seconds is None:
        yield
        return
    if threading.current_thread() is not threading.main_thread():
        _log.warning("%s: its timeout is not kept outside of the main thread", task)
        yield
        return

    def over(signum: int, frame: FrameType | None) -> None:
        raise too_long(task.get_task_family(), seconds)

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _said(task: luigi.Task, name: str, default: Any) -> Any:
    """An attribute of the class; a luigi parameter that is called the same means something else."""
    found = inspect.getattr_static(type(task), name, default)
    return default if isinstance(found, luigi.Parameter) else getattr(task, name, default)
