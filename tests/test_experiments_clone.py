"""`runner clone`: a new config file, from a run or from a file."""

from __future__ import annotations

import difflib
import json
import os
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project
from tests.experiments import project_with_runs, run_id, with_runs

__all__ = ["project_with_runs", "with_runs"]


def changed(before: Path, after: Path) -> list[str]:
    """Lines that went and came."""
    texts = [path.read_text().splitlines() for path in (before, after)]
    return [line for line in difflib.ndiff(*texts) if line[:2] in ("- ", "+ ")]


def read(path: str) -> dict[str, Any]:
    return tomllib.loads(Path(path).read_text())


def test_comments_and_layout_stay(project_with_runs: Project) -> None:
    done = project_with_runs.command("clone", "luigi.toml", "-o", "Write.text=hi")
    assert done.out.splitlines()[0] == "wrote  luigia.toml"
    assert changed(Path("luigi.toml"), Path("luigia.toml")) == [
        '- text = "hello"   # any words',
        '+ text = "hi"   # any words',
    ]


def test_the_command_that_is_printed_runs_it(project_with_runs: Project) -> None:
    done = project_with_runs.command("clone", "two", "--json")
    command = shlex.split(json.loads(done.out)["command"])
    plan = project_with_runs.command(*command[command.index("-c") :], "--dry-run")
    assert plan.out.count("nothing changed since two") == 2


def test_the_next_letter_and_never_over_a_file(project_with_runs: Project) -> None:
    for letter in "abcdefghijklmnopqrstuvwxyz":
        Path(f"luigi{letter}.toml").write_text(letter)
    os.symlink("nowhere", "luigiaa.toml")
    made = json.loads(project_with_runs.command("clone", "luigi.toml", "--json").out)
    assert Path(made["file"]).name == "luigiab.toml"
    assert Path("luigiz.toml").read_text() == "z" and not Path("luigiaa.toml").exists()
    again = json.loads(project_with_runs.command("clone", "luigib.toml", "--json", code=None).out)
    assert "luigib.toml" in again["error"]  # which is no TOML


def test_the_clone_of_a_clone_and_of_a_file_elsewhere(project_with_runs: Project) -> None:
    project_with_runs.command("clone", "luigi.toml")
    project_with_runs.command("clone", "luigia.toml")
    assert Path("luigiaa.toml").read_bytes() == Path("luigi.toml").read_bytes()
    other = project_with_runs.write("configs/small.toml", 'extends = "../luigi.toml"\n')
    done = project_with_runs.command("clone", str(other), "-o", "Write.text=hi")
    assert "wrote  configs/smalla.toml" in done.out
    assert read("configs/smalla.toml") == {"extends": "../luigi.toml", "Write": {"text": "hi"}}
    plan = project_with_runs.command("-c", "configs/smalla.toml", "--dry-run")
    assert "nothing changed since two" in plan.out


def test_of_a_run_in_the_root_of_the_project(
    project_with_runs: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project_with_runs.root / "src")
    done = project_with_runs.command("clone", "two", "-o", "Write.text=hi there")
    made = project_with_runs.root / "luigia.toml"
    assert str(made) in done.out
    assert made.read_text().startswith(
        f"# The config of run two ({run_id(project_with_runs, 'two')[:8]})."
    )
    assert read(str(made)) == {
        "RunConfig": {"experiment_name": "trial", "task": "Count", "reuse": "auto"},
        "Write": {"text": "hi there"},
    }


