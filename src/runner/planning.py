"""From a checked config to a plan: which tasks there are, where each lies, what has to run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from luigi.parameter import (
    MissingParameterException,
    ParameterException,
)
from runner import checks, project_code
from runner.artifacts.copies import Copies
from runner.artifacts.placement import place_all
from runner.artifacts.store import is_remote
from runner.config import Config
from runner.config.schema import SWEEP
from runner.context import RunContext, current, using
from runner.declared import overlaid, own_values
from runner.errors import (
    ConfigError,
    GraphError,
    Problem,
    RunnerError,
    UsageError,
    did_you_mean,
)
from runner.graph import TaskGraph
from runner.ingredients import Kitchen
from runner.project_code import ProjectTasks
from runner.reuse import Reuse
from runner.task import RunTask
from runner.tracking import roots, store
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
        reuse: fingerprints, and what was computed under them.
        forced: families that are computed anew.
        notes: what a user should know.
    """

    graph: TaskGraph
    needed: tuple[str, ...]
    complete: frozenset[str]
    context: RunContext
    location: StoreLocation
    lookup: RunLookup
    reuse: Reuse
    forced: frozenset[str]
    notes: tuple[str, ...]

    @property
    def nothing_to_do(self) -> bool:
        """Whether every task that is needed is complete."""
        return self.complete.issuperset(self.needed)

    def parameters(self) -> dict[str, Any]:
        """All that is logged as a parameter, by section: as written, with defaults filled in."""
        return _parameters(self.graph, self.context.config)


def make_plan(
    config: Config,
    project: ProjectTasks,
    forced: Collection[str] = (),
    *,
    verify: bool = False,
    peek: bool = False,
) -> Plan:
    """Plans a run; nothing is written.

    Args:
        forced: tasks to compute anew, each with a `+` when what requires it is meant too.
        verify: read every file that would be reused, and compare its digest.
        peek: fetch no more than manifests from a remote artifact root, for automatic reuse alone.

    Raises:
        ConfigError, GraphError, MissingInputError, UsageError: what stands in the way.
    """
    location = store.locate(config)
    connect = cache(lambda: store.connect(location))
    copies = Copies(config.root, peek=peek)
    lookup = RunLookup(connect, location, copies)
    context = _planned_context(config, location)
    automatic = config.run.reuse == "auto"
    index = None
    if automatic or not (peek and is_remote(location.artifact_root or location.uri)):
        index = roots.index_of(config, location, connect, copies, verify=verify)
    with using(context):
        graph = TaskGraph.of(_root(config, project))
        families = _forced(forced, graph, project)
        checks.check_configs(graph, config)  # which imports the families of models that it names
        reuse = Reuse(_kitchen(config, project), index, automatic=automatic)
        run_tasks = [task for task in graph.tasks.values() if isinstance(task, RunTask)]
        reuse.place = partial(place_dynamic, lookup=lookup, reuse=reuse, forced=families)
        settle = reuse.settle if reuse.automatic else None
        place_all(run_tasks, context, lookup, families, settle, verify=verify)
        complete = cache(_is_complete)
        needed = graph.needed(lambda task: complete(task) and _ends_the_walk(task))
        done = frozenset(i for i in needed if complete(graph.tasks[i]))
        to_run = [graph.tasks[i] for i in needed if i not in done]
        checks.check_inputs(to_run, graph, config)
        notes = [*checks.idle_force(families, graph, needed), *checks.hidden(graph, config)]
    parts = (context, location, lookup, reuse, families, (*config.notes, *notes))
    return Plan(graph, tuple(needed), done, *parts)


def parameters_of(config: Config, project: ProjectTasks) -> dict[str, Any]:
    """What a run with a config would log as parameters; inputs need not be there.

    Raises:
        ConfigError, GraphError: what stands in the way.
    """
    context = _planned_context(config, store.locate(config))
    with using(context):
        graph = TaskGraph.of(_root(config, project))
        checks.check_configs(graph, config)
        return _parameters(graph, config)


def _planned_context(config: Config, location: StoreLocation) -> RunContext:
    folder = roots.planned_dir(location, config.root) / PLANNED_RUN
    return RunContext(config, run_id="", run_name="", experiment_id="", artifact_dir=folder)


def place_dynamic(
    tasks: Iterable[luigi.Task], *, lookup: RunLookup, reuse: Reuse, forced: Collection[str]
) -> list[RunTask]:
    """Places tasks that turned up as dynamic requirements, and all that they require.

    Returns:
        Those that had no place yet.
    """
    context = current()
    found = {i: t for task in tasks for i, t in TaskGraph.of(task).tasks.items()}
    new = [t for i, t in found.items() if i not in context.places and isinstance(t, RunTask)]
    place_all(new, context, lookup, forced, reuse.settle if reuse.automatic else None)
    return new


def _parameters(graph: TaskGraph, config: Config) -> dict[str, Any]:
    sections = {name: table for name, table in config.written.items() if name != SWEEP}
    counts = Counter(task.get_task_family() for task in graph.tasks.values())
    for task in graph.tasks.values():
        family = task.get_task_family()
        if counts[family] > 1:
            continue
        given = task.to_str_params(only_public=True)
        known: dict[str, Any] = {**given}
        written = sections.get(family, {})
        if isinstance(task, RunTask):
            known |= task.effective_config()
            written = own_values(task.config, written)
        unused = {name: given[name] for name in checks.unused(task, config) if name in given}
        sections[family] = {**overlaid(known, written), **unused}
    return sections


def _ends_the_walk(task: luigi.Task) -> bool:
    """Whether a complete task makes what it requires unneeded, as in luigi.

    A wrapper has nothing of its own; and above a task that was found by fingerprint all is
    looked at, so that an output that was lost in the middle is noticed.
    """
    if isinstance(task, RunTask):
        return task.placement.pinned
    return not isinstance(task, luigi.WrapperTask)


def _kitchen(config: Config, project: ProjectTasks) -> Kitchen:
    packages = config.run.fingerprint_packages
    return Kitchen(config.root, packages, project_code.loaded_modules(), project.begun)


def _forced(names: Collection[str], graph: TaskGraph, project: ProjectTasks) -> frozenset[str]:
    """Families to compute anew: `Task`, or `Task+` for that and all that requires it.

    Raises:
        UsageError: no task of the run has that name.
    """
    families = {task.task_id: task.get_task_family() for task in graph.tasks.values()}
    forced: set[str] = set()
    for name in names:
        family = name.removesuffix("+")
        if family not in families.values() and family not in project.classes:
            near = did_you_mean(family, families.values())
            raise UsageError(f"--force {name}: no such task in this run{near}")
        forced.add(family)
        if name.endswith("+"):
            reached = {i for i, f in families.items() if f == family}
            for task_id in graph.tasks:  # what a task requires comes before it
                if reached.intersection(graph.requires[task_id]):
                    reached.add(task_id)
            forced |= {families[task_id] for task_id in reached}
    return frozenset(forced)


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
        raise ConfigError([Problem(checks.where(config, family), family, str(error))]) from None
    except (ParameterException, ValueError, TypeError) as error:
        raise GraphError(f"{config.run.task} can't be made: {error}") from error
