"""From a checked config to a plan: which tasks there are, where each lies, what has to run."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from runner.luigi_parser import as_parameter
from luigi.parameter import MissingParameterException, ParameterException
from luigi.task import flatten
from runner import inputs
from runner.artifacts.placement import place_all
from runner.config import Config
from runner.config.schema import PATHS, explain
from runner.context import RunContext, using
from runner.declared import config_class
from runner.errors import (
    ConfigError,
    GraphError,
    MissingInputError,
    Problem,
    UsageError,
    did_you_mean,
)
from runner.graph import TaskGraph
from runner.project_code import ProjectTasks
from runner.task import RunTask, overlaid
from runner.tracking import store
from runner.tracking.lookup import RunLookup
from runner.tracking.store import StoreLocation

PLANNED_RUN = "<new run>"  # stands for the run's id while there is none


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes:
        graph: every task that the root reaches.
        needed: ids of those that have to be looked at, in an order in which they can run.
        complete: ids of the needed tasks that are complete already.
        context: config and placements, for an artifact directory that does not exist yet.
        location: the tracking store.
        lookup: earlier runs.
        notes: what a user should know.
    """

    graph: TaskGraph
    needed: tuple[str, ...]
    complete: frozenset[str]
    context: RunContext
    location: StoreLocation
    lookup: RunLookup
    notes: tuple[str, ...]

    def parameters(self) -> dict[str, Any]:
        """All that is logged as a parameter, by section: as written, defaults of tasks filled in."""
        sections = dict(self.context.config.written)
        alone = [t for t in self.graph.tasks.values() if self._alone(t)]
        for task in alone:
            family = task.get_task_family()
            known = task.to_str_params(only_public=True)
            if isinstance(task, RunTask):
                known = {**known, **task.effective_config()}
            sections[family] = overlaid(known, sections.get(family, {}))
        return sections

    def _alone(self, task: luigi.Task) -> bool:
        family = task.get_task_family()
        return sum(t.get_task_family() == family for t in self.graph.tasks.values()) == 1


def make_plan(config: Config, project: ProjectTasks, forced: Collection[str]) -> Plan:
    """Plans a run; nothing is written.

    Raises:
        ConfigError, GraphError, MissingInputError, UsageError: what stands in the way.
    """
    location = store.locate(config)
    lookup = RunLookup(cache(lambda: store.connect(location)), location)
    context = RunContext(
        config=config,
        run_id="",
        run_name="",
        experiment_id="",
        artifact_dir=Path(location.artifact_root or config.root / "mlruns", PLANNED_RUN),
    )
    with using(context):
        graph = TaskGraph.of(_root(config, project))
        families = {task.get_task_family() for task in graph.tasks.values()}
        for family in forced:
            if family not in families:
                near = did_you_mean(family, families)
                raise UsageError(f"--force {family}: no such task in this run{near}")
        _check_configs(graph, config)
        run_tasks = [task for task in graph.tasks.values() if isinstance(task, RunTask)]
        place_all(run_tasks, context, lookup, forced)
        complete = cache(lambda task: bool(task.complete()))
        needed = graph.needed(complete)
        done = frozenset(i for i in needed if complete(graph.tasks[i]))
        to_run = [graph.tasks[i] for i in needed if i not in done]
        _check_inputs(to_run, graph, config)
        notes = tuple(note for task in graph.tasks.values() for note in _hidden(task, config))
    return Plan(graph, tuple(needed), done, context, location, lookup, notes)


def _root(config: Config, project: ProjectTasks) -> luigi.Task:
    cls = project.named(config.run.task, config)
    try:
        return cls()
    except MissingParameterException as error:
        family = cls.get_task_family()
        raise ConfigError([Problem(_where(config, family), family, str(error))]) from None
    except (ParameterException, ValueError, TypeError) as error:
        raise GraphError(f"{config.run.task} can't be made: {error}") from error


def _check_configs(graph: TaskGraph, config: Config) -> None:
    """Sections that are absent altogether are judged only for tasks of the graph."""
    problems = []
    for task in graph.tasks.values():
        model = config_class(type(task)) if isinstance(task, RunTask) else None
        try:
            if model is not None:
                _ = task.config
        except ValidationError as error:
            family = task.get_task_family()
            for key, text in explain(error, model):
                problems.append(Problem(_where(config, family), f"{family}.{key}", text))
    if problems:
        raise ConfigError(problems)


def _check_inputs(tasks: list[luigi.Task], graph: TaskGraph, config: Config) -> None:
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
    retry = config.section("worker").get("retry_external_tasks", False)
    for task in tasks:
        if isinstance(task, RunTask):
            inputs.sources(task)
            for name, path in _older_inputs(task):
                if path not in produced and not _inside_a_task(path, task):
                    inputs.check_readable(Path(path), task.get_task_family(), name)
        elif task.run is None and not retry:
            targets = ", ".join(str(getattr(t, "path", t)) for t in flatten(task.output()))
            raise MissingInputError(f"{task} stands for data that is not there: {targets}")


def _older_inputs(task: RunTask) -> Iterator[tuple[str, str]]:
    found: Mapping[str, Any] = task.build_input_output_path_dicts()[0]
    return ((name, str(path)) for name, path in found.items())


def _inside_a_task(path: str, task: RunTask) -> bool:
    """Whether a task of this run writes it; a pinned one was checked with its pin."""
    places = task.run_context.places.values()
    return any(Path(path).is_relative_to(place.directory) for place in places)


def _hidden(task: luigi.Task, config: Config) -> Iterator[str]:
    """Values of a section that do not reach the task, because what requires it passes others."""
    family = task.get_task_family()
    section = config.section(family)
    for name, param in task.get_params():
        if name in section:
            said = param.normalize(param.parse(as_parameter(section[name])))
            used = getattr(task, name)
            if said != used:
                yield f"[{family}] {name} = {said!r} is not used: {task} is required with {used!r}"


def _where(config: Config, family: str) -> str:
    near = [v for k, v in config.origins.items() if k.startswith((f"{family}.", f"{PATHS}."))]
    return near[0] if near else next(iter(config.origins.values()), difflib.__name__)
