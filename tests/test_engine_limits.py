"""How often and how long a task may try."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

import pytest

import luigi
from runner import RunTask
from runner.engine.limits import alarm, retries_of, timeout_of
from runner.errors import ExecutionError, GraphError


class Said(RunTask):
    retries = 2
    timeout = 1.5


class Luigis(luigi.Task):
    worker_timeout = 7


class Parameters(RunTask):
    retries = luigi.IntParameter(default=9)
    timeout = luigi.Parameter(default="a word")


def test_what_a_task_says() -> None:
    assert (retries_of(Said()), timeout_of(Said())) == (2, 1.5)
    assert (retries_of(Luigis()), timeout_of(Luigis())) == (0, 7.0)
    assert (retries_of(Parameters()), timeout_of(Parameters())) == (0, None)


@pytest.mark.parametrize("value", [-1, 1.5, "2", True])
def test_no_number_of_retries(value: Any) -> None:
    task = Said()
    task.retries = value
    with pytest.raises(GraphError, match="retries is a whole number"):
        retries_of(task)


@pytest.mark.parametrize("value", [0, -1, "2", True, float("nan"), float("inf")])
def test_no_timeout(value: Any) -> None:
    task = Said()
    task.timeout = value
    with pytest.raises(GraphError, match="timeout is a number of seconds"):
        timeout_of(task)


def test_an_alarm_ends_a_wait_and_puts_the_handler_back() -> None:
    before = signal.getsignal(signal.SIGALRM)
    said = r"Said took longer than its timeout of 0\.05 s"
    with pytest.raises(ExecutionError, match=said), alarm(Said(), 0.05):
        threading.Event().wait(100)
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_no_alarm_comes_after_the_end() -> None:
    with alarm(Said(), 0.02):
        pass
    deadline = time.monotonic() + 0.1
    while time.monotonic() < deadline:
        pass


def test_another_thread_is_told_that_it_is_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    def wait() -> None:
        with alarm(Said(), 0.01):
            pass

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join()
    assert "its timeout is not kept" in caplog.text
