"""`runner resume`: a run that did not finish is gone on with, from its own config."""

from __future__ import annotations

import json
import os
import shlex
import signal
from pathlib import Path
from typing import Any

import pytest

from runner.tracking import reaper
from tests.conftest import Project
from tests.test_kill import wait_for
from tests.test_tracking_reaper import dead_process, left_running

TASKS = """
import random, signal
from pathlib import Path
import luigi
from runner import RunTask, TaskConfig, requires

def tally(name):
    with open("tally.txt", "a") as file:
        file.write(name + " ")

class ReadConfig(TaskConfig):
    rows: int = 1
    token: str = ""

class Read(RunTask):
    config: ReadConfig
    outputs = {"out": "out.txt"}
    def run(self):
        tally("Read")
        self.outputs["out"].write_text(f"{self.config.rows} {random.random()}")

@requires(Read)
class Fold(RunTask):
    n = luigi.IntParameter(0)
    priority = property(lambda self: 10 - self.n)
    outputs = {"out": "out.txt"}
    def run(self):
        tally(f"Fold{self.n}")
        if self.n == 2:
            if Path("wait").exists():
                Path("marker").touch()
                signal.pause()
            if Path("fail").exists():
                raise ValueError("no data")
        self.outputs["out"].write_text(self.inputs["out"].read_text())

class Sum(RunTask):
    outputs = {"out": "out.txt"}
    def requires(self):
        return [Fold(n=1), Fold(n=2)]
    def run(self):
        tally("Sum")
        self.outputs["out"].write_text(str([t.path for t in self.input()[0].values()]))
"""


@pytest.fixture
def folds(project: Project) -> Project:
    project.pipeline(TASKS, task="Sum")
    return project


def tallied(project: Project) -> list[str]:
    tally = project.root / "tally.txt"
    words = tally.read_text().split() if tally.exists() else []
    tally.unlink(missing_ok=True)
    return words


def failed(project: Project, *overrides: str, **request: Any) -> Any:
    (project.root / "fail").touch()
    report = project.run_here(*overrides, **request)
    (project.root / "fail").unlink()
    assert report.status == "FAILED"
    tallied(project)
    return report


