"""`runner ui`: MLflow's own UI, for this host alone."""

from __future__ import annotations

import os
import signal
import socket
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest

from runner.cli import main
from tests.conftest import Project
from tests.test_cli import free_port

PATIENCE = 120.0


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What `runner ui` would become: program, arguments, environment."""
    calls: list[Any] = []
    monkeypatch.setattr(os, "execve", lambda *args: calls.append(args))
    return calls


def ui(*args: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["ui", *args])
    return int(ended.value.code or 0)


def test_the_command_that_is_started(project: Project, started: list[Any]) -> None:
    project.pipeline()
    port = free_port()
    assert ui("--port", str(port)) == 0
    ((program, args, environment),) = started
    assert program == args[0] == sys.executable
    assert args[1:6] == ["-W", "ignore", "-m", "mlflow", "server"]
    assert args[args.index("--host") + 1] == "127.0.0.1"
    assert args[args.index("--allowed-hosts") + 1] == f"127.0.0.1:{port},localhost:{port}"
    assert args[args.index("--default-artifact-root") + 1] == f"{project.root}/mlruns"
    assert environment["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{project.root}/mlflow.db"
    assert "sqlite" not in " ".join(args)


def test_a_project_on_a_server_is_sent_there(
    project: Project, started: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    project.pipeline(config='tracking_uri = "http://me:secret-of-me@tracking.example:5000"\n')
    assert ui() == 0
    assert started == []
    out = capsys.readouterr().out
    assert "tracking.example:5000" in out and "secret-of-me" not in out


def test_a_port_that_is_taken(
    project: Project, started: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    project.pipeline()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert ui("--port", str(port)) == 2
    assert started == []
    assert f"port {port} of 127.0.0.1 can't be used" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["0", "65536", "x"])
def test_a_port_that_is_none(project: Project, port: str) -> None:
    assert ui("--port", port) == 2


def status(port: int, path: str, host: str | None = None, origin: str | None = None) -> int:
    headers = {"Host": host} if host else {}
    headers |= {"Origin": origin} if origin else {}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def wait_for(process: Any) -> None:
    said = []
    for line in process.stderr:
        said.append(line)
        if "running on http" in line:
            return
    raise AssertionError("".join(said))


def test_it_serves_this_host_and_refuses_foreign_names(project: Project) -> None:
    project.pipeline()
    port = free_port()
    process = project.start("ui", "--port", str(port), start_new_session=True)
    try:
        wait_for(process)
        assert status(port, "/health") == 200
        assert status(port, "/api/2.0/mlflow/experiments/get?experiment_id=0") == 200
        foreign = ["evil.example", f"127.0.0.1.evil.example:{port}", f"localhost.evil:{port}"]
        for host in foreign:
            path = "/api/2.0/mlflow/experiments/get?experiment_id=0"
            assert status(port, path, host) == 403, host
            assert status(port, "/", host) == 403, host
        assert status(port, "/", f"localhost:{port}") == 200
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
