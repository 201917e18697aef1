"""What tasks log by MLflow's own functions reaches the pipeline's run, and nothing else does."""

from __future__ import annotations

import os

import mlflow
import pytest

from tests.conftest import Project

ONE = """
import subprocess, sys, threading
import mlflow
from runner import RunTask

class One(RunTask):
    outputs = {"x": "x.txt"}

    def run(self):
        self.outputs["x"].touch()
%s
"""


def logs(project: Project, body: str) -> None:
    lines = "".join(f"        {line}\n" for line in body.strip("\n").splitlines())
    project.pipeline(ONE % lines, task="One")


def test_active_run_is_the_pipelines(project: Project) -> None:
    logs(project, "mlflow.set_tag('seen', mlflow.active_run().info.run_id)")
    report = project.run_here()
    (run,) = project.runs()
    assert run.data.tags["seen"] == report.run_id == run.info.run_id


def test_a_thread_of_a_task_logs_to_the_run(project: Project) -> None:
    logs(
        project,
        """
thread = threading.Thread(target=lambda: mlflow.log_metric("threaded", 1))
thread.start(); thread.join()
""",
    )
    project.run_here()
    (run,) = project.runs()
    assert run.data.metrics == {"threaded": 1}
    assert run.info.status == "FINISHED"


def test_a_child_process_of_a_task_logs_to_the_run_and_cannot_end_it(project: Project) -> None:
    code = "import mlflow; mlflow.log_metric('child', 3)"
    logs(project, f'subprocess.run([sys.executable, "-c", "{code}"], check=True)')
    project.run_here()
    (run,) = project.runs()
    assert run.data.metrics == {"child": 3}
    assert run.info.status == "FINISHED"


def test_a_task_cannot_end_or_delete_or_replace_the_run(project: Project) -> None:
    logs(
        project,
        """
run_id = mlflow.active_run().info.run_id
mlflow.end_run("FAILED")
mlflow.log_metric("after_end", 1)
with mlflow.start_run() if mlflow.active_run() is None else mlflow.start_run(nested=True):
    pass
mlflow.MlflowClient().set_terminated(run_id, "KILLED")
mlflow.delete_run(run_id)
""",
    )
    assert project.run_here().status == "FINISHED"
    runs = project.runs()
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert [run.info.status for run in parents] == ["FINISHED"]
    assert parents[0].data.metrics == {"after_end": 1}


def test_a_nested_run_that_is_asked_for_is_a_child(project: Project) -> None:
    logs(
        project,
        """
for alpha in (1, 2):
    with mlflow.start_run(nested=True, run_name=f"alpha {alpha}"):
        mlflow.log_param("alpha", alpha)
""",
    )
    report = project.run_here()
    children = [run for run in project.runs() if run.info.run_id != report.run_id]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {report.run_id}
    assert {run.data.params["alpha"] for run in children} == {"1", "2"}


def test_set_experiment_inside_a_task_does_not_move_the_run(project: Project) -> None:
    logs(project, "mlflow.set_experiment('elsewhere'); mlflow.log_metric('m', 1)")
    report = project.run_here()
    (run,) = project.runs()
    assert run.data.metrics == {"m": 1}
    assert project.client.get_experiment(run.info.experiment_id).name == "trial"
    assert report.ok


def test_async_metrics_are_flushed_before_the_run_is_closed(project: Project) -> None:
    logs(
        project,
        """
for step in range(50):
    mlflow.log_metric("m", step, step=step, synchronous=False)
""",
    )
    report = project.run_here()
    assert len(project.client.get_metric_history(report.run_id, "m")) == 50
    assert report.tasks[0].metrics == {"m": 49}


def test_autologging_reaches_the_run_and_does_not_leak(project: Project) -> None:
    project.pipeline(
        """
import mlflow
from runner import RunTask, requires
from sklearn.linear_model import LinearRegression

def fit():
    LinearRegression().fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.5])

class Logged(RunTask):
    outputs = {"x": "x.txt"}
    def run(self):
        mlflow.sklearn.autolog(log_models=False, silent=True)
        fit()
        self.outputs["x"].touch()

@requires(Logged)
class Silent(RunTask):
    outputs = {"x": "x.txt"}
    def run(self):
        fit()
        self.outputs["x"].touch()
""",
        task="Silent",
    )
    report = project.run_here()
    metrics = {task.name: set(task.metrics) for task in report.tasks}
    assert "training_mean_squared_error" in metrics["Logged"]
    assert metrics["Silent"] == set()
    (run,) = project.runs()
    assert run.info.status == "FINISHED" and "fit_intercept" in run.data.params


