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
_RUN_VARIABLE = "MLFLOW_RUN_ID"
#: Set and removed by functions of the fluent API.
_VARIABLES = (*(_EXPERIMENT_VARIABLE, _RUN_VARIABLE, "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"),)


@contextmanager
def active_run(context: RunContext, location: StoreLocation) -> Iterator[None]:
    """While tasks are executed, MLflow's fluent API means this run; then what it meant before."""
    import mlflow

    with kept(), plugin.attached(context.run_id, location.uri):
        try:
            mlflow.set_tracking_uri(location.uri)
            mlflow.set_experiment(experiment_id=context.experiment_id)
            mlflow.start_run(run_id=context.run_id, nested=True)
            yield
        finally:
            mlflow.flush_async_logging()
            while mlflow.active_run() is not None:  # those that a task left open, too
                mlflow.end_run()


@contextmanager
def kept() -> Iterator[None]:
    """Sets back what MLflow's fluent API means by itself, for most of which it has no function.

    Runs that this thread has open are out of sight meanwhile: neither they nor the pipeline's run
    can be ended, or taken for the parent, by mistake.
    """
    import mlflow
    from mlflow.tracking import fluent
    from mlflow.tracking._model_registry import utils as registry
    from mlflow.tracking._tracking_service import utils as tracking

    variables = {name: os.environ.get(name) for name in _VARIABLES}
    uri, registry_uri = tracking._tracking_uri, registry._registry_uri
    experiment, last = fluent._active_experiment_id, fluent._last_active_run_id.get()
    open_runs = fluent._active_run_stack.get()
    fluent._active_run_stack.set([])
    try:
        yield
    finally:
        fluent._active_run_stack.set(open_runs)
        fluent._active_experiment_id = experiment
        fluent._last_active_run_id.set(last)
        registry._registry_uri = registry_uri
        mlflow.set_tracking_uri(uri)  # type: ignore[arg-type]  # None: as the environment says
        for name, value in variables.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def adopt_run(context: RunContext, tracking_uri: str) -> None:
    """Makes a worker process one whose tasks log to the run, for as long as it lives.

    MLflow is not imported for that: a task that does it finds the run in the environment.
    """
    values = {
        plugin.RUN_VARIABLE: context.run_id,
        plugin.STORE_VARIABLE: tracking_uri,
        "MLFLOW_TRACKING_URI": tracking_uri,
        _RUN_VARIABLE: context.run_id,
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
