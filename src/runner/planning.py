"""From a checked config to a plan: which tasks there are, where each lies, what has to run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from runner.luigi_parser import as_parameter
from luigi.parameter import (
    MissingParameterException,
    ParameterException,
    ParameterVisibility,
)
from luigi.task import flatten
from runner import inputs
from runner.artifacts.placement import place_all
from runner.config import Config
from runner.config.schema import explain
from runner.context import RunContext, using
from runner.declared import config_class
from runner.errors import (
    ConfigError,
    GraphError,
    MissingInputError,
    Problem,
    RunnerError,
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
        """All that is logged as a parameter, by section: as written, with defaults filled in."""
        config = self.context.config
        sections = dict(config.written)
        counts = Counter(task.get_task_family() for task in self.graph.tasks.values())
        for task in self.graph.tasks.values():
            family = task.get_task_family()
            if counts[family] > 1:
                continue
            given = task.to_str_params(only_public=True)
            known: dict[str, Any] = {**given}
            if isinstance(task, RunTask):
                known |= task.effective_config()
            unused = {name: given[name] for name in _unused(task, config) if name in given}
            sections[family] = {**overlaid(known, sections.get(family, {})), **unused}
        return sections


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
        complete = cache(_is_complete)
        needed = graph.needed(lambda task: complete(task) and not _is_wrapper(task))
        done = frozenset(i for i in needed if complete(graph.tasks[i]))
        to_run = [graph.tasks[i] for i in needed if i not in done]
        _check_inputs(to_run, graph, config)
        notes = [*_idle_force(forced, graph, needed), *_hidden(graph, config)]
    return Plan(graph, tuple(needed), done, context, location, lookup, tuple(notes))


def _is_wrapper(task: luigi.Task) -> bool:
    """A wrapper has nothing of its own: complete or not, what it stands for is looked at."""
    return isinstance(task, luigi.WrapperTask)


def _is_complete(task: luigi.Task) -> bool:
    try:
        return bool(task.complete())
    except RunnerError:
        raise
    except Exception as error:  # the user's own code
        raise GraphError(f"{task}: complete() failed: {error}") from error


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
        if model is None or not isinstance(task, RunTask):
            continue
        try:
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
    run_tasks = [task for task in graph.tasks.values() if isinstance(task, RunTask)]
    places = [task.placement for task in run_tasks]
    to_come = {str(place.directory) for place in places if place.decision == "new"}
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


def _idle_force(forced: Collection[str], graph: TaskGraph, needed: list[str]) -> Iterator[str]:
    """A complete task in front of a forced one leaves nothing to force."""
    looked_at = {graph.tasks[task_id].get_task_family() for task_id in needed}
    for family in forced:
        if family not in looked_at:
            yield f"--force {family} does nothing: what requires it is complete; force that too"


def _hidden(graph: TaskGraph, config: Config) -> Iterator[str]:
    """Values of a section that reach no task, because what requires it passes others."""
    tasks: dict[str, list[luigi.Task]] = {}
    for task in graph.tasks.values():
        tasks.setdefault(task.get_task_family(), []).append(task)
    for family, same in tasks.items():
        unused = [_unused(task, config) for task in same]
        for name, said in unused[0].items():
            if all(name in others for others in unused):
                used = getattr(same[0], name)
                yield f"[{family}] {name} = {said!r} is not used: it is required with {used!r}"


def _unused(task: luigi.Task, config: Config) -> dict[str, Any]:
    """Public parameters of which a task has another value than its section says."""
    section = config.section(task.get_task_family())
    found = {}
    for name, param in task.get_params():
        if name in section and param.visibility == ParameterVisibility.PUBLIC:
            said = param.normalize(param.parse(as_parameter(section[name])))
            if said != getattr(task, name):
                found[name] = said
    return found


def _where(config: Config, family: str) -> str:
    near = [v for k, v in config.origins.items() if k.startswith(f"{family}.")]
    return near[0] if near else config.files[-1].name if config.files else "config"
