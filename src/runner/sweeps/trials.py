"""One process that takes part in a sweep: takes a trial that waits, runs it, notes its end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from runner import pipeline
from runner.context import RunContext
from runner.engine import engines
from runner.engine.outcome import Outcome
from runner.errors import Interrupted, RunnerError, TrackingError, UsageError, did_you_mean
from runner.report import Report
from runner.request import Listener
from runner.settings import Settings
from runner.sweeps.parent import Parent
from runner.sweeps.pruning import Pruner
from runner.sweeps.report import TrialReport
from runner.sweeps.study import Study, Taken
from runner.tracking.store import errors_of

_LOOK = 0.3  # seconds between looks at what other processes do


class SweepListener(Protocol):
    """Is told how a sweep goes on."""

    def opened(self, parent: Parent, count: int, trials: Sequence[TrialReport]) -> None:
        """The parent run is open; `count` is the number of trials, some of which may be over."""

    def began(self, number: int, values: Mapping[str, Any]) -> Listener:
        """A trial begins in this process; what is returned is told how its run goes on."""

    def looked(self, trials: Sequence[TrialReport]) -> None:
        """What is known of all trials by now."""


@dataclass
class Participant:
    """One process that takes part in a sweep.

    Attributes:
        place: of the study, for tasks that are watched.
        overrides: of the config of every trial.
        listener: is told how it goes on.
        note: is called when something was learned of the trials.
    """

    parent: Parent
    study: Study
    place: Path | str
    settings: Settings
    overrides: Mapping[str, Any]
    listener: SweepListener
    note: Callable[[Sequence[TrialReport]], None]

    def take_part(self, until: float) -> int | None:
        """Runs trials until none waits, and waits for those that other processes run.

        Args:
            until: on the monotonic clock; no trial begins after that.

        Returns:
            The signal that ended it, if one did.

        Raises:
            UsageError: no trial has the metric that is compared.
            RunnerError: the store can't be used any more.
        """
        try:
            with engines.kept_warm():
                return self._until_none_is_left(until)
        except Interrupted as interrupted:
            return interrupted.signum

    def _until_none_is_left(self, until: float) -> int | None:
        while True:
            self.parent.cut_off(*self.study.reap())
            taken = self.study.take() if time.monotonic() < until else None
            if taken is not None:
                signum = self._run(taken)
                if signum is not None:
                    return signum
            trials = self.study.reports()
            self.listener.looked(trials)
            self.note(trials)
            if taken is None:
                if not any(trial.state == "running" for trial in trials):
                    return None
                time.sleep(_LOOK)

    def _run(self, taken: Taken) -> int | None:
        try:
            listener = _Noting(self.listener.began(taken.number, taken.values), self.study, taken)
            values = {**self.overrides, **taken.values}
            request = self.parent.request(taken.number, values, self._pruner(taken))
            report = pipeline.run(request, self.settings, listener)
        except TrackingError:  # which has no way to be told of a run that was cut off
            self.study.give_back(taken)
            raise
        except RunnerError as error:
            self.study.end(taken, "failed", error=str(error))
            return None
        except BaseException:
            self._give_back(taken)
            raise
        if report.signum is not None:
            self._give_back(taken)
            return report.signum
        self._end(taken, report)
        return None

    def _give_back(self, taken: Taken) -> None:
        run_id = self.study.give_back(taken)
        if run_id:
            self.parent.cut_off(run_id)

    def _pruner(self, taken: Taken) -> Pruner | None:
        sweep = self.parent.sweep
        pruning = sweep.pruning
        if pruning is None:
            return None
        metric, direction = pruning.metric or sweep.metric, pruning.direction or sweep.direction
        parts = (pruning, metric, direction, sweep.direction)
        return Pruner(self.place, self.parent.run_id, taken.id, *parts)

    def _end(self, taken: Taken, report: Report) -> None:
        if report.status == "KILLED":
            self.study.end(taken, "pruned", error=report.error)
            return
        if not report.ok:
            self.study.end(taken, "failed", error=report.error)
            return
        recorder, metric = self.parent.recorder, self.parent.sweep.metric
        with errors_of(recorder.location):
            metrics = recorder.client.get_run(report.run_id).data.metrics
        value = metrics.get(metric)
        if value is not None and math.isfinite(value):
            self.study.end(taken, "done", value)
            return
        said = f"its {metric} is {value}" if value is not None else f"it has no metric {metric!r}"
        self.study.end(taken, "failed", error=said)
        if value is None and not any(trial.state == "done" for trial in self.study.reports()):
            text = f"trial {taken.number} finished, and {said}{did_you_mean(metric, metrics)}"
            hint = f"[Sweep] metric is one of: {', '.join(sorted(metrics)) or 'none was logged'}"
            raise UsageError(text, hint)


class _Noting:
    """Tells the study of a trial's run as soon as there is one; for the rest, another listener."""

    def __init__(self, listener: Listener, study: Study, taken: Taken) -> None:
        self._listener = listener
        self._study = study
        self._taken = taken

    def opened(self, context: RunContext, to_run: Sequence[str]) -> None:
        self._study.begin(self._taken, context.run_id, context.run_name)
        self._listener.opened(context, to_run)

    def started(self, name: str) -> None:
        self._listener.started(name)

    def ended(self, name: str, outcome: Outcome) -> None:
        self._listener.ended(name, outcome)
