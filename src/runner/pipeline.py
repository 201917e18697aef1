"""One run, top to bottom. Read this first.

    config -> tasks -> graph -> placements -> MLflow run -> luigi's worker -> report

`run` serves the command line and any program that embeds the runner.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import replace

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from luigi.task import flatten
from runner import config as configs
from runner import lineage, luigi_parser, project_code, signals, summary
from runner.artifacts.manifest import Maker
from runner.artifacts.placement import moved, place_all
from runner.context import using
from runner.engine import worker
from runner.engine.execution import Execution
from runner.engine.outcome import Outcome
from runner.errors import GraphError, Interrupted, UsageError, did_you_mean
from runner.graph import TaskGraph
from runner.logs import RunLog, adopt_mlflow
from runner.planning import Plan, make_plan
from runner.project_code import ProjectTasks
from runner.redaction import Redactor
from runner.report import Report, RunStatus
from runner.request import Listener, Request, Silent
from runner.reuse import Explanation
from runner.settings import Settings
from runner.signals import Signals
from runner.task import RunTask
from runner.tracking import reaper, store, surroundings
from runner.tracking.fluent import active_run
from runner.tracking.recording import LOG_NAME, Recorder, Status

_log = logging.getLogger(__name__)


def run(request: Request, settings: Settings, listener: Listener | None = None) -> Report:
    """Runs a pipeline, or plans it.

    Raises:
        RunnerError: nothing was run: the config, the graph, an input or the store is wrong.
    """
    redactor = Redactor(settings.secrets)
    with RunLog(redactor).recording() as log, signals.handled() as received:
        plan = _plan(request, settings)
        if request.dry_run:
            return _planned(plan)
        if plan.reuse.automatic and plan.nothing_to_do and not request.record:
            return _planned(plan, status="UNCHANGED")
        client = store.connect(plan.location)
        adopt_mlflow()
        reaper.reap(client)
        recorder = Recorder(client, plan.location, redactor)
        return _Run(plan, recorder, received, listener or Silent()).execute(log)


def why(request: Request, settings: Settings, task: str) -> list[tuple[str, Explanation]]:
    """Why a task runs or does not: (its name, the explanation), for each task of that family.

    Raises:
        RunnerError: as for `run`; UsageError when the run has no such task.
    """
    with RunLog(Redactor(settings.secrets)).recording(), signals.handled():
        plan = _plan(request, settings)
        tasks = [t for t in plan.graph.tasks.values() if isinstance(t, RunTask)]
        found = [t for t in tasks if t.get_task_family() == task]
        if not found:
            near = did_you_mean(task, [t.get_task_family() for t in tasks])
            raise UsageError(f"this run has no task {task!r}{near}")
        with using(plan.context):
            return [(summary.label(t, plan.context), plan.reuse.explain(t)) for t in found]


def _plan(request: Request, settings: Settings) -> Plan:
    worker.forget(project_code.loaded_modules())
    project_code.unload()
    project = ProjectTasks(settings.root)
    config = configs.load(
        request.files, request.overrides, settings=settings, tasks=project.sections
    )
    luigi_parser.fill(config.sections)
    return make_plan(config, project, request.force, verify=request.verify)


class _Run:
    """A run from the moment on which MLflow knows of it."""

    def __init__(
        self, plan: Plan, recorder: Recorder, received: Signals, listener: Listener
    ) -> None:
        self._plan = plan
        self._recorder = recorder
        self._received = received
        self._listener = listener
        self._outcomes: dict[str, Outcome] = {}
        self._dynamic: dict[str, luigi.Task] = {}
        self._begun = time.monotonic()
        received.hold()
        with using(plan.context):
            opened = recorder.open(plan.context.config, plan.parameters())
        places = moved(plan.context.places, plan.context.artifact_dir, opened.artifact_dir)
        self._context = replace(opened, places=places, families=plan.context.families)
        self._maker = Maker(
            run_id=opened.run_id,
            run_name=opened.run_name,
            experiment=plan.context.config.run.experiment_name,
            host=surroundings.host_tags()["runner.host"],
            user=surroundings.user(),
        )

    def execute(self, log: RunLog) -> Report:
        """Runs the tasks and closes the run, whatever happens."""
        status: Status = "FAILED"
        error = ""
        try:
            self._received.release()
            log.to_file(self._context.artifact_dir / LOG_NAME)
            self._record_lineage(self._plan.needed)
            self._listener.opened(self._context, self._names_to_run())
            with using(self._context), active_run(self._context, self._plan.location):
                succeeded = self._work()
                succeeded = succeeded and _really_complete(self._plan.graph)
            self._received.hold()
            status = "FINISHED" if succeeded else "FAILED"
            error = "" if succeeded else self._what_failed()
        except Interrupted as interrupted:
            self._received.hold()
            status, error = "KILLED", f"stopped by {interrupted}"
        except BaseException as mistake:
            error = f"{type(mistake).__name__}: {mistake}"
            _log.exception("the run ended by a mistake of the runner")
            raise
        finally:
            self._close(status, error)
        return self._report(status, error)

    def _work(self) -> bool:
        luigi_worker = worker.RunWorker(
            start=self._execution,
            on_start=lambda task: self._listener.started(summary.label(task, self._context)),
            on_end=self._ended,
            interrupted=self._received.received,
        )
        return luigi_worker.run_all(self._plan.graph.root)

    def _execution(self, task: luigi.Task) -> Execution:
        forced = task.get_task_family() in self._plan.forced
        reuse = self._plan.reuse
        return Execution(task, self._context, self._maker, self._place, reuse, forced=forced)

    def _place(self, tasks: Iterable[luigi.Task], requirer: luigi.Task) -> None:
        """Places the dynamic requirements of a task, and all that they require."""
        found = {i: t for task in tasks for i, t in TaskGraph.of(task).tasks.items()}
        if requirer.task_id in found:
            raise GraphError(f"{requirer} requires itself, through what its run() yields")
        new = {i: t for i, t in found.items() if i not in self._context.places}
        run_tasks = [task for task in new.values() if isinstance(task, RunTask)]
        settle = self._plan.reuse.settle if self._plan.reuse.automatic else None
        place_all(run_tasks, self._context, self._plan.lookup, self._plan.forced, settle)
        self._dynamic |= {task.task_id: task for task in run_tasks}
        self._record_lineage([task.task_id for task in run_tasks])

    def _ended(self, outcome: Outcome) -> None:
        outcome.error = self._recorder.redactor.clean(outcome.error)
        outcome.traceback = self._recorder.redactor.clean(outcome.traceback)
        self._outcomes[outcome.task.task_id] = outcome
        if outcome.status == "reused":
            self._record_lineage([outcome.task.task_id])
        self._listener.ended(summary.label(outcome.task, self._context), outcome)

    def _record_lineage(self, task_ids: Iterable[str]) -> None:
        """A run shows all metrics of its result, those of reused tasks too."""
        found = lineage.of(task_ids, self._context)
        self._recorder.log(self._context.run_id, metrics=found.metrics, tags=found.tags)

    def _names_to_run(self) -> list[str]:
        ids = [i for i in self._plan.needed if i not in self._plan.complete]
        tasks = (self._plan.graph.tasks[i] for i in ids)
        wrappers = luigi.WrapperTask
        return [summary.label(t, self._context) for t in tasks if not isinstance(t, wrappers)]

    def _what_failed(self) -> str:
        failed = [o for o in self._outcomes.values() if o.status == "failed"]
        if failed:
            return f"{summary.label(failed[0].task, self._context)}: {failed[0].error}"
        return f"{self._plan.graph.root} is not complete, though no task failed; see the log"

    def _close(self, status: Status, error: str) -> None:
        tags = {"runner.error": error} if error else {}
        failed = [o for o in self._outcomes.values() if o.status == "failed"]
        if failed and status == "FAILED":
            tags["runner.failed_task"] = summary.label(failed[0].task, self._context)
        _log.info("run %s: %s %s", self._context.run_name, status, error)
        self._recorder.close(self._context.run_id, status, tags)

    def _report(self, status: Status, error: str) -> Report:
        failed = [o for o in self._outcomes.values() if o.status == "failed"]
        return Report(
            status=status,
            experiment=self._plan.context.config.run.experiment_name,
            tasks=summary.task_reports(
                self._plan, self._context, self._outcomes, dynamic=self._dynamic
            ),
            run_id=self._context.run_id,
            run_name=self._context.run_name,
            artifact_dir=self._context.artifact_dir,
            tracking_uri=self._plan.location.shown,
            seconds=time.monotonic() - self._begun,
            error=error,
            traceback=failed[0].traceback if failed and status == "FAILED" else "",
            notes=self._plan.notes,
            resume=summary.resume_overrides(self._plan, self._context, self._outcomes),
            signum=self._received.first if status == "KILLED" else None,
        )


def _planned(plan: Plan, status: RunStatus = "PLANNED") -> Report:
    return Report(
        status=status,
        experiment=plan.context.config.run.experiment_name,
        tasks=summary.task_reports(plan, plan.context, {}, planned=True),
        tracking_uri=plan.location.shown,
        notes=plan.notes,
    )


def _really_complete(graph: TaskGraph) -> bool:
    """luigi calls a run a success when nothing failed, which is not the same."""
    root = graph.root
    if isinstance(root, RunTask | luigi.WrapperTask) or flatten(root.output()):
        return bool(root.complete())
    return True
