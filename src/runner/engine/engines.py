"""The engine that a config asks for: this process, worker processes, a cluster, any executor."""

from __future__ import annotations

import importlib
import os
import pickle
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from runner import settings
from runner.config import Config
from runner.engine.answering import answer, prepare
from runner.engine.call import Answer, Call, Session
from runner.engine.delegated import Engine
from runner.engine.limits import too_long
from runner.engine.pool import WarmPool
from runner.engine.slot import Slot
from runner.errors import ConfigError, ExecutionError, Problem, RunnerError

#: What limits the threads of numerical libraries; each has a name of its own for it.
_THREADS = (
    "OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS BLIS_NUM_THREADS "
    "VECLIB_MAXIMUM_THREADS NUMEXPR_NUM_THREADS NUMBA_NUM_THREADS"
).split()


_kept: dict[Any, WarmPool] | None = None


@contextmanager
def opened(config: Config, to_run: int) -> Iterator[Engine | None]:
    """The engine of a run, and its end; None is this process itself.

    Args:
        to_run: how many tasks are known to have to run.

    Raises:
        ConfigError: the config names no engine.
    """
    if config.run.engine == "inline":
        yield None
        return
    session = pickle.dumps(_session(config))
    engine: Any
    if config.run.engine == "processes":
        engine = Processes(session, _workers(config), to_run)
    elif config.run.engine == "dask":
        from runner.engine.cluster import Cluster

        engine = Cluster(replace(_session(config), path=()), config)
    else:
        engine = AnyExecutor(session, _named(config), _workers(config))
    try:
        yield engine
    finally:
        engine.close()


@contextmanager
def kept_warm() -> Iterator[None]:
    """Inside, the worker processes of one run serve the next one, too."""
    global _kept  # noqa: PLW0603  workers belong to the process, and outlive the values of a run
    outer, _kept = _kept, {}
    try:
        yield
    finally:
        for pool in _kept.values():
            pool.stop()
        _kept = outer


class Processes:
    """Worker processes on this machine.

    Args:
        session: a pickled `Session`, which workers enter while the run is being opened.
        workers: how many at once.
        to_run: how many tasks there are; no more workers are started ahead.
    """

    def __init__(self, session: bytes, workers: int, to_run: int) -> None:
        self.session = session
        self.workers = workers
        self.collects = False  # they come at once
        self.stopped = False
        path = tuple(sys.path)
        threads = thread_limits(workers)
        self._kind = (workers, path, tuple(threads.items()))
        kept = None if _kept is None else _kept.pop(self._kind, None)
        self._pool = kept or WarmPool(workers, lambda: Slot(threads, path))
        if kept is None:
            self._pool.prepare(min(workers, to_run), prepare, session)

    def ask(self, call: Call, task: luigi.Task) -> Answer:
        try:
            found: Answer = self._pool.submit_within(call.timeout, answer, call).result()
        except TimeoutError:
            raise too_long(task.get_task_family(), call.timeout or 0) from None
        return found

    def stop(self) -> None:
        self.stopped = True
        self._pool.stop()

    def close(self) -> None:
        if _kept is None or self.stopped or self._kind in _kept:
            self._pool.stop()
        else:
            _kept[self._kind] = self._pool


class AnyExecutor:
    """What a callable of the user returns.

    Args:
        session: a pickled `Session`.
        executor: how calls are made elsewhere.
        workers: how many at once.
    """

    def __init__(self, session: bytes, executor: Executor, workers: int) -> None:
        self.session = session
        self.workers = workers
        self.collects = not isinstance(executor, ThreadPoolExecutor)
        self.stopped = False
        self._executor = executor

    def ask(self, call: Call, task: luigi.Task) -> Answer:
        try:
            found: Answer = self._executor.submit(answer, call).result()
        except RunnerError:
            raise
        except Exception as error:
            text = f"the executor has no answer: {type(error).__name__}: {error}"
            raise ExecutionError(text, "see [RunConfig] engine") from error
        return found

    def stop(self) -> None:
        self.stopped = True
        # Python's own process pool has a method for it from 3.14 on.
        for process in list((getattr(self._executor, "_processes", None) or {}).values()):
            process.kill()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)


def thread_limits(workers: int) -> dict[str, str]:
    """Variables with which that many workers use each core once, unless the user said otherwise."""
    each = str(max(cores() // workers, 1))
    return {name: each for name in _THREADS if name not in os.environ}


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _workers(config: Config) -> int:
    return config.run.workers or cores()


def _session(config: Config) -> Session:
    return Session(
        process=(socket.gethostname(), os.getpid()),
        config=config,
        path=tuple(sys.path),
        environment=_environment(),
        made=time.time_ns(),
    )


def _environment() -> Mapping[str, str]:
    """What `.env` said, and what MLflow is told by variables."""
    mlflow = {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")}
    return {**mlflow, **settings.lent()}


def _named(config: Config) -> Executor:
    name = config.run.engine
    where = config.origins.get("RunConfig.engine", "config")
    module, _, attribute = name.rpartition(".")
    try:
        made = getattr(importlib.import_module(module), attribute)()
    except (ImportError, AttributeError, TypeError) as error:
        text = f"{name} can't be called without arguments: {error}"
        raise ConfigError([Problem(where, "RunConfig.engine", text)]) from None
    if not isinstance(made, Executor):
        text = f"{name} gives a {type(made).__name__}, and not a concurrent.futures.Executor"
        raise ConfigError([Problem(where, "RunConfig.engine", text)])
    return made
