"""Makes the pipeline's run the active one for the user's own ``mlflow.…`` calls."""

from __future__ import annotations

import os
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


@contextmanager
def task_logs(context: RunContext, notes: MetricNotes) -> Iterator[None]:
    """Around one task: its metrics are noted, and what it changed in MLflow is set back."""
    import mlflow
    from mlflow.utils.autologging_utils import AUTOLOGGING_INTEGRATIONS as autologging

    if not _is_ours(mlflow.active_run(), context):  # an earlier task ended it, or began another
        while mlflow.active_run() is not None:
            mlflow.end_run()
        mlflow.set_experiment(experiment_id=context.experiment_id)
        mlflow.start_run(run_id=context.run_id)
    uri = mlflow.get_tracking_uri()
    before = {name: dict(settings) for name, settings in autologging.items()}
    try:
        with plugin.noting(notes):
            yield
    finally:
        if autologging != before:  # an integration without settings is off
            autologging.clear()
            autologging.update(before)
        if mlflow.get_tracking_uri() != uri:
            mlflow.set_tracking_uri(uri)


def _is_ours(run: Any, context: RunContext) -> bool:
    return run is not None and run.info.run_id == context.run_id
