"""A run from the moment on which MLflow knows of it, to its last line in the store."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import replace

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from luigi.task import flatten
from runner import lineage, summary
from runner.artifacts.manifest import Maker
from runner.artifacts.placement import moved
from runner.context import using
from runner.engine import worker
from runner.engine.execution import Execution
from runner.engine.outcome import Outcome
from runner.errors import GraphError, Interrupted
from runner.graph import TaskGraph
from runner.logs import RunLog
from runner.planning import Plan, place_dynamic
from runner.report import Report
from runner.request import Listener
from runner.signals import Signals
from runner.task import RunTask
from runner.tracking import surroundings
from runner.tracking.fluent import active_run
from runner.tracking.recording import LOG_NAME, Recorder, Status

_log = logging.getLogger(__name__)


class OpenRun:
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
        tasks = list(tasks)
        if any(requirer.task_id in TaskGraph.of(task).tasks for task in tasks):
            raise GraphError(f"{requirer} requires itself, through what its run() yields")
        plan = self._plan
        new = place_dynamic(tasks, lookup=plan.lookup, reuse=plan.reuse, forced=plan.forced)
        self._dynamic |= {task.task_id: task for task in new}
        self._record_lineage([task.task_id for task in new])

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


def _really_complete(graph: TaskGraph) -> bool:
    """luigi calls a run a success when nothing failed, which is not the same."""
    root = graph.root
    if isinstance(root, RunTask | luigi.WrapperTask) or flatten(root.output()):
        return bool(root.complete())
    return True
