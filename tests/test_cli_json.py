"""`--json`, of every command: one document on stdout, and nothing else."""

from __future__ import annotations

import json
import os
from typing import Any

import click
import pytest

from runner.cli import app, program
from tests.conftest import Project
from tests.experiments import project_with_runs, with_runs
from tests.test_cli import free_port

__all__ = ["project_with_runs", "with_runs"]


def command(name: str) -> click.Command:
    found = app.group.get_command(click.Context(app.group), name)
    assert found is not None
    return found


def arguments(name: str) -> list[str]:
    """Something for each argument that a command must have."""
    words: list[str] = []
    for argument in (p for p in command(name).params if isinstance(p, click.Argument)):
        word = "3" if isinstance(argument.type, click.IntRange | click.types.IntParamType) else "x"
        words += [word] * (2 if argument.nargs == -1 else argument.required)
    return words


def error(project: Project, *args: str, code: int) -> str:
    done = project.command(*args, "--json", code=code)
    document = json.loads(done.out)
    assert set(document) == {"status", "exit_code", "error"}
    assert (document["status"], document["exit_code"]) == ("ERROR", code)
    assert document["error"].splitlines()[0] in done.err
    return str(document["error"])


@pytest.mark.parametrize("name", program.COMMANDS)
def test_every_command_has_it_for_what_goes_wrong_too(project: Project, name: str) -> None:
    (option,) = (p for p in command(name).params if p.name == "as_json")
    assert option.opts == ["--json"]
    assert "no-such-option" in error(project, name, "--no-such-option", code=2)
    (project.root / ".env").write_text("RUNNER_LOG_LEVEL=loud\n")
    assert "RUNNER_LOG_LEVEL" in error(project, name, *arguments(name), code=2)
    (project.root / ".env").unlink()
    if any("--config" in p.opts for p in command(name).params):
        where = ("-c", "nowhere.toml")
        assert "nowhere.toml: there is no such file" in error(
            project, name, *arguments(name), *where, code=2
        )


def test_a_mistake_of_the_runner_is_a_document_too(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("runner.cli.run.project", lambda files: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        app.exit_code(["run", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert said == {
        "status": "ERROR",
        "exit_code": 1,
        "error": "ZeroDivisionError: division by zero",
    }
    monkeypatch.setattr("runner.cli.run.project", lambda files: _interrupted())
    assert app.exit_code(["run", "--json"]) == 143
    said = json.loads(capsys.readouterr().out)
    assert said == {
        "status": "ERROR",
        "exit_code": 143,
        "error": "interrupted before the run began",
    }


def _interrupted() -> None:
    import signal

    from runner.errors import Interrupted

    raise Interrupted(signal.SIGTERM)


def test_why(project_with_runs: Project) -> None:
    done = project_with_runs.command("why", "Write", "-o", "Write.text=other", "--json")
    (task,) = json.loads(done.out)["tasks"]
    assert task["name"] == "Write" and set(task) == {
        *("name", "reason", "compared_with", "differences", "code")
    }
    assert any("text" in difference for difference in task["differences"])


def test_gc(project: Project) -> None:
    project.pipeline()
    report = project.run_here()
    assert json.loads(project.command("gc", "--json").out) == {
        "freed": False,
        "directories": [],
        "size": 0,
        "entries": 0,
        "elsewhere": 0,
        "waits_for": "",
    }
    project.client.delete_run(report.run_id)
    for freed in (False, True):
        done = project.command("gc", *(["--delete"] if freed else []), "--json")
        found = json.loads(done.out)
        assert found["freed"] is freed and found["size"] == sum(
            directory["size"] for directory in found["directories"]
        )
        names = {os.path.basename(directory["directory"]) for directory in found["directories"]}
        assert names == {"Write", "Count"}
        (run,) = {(d["run_id"], d["why"]) for d in found["directories"]}
        assert run == (report.run_id, "deleted")


def test_ui(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.pipeline()

    def become(*args: Any) -> None:
        os.write(1, b"what the server prints\n")

    monkeypatch.setattr(os, "execve", become)
    port = free_port()
    done = project.command("ui", "--port", str(port), "--json")
    assert json.loads(done.out) == {
        "url": f"http://127.0.0.1:{port}",
        "tracking_uri": f"sqlite:///{project.root}/mlflow.db",
    }
    assert "what the server prints" in done.err
    server = "tracking_uri = 'http://me:hidden-word@tracking.example:5000'\n"
    project.pipeline(config=server)
    done = project.command("ui", "--json")
    assert json.loads(done.out)["url"] == "http://me:***@tracking.example:5000"
