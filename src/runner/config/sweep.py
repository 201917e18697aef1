"""`[Sweep]`: which values to try, how they are chosen, and what makes one better than another."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from runner.config.schema import RUN, SWEEP, explain

_BOUNDS = frozenset({"low", "high"})
_MOST = 100_000  # trials, each of which is a run

Direction = Literal["maximize", "minimize"]


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("expected a finite number")
    return value


Number = Annotated[Any, AfterValidator(_number)]


class Range(BaseModel):
    """All numbers from `low` to `high`, both included; whole ones where both bounds are whole.

    Attributes:
        log: as likely between 0.1 and 1 as between 1 and 10.
        step: the distance between two values.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    low: Number
    high: Number
    log: bool = False
    step: Number | None = None

    @property
    def whole(self) -> bool:
        """Whether the values are whole numbers."""
        return all(isinstance(v, int) for v in (self.low, self.high, self.step) if v is not None)

    def points(self) -> list[Any] | None:
        """The values one by one; None where there is no end of them."""
        step = self.step or (1 if self.whole and not self.log else None)
        kind = int if self.whole else float
        if self.low == self.high:
            return [kind(self.low)]
        if step is None or (self.high - self.low) / step >= _MOST:
            return None
        count = math.floor((self.high - self.low) / step + 1e-9) + 1
        low, step = Decimal(str(self.low)), Decimal(str(step))  # 0.1 + 0.2 is 0.3 for people
        return [kind(low + number * step) for number in range(count)]

    def problem(self) -> str:
        """What is wrong with it; empty when nothing is."""
        if self.low > self.high:
            return f"low = {self.low} is above high = {self.high}"
        if self.step is not None and self.step <= 0:
            return "expected a step above 0"
        if self.log and self.step is not None:
            return "log and step exclude each other"
        return "with log, low has to be above 0" if self.log and self.low <= 0 else ""


Values = list[Any] | Range


def _values(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Range.model_validate(value)
    if not isinstance(value, list | Range):
        raise ValueError("expected a list of values, or a range {low = …, high = …}")
    return value


def _flat(space: Any) -> Any:
    """`{Trainer: {seed: […]}}` as `{"Trainer.seed": […]}`: both are natural in TOML."""
    return dict(_leaves(space)) if isinstance(space, Mapping) else space


def _leaves(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping) and value and not _BOUNDS & value.keys():
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


class Pruning(BaseModel):
    """`[Sweep.pruning]`: which trials are ended early, by a metric that a task logs with a step.

    Attributes:
        method: Optuna's pruner: `median`, `halving` (successive halving) or `hyperband`.
        metric, direction: what is compared; default: those of the sweep.
        warmup_steps: of `median`: no trial is ended before this step.
        startup_trials: of `median`: no trial is ended before so many are done.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    method: Literal["median", "halving", "hyperband"] = "median"
    metric: str | None = Field(default=None, min_length=1)
    direction: Direction | None = None
    warmup_steps: int = Field(default=1, ge=0)
    startup_trials: int = Field(default=5, ge=0)


class SweepConfig(BaseModel):
    """`[Sweep]`.

    Attributes:
        method: Optuna's sampler.
        metric: what is compared between trials: the last value that a run has of it.
        trials: how many; of a grid all of its points unless fewer are asked for.
        space: `Task.key` -> values.
        seed: of the sampler; the same seed gives the same trials.
        parallel: trials at once, each in a process of its own.
        time_limit: seconds after which no trial begins.
        storage: of Optuna, a database's URL; default: a file beside the project's store.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    method: Literal["grid", "random", "tpe"] = "tpe"
    metric: str = Field(min_length=1)
    direction: Direction
    space: Annotated[
        dict[str, Annotated[Any, BeforeValidator(_values)]],
        BeforeValidator(_flat),
    ]
    trials: int | None = Field(default=None, ge=1, le=_MOST)
    seed: int = Field(default=0, ge=0, lt=2**32)
    parallel: int = Field(default=1, ge=1, le=1000)
    time_limit: float | None = Field(default=None, gt=0)
    storage: str | None = Field(default=None, min_length=1)
    pruning: Pruning | None = None

    @property
    def points(self) -> int:
        """How many points a grid of this space has at most."""
        return math.prod(len(listed(values) or ()) for values in self.space.values())

    @cached_property
    def count(self) -> int:
        """How many trials there will be."""
        if self.method == "grid":
            points = len(combinations(self))
            return min(points, self.trials or points)
        return self.trials or 0


def combinations(sweep: SweepConfig) -> list[dict[str, Any]]:
    """The points of a grid: `Task.key` -> value, those keys alone that count; each point once."""
    values = [listed(values) or [] for values in sweep.space.values()]
    found: dict[str, dict[str, Any]] = {}
    for point in product(*values):
        chosen = dict(zip(sweep.space, point, strict=True))
        counting = {key: chosen[key] for key in sweep.space if counts(key, chosen, sweep.space)}
        found.setdefault(json.dumps(counting, sort_keys=True, default=str), counting)
    return list(found.values())


def counts(key: str, chosen: Mapping[str, Any], space: Mapping[str, Values]) -> bool:
    """Whether a key matters for a trial: that of a model family does where the family is chosen.

    `Trainer.ridge.alpha` is one where `Trainer.model` is tried and may be `ridge`.
    """
    task, _, rest = key.partition(".")
    picked, table = f"{task}.model", rest.partition(".")[0]
    families = space.get(picked)
    if picked == key or not isinstance(families, list) or picked not in chosen:
        return True
    names = {str(family).rpartition(".")[2] for family in families}
    return table not in names or table == str(chosen[picked]).rpartition(".")[2]


def listed(values: Values) -> list[Any] | None:
    """The values one by one; None where there is no end of them."""
    return values.points() if isinstance(values, Range) else values


def check_sweep(table: Any) -> tuple[SweepConfig | None, list[tuple[str, str]]]:
    """The section, or what is wrong with it: (key, sentence) pairs."""
    try:
        found = SweepConfig.model_validate(table)
    except ValidationError as error:
        return None, list(explain(error, SweepConfig))
    problems = list(_problems(found))
    return (None if problems else found), problems


def _problems(sweep: SweepConfig) -> Iterator[tuple[str, str]]:
    if not sweep.space:
        yield "space", 'expected at least one key, such as "Trainer.seed" = [0, 1, 2]'
    for key, values in sweep.space.items():
        for text in _of_key(key, values, sweep):
            yield f"space.{key}", text
    if sweep.storage is not None and sweep.storage.startswith("sqlite"):
        said = "SQLite does not keep processes from taking the same trial; leave it out, or name"
        yield "storage", f"{said} a database's server"
    if sweep.method != "grid" and sweep.trials is None:
        yield "trials", f'is required: how many runs method = "{sweep.method}" makes'
    elif sweep.method == "grid" and sweep.points > _MOST:
        yield "space", f"the grid has {sweep.points:,} points; at most {_MOST:,} are possible"


def _of_key(key: str, values: Values, sweep: SweepConfig) -> Iterator[str]:
    section, dot, _ = key.partition(".")
    if not dot or section in (RUN, SWEEP):
        yield "expected Task.key, a value that a task has in the config"
    if isinstance(values, Range):
        if problem := values.problem():
            yield problem
        elif sweep.method == "grid" and values.points() is None:
            yield "a grid needs a list of values, or a range with a step"
    elif not values:
        yield "expected at least one value"
    elif len({json.dumps(v, sort_keys=True, default=str) for v in values}) < len(values):
        yield "a value is listed twice"
