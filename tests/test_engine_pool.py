"""Worker processes as an executor."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, as_completed

import pytest

from runner.engine.pool import WarmPool
from runner.engine.slot import Slot
from runner.errors import ExecutionError


@pytest.fixture
def pool() -> Iterator[WarmPool]:
    found = WarmPool(2, lambda: Slot({"GIVEN": "yes"}, tuple(sys.path)))
    yield found
    found.stop()


def test_results_come_back_and_workers_are_kept(pool: WarmPool) -> None:
    found = [future.result() for future in as_completed(pool.submit(pow, 2, n) for n in range(20))]
    assert sorted(found) == [2**n for n in range(20)]
    assert len({pool.submit(os.getpid).result() for _ in range(5)}) == 1
    assert pool.submit(os.getenv, "GIVEN").result() == "yes"


def test_what_is_raised_is_raised_here_and_costs_no_worker(pool: WarmPool) -> None:
    before = pool.submit(os.getpid).result()
    with pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 1, 0).result()
    assert pool.submit(os.getpid).result() == before


def test_what_can_not_travel_is_said(pool: WarmPool) -> None:
    with pytest.raises(ExecutionError, match="can't hand back"):
        pool.submit(open, os.devnull).result()
    assert pool.submit(len, "abc").result() == 3


def test_a_death_is_that_of_one_call(pool: WarmPool) -> None:
    waiting = pool.submit(time.sleep, 1)
    dying = [pool.submit_within(None, os.kill, 0, 0), pool.submit(os._exit, 5)]
    dying[0].result()
    with pytest.raises(ExecutionError, match="exit code 5"):
        dying[1].result()
    assert waiting.result() is None
    assert pool.submit(len, "abc").result() == 3


def test_what_takes_too_long_is_ended(pool: WarmPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.engine.slot._GRACE", 0.1)
    with pytest.raises(TimeoutError):
        pool.submit_within(0.1, time.sleep, 100).result()
    assert pool.submit(len, "abc").result() == 3


def test_logs_arrive(pool: WarmPool, caplog: pytest.LogCaptureFixture) -> None:
    pool.submit(logging.getLogger("mine").warning, "told %s", "here").result()
    assert "told here" in caplog.messages


def test_a_stop_ends_everything_at_once(pool: WarmPool) -> None:
    pid = pool.submit(os.getpid).result()
    future = pool.submit(time.sleep, 100)
    pool.stop()
    with pytest.raises((CancelledError, ExecutionError)):
        future.result(20)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(RuntimeError):
        pool.submit(len, "abc")


def test_retired_workers_end_when_they_are_done(pool: WarmPool) -> None:
    pid = pool.submit(os.getpid).result()
    future = pool.submit(time.sleep, 0.2)
    pool.retire()
    assert future.result() is None
    pool.shutdown()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_workers_are_prepared_ahead(pool: WarmPool) -> None:
    pool.prepare(1, os.putenv, "UNSEEN", "x")
    pool.prepare(1, divmod, 1, 0)  # what goes wrong ahead of a call is none of its business
    assert [pool.submit(len, "abc").result() for _ in range(4)] == [3] * 4


def test_signals_are_the_systems_own_in_workers(pool: WarmPool) -> None:
    assert pool.submit(signal.getsignal, signal.SIGTERM).result() == signal.SIG_DFL
    with pytest.raises(TypeError):
        pool.submit(sorted, [1], reverse=True)
