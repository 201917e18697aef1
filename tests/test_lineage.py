"""Where the outputs of a run lie: tags, and one table where they would be hundreds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner import lineage
from runner.tracking import lineage_table
from tests.conftest import Project

FOLDS = """
import luigi, mlflow
from runner import RunTask

class Fold(RunTask):
    number = luigi.IntParameter()
    outputs = {"score": "score.txt"}
    def run(self):
        self.outputs["score"].write_text(str(self.number))
        mlflow.log_metric(f"score_{self.number}", self.number)

class Count(RunTask):
    outputs = {"mean": "mean.txt"}
    def requires(self):
        return {f"f{n}": Fold(number=n) for n in range(5)}
    def run(self):
        scores = [int(self.inputs[f"f{n}.score"].read_text()) for n in range(5)]
        self.outputs["mean"].write_text(str(sum(scores)))
"""


@pytest.fixture
def few_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "MOST_TAGS", 3)


def tags(project: Project, report: Any) -> dict[str, str]:
    return dict(project.client.get_run(report.run_id).data.tags)


def test_hundreds_of_tags_are_too_many() -> None:
    assert lineage.MOST_TAGS == 100


def test_few_are_tags(project: Project) -> None:
    project.pipeline(FOLDS)
    first = project.run_here()
    second = project.run_here(f"PathConfig.Fold=run:{first.run_name}")
    found = [name for name in tags(project, second) if name.startswith("reused.")]
    assert len(found) == 5 and lineage_table.TAG not in tags(project, second)
    assert not (second.artifact_dir / lineage_table.NAME).exists()


@pytest.mark.usefixtures("few_tags")
def test_many_are_one_table_which_mlflow_shows(project: Project) -> None:
    project.pipeline(FOLDS)
    first = project.run_here()
    second = project.run_here(f"PathConfig.Fold=run:{first.run_name}")
    found = tags(project, second)
    assert not any(name.startswith("reused.") for name in found)
    assert found[lineage_table.TAG] == "1 ran, 5 reused"
    assert json.loads(found["mlflow.loggedArtifacts"]) == [
        {"path": "lineage.json", "type": "table"}
    ]
    assert {f"score_{n}" for n in range(5)} <= set(
        project.client.get_run(second.run_id).data.metrics
    )
    experiment = project.client.get_run(second.run_id).info.experiment_id
    table = project.client.load_table(experiment, "lineage.json", [second.run_id])
    rows = {row["task"]: row for row in table.to_dict("records")}
    assert list(table.columns) == [
        "task", "status", "origin_run_id", "origin_name", "directory", "reason", "seconds", "bytes",
    ]  # fmt: skip
    assert len(rows) == 6 and rows["Count"]["directory"] == "Count"
    assert rows["Count"]["status"] == "ran" and rows["Count"]["bytes"] == 2
    folds = [row for name, row in rows.items() if name.startswith("Fold")]
    assert {row["origin_run_id"] for row in folds} == {first.run_id}
    assert {row["origin_name"] for row in folds} == {first.run_name}
    assert all(Path(row["directory"]).parent == first.artifact_dir for row in folds)


@pytest.mark.usefixtures("few_tags")
def test_a_pin_follows_the_table_to_where_tasks_lie(project: Project) -> None:
    project.pipeline(FOLDS)
    first = project.run_here()
    second = project.run_here(f"PathConfig.Fold=run:{first.run_name}")
    third = project.run_here(f"PathConfig.Fold=run:{second.run_name}")
    assert third.ok and {task.origin for task in third.tasks if task.origin} == {first.run_name}
    fourth = project.run_here(f"PathConfig.Fold=run:{third.run_name}")
    assert [task.status for task in fourth.tasks] == [*["reused"] * 5, "ran"]


@pytest.mark.usefixtures("few_tags")
def test_it_is_there_when_a_run_fails_and_keeps_what_a_task_logged_as_table(
    project: Project,
) -> None:
    code = FOLDS.replace("scores =", 'mlflow.log_table({"a": [1]}, "mine.json"); 1 / 0; scores =')
    project.pipeline(FOLDS)
    first = project.run_here()
    project.pipeline(code)
    second = project.run_here(f"PathConfig.Fold=run:{first.run_name}")
    assert second.status == "FAILED"
    shown = json.loads(tags(project, second)["mlflow.loggedArtifacts"])
    assert [entry["path"] for entry in shown] == ["lineage.json", "mine.json"]
    assert tags(project, second)[lineage_table.TAG] == "1 failed, 5 reused"


@pytest.mark.usefixtures("few_tags")
def test_a_damaged_table_leads_nowhere_and_breaks_nothing(project: Project) -> None:
    project.pipeline(FOLDS)
    first = project.run_here()
    second = project.run_here(f"PathConfig.Fold=run:{first.run_name}")
    for text in ("", "[]", '{"columns": ["x"], "data": [[1]]}', '{"columns": 1}'):
        (second.artifact_dir / lineage_table.NAME).write_text(text)
        assert lineage_table.read(second.artifact_dir, {lineage_table.TAG: ""}) == {}
    (second.artifact_dir / lineage_table.NAME).unlink()
    assert lineage_table.read(second.artifact_dir, {lineage_table.TAG: ""}) == {}
    assert lineage_table.read(second.artifact_dir, {}) == {}


def test_directories_outside_of_runs_are_in_the_table_too(
    project: Project, few_tags: None, tmp_path: Path
) -> None:
    code = FOLDS
    for n in range(4):
        code += f"""
class Step{n}(RunTask):
    outputs = {{"a": "a.txt"}}
    def run(self):
        self.outputs["a"].touch()
"""
    code += """
class Last(RunTask):
    outputs = {"a": "a.txt"}
    def requires(self):
        return [Step0(), Step1(), Step2(), Step3()]
    def run(self):
        self.outputs["a"].touch()
"""
    project.pipeline(code, task="Last")
    pins = [f"PathConfig.Step{n}={tmp_path}/kept/Step{n}" for n in range(4)]
    first = project.run_here(*pins)
    assert first.ok and not any(n.startswith("placed.") for n in tags(project, first))
    again = project.run_here(f"PathConfig.Step2=run:{first.run_name}")
    assert again.ok and next(t for t in again.tasks if t.name == "Step2").status == "reused"
