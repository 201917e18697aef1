"""One run, top to bottom. Read this first.

    config -> tasks -> graph -> placements -> MLflow run -> luigi's worker -> report

`run` serves the command line and any program that embeds the runner.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
from runner import config as configs
from runner import luigi_parser, project_code, signals, summary
from runner.artifacts import sending
from runner.context import using
from runner.errors import MissingInputError, UsageError, did_you_mean
from runner.logs import RunLog, mlflow_adopted
from runner.planning import Plan, make_plan
from runner.project_code import ProjectTasks
from runner.redaction import Redactor
from runner.report import Report, RunStatus
from runner.request import Listener, Request, Silent
from runner.reuse import Explanation
from runner.settings import Settings
from runner.task import RunTask
from runner.tracking import reaper, store
from runner.tracking.naming import PARENT_TAG
from runner.tracking.recording import Recorder

_PINNED = (
    'reuse is "pinned": what was computed before is computed again; '
    'with [RunConfig] reuse = "auto" it is taken over when nothing changed'
)


def run(request: Request, settings: Settings, listener: Listener | None = None) -> Report:
    """Runs a pipeline, or plans it.

    Raises:
        RunnerError: nothing was run: the config, the graph, an input or the store is wrong.
    """
    redactor = Redactor(settings.secrets)
    with RunLog(redactor).recording() as log, signals.handled() as received:
        plan = plan_for(request, settings)
        if request.dry_run:
            return _planned(plan)
        store.follow(plan.location)
        if sending.send_unsent(settings.root, plan.location.uri):
            plan = plan_for(request, settings)
        if plan.reuse.automatic and plan.nothing_to_do and not request.record:
            return _planned(plan, status="UNCHANGED")
        from runner.engine import engines
        from runner.open_run import OpenRun  # what a plan can do without

        to_run = len(plan.needed) - len(plan.complete)
        with engines.opened(plan.context.config, to_run) as engine:  # workers start meanwhile
            client = store.connect(plan.location)
            if PARENT_TAG not in request.tags:  # its parent has done so
                reaper.reap(client)
            recorder = Recorder(client, plan.location, redactor)
            with mlflow_adopted():
                told = listener or Silent()
                opened = OpenRun(plan, recorder, received, told, request, engine)
                return opened.execute(log)


def why(request: Request, settings: Settings, task: str) -> list[tuple[str, Explanation]]:
    """Why a task runs or does not: (its name, the explanation), for each task of that family.

    Raises:
        RunnerError: as for `run`; UsageError when the run has no such task.
    """
    with RunLog(Redactor(settings.secrets)).recording(), signals.handled():
        plan = plan_for(replace(request, dry_run=True), settings)
        tasks = [t for t in plan.graph.tasks.values() if isinstance(t, RunTask)]
        found = [t for t in tasks if t.get_task_family() == task]
        if not found:
            near = did_you_mean(task, [t.get_task_family() for t in tasks])
            raise UsageError(f"this run has no task {task!r}{near}")
        with using(plan.context):
            return [(summary.label(t, plan.context), plan.reuse.explain(t)) for t in found]


def plan_for(request: Request, settings: Settings) -> Plan:
    """What `run` would do; nothing is written.

    Raises:
        RunnerError: as for `run`.
    """
    project_code.unload()
    project = ProjectTasks(settings.root)
    config = configs.load(
        request.files, request.overrides, settings=settings, tasks=project.sections
    )
    forced = list(request.force)
    if request.only:
        forced.append(project.named(config.run.task, config).get_task_family())
        if config.origins.get("RunConfig.reuse") not in configs.OVERRIDES:
            config = replace(config, run=config.run.model_copy(update={"reuse": "auto"}))
    luigi_parser.fill(config.sections)
    verify, peek = request.verify, request.dry_run
    with _no_garbage():
        plan = make_plan(config, project, forced, verify=verify, peek=peek)
    if request.only:
        _check_alone(plan)
    return plan


def _check_alone(plan: Plan) -> None:
    """Raises MissingInputError unless all that the root requires is complete."""
    graph, root = plan.graph, plan.graph.root
    missing = [graph.tasks[i] for i in plan.needed if i not in plan.complete and i != root.task_id]
    if not missing:
        return
    with using(plan.context):
        names = ", ".join(summary.label(task, plan.context) for task in missing)
    direct = [graph.tasks[i] for i in graph.requires[root.task_id]]
    tips = {task.get_task_family() for task in direct if task in missing}
    commands = " and ".join(f"python -m runner {family}" for family in sorted(tips))
    hint = f"compute it first, with the same config: {commands}" if commands else ""
    raise MissingInputError(f"{root.get_task_family()} can't run alone: {names} is missing", hint)


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Thousands of tasks that all stay would be looked at by the collector again and again."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def _planned(plan: Plan, status: RunStatus = "PLANNED") -> Report:
    tasks = tuple(summary.task_reports(plan, plan.context, {}, planned=True).values())
    notes = plan.notes
    if not plan.reuse.automatic and any(task.expected_seconds is not None for task in tasks):
        notes = (*notes, _PINNED)
    return Report(
        status=status,
        experiment=plan.context.config.run.experiment_name,
        tasks=tasks,
        results=summary.results(plan, plan.context),
        tracking_uri=plan.location.shown,
        notes=notes,
    )
