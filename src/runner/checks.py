"""What is checked of a plan before anything is written: configs, inputs, values that get lost."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from runner.luigi_parser import as_parameter
from luigi.parameter import ParameterVisibility
from luigi.task import flatten
from runner import inputs
from runner.artifacts.copies import is_peeked
from runner.config import Config
from runner.config.schema import explain
from runner.declared import config_class, judged_by
from runner.errors import ConfigError, MissingInputError, Problem
from runner.graph import TaskGraph
from runner.task import RunTask


def check_configs(graph: TaskGraph, config: Config) -> None:
    """Sections that are absent altogether are judged only for tasks of the graph."""
    problems = []
    for task in graph.tasks.values():
        model = config_class(type(task)) if isinstance(task, RunTask) else None
        if model is None or not isinstance(task, RunTask):
            continue
        try:
            _ = task.config
        except ValidationError as error:
            family = task.get_task_family()
            for key, text in explain(error, judged_by(model, config.section(family))):
                problems.append(Problem(where(config, family), f"{family}.{key}", text))
    if problems:
        raise ConfigError(problems)


def check_inputs(tasks: list[luigi.Task], graph: TaskGraph, config: Config) -> None:
    """Looks for everything that comes from outside before anything runs.

    Raises:
        MissingInputError: a file that a task will read is not there.
    """
    produced = {
        str(getattr(target, "path", ""))
        for task in graph.tasks.values()
        if not isinstance(task, RunTask)
        for target in flatten(task.output())
    }
    run_tasks = [task for task in graph.tasks.values() if isinstance(task, RunTask)]
    places = [task.placement for task in run_tasks]
    to_come = {str(p.directory) for p in places if p.decision == "new" or is_peeked(p.directory)}
    retry = config.section("worker").get("retry_external_tasks", False)
    for task in tasks:
        if isinstance(task, RunTask):
            inputs.sources(task)
            for name, text in inputs.of_older_form(task).items():
                path = Path(text)
                inside = to_come.intersection(map(str, (path, *path.parents)))
                if text not in produced and not inside:
                    inputs.check_readable(path, task.get_task_family(), name)
        elif task.run is None and not retry:
            targets = ", ".join(str(getattr(t, "path", t)) for t in flatten(task.output()))
            raise MissingInputError(f"{task} stands for data that is not there: {targets}")


def idle_force(forced: Collection[str], graph: TaskGraph, needed: list[str]) -> Iterator[str]:
    """A complete task in front of a forced one leaves nothing to force."""
    looked_at = {graph.tasks[task_id].get_task_family() for task_id in needed}
    for family in forced:
        if family not in looked_at:
            yield f"--force {family} does nothing: what requires it is complete; force that too"


def hidden(graph: TaskGraph, config: Config) -> Iterator[str]:
    """Values of a section that reach no task, because what requires it passes others."""
    tasks: dict[str, list[luigi.Task]] = {}
    for task in graph.tasks.values():
        tasks.setdefault(task.get_task_family(), []).append(task)
    for family, same in tasks.items():
        unused_by = [unused(task, config) for task in same]
        for name, said in unused_by[0].items():
            if all(name in others for others in unused_by):
                used = getattr(same[0], name)
                yield f"[{family}] {name} = {said!r} is not used: it is required with {used!r}"


def unused(task: luigi.Task, config: Config) -> dict[str, Any]:
    """Public parameters of which a task has another value than its section says."""
    section = config.section(task.get_task_family())
    found = {}
    for name, param in task.get_params():
        if name in section and param.visibility == ParameterVisibility.PUBLIC:
            said = param.normalize(param.parse(as_parameter(section[name])))
            if said != getattr(task, name):
                found[name] = said
    return found


def where(config: Config, family: str) -> str:
    near = [v for k, v in config.origins.items() if k.startswith(f"{family}.")]
    return near[0] if near else config.files[-1].name if config.files else "config"
