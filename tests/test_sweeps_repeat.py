"""`runner repeat`: one config over several seeds; and what `diff` and `runs` make of it."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.sweeps.spread import spread
from tests.conftest import Project
from tests.sweeping import TASKS, ran

NOISY = TASKS.replace(
    'mlflow.log_metric("score", self.config.x)',
    'mlflow.log_metric("score", self.config.x + (self.config.seed * 7 % 5) / 100)',
)


def repeat(project: Project, *args: str, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(project.command("repeat", *args, "--json", code=code).out)
    return found


def test_seeds_count_on_from_the_config_and_the_rest_runs_once(project: Project) -> None:
    project.pipeline(NOISY, task="Train", config="[Train]\nseed = 3\nx = 0.5")
    found = repeat(project, "5", "--run-name", "again")
    assert [run["seeds"] for run in found["runs"]] == [{"Train.seed": s} for s in range(3, 8)]
    assert Counter(ran(project)) == {"Prepare": 1, **{f"Train 0.5 {s}": 1 for s in range(3, 8)}}
    score = found["metrics"]["score"]
    assert score["values"] == pytest.approx([0.51, 0.53, 0.5, 0.52, 0.54])
    assert score["mean"] == pytest.approx(0.52)
    assert score["std"] == pytest.approx(0.0158114)
    assert score["interval"] == pytest.approx(2.7764451 * 0.0158114 / math.sqrt(5))
    assert score["single"] == pytest.approx(2.7764451 * 0.0158114 * math.sqrt(1 + 1 / 5))
    parent = next(run for run in project.runs() if run.info.run_name == "again")
    assert parent.data.metrics["score"] == pytest.approx(0.52)
    assert parent.info.status == "FINISHED"
    # Once more: nothing is left to compute.
    again = repeat(project, "5")
    assert len(ran(project)) == 6 and again["metrics"]["score"] == score


def test_what_is_inside_of_the_interval_is_said(project: Project) -> None:
    project.pipeline(NOISY, task="Train", config="[Train]\nx = 0.5")
    repeat(project, "5", "--run-name", "seeds")
    project.run_here("Train.x=0.51", "RunConfig.run_name=near")
    project.run_here("Train.x=0.9", "RunConfig.run_name=far")
    repeat(project, "3", "-o", "Train.x=0.52", "--run-name", "others")
    shown = project.command("diff", "seeds", "near", "far", "--all", "--table").out
    row = next(line for line in shown.splitlines() if line.startswith("metrics.score"))
    assert row.split() == ["metrics.score", "0.52", "0.51", "≈", "0.9"]
    assert "≈ inside the 95 % interval of seeds" in shown
    (score,) = (
        row
        for row in json.loads(project.command("diff", "seeds", "near", "--all", "--json").out)[
            "rows"
        ]
        if row["key"] == "score"
    )
    assert score["inside"] == [None, 0]
    # Two means: 0.52 ± 0.0196 of five, and 0.5333 ± 0.038 of three.
    both = project.command("diff", "seeds", "others", "--all", "--table").out
    assert "≈ inside the 95 % interval of" in both
    listed = {run["name"]: run for run in json.loads(project.command("runs", "--json").out)["runs"]}
    assert listed["near"]["inside"] == ["score"] and listed["far"]["inside"] == []
    assert set(listed["seeds"]["metrics"]) == {"score"}
    assert "0.51 ≈" in project.command("runs").out


def test_which_key_is_the_seed(project: Project) -> None:
    project.pipeline(TASKS, task="Train")
    assert repeat(project, "1", "--seed-key", "Train.epochs")["runs"][0]["seeds"] == {
        "Train.epochs": 0
    }
    for args, said in [
        (["2", "Prepare"], "no parameter of this run is called seed"),
        (["2", "--seed-key", "Train.sed"], "no such parameter; did you mean 'Train.seed'?"),
        (["2", "--seed-key", "Train.seconds"], "Train.seconds = 0.0 is no whole number"),
        (["0"], "0 is not in the range"),
    ]:
        done = project.command("repeat", *args, code=2)
        assert said in done.err and "Traceback" not in done.err
    project.pipeline(TASKS.replace("epochs:", "random_state: int = 1\n    epochs:"), task="Train")
    both = "several parameters may be the seed: Train.random_state, Train.seed"
    assert both in project.command("repeat", "2", code=2).err


def test_runs_that_fail_are_told_apart_and_few_have_no_interval(project: Project) -> None:
    code = TASKS.replace("if self.config.x == self.config.bad", "if self.config.seed == 1")
    project.pipeline(code, task="Train", config="[Train]\nx = 0.5")
    found = repeat(project, "3", code=1)
    assert [run["status"] for run in found["runs"]] == ["FINISHED", "FAILED", "FINISHED"]
    assert found["runs"][1]["error"] == "Train: ValueError: a bad value"
    score = found["metrics"]["score"]
    assert score["values"] == [0.5, 0.5] and score["interval"] is None
    done = project.command("repeat", "2", "--seed-key", "Train.epochs")
    assert "an interval needs three runs or more" in done.out


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_the_mean_lies_between_and_the_interval_is_around_it(values: list[float]) -> None:
    found = spread(values)
    slack = 1e-9 * max(map(abs, [1.0, *values]))
    assert min(values) - slack <= found.mean <= max(values) + slack
    assert (found.interval is None) == (len(values) < 3)
    assert found.interval is None or found.interval >= 0
