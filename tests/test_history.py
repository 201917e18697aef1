"""What a plan expects of tasks, and what is said when there is nothing to do."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from runner.artifacts import manifest as manifests
from runner.history import History
from tests.conftest import Project

AUTO = 'reuse = "auto"\n'

TASKS = """
import luigi, mlflow
from runner import RunTask, TaskConfig, requires

class FoldConfig(TaskConfig):
    depth: int = 1

class Fold(RunTask):
    n = luigi.IntParameter(0)
    config: FoldConfig
    outputs = {"out": "out.txt"}
    def run(self):
        self.outputs["out"].write_text("x" * (self.n + 1) * self.config.depth)

class Sum(RunTask):
    outputs = {"out": "out.txt"}
    def requires(self):
        return [Fold(n=1), Fold(n=9)]
    def run(self):
        mlflow.log_metric("sum", 3)
        self.outputs["out"].write_text("3")

class Side(RunTask):
    outputs = {"out": "out.txt"}
    def run(self):
        self.outputs["out"].write_text("s")

class Both(luigi.WrapperTask):
    def requires(self):
        return [Sum(), Side()]
"""


@pytest.fixture
def folds(project: Project) -> Project:
    project.pipeline(TASKS, task="Sum", config=AUTO)
    return project


def expected(report: Any) -> dict[str, Any]:
    return {task.name: task.expected_size for task in report.tasks}


def test_a_task_is_expected_to_take_what_it_took(folds: Project) -> None:
    fresh = folds.run_here(dry_run=True)
    assert expected(fresh) == {"Fold(n=1)": None, "Fold(n=9)": None, "Sum": None}
    done = folds.run_here()
    manifest = manifests.read(done.tasks[0].directory)
    again = folds.run_here("Fold.depth=2", dry_run=True)
    assert expected(again) == {"Fold(n=1)": 2, "Fold(n=9)": 10, "Sum": 1}
    assert manifest is not None and again.tasks[0].expected_seconds == manifest.seconds
    folds.run_here("Fold.depth=2")
    assert expected(folds.run_here(dry_run=True, force=["Fold"]))["Fold(n=9)"] == 10
    forced = folds.run_here("Fold.depth=2", dry_run=True, force=["Fold"])
    assert expected(forced)["Fold(n=9)"] == 20


def test_history_counts_without_reuse_too(folds: Project) -> None:
    folds.run_here()
    plan = folds.run_here("RunConfig.reuse=pinned", dry_run=True)
    assert {task.status for task in plan.tasks} == {"to run"}
    assert expected(plan)["Fold(n=9)"] == 10


def test_a_plain_luigi_task_has_no_history() -> None:
    import luigi

    history = History(pytest.fail)
    assert history.estimate(luigi.Task()) is None


def test_the_table_of_a_plan(folds: Project) -> None:
    folds.command("--run-name", "first")
    out = folds.command("--dry-run", "--force", "Sum").out
    assert re.search(r"Fold\(n=9\) +reused +nothing changed since first \(just now, by .+\)", out)
    assert re.search(r"Sum +to run +forced +0\.\d +1 B", out)
    assert re.search(r"\n1 to run: about 0\.\d s, 1 B; 2 reused\n", out)


def test_nothing_to_do_says_where_the_result_is(folds: Project) -> None:
    first = folds.run_here("RunConfig.run_name=first")
    done = folds.command()
    said = rf"nothing to do: Sum is from run first \({first.run_id[:8]}\), just now, by \S+\n"
    assert re.search(said + rf"  files   {first.artifact_dir}/Sum\n", done.out)
    assert re.search(r"Sum +reused from first +1 B +sum 3", done.out)
    document = json.loads(folds.command("--json").out)
    assert (document["status"], document["results"]) == ("UNCHANGED", ["Sum"])
    task = document["tasks"][-1]
    manifest = manifests.read(first.artifact_dir / "Sum")
    assert manifest is not None
    assert task["origin"] == "first" and task["origin_id"] == first.run_id
    assert task["computed"] == manifest.created.isoformat()
    assert (task["user"], task["metrics"]) == (manifest.made_by.user, {"sum": 3})
    assert len(folds.runs()) == 1


def test_nothing_to_do_below_a_wrapper(folds: Project) -> None:
    folds.run_here("RunConfig.task=Both")
    report = folds.run_here("RunConfig.task=Both")
    assert (report.status, report.results) == ("UNCHANGED", ("Sum", "Side"))
    out = folds.command("Both").out
    assert out.count("nothing to do: ") == 2 and out.count("  files   ") == 2


def test_a_record_of_nothing_is_made_when_asked_for(folds: Project) -> None:
    folds.run_here()
    assert json.loads(folds.command("--record", "--json").out)["status"] == "FINISHED"
    assert [run.data.metrics for run in folds.runs()] == [{"sum": 3}] * 2
