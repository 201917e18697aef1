"""A run that is asked to stop ends KILLED, with the exit code of the signal."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.forked import Forked

WAITS = """
import os, time
from pathlib import Path
from runner import RunTask, requires

class Waits(RunTask):
    outputs = {"x": "x.txt"}
    def run(self):
        self.outputs["x"].write_text("half")
        Path("started").touch()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                time.sleep(0.05)
            except KeyboardInterrupt:
                if not Path("stubborn").exists():
                    raise
                break

@requires(Waits)
class After(RunTask):
    outputs = {"x": "x.txt"}
    def run(self):
        self.outputs["x"].touch()
"""


def wait_for(path: Path, process: subprocess.Popen[str] | Forked, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        with contextlib.suppress(subprocess.TimeoutExpired):
            assert process.wait(0.02) is None, process.communicate()
        assert time.monotonic() < deadline, f"{path} did not appear"


@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_the_run_as_killed(project: Project, signum: int, code: int) -> None:
    project.pipeline(WAITS, task="After")
    process = project.fork()
    wait_for(project.root / "started", process)
    process.send_signal(signum)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    (run,) = project.runs()
    assert run.info.status == "KILLED" and run.info.end_time
    assert "KILLED" in out and "Traceback" not in err
    artifacts = Path(run.info.artifact_uri)
    assert not (artifacts / "Waits").exists() and not (artifacts / "After").exists()


SLOW_TO_IMPORT = """
import time
from pathlib import Path
Path("started").touch()
time.sleep(30)
"""


@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_before_the_run_opens(project: Project, signum: int, code: int) -> None:
    project.pipeline(SLOW_TO_IMPORT, task="None")
    process = project.start()
    wait_for(project.root / "started", process)
    process.send_signal(signum)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, project.runs()) == (code, [])
    assert "interrupted before the run began" in err and "Traceback" not in err


def test_a_task_that_swallows_the_interrupt_does_not_keep_the_run_alive(project: Project) -> None:
    project.pipeline(WAITS, task="After")
    (project.root / "stubborn").touch()
    process = project.fork()
    wait_for(project.root / "started", process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143
    (run,) = project.runs()
    assert run.info.status == "KILLED"
    assert not (Path(run.info.artifact_uri) / "After").exists()
