"""A run from the moment on which MLflow knows of it, to its last line in the store."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property, partial

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from luigi.task import flatten
from runner import closing, summary
from runner.artifacts import publish
from runner.artifacts.manifest import Maker
from runner.artifacts.placement import moved
from runner.closing import Ending
from runner.context import using
from runner.engine import views, worker
from runner.engine.call import View
from runner.engine.calls import Calls
from runner.engine.delegated import Delegated, Engine
from runner.engine.execution import Execution
from runner.engine.outcome import Outcome
from runner.engine.shared import Shared
from runner.engine.turn import Turn
from runner.errors import GraphError, Interrupted
from runner.graph import TaskGraph
from runner.lineage import LineageLog
from runner.logs import RunLog
from runner.planning import Plan, place_dynamic
from runner.report import Report, TaskReport
from runner.request import Listener, Request
from runner.signals import Signals
from runner.task import RunTask
from runner.tracking import surroundings
from runner.tracking.fluent import active_run
from runner.tracking.lookup import FORCED_TAG
from runner.tracking.recording import LOG_NAME, Recorder, Status

_log = logging.getLogger(__name__)


class OpenRun:
    """A run from the moment on which MLflow knows of it."""

    def __init__(
        self,
        plan: Plan,
        recorder: Recorder,
        received: Signals,
        listener: Listener,
        request: Request,
        engine: Engine | None = None,
    ) -> None:
        self._plan = plan
        self._engine = engine
        self._turn = Turn()
        self._recorder = recorder
        self._received = received
        self._listener = listener
        self._post_mortem = request.post_mortem
        self._outcomes: dict[str, Outcome] = {}
        self._dynamic: dict[str, luigi.Task] = {}
        self._edges = set(plan.graph.edges())
        self._tasks = dict(plan.graph.tasks)
        self._requires: dict[str, Iterable[str]] = dict(plan.graph.requires)
        self._begun = time.monotonic()
        received.hold()
        with using(plan.context):
            tags = dict(request.tags)
            if plan.forced:
                tags[FORCED_TAG] = " ".join(sorted(plan.forced))
            config, name = plan.context.config, request.run_name
            opened = recorder.open(config, plan.parameters(), tags, name)
        places = moved(plan.context.places, plan.context.artifact_dir, opened.artifact_dir)
        families = plan.context.families
        self._context = replace(opened, places=places, families=families, watch=request.watch)
        self._lineage = LineageLog(recorder, self._context, self._task_reports)
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
            self._lineage.add(self._plan.graph.tasks[i] for i in self._plan.needed)
            with using(self._context):
                self._listener.opened(self._context, self._names_to_run())
            with using(self._context), active_run(self._context, self._plan.location):
                succeeded = self._work()
                succeeded = succeeded and _really_complete(self._plan.graph)
            self._received.hold()
            early = [o.error for o in self._outcomes.values() if o.early]
            status = "KILLED" if early else "FINISHED" if succeeded else "FAILED"
            error = early[0] if early else "" if succeeded else self._what_failed()
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
            turn=self._turn,
            engine=self._engine,
        )
        try:
            return luigi_worker.run_all(self._plan.graph.root)
        finally:
            self._shared.renames.settle()

    @cached_property
    def _shared(self) -> Shared:
        limit: float | None = luigi.worker.worker().timeout
        reuse, away = self._plan.reuse, self._turn.away
        parts = (self._context, self._maker, self._place, reuse, limit, away)
        return Shared(*parts, post_mortem=self._post_mortem)

    @cached_property
    def _calls(self) -> Calls:
        assert self._engine is not None
        session, collect = self._engine.session, self._engine.collects
        return Calls(session, self._context, self._plan.location.uri, collect=collect)

    def _execution(self, task: luigi.Task) -> Execution:
        forced = task.get_task_family() in self._plan.forced
        if self._engine is None:
            return Execution(task, self._shared, forced=forced)
        parts = (self._shared, self._engine, self._calls, self._view)
        return Delegated(task, *parts, forced=forced)

    def _view(self, task: luigi.Task, yielded: Iterable[luigi.Task]) -> View:
        return views.view(task, yielded, self._context, self._tasks, self._requires)

    def _place(self, tasks: Iterable[luigi.Task], requirer: luigi.Task) -> None:
        """Places the dynamic requirements of a task, and all that they require."""
        graphs = [TaskGraph.of(task) for task in tasks]
        if any(requirer.task_id in graph.tasks for graph in graphs):
            raise GraphError(f"{requirer} requires itself, through what its run() yields")
        roots = [graph.root for graph in graphs]
        for graph in graphs:
            self._edges.update(graph.edges())
            self._tasks |= graph.tasks
            self._requires |= graph.requires
        self._edges.update((root.task_id, requirer.task_id) for root in roots)
        plan = self._plan
        new = place_dynamic(roots, lookup=plan.lookup, reuse=plan.reuse, forced=plan.forced)
        self._dynamic |= {task.task_id: task for task in new}
        self._lineage.add(new)

    def _ended(self, outcome: Outcome) -> None:
        outcome.error = self._recorder.redactor.clean(outcome.error)
        outcome.traceback = self._recorder.redactor.clean(outcome.traceback)
        self._outcomes[outcome.task.task_id] = outcome
        if outcome.status == "reused":
            self._lineage.add([outcome.task])
        self._listener.ended(summary.label(outcome.task, self._context), outcome)

    def _task_reports(self) -> dict[str, TaskReport]:
        return summary.task_reports(
            self._plan, self._context, self._outcomes, dynamic=self._dynamic
        )

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
        ending = partial(self._ending, status, error)
        if self._engine is not None:
            kept = [o.kept for o in self._outcomes.values() if o.kept]
            publish.sweep(self._context.artifact_dir, kept)
        closing.leave(self._recorder, self._context, self._lineage, ending)
        self._recorder.send_rest(self._context)
        self._recorder.close(self._context.run_id, status, tags)

    def _ending(self, status: Status, error: str) -> Ending:
        tasks = {**self._plan.graph.tasks, **self._dynamic}
        tasks |= {task_id: outcome.task for task_id, outcome in self._outcomes.items()}
        families = {task_id: task.get_task_family() for task_id, task in tasks.items()}
        report = self._report(status, error)
        return Ending(report, self._task_reports(), families, self._edges)

    def _report(self, status: Status, error: str) -> Report:
        failed = [o for o in self._outcomes.values() if o.status == "failed"]
        return Report(
            status=status,
            experiment=self._plan.context.config.run.experiment_name,
            tasks=tuple(self._task_reports().values()),
            results=summary.results(self._plan, self._context),
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


def _really_complete(graph: TaskGraph) -> bool:
    """luigi calls a run a success when nothing failed, which is not the same."""
    root = graph.root
    if isinstance(root, RunTask | luigi.WrapperTask) or flatten(root.output()):
        return bool(root.complete())
    return True
