"""What is asked of a run, and who is told how it goes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from runner.config import ConfigSource, Overrides
from runner.context import RunContext, Watch
from runner.engine.outcome import Outcome


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        files: config files, or what stands for them (`config.load`); later ones win.
        overrides: single values over them.
        force: families that run even when they are pinned.
        dry_run: plan only.
        record: open an MLflow run even when nothing has to run.
        verify: compare the digest of every file that is reused, not its size alone.
        tags: tags of the run, beside those of the config.
        run_name: of a run whose config gives it no name.
        watch: is told what tasks log, and may end the run.
        only: run the one task, even if it is complete; all that it requires has to be, as if
            `reuse` were "auto" where nothing else is said beside the config files.
        post_mortem: is called with what a task has raised, before the task is given up.
    """

    files: Sequence[ConfigSource]
    overrides: Overrides = ()
    force: Collection[str] = ()
    dry_run: bool = False
    record: bool = False
    verify: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    run_name: str | None = None
    watch: Watch | None = None
    only: bool = False
    post_mortem: Callable[[BaseException], None] | None = None


class Listener(Protocol):
    """Is told how a run goes on."""

    def opened(self, context: RunContext, to_run: Sequence[str]) -> None:
        """The MLflow run is open; `to_run` are the names of the tasks that will run."""

    def started(self, name: str) -> None:
        """A task starts, or starts again after a dynamic requirement."""

    def ended(self, name: str, outcome: Outcome) -> None:
        """A task is done, failed, or waits for a dynamic requirement."""


class Silent:
    """A listener that does nothing with what it is told."""

    def opened(self, context: RunContext, to_run: Sequence[str]) -> None: ...
    def started(self, name: str) -> None: ...
    def ended(self, name: str, outcome: Outcome) -> None: ...
