"""`--only`, which runs one task on real inputs, and debuggers in tasks."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import subprocess
import termios
from typing import Any

import pytest

import runner
from runner.errors import MissingInputError
from tests.conftest import PIPELINE, Project

FAILS = PIPELINE.replace(
    'count = len(self.inputs["text"].read_text())',
    'text = self.inputs["text"].read_text()\n        count = sum(map(int, [text]))',
)


def statuses(report: Any) -> dict[str, str]:
    return {task.name: task.status for task in report.tasks}


def test_one_task_runs_alone_even_when_it_is_complete(project: Project) -> None:
    project.pipeline()
    with pytest.raises(MissingInputError) as raised:
        runner.run(task="Count", only=True)
    assert str(raised.value) == (
        "Count can't run alone: Write is missing\n"
        "  compute it first, with the same config: python -m runner Write"
    )
    first = runner.run(task="Write")  # reuse is "pinned", as always
    for _ in range(2):
        report = runner.run(only=True)
        assert statuses(report) == {"Write": "reused", "Count": "ran"}
        assert report["Write"].origin_id == first.run_id
        assert project.client.get_run(report.run_id).data.tags["runner.forced"] == "Count"
    done = project.command("Count", "--only", "--no-reuse", code=3)
    assert "Write is missing" in done.err
    pin = f"PathConfig.Write=run:{first.run_name}"
    done = project.command("Count", "--only", "--no-reuse", "-o", pin, "--dry-run")
    assert re.search(r"Write +reused", done.out) and re.search(r"Count +to run +forced", done.out)


def test_a_failure_alone_is_tried_again_alone(project: Project) -> None:
    project.pipeline(FAILS)
    done = project.command(code=1)
    assert re.search(r"continue  .*runner resume [0-9a-f]{32}\n", done.out)
    done = project.command("--only", code=1)
    assert re.search(r"continue  .*runner --only\n", done.out)


def test_a_failure_is_looked_at_in_the_frame_of_the_project(project: Project) -> None:
    project.pipeline(FAILS.replace("sum(map(int, [text]))", "mlflow.log_metric('m', text)"))
    process = project.start("--pdb", "--engine", "inline", stdin=subprocess.PIPE)
    out, err = process.communicate("p text.upper()\ndown\nq\n", timeout=240)
    assert process.returncode == 1, err
    assert "src/tasks/__init__.py" in out.partition("(Pdb)")[0] and "HELLO" in out
    assert "site-packages" in out.partition("HELLO")[2].partition("(Pdb)")[2].partition("(Pdb)")[0]
    (run,) = project.runs()
    assert run.info.status == "FAILED" and run.data.tags["runner.failed_task"] == "Count"
    assert "FAILED" in out and "continue  " in out


def test_what_does_not_go_with_a_debugger_is_refused(project: Project) -> None:
    project.pipeline(FAILS)
    for more, said in {
        ("--json",): "--pdb and --json: choose one",
        ("--engine", "processes"): "--pdb and --engine processes: a debugger needs the engine",
    }.items():
        assert said in project.command("--pdb", *more, code=2).err
    done = project.run("--pdb", stdin=subprocess.DEVNULL, code=2)
    assert "--pdb: there is no terminal to type at" in done.err
    assert not project.runs()


def typed(project: Project, *args: str, lines: list[str]) -> tuple[str, int]:
    """What a terminal shows of a command, at whose prompts lines are typed, and its exit code."""
    own, its = pty.openpty()

    def attach() -> None:
        os.setsid()
        fcntl.ioctl(its, termios.TIOCSCTTY, 0)  # so that a typed Ctrl-C is a signal
        for stream in (0, 1, 2):
            os.dup2(its, stream)

    process = project.start(*args, env={"TERM": "xterm"}, preexec_fn=attach, pass_fds=(its,))
    os.close(its)
    shown, waiting, answered = b"", list(lines), 0
    while select.select([own], [], [], 120)[0]:
        try:
            shown += os.read(own, 65536)
        except OSError:  # the other end is closed
            break
        if waiting and shown.count(b"(Pdb) ") > answered:
            answered = shown.count(b"(Pdb) ")
            os.write(own, waiting.pop(0).encode())
    os.close(own)
    process.communicate(timeout=60)  # whose pipes nobody wrote to
    return shown.decode(), process.returncode


def test_a_breakpoint_has_the_terminal_for_itself(project: Project) -> None:
    project.pipeline(PIPELINE.replace("        count = ", "        breakpoint()\n        count = "))
    shown, code = typed(project, lines=["p 6 * 7\n", "c\n"])
    assert code == 0, shown
    after = shown.partition("(Pdb) ")[2]
    assert "\r\n42\r\n(Pdb) " in after
    assert "▶" not in after and "\x1b[2K" not in after.partition("finished in")[0]
    assert "▶" in shown.partition("(Pdb) ")[0]  # it was drawn, until then


def test_ctrl_c_in_the_debugger_is_the_debuggers(project: Project) -> None:
    project.pipeline(FAILS)
    shown, code = typed(project, "--pdb", lines=["p text\n", "\x03", "p text[0]\n", "q\n"])
    assert code == 1, shown
    assert "'hello'" in shown and "KeyboardInterrupt" in shown and "'h'" in shown
    assert "▶" not in shown
    (run,) = project.runs()
    assert run.info.status == "FAILED"
