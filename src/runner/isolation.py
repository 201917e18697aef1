"""A run inside of a program that has its own affairs: what is global is put back behind it."""

from __future__ import annotations

import logging
import os
import random
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from runner import settings
from runner.errors import UsageError

_NO_LINKS = "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"

_one_at_a_time = threading.Lock()  # luigi's config and register are global
_owner: list[int] = []  # the thread that has it


@contextmanager
def isolated() -> Iterator[None]:
    """Around runs: nothing global is left as a run, or a task, may have changed it.

    Put back are `sys.path`, the working directory, the environment, logging, filters of warnings,
    random states, matplotlib's settings, what MLflow's fluent API means, and all that luigi knows
    of the project; the project's modules are forgotten. Random states are fresh meanwhile, as in
    a process of its own. One thread at a time is let in.

    Raises:
        UsageError: a task of a run asks for it, in the thread of that run.
    """
    with _alone(), ExitStack() as stack:
        stack.enter_context(settings.environment_kept())
        stack.enter_context(warnings.catch_warnings())
        for keep in (_path, _folder, _loggers, _random, _matplotlib, _mlflow, _luigi):
            stack.callback(keep())
        os.environ.setdefault(_NO_LINKS, "true")
        yield


@contextmanager
def _alone() -> Iterator[None]:
    if _owner == [threading.get_ident()]:
        text = "a task can't call runner.run or runner.load in the process of its own run"
        raise UsageError(text, "let it require what it needs, or pin that in [PathConfig]")
    with _one_at_a_time:
        _owner[:] = [threading.get_ident()]
        try:
            yield
        finally:
            _owner.clear()


def _path() -> Callable[[], None]:
    before = list(sys.path)

    def restore() -> None:
        sys.path[:] = before

    return restore


def _folder() -> Callable[[], None]:
    before = ""
    with suppress(OSError):
        before = os.getcwd()

    def restore() -> None:
        with suppress(OSError):
            if before and os.getcwd() != before:
                os.chdir(before)

    return restore


def _loggers() -> Callable[[], None]:
    known = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    before = [
        (logger, logger.level, logger.handlers[:], logger.propagate, logger.disabled)
        for logger in known
        if isinstance(logger, logging.Logger)
    ]

    def restore() -> None:
        for logger, level, handlers, propagate, disabled in before:
            if logger.level != level:
                logger.setLevel(level)
            logger.handlers[:] = handlers
            logger.propagate, logger.disabled = propagate, disabled

    return restore


def _random() -> Callable[[], None]:
    state = random.getstate()
    numpy = sys.modules.get("numpy.random")
    numpy_state = numpy.get_state() if numpy else None
    random.seed()  # as in a process of its own; else MLflow would give all runs one name
    if numpy:
        numpy.seed()

    def restore() -> None:
        random.setstate(state)
        if numpy:
            numpy.set_state(numpy_state)

    return restore


def _matplotlib() -> Callable[[], None]:
    matplotlib: Any = sys.modules.get("matplotlib")
    before = dict(matplotlib.rcParams) if hasattr(matplotlib, "rcParams") else {}

    def restore() -> None:
        pyplot = sys.modules.get("matplotlib.pyplot")
        backend = before.get("backend")
        if pyplot and isinstance(backend, str) and matplotlib.rcParams["backend"] != backend:
            pyplot.switch_backend(backend)
        if before:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # settings that are deprecated, and as they were
                dict.update(matplotlib.rcParams, before)

    return restore


def _mlflow() -> Callable[[], None]:
    stack = ExitStack()
    if "mlflow" in sys.modules:
        from runner.tracking import fluent

        stack.enter_context(fluent.kept())

    def restore() -> None:
        stack.close()

    return restore


def _luigi() -> Callable[[], None]:
    module = sys.modules.get("luigi.configuration.toml_parser")
    parser: Any = module and module.LuigiTomlParser.instance()
    before = dict(vars(parser)) if parser else {}  # which importing the runner changes
    from runner import luigi_parser, project_code

    forget = project_code.kept()

    def restore() -> None:
        forget()
        luigi_parser.fill({})
        if parser:
            vars(parser).clear()
            vars(parser).update(before)

    return restore