def test_metrics_that_mlflow_repeats_for_a_model_stay_their_tasks(project: Project) -> None:
    project.pipeline(
        """
import mlflow
from runner import RunTask, requires
from sklearn.linear_model import LinearRegression

class First(RunTask):
    outputs = {"x": "x.txt"}
    def run(self):
        mlflow.log_metric("mine", 1.5)
        self.outputs["x"].touch()

@requires(First)
class Fit(RunTask):
    outputs = {"x": "x.txt"}
    def run(self):
        mlflow.autolog(silent=True)
        LinearRegression().fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.5])
        self.outputs["x"].touch()
""",
        task="Fit",
    )
    report = project.run_here()
    metrics = {task.name: set(task.metrics) for task in report.tasks}
    assert metrics["First"] == {"mine"}
    assert "mine" not in metrics["Fit"] and "training_r2_score" in metrics["Fit"]


def test_a_generator_that_starts_again_logs_once(project: Project) -> None:
    project.pipeline(
        """
from pathlib import Path
import luigi, mlflow
from runner import RunTask

class Part(RunTask):
    n = luigi.IntParameter()
    outputs = {"n": "n.txt"}
    def run(self):
        mlflow.log_metric(f"part{self.n}", self.n)
        self.outputs["n"].write_text(str(self.n))

class Whole(RunTask):
    outputs = {"sum": "sum.txt"}
    def run(self):
        total = 0
        for n in range(3):
            mlflow.log_metric("step", n, step=n)
            part = yield Part(n=n)
            total += int(Path(part["n"].path).read_text())
        mlflow.log_metric("total", total)
        self.outputs["sum"].write_text(str(total))
""",
        task="Whole",
    )
    report = project.run_here()
    assert report.ok, report.traceback
    history = project.client.get_metric_history(report.run_id, "step")
    assert [(point.step, point.value) for point in history] == [(0, 0), (1, 1), (2, 2)]
    whole = next(task for task in report.tasks if task.name == "Whole")
    assert whole.metrics == {"step": 2, "total": 3}
    parts = [task for task in report.tasks if task.name.startswith("Part")]
    assert len({task.directory for task in parts}) == 3


def test_what_was_set_before_the_run_is_set_after_it(project: Project) -> None:
    project.pipeline()
    mlflow.set_tracking_uri(f"sqlite:///{project.root}/mlflow.db")
    try:
        mlflow.set_experiment("of the embedding program")
        with mlflow.start_run() as outer:
            inner = project.run_here()
            mlflow.log_metric("outer", 1)
        with mlflow.start_run() as later:
            pass
    finally:
        mlflow.set_tracking_uri(None)
    experiments = {run.info.run_id: run.info.experiment_id for run in project.runs()}
    assert experiments[outer.info.run_id] == experiments[later.info.run_id]
    assert experiments[inner.run_id] != experiments[outer.info.run_id]
    assert project.client.get_run(inner.run_id).data.metrics == {"written": 5, "counted": 5}
    assert project.client.get_run(outer.info.run_id).data.metrics == {"outer": 1}
    assert "RUNNER_RUN_ID" not in os.environ


@pytest.mark.parametrize("value", ["'abc'", "None"])
def test_a_metric_that_mlflow_refuses_is_nobodys(project: Project, value: str) -> None:
    task = """
        from runner import RunTask
        import mlflow

        class One(RunTask):
            outputs = {"one": "one.txt"}
            def run(self):
                mlflow.log_metric("good", 1)
                try:
                    mlflow.log_metric("good", VALUE)
                except mlflow.MlflowException:
                    self.outputs["one"].write_text("refused")

        class Two(RunTask):
            def requires(self):
                return One()
            def run(self):
                mlflow.log_metric("bad", VALUE)
    """
    project.pipeline(task.replace("VALUE", value), task="Two")
    done = project.command(code=1)
    assert "Two   failed" in done.out and "good 1" in done.out and "bad" not in done.out
    assert "continue" in done.out and "cli/tables.py" not in done.err
    (run,) = project.runs()
    assert run.data.metrics == {"good": 1}
    assert (next(project.root.glob("mlruns/*/*/artifacts/report.html"))).exists()


def test_the_last_value_is_that_of_the_last_step(project: Project) -> None:
    """As in MLflow, whose models have the points of the first step logged again."""
    logs(
        project,
        """
from sklearn.dummy import DummyClassifier
for step in range(5):
    mlflow.log_metric("loss", 1 - step / 10, step=step)
mlflow.log_metric("early", 1, step=3)
mlflow.log_metric("early", 2, step=1)
model = DummyClassifier().fit([[0], [1]], [0, 1])
mlflow.sklearn.log_model(model, name="model", pip_requirements=[], serialization_format="skops")
""",
    )
    report = project.run_here("RunConfig.reuse=auto")
    assert report["One"].metrics == {"loss": 0.6, "early": 1}
    again = project.run_here("RunConfig.reuse=auto", record=True)
    assert again["One"].status == "reused" and again["One"].metrics == {"loss": 0.6, "early": 1}
    for run in project.runs():
        assert run.data.metrics == {"loss": 0.6, "early": 1}
