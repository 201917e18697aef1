"""Sweeps of which several processes, or one after another, do a part."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project
from tests.sweeping import SWEEP, ran, sweep, sweeping

TWENTY = SWEEP.replace("[0.25, 0.5, 0.75]", "{low = 1, high = 20}")


def until(done: Any, what: str, seconds: float = 60.0) -> None:
    """Waits for something that other processes bring about."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.02)


def lines(project: Project) -> int:
    file = project.root / "ran.txt"
    return len(file.read_text().splitlines()) if file.exists() else 0


def trained_once(project: Project, count: int = 20) -> None:
    """Each trial computed once, and what they share once for all."""
    counts = Counter(ran(project))
    assert counts.pop("Prepare") == 1
    assert counts == {f"Train {float(x)} 0": 1 for x in range(1, count + 1)}


def test_parallel_trials_share_what_no_key_reaches(project: Project) -> None:
    sweeping(project, TWENTY, "[Train]\nseconds = 0.02")
    found = sweep(project, "--parallel", "2")
    assert {trial["state"] for trial in found["trials"]} == {"done"}
    trained_once(project)
    processes = {
        run.data.tags["runner.process"] for run in project.runs() if "runner.trial" in run.data.tags
    }
    assert len(processes) == 2


def test_after_a_kill_the_rest_is_done_and_no_more(project: Project) -> None:
    sweeping(project, TWENTY, "[Train]\nseconds = 0.1")
    process = project.fork("sweep", "--parallel", "2", "--run-name", "tuning")
    until(lambda: lines(project) > 8, "some trials")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    # The process that helped ends by itself.
    hands = f"{project.root}/mlflow.db"
    until(lambda: not users_of(hands), "the end of all processes")
    before = lines(project)
    assert before < 21
    found = json.loads(project.command("sweep", "--resume", "tuning", "--json").out)
    assert [t["number"] for t in found["trials"]] == list(range(20))
    assert {trial["state"] for trial in found["trials"]} == {"done"}
    counts = Counter(ran(project))
    assert counts.pop("Prepare") == 1
    assert set(counts) == {f"Train {float(x)} 0" for x in range(1, 21)}
    # What was being computed when it was killed has begun twice: one task of each process.
    assert sum(counts.values()) - 20 <= 2
    statuses = Counter(r.info.status for r in project.runs() if "runner.trial" in r.data.tags)
    assert statuses["FINISHED"] == 20 and statuses["RUNNING"] == 0
    names = [run.info.run_name for run in project.runs()]
    assert len(names) == len(set(names))  # those that were cut off have given theirs up
    assert {f"tuning-{number}" for number in range(20)} <= set(names)
    parent = next(run for run in project.runs() if run.info.run_name == "tuning")
    assert parent.info.status == "FINISHED"


def users_of(path: str) -> list[int]:
    """Processes other than this one that have a file open."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if any(os.readlink(link) == path for link in (entry / "fd").iterdir()):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def test_processes_that_join_do_no_trial_twice(project: Project) -> None:
    sweeping(project, TWENTY, "[Train]\nseconds = 0.15")
    owner = project.fork("sweep", "--run-name", "shared", "--json")
    until(lambda: lines(project) >= 2, "the first trial")
    two = [project.fork("sweep", "--join", "shared", "--json") for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in (owner, *two)]
    assert [process.returncode for process in (owner, *two)] == [0, 0, 0], outputs
    for out, _ in outputs:
        assert {trial["state"] for trial in json.loads(out)["trials"]} == {"done"}
    trained_once(project)
    trials = [run for run in project.runs() if "runner.trial" in run.data.tags]
    assert sorted(int(run.data.tags["runner.trial"]) for run in trials) == list(range(20))
    assert len({run.data.tags["runner.process"] for run in trials}) > 1


def test_a_process_that_helps_and_dies_loses_nothing(project: Project) -> None:
    six = SWEEP.replace("[0.25, 0.5, 0.75]", "{low = 1, high = 6}")
    sweeping(project, six, "[Train]\nseconds = 2.0")
    owner = project.start("sweep", "--parallel", "2", "--run-name", "short", "--json")
    helpers: list[int] = []

    def helper_at_work() -> bool:
        trials = [r for r in project.runs() if "runner.trial" in r.data.tags]
        pids = {int(r.data.tags["runner.process"].split("/")[1]) for r in trials}
        running = [r for r in trials if r.info.status == "RUNNING"]
        helpers[:] = pids - {owner.pid}
        return bool(helpers) and len(running) == 2

    until(helper_at_work, "two trials at once")
    os.kill(helpers[0], signal.SIGKILL)
    out, err = owner.communicate(timeout=120)
    found = json.loads(out)
    assert {trial["state"] for trial in found["trials"]} == {"done"}, err
    names = [run.info.run_name for run in project.runs()]
    assert {f"short-{number}" for number in range(6)} < set(names) and len(names) == 8


def test_who_joins_when_the_owner_was_killed_brings_it_to_its_end(project: Project) -> None:
    sweeping(project, SWEEP, "[Train]\nseconds = 0.5")
    owner = project.fork("sweep", "--run-name", "left")
    until(lambda: lines(project) >= 2, "the first trial")
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    found = json.loads(project.command("sweep", "--join", "left", "--json").out)
    assert {trial["state"] for trial in found["trials"]} == {"done"}
    parent = next(run for run in project.runs() if run.info.run_name == "left")
    assert parent.info.status == "FINISHED" and "best.run" in parent.data.tags


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(project: Project, signum: signal.Signals) -> None:
    sweeping(project, TWENTY, "[Train]\nseconds = 0.2")
    process = project.fork("sweep", "--run-name", "stopped")
    until(lambda: lines(project) >= 3, "two trials")
    process.send_signal(signum)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signum, err
    assert "sweep stopped" in out and "KILLED" in out and "Traceback" not in err
    (command,) = (line for line in out.splitlines() if line.strip().startswith("go on"))
    runs = project.runs()
    assert {run.info.status for run in runs} == {"FINISHED", "KILLED"}
    parent = next(run for run in runs if run.info.run_name == "stopped")
    assert parent.info.status == "KILLED" and parent.info.run_id in command
    artifacts = Path(parent.info.artifact_uri.removeprefix("file://"))
    assert (artifacts / "best.toml").exists() and (artifacts / "report.html").exists()


def test_resuming_what_is_at_work(project: Project) -> None:
    sweeping(project, SWEEP, "[Train]\nseconds = 2.0")
    process = project.fork("sweep", "--run-name", "busy")
    until(lambda: lines(project) >= 2, "the first trial")
    done = project.command("sweep", "--resume", "busy", code=2)
    process.kill()
    process.communicate()
    assert "at work at this moment" in done.err and "sweep --join busy" in done.err


def test_a_time_limit_lets_what_has_begun_end(project: Project) -> None:
    sweeping(project, SWEEP, "[Train]\nseconds = 1.5")
    found = sweep(project, "-o", "Sweep.time_limit=1.0")
    states = Counter(trial["state"] for trial in found["trials"])
    assert states == {"done": 1, "waiting": 2} and found["status"] == "FINISHED"
    rest = json.loads(project.command("sweep", "--resume", found["run_id"], "--json").out)
    assert sum(trial["state"] == "done" for trial in rest["trials"]) == 2
