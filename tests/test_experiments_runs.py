"""`runner runs`: recent runs, and what each of them changed."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from tests.conftest import Project
from tests.experiments import project_with_runs, with_runs

__all__ = ["project_with_runs", "with_runs"]


def listed(project: Project, *args: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(project.command("runs", *args, "--json").out)["runs"]
    return found


def names(project: Project, *args: str) -> list[str]:
    return [run["name"] for run in listed(project, *args)]


def test_newest_first_with_what_changed(project_with_runs: Project) -> None:
    three, two, one = listed(project_with_runs)
    assert [run["name"] for run in (three, two, one)] == ["three", "two", "one"]
    assert two["changes"] == [{"key": "Write.text", "before": "hello", "now": "hi"}]
    assert {"key": "RunConfig.reuse", "before": "auto", "now": None} in three["changes"]
    assert one["changes"] is None
    assert two["metrics"] == {"written": 2.0, "counted": 2.0}
    assert (two["task"], two["status"], two["experiment"]) == ("Count", "FINISHED", "trial")
    assert two["params"]["Write.text"] == "hi"


def test_the_table(project_with_runs: Project) -> None:
    lines = project_with_runs.command("runs").out.splitlines()
    assert lines[0].split() == [*"run id age task status took counted written changed".split()]
    two = next(line for line in lines if line.startswith("two"))
    assert "Count" in two and "FINISHED" in two and "Write.text" in two and "just now" in two


def test_the_last_of_a_cut_list_knows_what_it_changed(project_with_runs: Project) -> None:
    (three,) = listed(project_with_runs, "--last", "1")
    assert three["name"] == "three" and three["changes"]
    assert names(project_with_runs, "--last", "0") == ["three", "two", "one"]


def test_filters(project_with_runs: Project) -> None:
    assert names(project_with_runs, "--where", "metrics.counted > 3") == ["three", "one"]
    assert names(project_with_runs, "--where", "params.`Write.text` = 'hi'") == ["two"]
    assert names(project_with_runs, "--experiment", "elsewhere") == ["plain"]
    assert names(project_with_runs, "--experiment", "*") == ["plain", "three", "two", "one"]
    assert names(project_with_runs, "--children")[0] == "child"
    several = project_with_runs.command("runs", "--experiment", "*").out
    assert "experiment" in several.splitlines()[0] and "elsewhere" in several


def test_sorted_by_a_metric(project_with_runs: Project) -> None:
    assert names(project_with_runs, "--sort", "counted")[0] == "two"
    assert names(project_with_runs, "--sort", "-counted")[-1] == "two"
    every = ("--experiment", "*", "--sort", "-counted")
    assert names(project_with_runs, *every)[0] == "plain"
    assert names(project_with_runs, *every, "--last", "2") == ["plain", "three"]
    assert names(project_with_runs, *every, "--where", "attributes.status = 'FINISHED'")
    first = project_with_runs.command("runs", "--sort", "written").out.splitlines()[0]
    assert first.index("written") < first.index("counted")


def test_runs_without_the_metric_come_last(project_with_runs: Project) -> None:
    assert names(project_with_runs, "--experiment", "*", "--sort", "written")[-1] == "plain"
    newest = ("--experiment", "*", "--sort", "written", "--last", "3")
    assert names(project_with_runs, *newest)[-1] == "plain"


def test_csv_has_all_metrics(project_with_runs: Project) -> None:
    out = project_with_runs.command("runs", "--csv").out
    rows = list(csv.DictReader(io.StringIO(out, newline="")))
    assert [row["name"] for row in rows] == ["three", "two", "one"]
    assert rows[1]["metrics.counted"] == "2.0" and rows[1]["changed"] == "Write.text hello → hi"
    only = project_with_runs.command("runs", "--csv", "--metric", "written").out
    assert "metrics.written" in only and "metrics.counted" not in only


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--where", "metric.x >> 1"], "--where 'metric.x >> 1' can't be read"),
        (["--where", "nonsense"], "it is in MLflow's words"),
        (["--sort", "countet"], "did you mean 'counted'?"),
        (["--sort", "-"], "expected the name of a metric"),
        (
            ["--experiment", "trail"],
            "did you mean 'trial'?\n  there are: Default, elsewhere, trial",
        ),
        (["--csv", "--json"], "choose one"),
    ],
)
def test_a_mistake_is_one_line(project_with_runs: Project, args: list[str], said: str) -> None:
    done = project_with_runs.command("runs", *args, code=2)
    assert said in done.err and "Traceback" not in done.err


def test_no_runs_yet(bare_project: Project) -> None:
    bare_project.pipeline()
    assert "no runs of 'trial' yet; start one: " in bare_project.command("runs").out
    assert listed(bare_project) == []
    assert not (bare_project.root / "mlflow.db").exists()


def test_no_run_meets_a_condition(project_with_runs: Project) -> None:
    assert (
        project_with_runs.command("runs", "--where", "metrics.x > 1").out == "no run meets this\n"
    )


def test_secrets_and_unsafe_names_are_not_shown(
    project_with_runs: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "hunter2hunter2")
    client = project_with_runs.client
    experiment = client.create_experiment("unsafe\x1b[31m")
    for value in ("1", "hunter2hunter2"):
        run = client.create_run(experiment, run_name="a\x1b[31mb\nc")
        client.log_param(run.info.run_id, "key", value)
    try:
        for form in ((), ("--csv",), ("--json",)):
            out = project_with_runs.command("runs", "--experiment", "unsafe*", *form).out
            assert "hunter2" not in out and "***" in out and "\x1b" not in out
    finally:
        client.delete_experiment(experiment)
