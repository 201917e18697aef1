"""Makes the calls of a run: what all of them have in common is pickled once."""

from __future__ import annotations

import pickle

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from runner.context import RunContext
from runner.engine.call import Call, View
from runner.errors import GraphError
from runner.tracking.plugin import MetricNotes

#: What a task holds while it is executed, and luigi's ways to report.
_LENT = (
    "run _partial _inputs set_tracking_url set_status_message set_progress_percentage "
    "decrease_running_resources report_task_statistics scheduler_messages"
).split()


class Calls:
    """Makes the calls of a run.

    Args:
        session: a pickled `Session`.
        context: the run.
        tracking_uri: of the run's store.
        collect: have workers hand back their logs with their answers.
    """

    def __init__(
        self, session: bytes, context: RunContext, tracking_uri: str, *, collect: bool
    ) -> None:
        self._collect = collect
        self._session = session
        self._tracking_uri = tracking_uri
        slim = RunContext(
            config=context.config,
            run_id=context.run_id,
            run_name=context.run_name,
            experiment_id=context.experiment_id,
            artifact_dir=context.artifact_dir,
            store=context.store,
            watch=context.watch,
        )
        self._run = pickle.dumps(slim)

    def make(self, task: luigi.Task, view: View, notes: MetricNotes, timeout: float | None) -> Call:
        """A call for one task.

        Args:
            timeout: seconds for its `run()`.

        Raises:
            GraphError: something that the task holds can't travel.
        """
        return Call(
            session=self._session,
            run=self._run,
            tracking_uri=self._tracking_uri,
            task=_pickled(task),
            view=view,
            notes=notes,
            timeout=timeout,
            collect=self._collect,
        )


def _pickled(task: luigi.Task) -> bytes:
    lent = {name: task.__dict__.pop(name) for name in _LENT if name in task.__dict__}
    try:
        return pickle.dumps(task)
    except Exception as error:
        text = f"{task} can't be handed to a worker: {error}"
        hint = 'its parameters must be such as pickle takes; or say engine = "inline"'
        raise GraphError(text, hint) from error
    finally:
        task.__dict__.update(lent)
