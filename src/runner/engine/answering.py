"""What a worker does with a call: enters the run's session, executes the task, answers."""

from __future__ import annotations

import logging
import os
import pickle
import shutil
import socket
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from luigi.task import DynamicRequirements
from runner import context as run_context
from runner import luigi_parser, project_code
from runner.context import RunContext
from runner.engine import transfer
from runner.engine.attempt import Attempt
from runner.engine.call import Answer, Call, Session
from runner.engine.limits import alarm
from runner.engine.outcome import text_of, users_part
from runner.errors import EndedEarly, RunnerError
from runner.graph import tasks_in
from runner.logs import adopt_mlflow, records
from runner.task import RunTask
from runner.tracking.fluent import adopt_run
from runner.tracking.plugin import RUN_VARIABLE

_log = logging.getLogger(__name__)

#: What luigi lends a task while it runs; without a scheduler at hand it goes to the log.
_REPORTERS = ("set_tracking_url", "set_status_message", "set_progress_percentage")

_entered: bytes = b""


def answer(call: Call) -> Answer:
    """Executes a task; never raises for what the task does."""
    said = Answer(notes=call.notes)
    with ExitStack() as stack:
        if call.collect:
            said.records = stack.enter_context(records())
        try:
            enter(call.session)
            adopt_mlflow()
            context = _context(call)
            task: luigi.Task = pickle.loads(call.task)
            stack.enter_context(run_context.using(context))
            if os.environ.get(RUN_VARIABLE) != context.run_id:
                adopt_run(context, call.tracking_uri)
            _execute(task, call, context, said)
        except BaseException as error:
            _describe(error, said)
    return said


def enter(data: bytes) -> None:
    """Makes this process one that knows the project and the config of a run.

    Args:
        data: a pickled `Session`.

    Raises:
        RunnerError: the project's modules can't be imported here.
    """
    global _entered  # noqa: PLW0603  a process is in one session at a time
    if data == _entered:
        return
    session: Session = pickle.loads(data)
    if session.process == (socket.gethostname(), os.getpid()):  # a pool of threads
        return
    _entered = b""
    project_code.unload()
    os.environ.update(session.environment)
    sys.path[:] = session.path or sys.path
    luigi_parser.fill(session.config.sections)
    root = session.code or session.config.root
    project_code.ProjectTasks(root).sections(session.config.run.modules)
    _entered = data


def prepare(data: bytes) -> None:
    """Enters a session ahead of the first call, and imports what the project's code will.

    Args:
        data: a pickled `Session`.
    """
    enter(data)
    modules = [sys.modules[name] for name in project_code.loaded_modules()]
    files = (getattr(module, "__file__", None) for module in modules)
    if any(b"mlflow" in Path(file).read_bytes() for file in files if file):
        import mlflow.store.tracking.sqlalchemy_store
        import mlflow.tracking.fluent  # noqa: F401


def _execute(task: luigi.Task, call: Call, context: RunContext, said: Answer) -> None:
    assert said.notes is not None
    attempt = Attempt(task, context, said.notes, call.token)
    said.notes.restart()
    begun = time.monotonic()
    try:
        apart = transfer.is_apart(context)
        if apart:
            places = [p for i, p in context.places.items() if i in context.finished]
            transfer.fetch(places, context)
        attempt.open()
        said.partial = task.directory if isinstance(task, RunTask) else None
        with alarm(task, call.timeout), _reporters(task):
            required = _driven(task, call)
        if required is None:
            written = attempt.written()
            if written is not None:
                said.files, said.folders = written.files, written.folders
                if apart and context.store:
                    name = context.places[task.task_id].directory.name
                    transfer.send(written.partial, name, written.files, context.store)
                    said.sent = True
                    shutil.rmtree(written.partial)
        else:
            said.required = pickle.dumps(required)
    finally:
        said.seconds = time.monotonic() - begun
        attempt.close()


def _driven(task: luigi.Task, call: Call) -> list[luigi.Task] | None:
    """Runs a task up to the first requirement that the run does not know of; None when it ended.

    One that is complete is told too: the run has to note that the task depends on it.
    """
    result = task.run()
    if not isinstance(result, Generator):
        return None
    sent: Any = None
    try:
        while True:
            yielded = result.send(sent)
            tasks = tasks_in(yielded)
            if any(one.task_id not in call.view.yielded for one in tasks):
                return tasks
            if not isinstance(yielded, DynamicRequirements):
                yielded = DynamicRequirements(yielded)
            sent = yielded.paths
    except StopIteration:
        return None
    finally:
        result.close()


@contextmanager
def _reporters(task: Any) -> Any:
    for name in _REPORTERS:
        setattr(task, name, lambda value, name=name: _log.info("%s: %s(%r)", task, name, value))
    try:
        yield
    finally:
        for name in _REPORTERS:
            setattr(task, name, None)


def _context(call: Call) -> RunContext:
    view = call.view
    return replace(
        _run(call.run),
        places=dict(view.places),
        families=dict(view.families),
        finished=set(view.complete),
    )


@lru_cache(maxsize=2)
def _run(data: bytes) -> RunContext:
    found: RunContext = pickle.loads(data)
    return found


def _describe(error: BaseException, said: Answer) -> None:
    on_purpose = isinstance(error, RunnerError | EndedEarly)
    said.error_text = str(error) if on_purpose else text_of(error)
    said.traceback = "" if on_purpose else users_part(error, __file__)
    try:
        said.error = pickle.dumps(error)
        pickle.loads(said.error)
    except Exception:  # user exceptions with arguments of their own often can't be made again
        said.error = None
