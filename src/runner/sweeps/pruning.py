"""Ends trials early, by what their tasks log with a step."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.config.sweep import Direction, Pruning
from runner.errors import EndedEarly
from runner.sweeps.optimizer import opened_storage, pruner

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pruner:
    """Watches one trial, in whatever process its tasks run; see `runner.context.Watch`.

    Attributes:
        place: of the study; see `Study`.
        study: its name.
        trial: Optuna's id.
        metric, direction: what is compared, and which way it should go.
        sweeps: the direction of the study.
    """

    place: Path | str
    study: str
    trial: int
    pruning: Pruning
    metric: str
    direction: Direction
    sweeps: Direction

    def logged(self, metric: str, value: float, step: int) -> None:
        """Reports a value to Optuna, and asks whether the trial is to end.

        Raises:
            EndedEarly: it is.
        """
        if metric != self.metric or not math.isfinite(value):
            return
        study = self._opened()
        # Optuna compares in the direction of the study; a loss is the other way round there.
        said = value if self.direction == self.sweeps else -value
        if step in study._storage.get_trial(self.trial).intermediate_values:
            return
        study._storage.set_trial_intermediate_value(self.trial, step, said)
        if study.pruner.prune(study, study._storage.get_trial(self.trial)):
            text = f"pruned at step {step}: {metric} {value:.4g} promises less than other trials"
            raise EndedEarly(text)

    def _opened(self) -> Any:
        import optuna

        key = (str(self.place), self.study)
        if key not in _studies:
            _studies[key] = optuna.load_study(
                study_name=self.study,
                storage=opened_storage(self.place),
                pruner=pruner(self.pruning),
            )
        return _studies[key]


_studies: dict[tuple[str, str], Any] = {}  # of this process, which serves many trials of one
