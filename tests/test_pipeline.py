"""A run from end to end, in its own process and in this one."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

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
    assert "DEBUG" in log and "luigi-interface" in log
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
