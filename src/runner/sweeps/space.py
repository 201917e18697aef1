"""From `[Sweep.space]` to what Optuna chooses from, and back to values of a config."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from runner.config.sweep import Range, SweepConfig, Values, combinations, counts, listed

if TYPE_CHECKING:
    from optuna import Trial

_PLAIN = (str, int, float, bool)


def suggest(trial: Trial, space: Mapping[str, Values]) -> dict[str, Any]:
    """Lets Optuna choose a value for each key that counts; what decides on that comes first."""
    chosen: dict[str, Any] = {}
    for key in sorted(space, key=lambda key: key.count(".")):
        if counts(key, chosen, space):
            chosen[key] = _suggest(trial, key, space[key])
    return {key: chosen[key] for key in space if key in chosen}


def grid(space: Mapping[str, Values]) -> dict[str, list[Any]]:
    """What Optuna's grid is made of."""
    found = {}
    for key, values in space.items():
        points = listed(values) or []
        found[key] = points if isinstance(values, Range) else labels(points)
    return found


def points(sweep: SweepConfig) -> list[dict[str, Any]]:
    """The points of a grid as Optuna has them; of a part of it those that chance has picked."""
    found = [
        {key: _label(value, sweep.space[key]) for key, value in point.items()}
        for point in combinations(sweep)
    ]
    if len(found) > sweep.count:
        found = Random(sweep.seed).sample(found, sweep.count)
    return found


def _label(value: Any, values: Values) -> Any:
    if isinstance(values, Range):
        return value
    known = [json.dumps(choice, sort_keys=True, default=str) for choice in values]
    return labels(values)[known.index(json.dumps(value, sort_keys=True, default=str))]


def labels(choices: Sequence[Any]) -> list[Any]:
    """What stands for choices at Optuna, which takes plain values and tells 1 from 1.0 by no means.

    Any other choices go by their JSON.
    """
    if all(isinstance(c, _PLAIN) for c in choices) and len(set(choices)) == len(choices):
        return list(choices)
    return [json.dumps(choice, sort_keys=True, default=str) for choice in choices]


def chosen(params: Mapping[str, Any], space: Mapping[str, Values]) -> dict[str, Any]:
    """Values of a config, from the parameters of a trial."""
    found = {}
    for key, values in space.items():
        if key in params:
            known = values if isinstance(values, list) else None
            label = params[key]
            found[key] = label if known is None else known[labels(known).index(label)]
    return found


def _suggest(trial: Trial, key: str, values: Values) -> Any:
    if not isinstance(values, Range):
        marks = labels(values)
        return values[marks.index(trial.suggest_categorical(key, marks))]
    if values.whole:
        step = 1 if values.step is None else values.step
        return trial.suggest_int(key, values.low, values.high, step=step, log=values.log)
    low, high = float(values.low), float(values.high)
    return trial.suggest_float(key, low, high, step=values.step, log=values.log)