def resumed(project: Project, *args: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(project.command("resume", *args, "--json").out)
    return document


@pytest.mark.parametrize("reuse", ["auto", "pinned"])
def test_after_a_kill_what_was_completed_is_taken(folds: Project, reuse: str) -> None:
    (folds.root / "wait").touch()
    process = folds.fork("-o", f"RunConfig.reuse={reuse}", "-o", "Read.rows=7")
    wait_for(folds.root / "marker", process)
    busy = folds.command("resume", folds.runs()[0].info.run_id[:9], code=2)
    assert "is at work at this moment" in busy.err
    assert "is unfinished" in folds.command("resume", code=2).err
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    (folds.root / "wait").unlink()
    (dead,) = folds.runs()
    assert tallied(folds) == ["Read", "Fold1", "Fold2"]

    plan = folds.command("resume", "--dry-run")
    assert f"resuming run {dead.info.run_name} ({dead.info.run_id}), RUNNING" in plan.err
    assert len(folds.runs()) == 1 and "Sum" in plan.out

    document = resumed(folds)
    assert document["status"] == "FINISHED"
    # Fold is pinned as a whole or not at all, while each of them has a fingerprint of its own.
    again = ["Fold2", "Sum"] if reuse == "auto" else ["Fold1", "Fold2", "Sum"]
    assert tallied(folds) == again
    new = folds.client.get_run(document["run_id"])
    assert new.data.tags["resumes"] == dead.info.run_id
    assert new.data.tags["reused.Read"] == dead.info.run_id
    assert new.data.params["Read.rows"] == "7"
    assert folds.client.get_run(dead.info.run_id).info.status == "KILLED"
    assert "is unfinished" in folds.command("resume", code=2).err


def test_the_config_of_that_run_is_used_and_can_be_changed(folds: Project) -> None:
    config = folds.root / "luigi.toml"
    config.write_text(config.read_text() + '[Read]\nrows = 5\ntoken = "${TOKEN}"\n')
    os.environ["TOKEN"] = "abc"
    first = failed(folds)
    config.write_text(config.read_text().replace("rows = 5", "rows = 6"))
    document = resumed(folds, first.run_name)
    new = folds.client.get_run(document["run_id"])
    assert (new.data.params["Read.rows"], new.data.params["Read.token"]) == ("5", "${TOKEN}")
    assert tallied(folds) == ["Fold1", "Fold2", "Sum"]
    snapshot = Path(document["artifact_dir"], "luigi.toml").read_text()
    assert 'token = "${TOKEN}"' in snapshot

    third = failed(folds, "Read.rows=9", "RunConfig.reuse=auto")
    document = resumed(folds, third.run_id, "-o", "Read.rows=10")
    assert folds.client.get_run(document["run_id"]).data.params["Read.rows"] == "10"
    assert tallied(folds) == ["Read", "Fold1", "Fold2", "Sum"]


def test_the_newest_that_is_still_open_is_meant(folds: Project) -> None:
    first = failed(folds)
    second = failed(folds, "Read.rows=2")
    (folds.root / "fail").touch()
    again = folds.command("resume", code=1)
    assert second.run_id in again.err
    (folds.root / "fail").unlink()
    third = folds.runs()[0].info.run_id
    assert resumed(folds)["status"] == "FINISHED"
    assert folds.runs()[0].data.tags["resumes"] == third
    resumed(folds)
    assert folds.runs()[0].data.tags["resumes"] == first.run_id
    assert "no run of the experiment 'trial' is unfinished" in folds.command("resume", code=2).err
    done = folds.runs()[0].info.run_id
    assert "is finished: nothing is left" in folds.command("resume", done, code=2).err
    assert "is called 'nobody'" in folds.command("resume", "nobody", code=2).err


def test_other_peoples_runs_are_not_resumed_by_default(folds: Project) -> None:
    folds.run_here()
    client = folds.client
    experiment = client.get_experiment_by_name("trial").experiment_id
    client.set_terminated(client.create_run(experiment).info.run_id, "FAILED")  # no runner's
    elsewhere = left_running(folds, dead_process(), host="another")
    assert reaper.state(client.get_run(elsewhere).data.tags) == "unknown"
    assert "is unfinished" in folds.command("resume", code=2).err


def test_what_was_forced_is_computed_once(folds: Project) -> None:
    auto = "RunConfig.reuse=auto"
    old = folds.run_here(auto)
    first = failed(folds, auto, force=["Read", "Fold", "Sum"])
    document = resumed(folds)
    origins = {task["name"]: task["origin_id"] for task in document["tasks"]}
    assert origins["Read"] == first.run_id != old.run_id
    assert tallied(folds) == ["Fold1", "Fold2", "Sum"]


def test_a_failure_says_how_to_go_on(folds: Project) -> None:
    (folds.root / "fail").touch()
    done = folds.command("Sum", "-c", "luigi.toml", "-o", "Read.rows=3", code=1)
    (line,) = [line for line in done.out.splitlines() if "  continue  " in line]
    words = shlex.split(line)[-4:]
    assert words == ["resume", folds.runs()[0].info.run_id, "-c", "luigi.toml"]
    again = folds.command(*words, code=1)
    assert f"resume {folds.runs()[0].info.run_id} -c luigi.toml" in again.out
    (folds.root / "fail").unlink()
    assert folds.command(*words, "-q").err == ""
    assert folds.runs()[0].data.params["Read.rows"] == "3"


def test_a_secret_in_the_config_is_asked_for(folds: Project) -> None:
    (folds.root / "fail").touch()
    folds.write(".env", "MY_TOKEN=hunter22secret\n")
    done = folds.command("-o", "Read.token=hunter22secret", code=1)
    assert "continue" in done.out and "resume" not in done.out
    assert "-o Read.token=***" in done.out
    refused = folds.command("resume", code=2)
    assert "has *** where a secret was: Read.token" in refused.err
    (folds.root / "fail").unlink()
    assert resumed(folds, "-o", "Read.token=hunter22secret")["status"] == "FINISHED"


def test_a_project_without_runs(bare_project: Project) -> None:
    bare_project.pipeline(TASKS, task="Sum")
    assert "there are no runs yet" in bare_project.command("resume", code=2).err
    assert not (bare_project.root / "mlflow.db").exists()


def test_a_config_that_is_gone(folds: Project) -> None:
    first = failed(folds)
    (first.artifact_dir / "luigi.toml").unlink()
    assert "has no config to go on with" in folds.command("resume", code=2).err