@pytest.mark.parametrize(
    ("text", "change", "found"),
    [
        ("[A]\nb.c = 1 # x\n", "A.b.c=2", "[A]\nb.c = 2 # x\n"),
        ("[A]\nb = {c = 1, d = 2} # x\n", "A.b.c=2", "[A]\nb = {c = 2, d = 2} # x\n"),
        ("[A.b]\nc = 1\n\n[B]\n", "A.b.d=2", "[A.b]\nc = 1\nd = 2\n\n[B]\n"),
        (
            "[A.b]\nc = 1\n[B]\nx = 1\n[A.d]\ne = 1\n",
            "A.d.e=2",
            "[A.b]\nc = 1\n[B]\nx = 1\n[A.d]\ne = 2\n",
        ),
        ("[A]\nb = [\n  1, # one\n]\n", "A.b=[2]", "[A]\nb = [2]\n"),
        ("[A]\r\nb = 1 # x\r\nc = 2\r\n", "A.b=2", "[A]\r\nb = 2 # x\r\nc = 2\r\n"),
        ("\ufeff[A]\nb = 1\n", "A.b=2", "\ufeff[A]\nb = 2\n"),
        ('["ns.A"]\nb = 1\n', '"ns.A".b="x"', '["ns.A"]\nb = "x"\n'),
        ("[A.b]\nc = 1 # x\nd = 1\n", "A.b={c=2}", "[A.b]\nc = 2 # x\nd = 1\n"),
        ("[A]\n", "A.b=1979-05-27", "[A]\nb = 1979-05-27\n"),
        ("", "A.b=1", "[A]\nb = 1\n"),
        ("# only\n", "A.b=1", "# only\n\n[A]\nb = 1\n"),
        ("[A]\n[A.b]\nc = 1\n", "A.d=1", "[A]\nd = 1\n\n[A.b]\nc = 1\n"),
    ],
)
def test_every_way_to_write_a_value(project: Project, text: str, change: str, found: str) -> None:
    project.pipeline("from runner import RunTask\n\nclass A(RunTask):\n    pass\n", task="A")
    Path("some.toml").write_bytes(text.encode())
    project.command("clone", "some.toml", "-o", change)
    made = Path("somea.toml").read_bytes().decode()
    assert tomllib.loads(made.removeprefix("\ufeff")) == tomllib.loads(found.removeprefix("\ufeff"))
    assert made == found


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["luigi.toml", "-o", "Write.texd=1"], "command line: [Write] texd: unknown key; did you"),
        (["luigi.toml", "-o", "Write.text=5"], "command line: [Write] text: expected"),
        (["luigi.toml", "-o", "nonsense"], "expected Section.key=value"),
        (["luigi.toml", "-o", "Write.text.more=1"], "Write.text is a value, not a table"),
        (["nosuch.toml"], "nosuch.toml: there is no such file"),
        (["nosuch"], "is called 'nosuch'"),
        (["plain"], "has no config to clone"),
        (["src/tasks"], "is a directory"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    project_with_runs: Project, args: list[str], said: str
) -> None:
    before = set(Path().rglob("*.toml"))
    done = project_with_runs.command("clone", *args, code=2)
    assert said in done.err and "Traceback" not in done.err
    assert set(Path().rglob("*.toml")) == before


def test_where_nothing_can_be_written(project_with_runs: Project, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        folder = "/proc/self/"  # even root creates no file here
        done = project_with_runs.command("clone", f"{folder}/cmdline", code=2)
        assert "Traceback" not in done.err
        return
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed/a.toml").write_text("")
    (tmp_path / "closed").chmod(0o500)
    done = project_with_runs.command("clone", str(tmp_path / "closed/a.toml"), code=2)
    assert "can't be written: Permission denied" in done.err


def test_a_secret_that_was_masked_has_to_be_given(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "hunter2hunter2")
    project.pipeline(config='[Write]\ntext = "hunter2hunter2"\n')
    project.run_here("RunConfig.run_name=one")
    refused = project.command("clone", "one", code=2)
    assert (
        "*** where a secret was: Write.text" in refused.err and "Write.text=${NAME}" in refused.err
    )
    project.command("clone", "one", "-o", "Write.text=${MY_TOKEN}")
    assert read("luigia.toml")["Write"]["text"] == "${MY_TOKEN}"
