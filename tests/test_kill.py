"""SIGKILL in the middle of a task leaves nothing that is taken for complete."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from runner.artifacts import contents
from runner.artifacts import manifest as manifests
from runner.errors import MissingInputError
from tests.conftest import Project
from tests.test_signals import wait_for

WRITES = """
import os, signal
from pathlib import Path
import mlflow
from runner import RunTask, requires

class Write(RunTask):
    outputs = {"a": "a.bin", "b": "b.bin"}
    def run(self):
        self.outputs["a"].write_bytes(b"a" * 100_000)
        mlflow.log_metric("half", 1)
        with open(self.outputs["b"], "wb") as file:
            file.write(b"b" * 50_000)
            file.flush()
            if Path("wait").exists():
                Path("marker").touch()
                signal.pause()
            file.write(b"b" * 50_000)

@requires(Write)
class Count(RunTask):
    outputs = {"count": "count.txt"}
    def run(self):
        size = sum(path.stat().st_size for path in self.inputs.values())
        self.outputs["count"].write_text(str(size))
"""


def killed_in_the_middle(project: Project, *args: str) -> None:
    (project.root / "wait").touch()
    process = project.fork(*args)
    wait_for(project.root / "marker", process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    (project.root / "wait").unlink()
    (project.root / "marker").unlink()


def test_a_killed_run_leaves_nothing_that_a_later_one_takes(project: Project) -> None:
    project.pipeline(WRITES)
    killed_in_the_middle(project)
    (dead,) = project.runs()
    assert dead.info.status == "RUNNING"
    artifacts = Path(dead.info.artifact_uri)
    assert (artifacts / ".Write.partial" / "a.bin").exists()
    assert not (artifacts / "Write").exists()
    for pin in (
        f"run:{dead.info.run_name}",
        f"runs:/{dead.info.run_id}/Write",
        f"{artifacts}/Write",
        f"{artifacts}/.Write.partial",
    ):
        with pytest.raises(MissingInputError):
            project.run_here(f"PathConfig.Write={pin}")
    done = project.command("-o", f"PathConfig.Write=run:{dead.info.run_name}", code=3)
    assert "no recent run has Write" in done.err and "Traceback" not in done.err

    report = project.run_here()
    assert report.ok
    assert project.client.get_run(dead.info.run_id).info.status == "KILLED"
    assert (report.artifact_dir / "Count" / "count.txt").read_text() == "200000"


def test_a_killed_run_leaves_a_place_outside_of_it_free(project: Project, tmp_path: Path) -> None:
    project.pipeline(WRITES)
    place = tmp_path / "kept" / "Write"
    pin = f"PathConfig.Write={place}"
    killed_in_the_middle(project, "-o", pin)
    assert not place.exists()
    report = project.run_here(pin)
    assert report.ok, report.error
    assert {task.name: task.status for task in report.tasks} == {"Write": "ran", "Count": "ran"}
    manifest = manifests.read(place)
    assert manifest is not None and manifest.made_by.run_id == report.run_id
    assert contents.damage(place, manifest, digests=True) is None
    assert [run.info.status for run in project.runs()] == ["FINISHED", "KILLED"]
