"""A run from end to end, in its own process and in this one."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from tests.conftest import PIPELINE, Project


def test_a_pipeline_runs_and_mlflow_has_all_of_it(project: Project) -> None:
    project.pipeline(config='[Write]\ntext = "four"\n')
    done = project.run()
    assert "Count" in done.out and "finished" in done.out
    (run,) = project.runs()
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"written": 4, "counted": 4}
    assert run.data.params["Write.text"] == "four"
    artifacts = Path(run.info.artifact_uri)
    assert artifacts.parts[-4] == "mlruns"
    assert (artifacts / "Count" / "count.txt").read_text() == "4"
    snapshot = tomllib.loads((artifacts / "luigi.toml").read_text())
    assert snapshot["Write"] == {"text": "four"}
    log = (artifacts / "runner.log").read_text()
    assert "DEBUG" in log and "Count() starts" in log and "Count(): done" in log
    manifest = json.loads((artifacts / "Write" / "manifest.json").read_text())
    assert manifest["metrics"] == {"written": 4.0}
    assert manifest["made_by"]["run_id"] == run.info.run_id


def test_a_run_can_be_started_again_from_its_snapshot(project: Project) -> None:
    project.pipeline()
    first = project.run_here("Write.text=snapshot")
    again = project.run_here(files=(str(first.artifact_dir / "luigi.toml"),))
    assert (again.artifact_dir / "Count" / "count.txt").read_text() == "8"


def test_two_runs_in_one_process_do_not_share_tasks_or_code(project: Project) -> None:
    project.pipeline()
    first = project.run_here("Write.text=one")
    project.pipeline(PIPELINE.replace("len(self.inputs", "10 * len(self.inputs"))
    second = project.run_here("Write.text=three")
    assert (first.artifact_dir / "Count" / "count.txt").read_text() == "3"
    assert (second.artifact_dir / "Count" / "count.txt").read_text() == "50"


DYNAMIC = """
import os
import luigi, mlflow
from runner import RunTask

class Part(RunTask):
    n = luigi.IntParameter()
    outputs = {"n": "deep/er/n.txt"}

    def run(self):
        os.chdir("/")
        mlflow.log_metric(f"part{self.n}", self.n)
        self.outputs["n"].write_text(str(self.n))

class Whole(RunTask):
    outputs = {"x": "x.txt"}

    def run(self):
        %s
        self.outputs["x"].write_text(os.getcwd())
"""


def test_dynamic_requirements_are_placed_together_and_reused_by_pin(project: Project) -> None:
    project.pipeline(DYNAMIC % "yield [Part(n=1), Part(n=2)]", task="Whole")
    first = project.run_here()
    assert first.ok, first.traceback
    parts = [task for task in first.tasks if task.name.startswith("Part")]
    assert all(task.directory.name.startswith("Part_") for task in parts)
    assert (first.artifact_dir / "Whole" / "x.txt").read_text() == str(project.root)
    second = project.run_here(f"PathConfig.Part=run:{first.run_name}")
    statuses = {task.name: task.status for task in second.tasks}
    assert statuses == {"Whole": "ran", "Part(n=1)": "reused", "Part(n=2)": "reused"}
    run = project.client.get_run(second.run_id)
    assert run.data.metrics == {"part1": 1, "part2": 2}
    reused = [key for key in run.data.tags if key.startswith("reused.Part_")]
    assert {run.data.tags[key] for key in reused} == {first.run_id} and len(reused) == 2
    third = project.run_here(f"PathConfig.Part=run:{second.run_name}")
    assert third.ok and {task.origin for task in third.tasks} == {"", first.run_name}


@pytest.mark.parametrize(
    ("step", "message"),
    [("yield 5", "may yield tasks only"), ("yield Whole()", "requires itself")],
)
def test_what_may_not_be_yielded_is_said(project: Project, step: str, message: str) -> None:
    project.pipeline(DYNAMIC % step, task="Whole")
    report = project.run_here()
    assert report.status == "FAILED" and message in report.error and not report.traceback


def test_outputs_written_outside_of_every_run_are_found_by_the_runs_name(project: Project) -> None:
    project.pipeline()
    first = project.run_here("PathConfig.Write=prepared/text")
    assert (project.root / "prepared" / "text" / "manifest.json").is_file()
    tags = project.client.get_run(first.run_id).data.tags
    assert tags["placed.Write"] == str(project.root / "prepared" / "text")
    second = project.run_here(f"PathConfig.Write=run:{first.run_name}")
    third = project.run_here(f"PathConfig.Write=run:{second.run_name}")
    for report in (second, third):
        assert [task.status for task in report.tasks] == ["reused", "ran"]


def test_a_config_of_the_project_is_found_from_a_folder_inside(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.pipeline()
    project.write("config/long.toml", 'extends = "../luigi.toml"\n[Write]\ntext = "longer"\n')
    monkeypatch.chdir(project.root / "src")
    project.command("-c", "config/long.toml")
    (run,) = project.runs()
    assert run.data.metrics["counted"] == 6


def test_a_wrapper_over_pinned_tasks_shows_their_metrics(project: Project) -> None:
    code = (
        PIPELINE
        + """
import luigi

class All(luigi.WrapperTask):
    def requires(self):
        return Count()
"""
    )
    project.pipeline(code, task="All")
    first = project.run_here()
    again = project.run_here(
        f"PathConfig.Count=run:{first.run_name}", f"PathConfig.Write=run:{first.run_name}"
    )
    assert {task.name: task.status for task in again.tasks} == {
        "Write": "not needed",
        "Count": "reused",
    }
    assert project.client.get_run(again.run_id).data.metrics == {"counted": 5}
