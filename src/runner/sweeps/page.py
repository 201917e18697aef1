"""The page of a sweep: the best trial, the table, and pictures of all of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from runner.config.sweep import SweepConfig
from runner.report_page import marks
from runner.report_page.content import cleaned
from runner.report_page.page import NAME, environment, safe_with
from runner.sweeps import pictures
from runner.sweeps.report import TrialReport

if TYPE_CHECKING:
    from runner.sweeps.parent import Parent

__all__ = ["NAME", "render"]

_log = logging.getLogger(__name__)

_MOST = 2000  # rows of the table
_STATUSES = {"FINISHED": "ran", "FAILED": "failed", "RUNNING": "to run"}
_STATES = {"done": "ran", "pruned": "stopped", "failed": "failed", "running": "to run"}


def render(
    parent: Parent,
    trials: Sequence[TrialReport],
    best: TrialReport | None,
    status: str,
    shares: Mapping[str, float],
) -> str:
    """The page, as HTML.

    Args:
        status: MLflow's of the parent run.
        shares: importance of each key; empty where that is not known.
    """
    run, sweep = parent.config.run, parent.sweep
    safe = safe_with(parent.recorder.redactor.clean)
    trials = [cleaned(trial, safe) for trial in trials]
    sweep = cleaned_space(sweep, safe)
    best = None if best is None else cleaned(best, safe)
    number = None if best is None else best.number
    values = {
        "title": safe(parent.run_name),
        "description": safe(run.description),
        "state": {"FINISHED": "ran", "FAILED": "failed", "RUNNING": "to run"}.get(
            status, "stopped"
        ),
        "status": status.lower(),
        "experiment": safe(run.experiment_name),
        "task": safe(run.task),
        "sweep": sweep,
        "metric": safe(sweep.metric),
        "best": best,
        "best_values": [] if best is None else [(k, _shown(v)) for k, v in best.params.items()],
        "totals": _totals(trials, sweep),
        "history": pictures.history(trials, sweep),
        "importance": pictures.importance({safe(key): share for key, share in shares.items()}),
        "parallel": pictures.parallel(trials, sweep, number),
        "keys": [safe(key) for key in sweep.space],
        "rows": [_row(trial, sweep) for trial in trials[:_MOST]],
        "more": len(trials) - _MOST,
        "sign": marks.sign,
        "kind": marks.kind,
    }
    return str(_template().render(values))


def cleaned_space(sweep: SweepConfig, clean: Callable[[str], str]) -> SweepConfig:
    """A sweep whose values are safe to show, as those of the trials are."""
    space = {clean(key): cleaned(values, clean) for key, values in sweep.space.items()}
    return sweep.model_copy(update={"space": space, "metric": clean(sweep.metric)})


def _totals(trials: Sequence[TrialReport], sweep: SweepConfig) -> list[tuple[str, str]]:
    counts = {state: sum(trial.state == state for trial in trials) for state in _STATES}
    found = [(f"{counts['done']} of {sweep.count}", "trials done")]
    found += [(str(counts[state]), state) for state in ("pruned", "failed", "running")]
    return [pair for pair in found if pair[0] != "0"]


def _row(trial: TrialReport, sweep: SweepConfig) -> dict[str, Any]:
    return {
        "trial": trial,
        "status": _STATES.get(trial.state, "not run"),
        "value": "" if trial.value is None else _shown(trial.value),
        "values": [_shown(trial.params.get(key, "")) for key in sweep.space],
        "seconds": "" if trial.seconds is None else f"{trial.seconds:.1f}",
    }


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


@cache
def _template() -> Any:
    text = (files(__package__) / "sweep.html.jinja").read_text(encoding="utf-8")
    return environment().from_string(text)
