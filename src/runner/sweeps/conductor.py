"""A sweep as one process sees it: its parent run, its own part in the trials, and the end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from runner.engine import engines
from runner.errors import Interrupted, RunnerError
from runner.settings import Settings
from runner.sweeps import page
from runner.sweeps.crew import Crew
from runner.sweeps.optimizer import journal
from runner.sweeps.parent import BEST_NAME, Parent, store_override
from runner.sweeps.report import SweepReport, SweepStatus, TrialReport, best_of
from runner.sweeps.study import Study
from runner.sweeps.trials import Participant, SweepListener
from runner.tracking import reaper

_PAGE_EVERY = 10.0  # seconds, at least, between two versions of the page


class Conductor:
    """A sweep as one process sees it.

    Args:
        parent: its run.
        listener: is told how it goes on.
        seconds: after which no trial begins; default: the sweep's own limit.
        parallel: trials at once; default: what the sweep says.
    """

    def __init__(
        self,
        parent: Parent,
        settings: Settings,
        listener: SweepListener,
        seconds: float | None = None,
        parallel: int | None = None,
    ) -> None:
        self._parent = parent
        self._settings = settings
        self._listener = listener
        self._begun = time.monotonic()
        self._limit = seconds or parent.sweep.time_limit or math.inf
        self._parallel = parallel or parent.sweep.parallel
        self._drawn = -math.inf
        self._logged: tuple[int, int] | None = None

    def to_the_end(self) -> SweepReport:
        """Runs all that is left, and closes the parent run whatever happens."""
        sweep, signum, error = self._parent.sweep, None, ""
        status: SweepStatus = "FAILED"
        try:
            self._parent.cut_off(*self._study.reap())
            self._study.fill()
            self._parent.limit(self._limit)
            trials = self._study.reports()
            self._listener.opened(self._parent, sweep.count, trials)
            left = sum(trial.state == "waiting" for trial in trials)
            with Crew(self._order(), min(self._parallel, left) - 1):
                until = time.monotonic() + self._limit
                signum = self._participant(self._progress).take_part(until)
            status = self._status()
        except Interrupted as interrupted:
            signum = interrupted.signum
        except RunnerError as mistake:
            error = mistake.message
            raise
        finally:
            status = "KILLED" if signum else status
            self._close(status, error)
        return self._report(status, signum)

    def lend_a_hand(self) -> SweepReport:
        """Runs trials until none is left; closes the parent run if its own process is dead."""
        self._listener.opened(self._parent, self._parent.sweep.count, self._study.reports())
        self._limit = min(self._limit, self._parent.seconds_left())
        until = time.monotonic() + self._limit
        signum = self._participant(lambda trials: None).take_part(until)
        status: SweepStatus = "KILLED" if signum else self._status()
        left_behind = reaper.state(self._parent.tags()) == "dead"
        if self.is_over and left_behind and self._parent.status() != "FINISHED":
            self._close(status, "")
        return self._report(status, signum)

    @property
    def is_over(self) -> bool:
        """Whether every trial has come to its end."""
        return all(t.state not in ("waiting", "running") for t in self._study.reports())

    def as_it_is(self) -> SweepReport:
        """The report of a sweep in which nothing is left to do."""
        return self._report(self._status(), None)

    def _order(self) -> dict[str, Any]:
        """What another process of this host has to know."""
        return {
            "root": str(self._settings.root),
            "snapshot": str(self._parent.snapshot),
            "run_id": self._parent.run_id,
            "run_name": self._parent.run_name,
            "tracking_uri": self._parent.recorder.location.uri,
            "parallel": self._parallel,
            "seconds": self._limit if math.isfinite(self._limit) else None,
        }

    @cached_property
    def _place(self) -> Path | str:
        given = self._parent.sweep.storage
        location = self._parent.recorder.location
        return given or journal(location, self._settings.root, self._parent.run_id)

    @cached_property
    def _study(self) -> Study:
        return Study(self._parent.sweep, self._parent.run_id, self._place)

    def _participant(self, note: Callable[[Sequence[TrialReport]], None]) -> Participant:
        parent, run = self._parent, self._parent.config.run
        overrides: dict[str, Any]
        overrides = {**store_override(parent.snapshot, parent.recorder.location.uri)}
        if self._parallel > 1 and run.engine == "processes" and not run.workers:
            overrides["RunConfig.workers"] = max(engines.cores() // self._parallel, 1)
        parts = (parent, self._study, self._place, self._settings, overrides, self._listener)
        return Participant(*parts, note)

    def _status(self) -> Literal["FINISHED", "FAILED"]:
        return "FINISHED" if self._best(self._study.reports()) else "FAILED"

    def _best(self, trials: Sequence[TrialReport]) -> TrialReport | None:
        return best_of(trials, self._parent.sweep.direction)

    def _progress(self, trials: Sequence[TrialReport]) -> None:
        done = sum(trial.state == "done" for trial in trials)
        best = self._best(trials)
        if best is not None and best.value is not None and self._logged != (best.number, done):
            self._parent.log_best(best.value, step=done)
            self._logged = (best.number, done)
        if time.monotonic() - self._drawn > _PAGE_EVERY:
            self._draw(trials, "RUNNING")
            self._drawn = time.monotonic()

    def _draw(self, trials: Sequence[TrialReport], status: str) -> None:
        shares = {} if status == "RUNNING" else self._study.importance()
        text = page.render(self._parent, trials, self._best(trials), status, shares)
        self._parent.write(page.NAME, text)

    def _close(self, status: SweepStatus, error: str) -> None:
        tags = {"runner.error": error} if error else {}
        trials = self._study.reports()
        best = self._best(trials)
        if best is not None:
            self._parent.write_best(best)
            tags |= {f"best.{key}": str(value) for key, value in best.params.items()}
            tags["best.run"] = best.run_name
            tags["mlflow.note.content"] = self._note(best)
        self._draw(trials, status)
        self._parent.close(status, tags)

    def _note(self, best: TrialReport) -> str:
        """What MLflow shows above the parent run, in Markdown."""
        said = self._parent.config.run.description
        head = f"**Best {self._parent.sweep.metric}: {best.value:.6g}** in `{best.run_name}`"
        rows = [f"| {key} | {value} |" for key, value in best.params.items()]
        table = ["| key | value |", "| --- | --- |", *rows]
        return "\n\n".join([*([said] if said else []), head, "\n".join(table)])

    def _report(self, status: SweepStatus, signum: int | None) -> SweepReport:
        trials = self._study.reports()
        best, run = self._best(trials), self._parent.config.run
        return SweepReport(
            status=status,
            experiment=run.experiment_name,
            task=run.task,
            metric=self._parent.sweep.metric,
            direction=self._parent.sweep.direction,
            run_id=self._parent.run_id,
            run_name=self._parent.run_name,
            artifact_dir=self._parent.artifact_dir,
            trials=trials,
            best=None if best is None else best.number,
            best_config=None if best is None else self._parent.artifact_dir / BEST_NAME,
            seconds=time.monotonic() - self._begun,
            signum=signum,
        )
