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
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.context import Watch

RUN_VARIABLE = "RUNNER_RUN_ID"  # tells child processes of a task which run is theirs,
STORE_VARIABLE = "RUNNER_RUN_STORE"  # and in which store it is
_PARENT_TAG = "mlflow.parentRunId"

_artifact_roots: dict[str, str] = {}
_task: ContextVar[MetricNotes | None] = ContextVar("runner_metric_notes", default=None)
_notes: list[MetricNotes] = []
_points: dict[str, tuple[Any, MetricNotes]] = {}  # the last point of each metric, and whose it is


class MetricNotes:
    """What one task logs.

    Attributes:
        last: the last value of each metric.
        watch: is told what is stored.
    """

    def __init__(self) -> None:
        self.last: dict[str, float] = {}
        self.watch: Watch | None = None
        self._latest: dict[str, tuple[int, int, float]] = {}  # step, ms, value of each in `last`
        self._logged: Counter[tuple[str, int]] = Counter()
        self._attempt: Counter[tuple[str, int]] = Counter()

    def restart(self) -> None:
        """A generator starts again from its first line; what it logs again is known."""
        self._attempt.clear()

    def note(self, metrics: Iterable[Any]) -> list[Any]:
        """Takes metrics down, and returns those that are new."""
        new = []
        for metric in metrics:
            exact = (metric.step, metric.timestamp, str(metric.value))
            last, owner = _points.get(metric.key, (None, self))
            if last == exact and owner is not self:  # MLflow repeats it for a model of this task
                new.append(metric)
                continue
            _points[metric.key] = (exact, self)
            point = (metric.key, metric.step)
            self._attempt[point] += 1
            if self._attempt[point] > self._logged[point]:
                self._logged[point] += 1
                self._keep(metric)
                new.append(metric)
        return new

    def _keep(self, metric: Any) -> None:
        """The last value is that of the greatest step, as in MLflow, and not what came last.

        A model that is logged has the points of the first step logged again.
        """
        found = (metric.step, metric.timestamp, metric.value)
        known = self._latest.get(metric.key)
        if known is None or found[:2] >= known[:2]:
            self._latest[metric.key] = found
            self.last[metric.key] = metric.value

    @contextmanager
    def noted(self, metrics: Iterable[Any]) -> Iterator[list[Any]]:
        """Around the call that stores metrics: what the store refuses is not noted."""
        metrics = list(metrics)
        before = {m.key: self._latest[m.key] for m in metrics if m.key in self._latest}
        new = self.note(metrics)
        try:
            yield new
        except BaseException:
            for metric in new:
                self._attempt[metric.key, metric.step] -= 1
                self._logged[metric.key, metric.step] -= 1
                self.last.pop(metric.key, None)
                self._latest.pop(metric.key, None)
                _points.pop(metric.key, None)
            self._latest |= before
            self.last |= {key: value for key, (_, _, value) in before.items()}
            raise
        # In a thread of the task's own the end of the run would end that thread alone.
        if self.watch is not None and _task.get() is self:
            for metric in new:
                self.watch.logged(metric.key, metric.value, metric.step)


def build_store(store_uri: str, artifact_uri: str | None = None) -> Any:
    """MLflow's store for a URI, guarded; MLflow calls it."""
    if artifact_uri is not None and "mlflow.server.handlers" in sys.modules:  # it is a server
        from mlflow.server.handlers import TrackingStoreRegistryWrapper

        return TrackingStoreRegistryWrapper._get_sqlalchemy_store(store_uri, artifact_uri)
    from mlflow.tracking._tracking_service import utils

    if store_uri.startswith("http"):
        return _guarded(utils._get_rest_store(store_uri), store_uri)
    root = artifact_uri or _artifact_roots.get(store_uri)
    store = utils._get_sqlalchemy_store(store_uri, root)
    if store_uri.startswith("sqlite"):
        _be_patient(store)
    return _guarded(store, store_uri)


def _be_patient(store: Any) -> None:
    """Lets writers wait for one another for a minute, and not for SQLite's five seconds."""
    from sqlalchemy import event

    @event.listens_for(store.engine, "connect")
    def wait(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA busy_timeout = 60000")  # ms

    store.engine.dispose()  # connections that were opened before


def forget_points() -> None:
    """Before another run: what was logged to the last one is no repetition."""
    _points.clear()


def default_artifact_root(store_uri: str, root: str | None) -> None:
    """Says where experiments that are created in a database store keep their artifacts."""
    if root is not None:
        _artifact_roots[store_uri] = root


@contextmanager
def attached(run_id: str, store_uri: str) -> Iterator[None]:
    """While tasks of a run are executed, what they log to its store reaches that run."""
    values = {RUN_VARIABLE: run_id, STORE_VARIABLE: store_uri}
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        _points.clear()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


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


def _run_in(store_uri: str) -> str | None:
    """The pipeline's run, where its tasks are being executed and it is kept in this store."""
    here = os.environ.get(STORE_VARIABLE, "").rstrip("/") == store_uri.rstrip("/")
    return os.environ.get(RUN_VARIABLE) if here else None


def _guarded(store: Any, store_uri: str) -> Any:
    ours = functools.partial(_run_in, store_uri)
    for guard in (*_run_guards(store, ours), *_metric_guards(store, ours)):
        setattr(store, guard.__name__, guard)
    return store


def _run_guards(store: Any, ours: Callable[[], str | None]) -> Iterator[Callable[..., Any]]:
    create, update, delete = store.create_run, store.update_run_info, store.delete_run

    @functools.cache  # MLflow asks for the update whenever a run is entered or left
    def own_info(run_id: str) -> Any:
        return store.get_run(run_id).info

    @functools.wraps(create)
    def create_run(
        experiment_id: str, user_id: str, start_time: int, tags: Any, run_name: str | None
    ) -> Any:
        run_id = ours()
        nested = any(tag.key == _PARENT_TAG for tag in tags or [])
        if run_id is None or nested:
            return create(experiment_id, user_id, start_time, tags, run_name)
        return store.get_run(run_id)

    @functools.wraps(update)
    def update_run_info(run_id: str, run_status: Any, end_time: Any, run_name: str | None) -> Any:
        if run_id == ours():
            return own_info(run_id)
        return update(run_id, run_status, end_time, run_name)

    @functools.wraps(delete)
    def delete_run(run_id: str) -> Any:
        if run_id != ours():
            return delete(run_id)

    yield from (create_run, update_run_info, delete_run)


def _metric_guards(store: Any, ours: Callable[[], str | None]) -> Iterator[Callable[..., Any]]:
    one, batch, later = store.log_metric, store.log_batch, store.log_batch_async

    def noted(run_id: str, metrics: Any) -> AbstractContextManager[Any]:
        notes = _current_notes()
        if notes is None or run_id != ours():
            return nullcontext(metrics)
        return notes.noted(metrics or [])

    @functools.wraps(one)
    def log_metric(run_id: str, metric: Any) -> Any:
        with noted(run_id, [metric]) as new:
            return one(run_id, metric) if new else None

    @functools.wraps(batch)
    def log_batch(run_id: str, metrics: Any, params: Any, tags: Any) -> Any:
        with noted(run_id, metrics) as new:
            return batch(run_id, new, params, tags)

    @functools.wraps(later)
    def log_batch_async(run_id: str, metrics: Any, params: Any, tags: Any) -> Any:
        with noted(run_id, metrics) as new:
            return later(run_id, new, params, tags)

    yield from (log_metric, log_batch, log_batch_async)
