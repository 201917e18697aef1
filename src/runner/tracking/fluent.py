"""Makes the pipeline's run the active one for the user's own ``mlflow.…`` calls."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from runner.context import RunContext
from runner.tracking import plugin
from runner.tracking.plugin import MetricNotes
from runner.tracking.store import StoreLocation

_EXPERIMENT_VARIABLE = "MLFLOW_EXPERIMENT_ID"


@contextmanager
def active_run(context: RunContext, location: StoreLocation) -> Iterator[None]:
    """While tasks are executed, MLflow's fluent API means this run; then what it meant before."""
    import mlflow

    before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    with _experiment_kept(), plugin.attached(context.run_id, location.uri):
        try:
            mlflow.set_tracking_uri(location.uri)
            mlflow.set_experiment(experiment_id=context.experiment_id)
            mlflow.start_run(run_id=context.run_id, nested=True)
            yield
        finally:
            mlflow.flush_async_logging()
            while _is_ours(mlflow.active_run(), context):
                mlflow.end_run()
            mlflow.set_tracking_uri(before)  # type: ignore[arg-type]  # None is MLflow's own default


@contextmanager
def _experiment_kept() -> Iterator[None]:
    """Sets MLflow's active experiment back, for which it has no function of its own."""
    from mlflow.tracking import fluent

    active, variable = fluent._active_experiment_id, os.environ.get(_EXPERIMENT_VARIABLE)
    try:
        yield
    finally:
        fluent._active_experiment_id = active
        if variable is None:
            os.environ.pop(_EXPERIMENT_VARIABLE, None)
        else:
            os.environ[_EXPERIMENT_VARIABLE] = variable


def adopt_run(context: RunContext, tracking_uri: str) -> None:
    """Makes a worker process one whose tasks log to the run, for as long as it lives.

    MLflow is not imported for that: a task that does it finds the run in the environment.
    """
    values = {
        plugin.RUN_VARIABLE: context.run_id,
        plugin.STORE_VARIABLE: tracking_uri,
        "MLFLOW_TRACKING_URI": tracking_uri,
        "MLFLOW_RUN_ID": context.run_id,
        _EXPERIMENT_VARIABLE: context.experiment_id,
    }
    if os.environ.get(plugin.RUN_VARIABLE) != context.run_id:
        plugin.forget_points()
        _leave_run()
    os.environ.update(values)
    if "mlflow" in sys.modules:
        import mlflow

        mlflow.set_tracking_uri(tracking_uri)


def _leave_run() -> None:
    """Ends what MLflow takes for the active run while the guard knows that its end is not ours."""
    if "mlflow" in sys.modules:
        import mlflow

        while mlflow.active_run() is not None:
            mlflow.end_run()


@contextmanager
def task_logs(context: RunContext, notes: MetricNotes) -> Iterator[None]:
    """Around one task: its metrics are noted, and what it changed in MLflow is set back.

    Where MLflow is not imported yet, the task may do so, or not.
    """
    loaded = "mlflow" in sys.modules
    if loaded:
        _begin_again(context)
    before = {name: dict(settings) for name, settings in _autologging().items()} if loaded else {}
    uri = _tracking_uri() if loaded else None
    notes.watch = context.watch
    try:
        with plugin.noting(notes):
            yield
            if "mlflow" in sys.modules:
                _flush()
    finally:
        notes.watch = None
        if "mlflow" in sys.modules:
            _set_back(before, uri)


def _begin_again(context: RunContext) -> None:
    """An earlier task may have ended the run for this thread, or begun another."""
    import mlflow

    if not _is_ours(mlflow.active_run(), context):
        while mlflow.active_run() is not None:
            mlflow.end_run()
        mlflow.set_experiment(experiment_id=context.experiment_id)
        mlflow.start_run(run_id=context.run_id)


def _set_back(before: dict[str, Any], uri: str | None) -> None:
    import mlflow

    autologging = _autologging()
    if autologging != before:  # an integration without settings is off
        autologging.clear()
        autologging.update(before)
    if uri is not None and mlflow.get_tracking_uri() != uri:
        mlflow.set_tracking_uri(uri)


def _autologging() -> dict[str, Any]:
    from mlflow.utils.autologging_utils import AUTOLOGGING_INTEGRATIONS

    found: dict[str, Any] = AUTOLOGGING_INTEGRATIONS
    return found


def _tracking_uri() -> str:
    import mlflow

    return str(mlflow.get_tracking_uri())


def _flush() -> None:
    import mlflow

    mlflow.flush_async_logging()


def _is_ours(run: Any, context: RunContext) -> bool:
    return run is not None and run.info.run_id == context.run_id
