"""`runner ui`: what it starts, and what it refuses; tests/test_ui_server.py has it at work."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

import pytest

from runner.cli import main
from tests.conftest import Project
from tests.test_cli import free_port


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
