"""What the executions of a run have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from runner.artifacts.disk import Renames
from runner.artifacts.manifest import Maker
from runner.context import RunContext
from runner.reuse import Reuse


@dataclass(frozen=True)
class Shared:
    """What the executions of a run have in common.

    Attributes:
        context: the run.
        maker: what manifests say about the run.
        place: places tasks that turn up as dynamic requirements.
        reuse: fingerprints tasks, and finds what was computed before.
        timeout: seconds for a task that says nothing itself.
        away: gives the thread's turn away while it waits.
        post_mortem: is called with what a task has raised, before the task is given up.
        renames: brings to disk what was published.
    """

    context: RunContext
    maker: Maker
    place: Callable[[Iterable[luigi.Task], luigi.Task], None]
    reuse: Reuse
    timeout: float | None = None
    away: Callable[[], AbstractContextManager[None]] = nullcontext
    post_mortem: Callable[[BaseException], None] | None = None
    renames: Renames = field(default_factory=Renames)
