"""`runner show`: one run, read back."""

from __future__ import annotations

import json
from typing import Any

from tests.conftest import Project
from tests.experiments import project_with_runs, run_id, unsafe_run, with_runs

__all__ = ["project_with_runs", "unsafe_run", "with_runs"]


def shown(project: Project, *args: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(project.command("show", *args, "--json").out)
    return found


def test_each_value_says_where_it_came_from(project_with_runs: Project) -> None:
    config = shown(project_with_runs, "two")["config"]
    assert config["Write.text"] == {"value": "hi", "from": "command line"}
    assert config["RunConfig.reuse"] == {"value": "auto", "from": "luigi.toml"}
    config = shown(project_with_runs, "three")["config"]
    assert config["Write.text"] == {"value": "hello", "from": "default"}
    assert config["RunConfig.task"] == {"value": "Count", "from": "default.toml"}


def test_tasks_have_their_origin_and_runs_their_lineage(project: Project) -> None:
    project.pipeline(config='reuse = "auto"\n')
    project.run_here("RunConfig.run_name=first")
    project.run_here("RunConfig.run_name=second", force=["Count"])
    first, second = run_id(project, "first"), run_id(project, "second")
    found = shown(project)
    assert found["name"] == "second"
    origins = {task["name"]: (task["origin"], task["origin_id"]) for task in found["tasks"]}
    assert origins == {"Write": ("first", first), "Count": ("", "")}
    assert all(task["seconds"] is not None and task["size"] for task in found["tasks"])
    assert found["up"] == [{"how": "reuses Write of", "run_id": first, "name": "first"}]
    down = shown(project, "first")["down"]
    assert down == [{"how": "Write reused by", "run_id": second, "name": "second"}]


def test_the_page_for_people(project_with_runs: Project) -> None:
    out = project_with_runs.command("show", "two").out
    assert out.startswith(f"run two ({run_id(project_with_runs, 'two')}) FINISHED in ")
    rows = [line.split() for line in out.splitlines()]
    assert ["Write.text", "hi", "command", "line"] in rows
    assert ["counted", "2"] in rows
    assert "luigi.toml, " in out and "experiment  trial, task Count" in out


def test_a_run_of_plain_mlflow(project_with_runs: Project) -> None:
    found = shown(project_with_runs, "plain")
    assert found["config"] == {"rate": {"value": "0.5", "from": None}}
    assert (found["tasks"], found["up"], found["down"]) == ([], [], [])
    assert "Traceback" not in project_with_runs.command("show", "plain").err


def test_where_the_artifacts_are_gone(project: Project) -> None:
    import shutil

    project.pipeline()
    report = project.run_here("RunConfig.run_name=one")
    shutil.rmtree(report.artifact_dir)
    found = shown(project, "one")
    assert found["config"]["Write.text"]["value"] == "hello" and found["tasks"] == []


def test_origins_that_do_not_fit_into_a_tag(project_with_runs: Project) -> None:
    client, one = project_with_runs.client, run_id(project_with_runs, "one")
    kept = client.get_run(one).data.tags["runner.origins"]
    client.set_tag(one, "runner.origins", kept[:-3])
    try:
        assert shown(project_with_runs, "one")["config"]["Write.text"]["from"] == "config"
    finally:
        client.set_tag(one, "runner.origins", kept)


def test_secrets_and_unsafe_names_are_not_shown(
    project_with_runs: Project, unsafe_run: str
) -> None:
    for form in ((), ("--json",)):
        out = project_with_runs.command("show", unsafe_run, *form).out
        assert "hunter2" not in out and "***" in out and "\x1b" not in out


def test_an_unknown_run(project_with_runs: Project) -> None:
    done = project_with_runs.command("show", "thre_", code=2)
    assert "did you mean 'three'?" in done.err
