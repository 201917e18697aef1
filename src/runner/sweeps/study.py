"""The trials of a sweep, as Optuna keeps account of them, for all processes that take part.

All trials are there from the start and wait; who takes one sets it to running, which only one
process can. So there is one more of none, and none is done twice. A trial whose process died is
closed, and another with the same values waits in its place.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from runner.config.sweep import SweepConfig
from runner.sweeps import space
from runner.sweeps.optimizer import opened_storage, sampler
from runner.sweeps.report import TrialReport, TrialState
from runner.tracking import reaper

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna.trial import FrozenTrial

_log = logging.getLogger(__name__)

Ended = Literal["done", "pruned", "failed"]

_NUMBER, _GONE, _PROCESS, _HOST, _ERROR = "number", "gone", "process", "host", "error"
_DEATHS = "deaths"
_MOST_DEATHS = 3  # of the processes of one trial; then it is what kills them
_UNSIGNED = 60.0  # seconds in which who took a trial has signed it


@dataclass(frozen=True)
class Taken:
    """A trial that this process has taken.

    Attributes:
        id: Optuna's.
        number: as people count them.
        values: `Task.key` -> value.
    """

    id: int
    number: int
    values: Mapping[str, Any]


class Study:
    """The trials of one sweep.

    Args:
        sweep: what is asked for.
        name: of the study; the parent run's id.
        place: the journal file, or a database's URL.

    Raises:
        TrackingError: the database can't be used.
        UsageError: Optuna, or the driver of the database, is not installed.
    """

    def __init__(self, sweep: SweepConfig, name: str, place: Path | str) -> None:
        import optuna

        self._sweep = sweep
        self._study: OptunaStudy = optuna.create_study(
            storage=opened_storage(place),
            study_name=name,
            direction=sweep.direction,
            load_if_exists=True,
        )
        self._storage = self._study._storage  # Optuna wraps that of a database
        self._id = self._storage.get_study_id_from_name(name)

    def fill(self) -> None:
        """Makes the trials that there are not yet; an earlier process may have got halfway."""
        from optuna import create_trial
        from optuna.trial import TrialState as State

        known = {_number(trial) for trial in self._frozen() if _GONE not in trial.user_attrs}
        grid = space.points(self._sweep) if self._sweep.method == "grid" else None
        for number in range(self._sweep.count):
            if number not in known:
                place = {} if grid is None else {"fixed_params": grid[number]}
                waiting = create_trial(
                    state=State.WAITING, user_attrs={_NUMBER: number}, system_attrs=place
                )
                self._study.add_trial(waiting)

    def take(self) -> Taken | None:
        """The next trial; None when none is left."""
        from optuna import Trial
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState as State

        for waiting in self._frozen(State.WAITING):
            try:
                if not self._storage.set_trial_state_values(waiting._trial_id, State.RUNNING):
                    continue
            except UpdateFinishedTrialError:
                continue
            try:
                signed = {_PROCESS: reaper.process_tag(), _HOST: socket.gethostname()}
                self._note(waiting._trial_id, signed)
                self._study.sampler = sampler(self._sweep, _number(waiting))
                values = space.suggest(Trial(self._study, waiting._trial_id), self._sweep.space)
            except BaseException:  # a signal, too
                self._again(self._storage.get_trial(waiting._trial_id), died=False)
                raise
            return Taken(waiting._trial_id, _number(waiting), values)
        return None

    def begin(self, taken: Taken, run_id: str, run_name: str) -> None:
        """Notes the run of a trial."""
        self._note(taken.id, {"run_id": run_id, "run_name": run_name})

    def end(self, taken: Taken, state: Ended, value: float | None = None, error: str = "") -> None:
        """Notes what became of a trial."""
        from optuna.trial import TrialState as State

        states = {"done": State.COMPLETE, "pruned": State.PRUNED, "failed": State.FAIL}
        if error:
            self._note(taken.id, {_ERROR: error})
        values = None if value is None else [value]
        self._storage.set_trial_state_values(taken.id, states[state], values)

    def give_back(self, taken: Taken) -> str:
        """Lets another process, or a later one, do a trial with the same values.

        Returns:
            The id of the run that was cut off; empty where there was none yet.
        """
        return self._again(self._storage.get_trial(taken.id), died=False)

    def reap(self) -> list[str]:
        """Gives back what processes of this host had taken that are dead.

        Returns:
            Ids of the runs that were cut off.
        """
        from optuna.trial import TrialState as State

        cut = []
        for running in self._frozen(State.RUNNING):
            host = running.user_attrs.get(_HOST, "")
            tags = {reaper.PROCESS_TAG: running.user_attrs.get(_PROCESS, ""), reaper.HOST_TAG: host}
            unsigned = not host and _age(running) > _UNSIGNED
            if unsigned or reaper.state(tags) == "dead":
                _log.warning("trial %d: its process died", _number(running))
                cut.append(self._again(running, died=True))
        return [run_id for run_id in cut if run_id]

    def reports(self) -> tuple[TrialReport, ...]:
        """All trials, by their numbers."""
        found = [t for t in self._frozen() if _GONE not in t.user_attrs]
        return tuple(sorted((self._report(t) for t in found), key=lambda trial: trial.number))

    def importance(self) -> dict[str, float]:
        """How much of the differences each key explains: shares; empty where it can't be told.

        By fANOVA (Hutter, Hoos and Leyton-Brown, ICML 2014), as Optuna computes it.
        """
        from optuna.importance import get_param_importances

        if len({trial.value for trial in self.reports() if trial.state == "done"}) < 2:
            return {}
        try:
            return dict(get_param_importances(self._study))
        except (ImportError, RuntimeError, ValueError) as error:
            _log.info("the importance of keys can't be told: %s", error)
            return {}

    def _again(self, trial: FrozenTrial, *, died: bool) -> str:
        from optuna import create_trial
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState as State

        deaths = trial.user_attrs.get(_DEATHS, 0) + died
        try:
            if died and deaths >= _MOST_DEATHS:
                self._note(trial._trial_id, {_ERROR: f"its process died, {deaths} times"})
            else:
                self._note(trial._trial_id, {_GONE: True})
            self._storage.set_trial_state_values(trial._trial_id, State.FAIL)
        except UpdateFinishedTrialError:  # another process was faster
            return ""
        if died and deaths >= _MOST_DEATHS:
            return ""
        # Optuna gives a trial these values again, as it does for its own retries.
        params = trial.params or trial.system_attrs.get("fixed_params", {})
        again = create_trial(
            state=State.WAITING,
            user_attrs={_NUMBER: _number(trial), _DEATHS: deaths},
            system_attrs={"fixed_params": params} if params else {},
        )
        self._study.add_trial(again)
        return str(trial.user_attrs.get("run_id", ""))

    def _report(self, trial: FrozenTrial) -> TrialReport:
        attrs = trial.user_attrs
        return TrialReport(
            number=_number(trial),
            state=_state(trial),
            params=space.chosen(trial.params, self._sweep.space),
            value=trial.value,
            run_id=attrs.get("run_id", ""),
            run_name=attrs.get("run_name", ""),
            seconds=trial.duration.total_seconds() if trial.duration else None,
            error=attrs.get(_ERROR, ""),
            host=attrs.get(_HOST, ""),
        )

    def _frozen(self, *states: Any) -> list[FrozenTrial]:
        return self._storage.get_all_trials(self._id, deepcopy=False, states=states or None)

    def _note(self, trial_id: int, attributes: Mapping[str, Any]) -> None:
        for name, value in attributes.items():
            self._storage.set_trial_user_attr(trial_id, name, value)


def _number(trial: FrozenTrial) -> int:
    return int(trial.user_attrs[_NUMBER])


def _age(trial: FrozenTrial) -> float:
    """Seconds since it was taken."""
    begun = trial.datetime_start
    return (datetime.now() - begun).total_seconds() if begun else 0.0


def _state(trial: FrozenTrial) -> TrialState:
    from optuna.trial import TrialState as State

    states: dict[Any, TrialState] = {
        State.COMPLETE: "done",
        State.PRUNED: "pruned",
        State.FAIL: "failed",
        State.RUNNING: "running",
    }
    return states.get(trial.state, "waiting")
