"""Runs whose process died are marked KILLED at the next start; others are left alone."""

from __future__ import annotations

import os
import socket

from runner.tracking import reaper
from tests.conftest import Project


def left_running(project: Project, process: str, host: str | None = None) -> str:
    client = project.client
    tags = {reaper.HOST_TAG: host or socket.gethostname(), reaper.PROCESS_TAG: process}
    return str(client.create_run("0", tags=tags).info.run_id)


def dead_process() -> str:
    namespace, _, started = reaper.process_tag().rpartition("/")
    namespace = namespace.rpartition("/")[0]
    return f"{namespace}/{os.getpid()}/{float(started) - 1000:.2f}"  # its id was given to us since


def test_only_the_dead_of_this_host_are_reaped(project: Project) -> None:
    dead = left_running(project, dead_process())
    child = project.client.create_run("0", tags={"mlflow.parentRunId": dead}).info.run_id
    alive = left_running(project, reaper.process_tag())
    elsewhere = left_running(project, dead_process(), host="another")
    contained = left_running(project, f"other-namespace/{os.getpid()}/1.00")
    nobodys = project.client.create_run("0").info.run_id
    assert set(reaper.reap(project.client)) == {dead, child}
    status = {run.info.run_id: run.info.status for run in project.runs()}
    assert status[dead] == status[child] == "KILLED"
    assert {status[i] for i in (alive, elsewhere, contained, nobodys)} == {"RUNNING"}


def test_the_next_start_reaps(project: Project) -> None:
    dead = left_running(project, dead_process())
    project.pipeline()
    project.run_here()
    run = project.client.get_run(dead)
    assert run.info.status == "KILLED" and run.info.end_time
