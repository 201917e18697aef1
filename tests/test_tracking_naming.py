"""Which run is meant, wherever a command asks for one."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Project
from tests.experiments import project_with_runs, run_id, with_runs

__all__ = ["project_with_runs", "with_runs"]


def meant(project: Project, *asked: str) -> list[str]:
    done = project.command("diff", *asked, "one", "--json")
    return [column["name"] for column in json.loads(done.out)["columns"]][:-1]


def test_by_id_prefix_name_and_age(project_with_runs: Project) -> None:
    whole = run_id(project_with_runs, "two")
    asked = [whole, whole[:9], "two", "tw", "run:two", f"run:{whole}", "latest~1", "latest~2"]
    found = meant(project_with_runs, *asked, "latest", "plain")
    assert found == [*["two"] * 7, "one", "three", "plain"]


@pytest.mark.parametrize("command", [["diff", "latest", "one"], ["clone", "latest"]])
def test_latest_is_no_run_inside_of_another(project_with_runs: Project, command: list[str]) -> None:
    assert "child" not in project_with_runs.command(*command, "--json").out
    assert meant(project_with_runs, "child") == ["child"]  # but it can be named


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("thre_", "did you mean 'three'?\n  see the runs with: python -m runner runs"),
        ("t", "2 runs begin with 't': three ("),
        ("gone", "was deleted in MLflow\n  bring it back with: mlflow runs restore --run-id "),
        ("latest~9", "there is no latest~9: the experiment 'trial' has 3 runs"),
        ("latest~x", "is called 'latest~x'"),
        ("", "is called ''"),
        ("o'n\"e%", "is called 'o\\'n\"e%'"),
        ("f" * 32, f"is called '{'f' * 32}'"),
    ],
)
def test_a_run_that_is_not_there(project_with_runs: Project, asked: str, said: str) -> None:
    done = project_with_runs.command("diff", asked, "one", code=2)
    assert said in done.err and done.err.startswith("runner: ")
    assert "Traceback" not in done.err and done.out == ""


def test_a_deleted_run_is_named_by_its_id(project_with_runs: Project) -> None:
    done = project_with_runs.command("diff", "gone", "one", code=2)
    gone = done.err.split()[-1]
    again = project_with_runs.command("clone", gone[:8], code=2)
    assert f"--run-id {gone}" in again.err


def test_resume_and_reproduce_take_the_same_names(project_with_runs: Project) -> None:
    finished = project_with_runs.command("resume", "latest~1", code=2)
    assert "run two (" in finished.err and "is finished" in finished.err
    unknown = project_with_runs.command("reproduce", "latest~7", code=3)
    assert "has 3 such runs" in unknown.err


def test_no_store_is_made_by_looking_for_a_run(bare_project: Project) -> None:
    bare_project.pipeline()
    for command in (["diff", "latest", "one"], ["clone", "latest"]):
        done = bare_project.command(*command, code=2)
        assert "there are no runs yet" in done.err
    assert not (bare_project.root / "mlflow.db").exists()
