"""A dependency-graph pipeline runner for machine-learning experiments, on luigi and MLflow.

What a project's tasks need stands here::

    from runner import RunTask, TaskConfig, requires

and what other programs need::

    report = runner.run("luigi.toml", overrides={"Trainer.seed": 1})

Nothing heavy is imported before it is asked for.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.declared import TaskConfig, requires
    from runner.embedding import load, run, sweep
    from runner.inputs import Source
    from runner.task import RunTask

#: When this process began to import the runner, in ns since the epoch.
IMPORTED = time.time_ns()

__all__ = ["RunTask", "Source", "TaskConfig", "load", "requires", "run", "sweep"]

_HOMES = {
    "RunTask": "task",
    "Source": "inputs",
    "TaskConfig": "declared",
    "load": "embedding",
    "requires": "declared",
    "run": "embedding",
    "sweep": "embedding",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'runner' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"runner.{_HOMES[name]}"), name)
