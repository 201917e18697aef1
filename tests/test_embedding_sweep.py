"""`runner.sweep`: a sweep of a program, which leaves nothing behind."""

from __future__ import annotations

import os
import sys

import pytest

import runner
from runner.errors import ConfigError, UsageError
from tests.conftest import Project
from tests.sweeping import TASKS, ran, sweeping


def state() -> tuple[list[str], dict[str, str], str]:
    """What is global; scikit-learn keeps what it tells the threads of libraries."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith("KMP_")}
    return list(sys.path), ours, os.getcwd()


def test_a_sweep_without_a_section_in_the_config(project: Project) -> None:
    project.pipeline(TASKS, task="Train")
    before = state()
    report = runner.sweep(
        project.root / "luigi.toml",
        space={"Train.x": [0.25, 0.75], "Train": {"seed": {"low": 1, "high": 2}}},
        metric="score",
        direction="minimize",
        method="grid",
        overrides={"Train.epochs": 1},
        run_name="mine",
    )
    assert state() == before
    assert report.ok and report.status == "FINISHED" and report.run_name == "mine"
    best = report.best_trial
    assert best is not None and best.value == 0.25 and best.params["Train.x"] == 0.25
    assert report.best_config is not None and "epochs = 1" in report.best_config.read_text()
    assert len(ran(project)) == 5

    frame = report.frame()
    assert list(frame.index) == [0, 1, 2, 3] and set(frame["state"]) == {"done"}
    assert frame["score"].min() == 0.25 and set(frame["Train.seed"]) == {1, 2}
    page = report._repr_html_()
    assert "best score 0.25" in page and page.count("<tr") >= 5 and "report.html" in page
    # What a trial made, and the same sweep again.
    assert runner.load(f"runs:/{best.run_id}/Train/model").read_text() == "0.25"
    again = runner.sweep(project.root / "luigi.toml", resume="mine")
    assert again.run_id == report.run_id and len(ran(project)) == 5


def test_values_over_those_of_the_config(project: Project) -> None:
    sweeping(project)
    report = runner.sweep("luigi.toml", direction="minimize", trials=2)
    assert report.best_trial is not None and len(report.trials) == 2
    assert report.best_trial.value == min(t.value for t in report.trials if t.value)


def test_what_is_wrong_is_raised(project: Project) -> None:
    project.pipeline(TASKS, task="Train")
    with pytest.raises(UsageError, match=r"no \[Sweep\]"):
        runner.sweep("luigi.toml")
    with pytest.raises(ConfigError, match=r"Train\.y"):
        runner.sweep(space={"Train.y": [1]}, metric="m", direction="minimize", method="grid")
    assert not project.runs()
