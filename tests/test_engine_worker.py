"""luigi's worker, and the private names of MLflow that this project relies on."""

from __future__ import annotations

import inspect
import json
import socket
import subprocess
import sys
import urllib.request

from tests.conftest import Project


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


def test_mlflow_is_as_the_guard_expects_it() -> None:
    """When this fails, MLflow changed: read tracking/plugin.py and fluent.py against it."""
    from mlflow.server.handlers import TrackingStoreRegistryWrapper
    from mlflow.store.tracking.abstract_store import AbstractStore
    from mlflow.tracking import fluent
    from mlflow.tracking._tracking_service import utils
    from mlflow.utils.autologging_utils import AUTOLOGGING_INTEGRATIONS

    assert isinstance(AUTOLOGGING_INTEGRATIONS, dict)
    assert hasattr(fluent, "_active_experiment_id")
    assert parameters(utils._get_sqlalchemy_store) == ["store_uri", "artifact_uri"]
    assert parameters(utils._get_rest_store)[0] == "store_uri"
    assert callable(TrackingStoreRegistryWrapper._get_sqlalchemy_store)
    assert parameters(AbstractStore.create_run)[1:] == [
        "experiment_id",
        "user_id",
        "start_time",
        "tags",
        "run_name",
    ]
    update = ["run_id", "run_status", "end_time", "run_name"]
    assert parameters(AbstractStore.update_run_info)[1:] == update
    assert parameters(AbstractStore.log_batch)[1:] == ["run_id", "metrics", "params", "tags"]
    assert parameters(AbstractStore.log_metric)[1:] == ["run_id", "metric"]


ORDERED = """
import luigi
from runner import RunTask

class Part(RunTask):
    n = luigi.IntParameter()
    outputs = {"x": "x.txt"}

    @property
    def priority(self):
        return self.n

    @property
    def resources(self):
        return {"slot": 1}

    def run(self):
        self.outputs["x"].touch()
        with open("order.txt", "a") as file:
            file.write(f"{self.n} ")

class All(luigi.WrapperTask):
    def requires(self):
        return [Part(n=n) for n in (1, 3, 2)]
"""


def test_priorities_and_resources_are_luigis(project: Project) -> None:
    project.pipeline(ORDERED, task="All", config="[resources]\nslot = 1\n")
    assert project.run_here().ok
    assert (project.root / "order.txt").read_text() == "3 2 1 "


def test_a_resource_that_is_not_there_runs_nothing(project: Project) -> None:
    project.pipeline(ORDERED, task="All", config="[resources]\nslot = 0\n")
    report = project.run_here()
    assert report.status == "FAILED"
    assert {task.status for task in report.tasks} == {"not run"}


def test_a_failed_task_stops_only_what_needs_it(project: Project) -> None:
    project.pipeline(
        """
        import luigi
        from runner import RunTask, requires

        class Good(RunTask):
            outputs = {"x": "x.txt"}
            def run(self):
                self.outputs["x"].touch()

        class Bad(RunTask):
            outputs = {"x": "x.txt"}
            priority = 10
            def run(self):
                self.outputs["x"].write_text("half")
                raise ValueError("no")

        @requires(Good, Bad)
        class Below(RunTask):
            outputs = {"x": "x.txt"}
        """,
        task="Below",
    )
    report = project.run_here()
    assert {task.name: task.status for task in report.tasks} == {
        "Good": "ran",
        "Bad": "failed",
        "Below": "not run",
    }
    tags = project.client.get_run(report.run_id).data.tags
    assert tags["runner.failed_task"] == "Bad" and "ValueError: no" in tags["runner.error"]
    assert "ValueError: no" in (report.artifact_dir / "runner.log").read_text()
    again = project.run_here(*report.resume)
    assert {task.name: task.status for task in again.tasks}["Good"] == "reused"


def test_the_central_scheduler_of_luigi(project: Project) -> None:
    project.pipeline(ORDERED, task="All")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = ["--address", "127.0.0.1", "--port", str(port), "--state-path", "luigid.state"]
    luigid = [sys.executable, "-c", "from luigi.cmdline import luigid; luigid()", *address]
    process = subprocess.Popen(
        luigid, cwd=project.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        url = f"http://127.0.0.1:{port}"
        while process.poll() is None:
            try:
                urllib.request.urlopen(f"{url}/api/task_list", timeout=5).close()
                break
            except OSError:
                continue
        report = project.run_here(f"core.scheduler_url={url}")
        with urllib.request.urlopen(f"{url}/api/task_list?data=%7B%7D", timeout=5) as answer:
            seen = json.load(answer)["response"]
    finally:
        process.terminate()
        process.wait(timeout=30)
    assert report.ok and {task["status"] for task in seen.values()} == {"DONE"}
