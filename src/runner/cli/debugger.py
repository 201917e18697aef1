"""A debugger in a task: `--pdb` after a failure, and `breakpoint()` beside the live view."""

from __future__ import annotations

import bdb
import os
import pdb
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import click

from runner.cli.text import safe
from runner.errors import UsageError
from runner.redaction import Redactor


def check_input() -> None:
    """Raises UsageError when nobody can type at a debugger, and nothing is piped to it."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):  # a stream that is no file, as in a notebook
        return
    if stat.S_ISCHR(mode) and not sys.stdin.isatty():
        raise UsageError("--pdb: there is no terminal to type at", "start it in a terminal")


def post_mortem(root: Path, redactor: Redactor) -> Callable[[BaseException], None]:
    """Looks at what a task died of, in the innermost frame of the project's own code.

    Ctrl-C is the debugger's meanwhile, and nothing is opened where no frame is the project's.

    Args:
        root: the project's folder.
    """

    def look(error: BaseException) -> None:
        frames = list(_frames(error.__traceback__))
        own = [number for number, frame in enumerate(frames) if _is_own(frame, root)]
        if not own or isinstance(error, bdb.BdbQuit):
            return
        text = f"{type(error).__name__}: {error}"
        click.echo(f"{safe(redactor.clean(text))}\nq leaves the debugger, and the run fails")
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            _PostMortem(len(frames) - 1 - own[-1]).interaction(None, error.__traceback__)
        finally:
            signal.signal(signal.SIGINT, before)

    return look


@contextmanager
def noticed(pause: Callable[[], None]) -> Iterator[None]:
    """Calls `pause` when a debugger is made: what draws on the terminal has to stop."""
    made: Any = bdb.Bdb.__init__

    @wraps(made)
    def make(self: bdb.Bdb, *args: Any, **kwargs: Any) -> None:
        pause()
        made(self, *args, **kwargs)

    bdb.Bdb.__init__ = make  # type: ignore[method-assign]
    try:
        yield
    finally:
        bdb.Bdb.__init__ = made  # type: ignore[method-assign]


class _PostMortem(pdb.Pdb):
    """Begins some frames above the one that raised; `down` leads there."""

    def __init__(self, above: int) -> None:
        super().__init__()
        self._above = above

    def setup(self, f: FrameType | None, tb: TracebackType | None) -> Any:
        quiet = super().setup(f, tb)
        self.curindex -= self._above
        self.curframe = self.stack[self.curindex][0]
        self.curframe_locals = self.curframe.f_locals
        return quiet


def _frames(trace: TracebackType | None) -> Iterator[FrameType]:
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def _is_own(frame: FrameType, root: Path) -> bool:
    path = Path(frame.f_code.co_filename)
    return path.is_relative_to(root) and "site-packages" not in path.parts
