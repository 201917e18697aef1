"""What became of a sweep: the value that `sweep` returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pandas import DataFrame

TrialState = Literal["done", "pruned", "failed", "running", "waiting"]
_ROWS = 60  # of a table in a notebook

SweepStatus = Literal["FINISHED", "FAILED", "KILLED"]


@dataclass(frozen=True)
class TrialReport:
    """One trial of a sweep.

    Attributes:
        number: from 0 on.
        params: `Task.key` -> the value that was tried; empty while it waits.
        value: of the sweep's metric; of a pruned trial the last one that was compared.
        run_id: of the trial's own run; empty when none was opened.
        seconds: wall time; None while it is not over.
        error: what made it fail, or ended it early.
        host: where it ran.
    """

    number: int
    state: TrialState
    params: Mapping[str, Any] = field(default_factory=dict)
    value: float | None = None
    run_id: str = ""
    run_name: str = ""
    seconds: float | None = None
    error: str = ""
    host: str = ""


@dataclass(frozen=True)
class SweepReport:
    """A sweep, or what is done of it.

    Attributes:
        status: MLflow's status of the parent run.
        run_id, run_name: of the parent run.
        artifact_dir: of the parent run; its `report.html` and `best.toml` are there.
        trials: by number.
        best: the number of the best trial; None while none is done.
        best_config: a config file of the best trial; None without one.
        seconds: since this process took part in it.
        signum: the signal that ended it, if one did.
    """

    status: SweepStatus
    experiment: str
    task: str
    metric: str
    direction: str
    run_id: str
    run_name: str
    artifact_dir: Path
    trials: tuple[TrialReport, ...]
    best: int | None = None
    best_config: Path | None = None
    seconds: float = 0.0
    signum: int | None = None

    @property
    def ok(self) -> bool:
        """Whether it came to its end with a best trial."""
        return self.status == "FINISHED" and self.best is not None

    @property
    def best_trial(self) -> TrialReport | None:
        """The best of the trials that are done."""
        return next((trial for trial in self.trials if trial.number == self.best), None)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            **asdict(self),
            "artifact_dir": str(self.artifact_dir),
            "best_config": None if self.best_config is None else str(self.best_config),
        }

    def cleaned(self, clean: Callable[[str], str]) -> SweepReport:
        """The same without secrets in what people read."""
        trials = tuple(replace(trial, error=clean(trial.error)) for trial in self.trials)
        return replace(self, trials=trials)

    def frame(self) -> DataFrame:
        """A row a trial, the columns `state`, the metric, `seconds`, `run_name`, and each key."""
        import pandas as pd

        rows = [
            {
                "trial": trial.number,
                "state": trial.state,
                self.metric: trial.value,
                **trial.params,
                "seconds": trial.seconds,
                "run_name": trial.run_name,
            }
            for trial in self.trials
        ]
        return pd.DataFrame(rows).set_index("trial") if rows else pd.DataFrame()

    def _repr_html_(self) -> str:
        """As a notebook shows it: the best trial, the table, and where the page is."""
        best = self.best_trial
        name = f"<b>{escape(self.run_name)}</b> <code>{escape(self.run_id)}</code>"
        head = f"sweep {name} {self.status}, {len(self.trials)} trials"
        if best is not None:
            head += f"; best {escape(self.metric)} {best.value:.6g} in trial {best.number}"
        page = self.artifact_dir / "report.html"
        link = f'<p><a href="{escape(page.as_uri())}">{escape(str(page))}</a></p>'
        table = self.frame().to_html(max_rows=_ROWS, escape=True)
        return f"<p>{head}</p>\n{table}\n{link if page.is_file() else ''}"


def best_of(trials: Iterable[TrialReport], direction: str) -> TrialReport | None:
    """The best trial that is done; of equal ones the first."""
    done = [trial for trial in trials if trial.state == "done" and trial.value is not None]
    sign = -1 if direction == "maximize" else 1
    return min(done, key=lambda trial: (sign * (trial.value or 0.0), trial.number), default=None)
