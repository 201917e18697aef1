"""Turns a plan, and what became of its tasks, into a Report."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from runner.artifacts.copies import is_peeked
from runner.context import Origin, Placement, RunContext, using
from runner.engine.outcome import Outcome
from runner.history import History
from runner.planning import Plan
from runner.report import TaskReport, TaskStatus
from runner.task import RunTask

_THERE = ("ran", "reused", "failed", "stopped")  # of the others there is no directory


def task_reports(
    plan: Plan,
    context: RunContext,
    outcomes: Mapping[str, Outcome],
    *,
    dynamic: Mapping[str, luigi.Task] | None = None,
    planned: bool = False,
) -> dict[str, TaskReport]:
    """A report a task id: those of the graph, then those that turned up as dynamic requirements."""
    tasks = {**plan.graph.tasks, **(dynamic or {})}
    tasks |= {task_id: outcome.task for task_id, outcome in outcomes.items()}
    needed = frozenset(plan.needed)
    history = History(plan.reuse.earlier)
    with using(context):
        return {
            task_id: _task_report(
                task,
                plan,
                context,
                outcomes.get(task_id),
                _status(task_id, plan, context, outcomes.get(task_id), needed, planned),
                history,
            )
            for task_id, task in tasks.items()
            if not isinstance(task, luigi.WrapperTask)
        }


def resume_overrides(
    plan: Plan, context: RunContext, done: Mapping[str, Outcome]
) -> tuple[str, ...]:
    """Pins to what this run completed, for the command that goes on after a failure."""
    pins = []
    for family, ids in context.families.items():
        ran = [i for i in ids if i in done and done[i].status == "done"]
        inside = all(context.places[i].directory.parent == context.artifact_dir for i in ran)
        if inside and len(ran) == len(ids):
            key = f'"{family}"' if "." in family else family  # a namespace is no table
            pins.append(f"PathConfig.{key}=runs:/{context.run_id}/{family}")
    return tuple(pins)


def results(plan: Plan, context: RunContext) -> tuple[str, ...]:
    """Names of the tasks that were asked for: of a wrapper, what it stands for."""
    found: dict[str, str] = {}
    waiting = [plan.graph.root.task_id]
    while waiting:
        task = plan.graph.tasks[waiting.pop()]
        if isinstance(task, luigi.WrapperTask):
            waiting.extend(reversed(plan.graph.requires[task.task_id]))
        else:
            found[task.task_id] = label(task, context)
    return tuple(found.values())


def label(task: luigi.Task, context: RunContext) -> str:
    """A task's name: the family, or with parameters where the run has several of it."""
    family = str(task.get_task_family())
    return family if len(context.families.get(family, [0])) == 1 else str(task)


def _task_report(
    task: luigi.Task,
    plan: Plan,
    context: RunContext,
    outcome: Outcome | None,
    status: TaskStatus,
    history: History,
) -> TaskReport:
    place = context.places.get(task.task_id) if isinstance(task, RunTask) else None
    reused = place is not None and place.decision == "reused"
    size, metrics = (place.size, place.metrics) if reused and place else (None, {})
    if outcome is not None:
        size = outcome.size if isinstance(task, RunTask) and status in ("ran", "reused") else None
        metrics = outcome.metrics
    origin = (place.origin if place else None) or Origin("", "")
    expected = history.estimate(task) if status == "to run" else None
    return TaskReport(
        name=label(task, context),
        status=status,
        reason=place.reason if place else _plain_reason(task, plan),
        directory=place.directory if place and status in _THERE else None,
        outputs=_outputs(task, place) if place and status in ("ran", "reused") else {},
        origin=origin.run_name or origin.run_id,
        origin_id=origin.run_id,
        computed=origin.created,
        user=origin.user,
        seconds=outcome.seconds if outcome and status != "reused" else None,
        spans=tuple(outcome.spans) if outcome else (),
        size=size,
        metrics=metrics,
        error=outcome.error if outcome else "",
        kept=outcome.kept if outcome else None,
        expected_seconds=expected.seconds if expected else None,
        expected_size=expected.size if expected else None,
    )


def _outputs(task: luigi.Task, place: Placement) -> dict[str, Path]:
    if not isinstance(task, RunTask) or is_peeked(place.directory):
        return {}
    return {name: place.directory / path for name, path in task.declared_outputs().items()}


def _status(
    task_id: str,
    plan: Plan,
    context: RunContext,
    outcome: Outcome | None,
    needed: Collection[str],
    planned: bool,
) -> TaskStatus:
    if outcome is not None:
        if outcome.status == "running":  # it waits for a dynamic requirement that did not come
            return "not run"
        return "ran" if outcome.status == "done" else outcome.status
    if task_id in plan.graph.tasks and task_id not in needed:
        return "not needed"
    place = context.places.get(task_id)
    if task_id in plan.complete or (place is not None and place.decision == "reused"):
        return "reused"
    return "to run" if planned else "not run"


def _plain_reason(task: luigi.Task, plan: Plan) -> str:
    return "its outputs are there" if task.task_id in plan.complete else "a plain luigi task"
