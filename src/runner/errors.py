"""Every error that the runner raises on purpose, and the exit code that each one means.

::

    RunnerError                1
    ├── UsageError             2   the command line names something that is not there
    ├── ConfigError            2   all that is wrong with a config, at once
    ├── GraphError             2   a cycle, two tasks of one name, a task that can't be made
    ├── ProjectCodeError       2   the project's own modules can't be imported
    ├── MissingInputError      3   a pin or an input file is absent or incomplete
    ├── TrackingError          4   the tracking store can't be reached or used
    ├── PublishError           1   a task's outputs are not what it declared
    └── ExecutionError         1   a task took too long, or its worker died

    Interrupted                128 + signal; a KeyboardInterrupt, so that it is taken for no failure
    EndedEarly                 of a trial whose metrics promise nothing; no failure either

Only these become one line on the terminal. Any other exception is a mistake of the runner or of
the user's code and keeps its traceback.
"""

from __future__ import annotations

import difflib
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


class RunnerError(Exception):
    """The base of all errors raised on purpose.

    Args:
        message: what is wrong and where, in one sentence.
        hint: what to do next, usually a command.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class UsageError(RunnerError):
    """The command line names a task, run or option that does not exist."""

    exit_code = 2


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a config.

    Attributes:
        where: the file (or ``command line``, ``environment``) that holds the value.
        key: ``Section.key``, or ``Section``, or empty for the file as a whole.
        text: what is wrong, and what was expected.
    """

    where: str
    key: str
    text: str

    def __str__(self) -> str:
        place = f"{self.where}: {_bracketed(self.key)}" if self.key else self.where
        return f"{place}: {self.text}"


class ConfigError(RunnerError):
    """Everything that is wrong with a config; ``problems`` lists it."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        lines = [str(problem) for problem in self.problems]
        if len(lines) == 1:
            super().__init__(lines[0])
        else:
            found = "\n".join(f"  {line}" for line in lines)
            super().__init__(f"{len(lines)} problems in the config:\n{found}")


class GraphError(RunnerError):
    """The tasks and what they require make no runnable graph."""

    exit_code = 2


class ProjectCodeError(RunnerError):
    """A module of the project can't be imported."""

    exit_code = 2


class MissingInputError(RunnerError):
    """A pinned directory or an input file is absent or incomplete."""

    exit_code = 3


class TrackingError(RunnerError):
    """The tracking store can't be reached, or can't be used."""

    exit_code = 4


class PublishError(RunnerError):
    """The outputs of a task can't be published as they are."""


class ExecutionError(RunnerError):
    """A task did not come to an end: it took too long, or its worker died."""


class Interrupted(KeyboardInterrupt):
    """A signal asked the run to stop.

    It derives from KeyboardInterrupt because luigi takes every other exception that a task lets
    out for a failure of that task, and goes on with the next.

    Attributes:
        report: of the run that was closed for it, where `runner.run` raises it.
    """

    def __init__(self, signum: int, report: Any = None) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum
        self.report = report
        self.exit_code = 128 + signum


class EndedEarly(BaseException):
    """What a task logged says that its run is not worth to be finished.

    It is no Exception, because libraries that log in a training loop go on after those.
    """


def _bracketed(key: str) -> str:
    section, dot, rest = key.partition(".")
    while dot and rest[:1].isupper() and section[:1].islower():  # a namespace of luigi: ns.Task
        inner, dot, rest = rest.partition(".")
        section = f"{section}.{inner}"
    return f"[{section}] {rest}" if dot else f"[{section}]"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence part that names the nearest known word, or nothing when none is near."""
    names = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), names, n=1, cutoff=0.6)
    return f"; did you mean {names[near[0]]!r}?" if near else ""
