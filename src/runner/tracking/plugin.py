"""MLflow's own extension point: every tracking store of this environment passes through here.

`mlflow.log_metric` in a task must reach the pipeline's run, from whatever thread or child process
it is called, and must not be able to end that run. MLflow lets a package provide the store of a
URI scheme (entry points ``mlflow.tracking_store``). Ours hands out MLflow's own store; only while
a task is being executed are a few methods of it guarded:

* a run that a task starts is the pipeline's run, unless it is asked for as a nested one;
* the status of the pipeline's run is the pipeline's to set;
* the metrics of each task are noted, for its manifest;
* what a restarted generator logs again is dropped.
"""

from __future__ import annotations

import functools
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

RUN_VARIABLE = "RUNNER_RUN_ID"  # tells child processes of a task which run is theirs
_PARENT_TAG = "mlflow.parentRunId"

_artifact_roots: dict[str, str] = {}
_task: ContextVar[MetricNotes | None] = ContextVar("runner_metric_notes", default=None)
_notes: list[MetricNotes] = []


class MetricNotes:
    """What one task logs.

    Attributes:
        last: the last value of each metric.
    """

    def __init__(self) -> None:
        self.last: dict[str, float] = {}
        self._logged: Counter[tuple[str, int]] = Counter()
        self._attempt: Counter[tuple[str, int]] = Counter()

    def restart(self) -> None:
        """A generator starts again from its first line; what it logs again is known."""
        self._attempt.clear()

    def note(self, metrics: Iterable[Any]) -> list[Any]:
        """Takes metrics down, and returns those that are new."""
        new = []
        for metric in metrics:
            point = (metric.key, metric.step)
            self._attempt[point] += 1
            if self._attempt[point] > self._logged[point]:
                self._logged[point] += 1
                self.last[metric.key] = metric.value
                new.append(metric)
        return new


def build_store(store_uri: str, artifact_uri: str | None = None) -> Any:
    """MLflow's store for a URI, guarded; MLflow calls it."""
    if artifact_uri is not None and "mlflow.server.handlers" in sys.modules:  # it is a server
        from mlflow.server.handlers import TrackingStoreRegistryWrapper

        return TrackingStoreRegistryWrapper._get_sqlalchemy_store(store_uri, artifact_uri)
    from mlflow.tracking._tracking_service import utils

    if store_uri.startswith("http"):
        return _guarded(utils._get_rest_store(store_uri))
    root = artifact_uri or _artifact_roots.get(store_uri)
    return _guarded(utils._get_sqlalchemy_store(store_uri, root))


def default_artifact_root(store_uri: str, root: str | None) -> None:
    """Says where experiments that are created in a database store keep their artifacts."""
    if root is not None:
        _artifact_roots[store_uri] = root


@contextmanager
def attached(run_id: str) -> Iterator[None]:
    """While tasks of a run are executed, what they log reaches that run."""
    before = os.environ.get(RUN_VARIABLE)
    os.environ[RUN_VARIABLE] = run_id
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(RUN_VARIABLE, None)
        else:
            os.environ[RUN_VARIABLE] = before


@contextmanager
def noting(notes: MetricNotes) -> Iterator[None]:
    """While one task is executed, its metrics are its own."""
    token = _task.set(notes)
    _notes.append(notes)
    try:
        yield
    finally:
        _notes.remove(notes)
        _task.reset(token)


def _current_notes() -> MetricNotes | None:
    """The notes of the task that logs; a thread of its own inherits no context variable."""
    return _task.get() or (_notes[0] if len(_notes) == 1 else None)


def _guarded(store: Any) -> Any:
    create, update = store.create_run, store.update_run_info
    metric, batch, later = store.log_metric, store.log_batch, store.log_batch_async
    delete = store.delete_run

    @functools.wraps(create)
    def create_run(
        experiment_id: str, user_id: str, start_time: int, tags: Any, run_name: str | None
    ) -> Any:
        ours = os.environ.get(RUN_VARIABLE)
        nested = any(tag.key == _PARENT_TAG for tag in tags or [])
        if ours is None or nested:
            return create(experiment_id, user_id, start_time, tags, run_name)
        return store.get_run(ours)

    @functools.wraps(update)
    def update_run_info(run_id: str, run_status: Any, end_time: Any, run_name: str | None) -> Any:
        if run_id == os.environ.get(RUN_VARIABLE):
            return store.get_run(run_id).info
        return update(run_id, run_status, end_time, run_name)

    @functools.wraps(delete)
    def delete_run(run_id: str) -> Any:
        if run_id != os.environ.get(RUN_VARIABLE):
            return delete(run_id)

    @functools.wraps(metric)
    def log_metric(run_id: str, value: Any) -> Any:
        if _noted(run_id, [value]):
            return metric(run_id, value)

    @functools.wraps(batch)
    def log_batch(run_id: str, metrics: Any, params: Any, tags: Any) -> Any:
        return batch(run_id, _noted(run_id, metrics), params, tags)

    @functools.wraps(later)
    def log_batch_async(run_id: str, metrics: Any, params: Any, tags: Any) -> Any:
        return later(run_id, _noted(run_id, metrics), params, tags)

    for guard in (create_run, update_run_info, delete_run, log_metric, log_batch, log_batch_async):
        setattr(store, guard.__name__, guard)
    return store


def _noted(run_id: str, metrics: Any) -> Any:
    notes = _current_notes()
    if notes is None or run_id != os.environ.get(RUN_VARIABLE):
        return metrics
    return notes.note(metrics or [])
