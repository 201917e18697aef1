"""What became of one task that was started."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi


@dataclass
class Outcome:
    """What became of one task that was started.

    Attributes:
        seconds: wall time inside of the user's `run()`, over all its starts.
        spans: (start, end) of each start of it, in seconds since the epoch.
        size: bytes published.
        error: the exception that ended it, as text with its type.
        traceback: the user's part of it; empty when the runner itself refused something.
        kept: where a failed task's unfinished files are.
        early: what it logged ended it.
    """

    task: luigi.Task
    status: Literal["running", "done", "failed", "stopped", "reused"] = "running"
    seconds: float = 0.0
    spans: list[tuple[float, float]] = field(default_factory=list)
    size: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    error: str = ""
    traceback: str = ""
    kept: Path | None = None
    early: bool = False


def users_part(error: BaseException, own: str) -> str:
    """The traceback, of chained exceptions too, from the user's `run()` on.

    Args:
        own: the file of the runner that called it.
    """
    found = traceback.TracebackException.from_exception(error)
    part: traceback.TracebackException | None = found
    while part is not None:
        while part.stack and part.stack[0].filename == own:
            del part.stack[0]
        part = part.__cause__ or part.__context__
    return "".join(found.format())


def text_of(error: BaseException) -> str:
    """An exception as text, with its type."""
    return "".join(traceback.format_exception_only(error)).strip()
