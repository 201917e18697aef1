"""Dask distributed as an engine: tasks are executed by the workers of a cluster."""

from __future__ import annotations

import logging
import pickle
import time
from collections.abc import Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any
from uuid import uuid4

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from runner import project_code
from runner.config import Config
from runner.engine import archive, cluster_worker
from runner.engine.call import Answer, Call, Session
from runner.engine.limits import too_long
from runner.errors import ExecutionError

_log = logging.getLogger(__name__)

_LOCAL = "local"
_PATIENCE = 10.0  # seconds for the scheduler to answer
_MANY = 100  # tasks at once, while it is not known how many workers there will be
_FRESH = 5.0  # seconds for which it is known what workers offer


class Cluster:
    """The workers of a Dask scheduler.

    Args:
        session: what workers have to know.
        config: of the run: `engine_address`, ``tcp://…`` or ``local``, and `workers`.

    Raises:
        ExecutionError: the scheduler can't be reached, or Dask is not installed.
    """

    def __init__(self, session: Session, config: Config) -> None:
        self.session = pickle.dumps(session)
        address = config.run.engine_address or _LOCAL
        self.collects = address != _LOCAL  # here they come at once
        self.stopped = False
        self._local: Any = None
        self._client = self._connected(address, config.run.workers)
        offered = self._client.scheduler_info(n_workers=-1)["workers"].values()
        threads = sum(worker["nthreads"] for worker in offered)
        if not threads:
            _log.warning("the cluster at %s has no workers yet: tasks wait for them", address)
        self.workers = config.run.workers or threads or _MANY
        code = archive.pack(config.root, project_code.loaded_modules())
        # Not scattered: what is scattered is lost with the worker that holds it.
        self._code = self._client.submit(cluster_worker.same, code, pure=False)
        self._asked: set[Any] = set()
        self._offer: tuple[float, frozenset[str]] = (0.0, frozenset())
        self._missing: set[str] = set()

    def ask(self, call: Call, task: luigi.Task) -> Answer:
        future = self._client.submit(
            cluster_worker.answer_in_slot,
            call,
            self._code,
            key=f"{task.task_id}-{uuid4().hex}",
            resources=self._resources(task),
            priority=task.priority,
            pure=False,
        )
        self._asked.add(future)
        try:
            found: Answer = future.result()
        except CancelledError as error:
            text = "the cluster gave it up, or the connection to its scheduler was lost"
            raise ExecutionError(text, "see the scheduler's log") from error
        except TimeoutError:
            raise too_long(task.get_task_family(), call.timeout or 0) from None
        except (OSError, RuntimeError) as error:  # KilledWorker, CommClosedError, …
            text = " ".join(f"{type(error).__name__}: {error}".split())
            raise ExecutionError(f"the cluster has no answer: {text}") from error
        finally:
            self._asked.discard(future)
        return found

    def stop(self) -> None:
        """Ends what the run's tasks do, on every worker."""
        self.stopped = True
        with suppress(Exception):
            self._client.cancel(list(self._asked), force=True)
            self._client.run(cluster_worker.stop, self.session)

    def close(self) -> None:
        self.stop()
        self._client.close()
        if self._local is not None:
            self._local.close()

    def _connected(self, address: str, workers: int) -> Any:
        try:
            from distributed import Client, LocalCluster
        except ImportError:
            text = 'engine = "dask" needs a package more'
            raise ExecutionError(text, "pip install 'luigi-mlflow-runner[dask]'") from None
        from runner.engine.engines import cores

        if address == _LOCAL:
            # Its threads only wait: each has a worker process of ours, as in every Dask worker.
            self._local = LocalCluster(
                n_workers=1,
                threads_per_worker=workers or cores(),
                processes=False,
                protocol="inproc://",
                dashboard_address="127.0.0.1:0",
                worker_dashboard_address="127.0.0.1:0",
            )
            address = self._local.scheduler_address
        try:
            return Client(address, timeout=_PATIENCE)
        except (OSError, ValueError, TimeoutError) as error:
            text = f"the Dask scheduler at {address} can't be reached: {error}"
            raise ExecutionError(text, "start it, or check [RunConfig] engine_address") from error

    def _resources(self, task: luigi.Task) -> Mapping[str, float]:
        """Of what a task needs, what some worker offers; the rest is a limit of the run alone."""
        needed = {name: float(amount) for name, amount in task.process_resources().items()}
        if not needed:
            return {}
        if time.monotonic() - self._offer[0] > _FRESH:
            workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
            names = frozenset(name for worker in workers for name in worker["resources"])
            self._offer = (time.monotonic(), names)
        for name in needed.keys() - self._offer[1] - self._missing:
            self._missing.add(name)
            _log.info("no worker offers the resource %s: it is a limit of this run alone", name)
        return {name: amount for name, amount in needed.items() if name in self._offer[1]}
