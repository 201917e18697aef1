"""The command: what it imports, accepts, prints and ends with."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner.cli import main
from tests.conftest import Done, Project, clean_environment

TALKS = """
import os, subprocess, sys
from runner import RunTask, requires

class Talks(RunTask):
    outputs = {"x": "x.txt"}

    def run(self):
        print("printed by the task")
        os.write(1, b"written by the task\\n")
        subprocess.run([sys.executable, "-c", "print('printed by a child')"], check=True)
        self.outputs["x"].touch()
        if self.config.get("fail"):
            raise ValueError("no \\x1b[31mred\\x1b[0m [red]words[/]\\nsecond line")

@requires(Talks)
class After(RunTask):
    outputs = {"y": "y.txt"}

    def run(self):
        self.outputs["y"].touch()
        if self.config.get("fail"):
            raise ValueError("after")
"""

Command = Callable[..., Done]


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command in this process, which saves the import of MLflow."""

    def call(*args: str, code: int = 0) -> Done:
        monkeypatch.setattr(sys, "argv", ["__main__.py", *args])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(args))
        done = Done(int(ended.value.code or 0), *capfd.readouterr())
        assert done.code == code, f"exit {done.code}\n{done.out}\n{done.err}"
        return done

    return call


def files(root: Path) -> set[str]:
    found = {str(path.relative_to(root)) for path in root.rglob("*")}
    return {name for name in found if "__pycache__" not in name}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# imports and help


@pytest.mark.parametrize("module", ["runner", "runner.cli", "runner.cli.run", "runner.cli.ui"])
def test_importing_is_light(module: str) -> None:
    heavy = "{'luigi', 'mlflow', 'pandas', 'sklearn', 'numpy', 'pydantic', 'rich'}"
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_with_nothing_to_do_nothing_heavy_is_imported(project: Project) -> None:
    body = "self.outputs['a'].write_text('a')"
    project.pipeline(
        f"from runner import RunTask\nclass A(RunTask):\n    outputs = {{'a': 'a'}}\n"
        f"    def run(self): {body}\n",
        task="A",
    )
    code = "import sys; from runner.cli import main\ntry: main(['-o', 'RunConfig.reuse=auto'])\n"
    code += "finally: print(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", code]
    env = clean_environment()
    loaded = []
    for _ in range(2):
        done = subprocess.run(
            command, cwd=project.root, env=env, capture_output=True, text=True, check=True
        )
        loaded.append(
            {"mlflow", "pandas", "numpy", "sqlalchemy", "requests", "jinja2"}
            & set(done.stderr.split())
        )
    assert {"mlflow", "sqlalchemy", "requests"} <= loaded[0]
    assert "nothing to do" in done.stdout
    assert loaded[1] == set()


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_shows_what_can_be_typed(command: Command, option: str) -> None:
    text = command(option).out
    for word in ("--config", "--override", "--dry-run", "--force", "--json", "run", "ui"):
        assert word in text
    assert "130/143/129" in text


@pytest.mark.parametrize("name", ["run", "ui"])
def test_help_of_the_commands(command: Command, name: str) -> None:
    assert f"Usage: runner {name}" in command(name, "--help").out
    assert "--port" in command("ui", "-h").out


def test_version(command: Command) -> None:
    assert command("--version").out.startswith("runner, version ")


def test_help_needs_no_project_and_little_else(tmp_path: Path) -> None:
    code = "import sys; from runner.cli import main\ntry: main(['--help'])\n"
    code += "finally: print(sorted({'luigi', 'mlflow', 'pydantic'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.endswith("[]\n")


# exit codes


def test_exit_0_and_started_in_a_subfolder_of_a_project_without_src(
    bare_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = bare_project
    project.pipeline()
    (project.root / "src" / "tasks").rename(project.root / "tasks")
    (project.root / "src").rmdir()
    monkeypatch.chdir(project.root / "tasks")
    done = project.command()
    assert "finished in" in done.out and "Count" in done.out
    assert {"mlflow.db", "mlruns"} <= set(os.listdir(project.root))
    assert set(os.listdir(project.root / "tasks")) <= {"__init__.py", "__pycache__"}


def test_exit_1_when_a_task_failed_and_the_command_that_continues_works(
    project: Project,
) -> None:
    project.pipeline(TALKS, task="After")
    given = ["--force", "Talks", "--run-name", "it's [red]mine[/]", "-o", "After.fail=true"]
    done = project.command(*given, code=1)
    assert 'raise ValueError("after")' in done.err
    assert "src/runner/" not in done.err.split("Traceback", 1)[1]
    (log,) = [line.split()[-1] for line in done.out.splitlines() if line.startswith("  log ")]
    assert 'raise ValueError("after")' in Path(log).read_text()
    (line,) = [line for line in done.out.splitlines() if line.startswith("  continue ")]
    again = f"{line.removeprefix('  continue ').strip()} -o After.fail=false --json"
    env = clean_environment()
    ended = subprocess.run(
        again, shell=True, cwd=project.root, env=env, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert {task["name"]: task["status"] for task in report["tasks"]} == {
        "Talks": "reused",
        "After": "ran",
    }
    assert report["run_name"] == "it's [red]mine[/]"


def test_exit_2_for_a_wrong_config(project: Project) -> None:
    project.pipeline(config="[Write]\ntxt = 1\n")
    done = project.run(code=2)
    assert done.err == ("runner: luigi.toml: [Write] txt: unknown key; did you mean 'text'?\n")
    assert done.out == ""


def test_exit_3_for_a_missing_pin(project: Project) -> None:
    project.pipeline()
    done = project.command("-o", "PathConfig.Write=run:nothing-like-it", code=3)
    assert done.err.startswith("runner: ") and "nothing-like-it" in done.err
    assert "Traceback" not in done.err


def test_exit_4_for_a_dead_server(project: Project) -> None:
    project.pipeline()
    uri = f"http://me:pass-of-me@127.0.0.1:{free_port()}"
    process = project.start(env={"MLFLOW_TRACKING_URI": uri})
    out, err = process.communicate(timeout=25)
    assert process.returncode == 4
    assert "can't be reached" in err and uri.rpartition("@")[2] in err
    assert "pass-of-me" not in out + err and "Traceback" not in err


# what can be typed


def test_a_task_with_and_without_the_command(project: Project, command: Command) -> None:
    project.pipeline()
    assert "Write" in command("Write", "--dry-run").out
    out = command("run", "Write", "--dry-run").out
    assert "Write" in out and "Count" not in out
    out = command("--dry-run").out
    assert "Write" in out and "Count" in out


def test_a_dry_run_writes_nothing(bare_project: Project, command: Command) -> None:
    bare_project.pipeline()
    before = files(bare_project.root)
    out = command("--dry-run").out
    assert "to run" in out and "nothing was written" in out
    assert json.loads(command("--dry-run", "--json").out)["status"] == "PLANNED"
    assert files(bare_project.root) == before


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["Cout"], "there is no task 'Cout' in tasks; did you mean 'Count'?"),
        (["zzzzz"], "there are Count, Write"),
        (["--force", "Wrte"], "--force Wrte: no such task in this run; did you mean 'Write'?"),
        ([""], "[RunConfig] task"),
        (["--run-name", ""], "[RunConfig] run_name"),
        (["Write", "Count"], "unexpected extra argument"),
        (["--frce"], "No such option"),
        (["-o", "Write"], "expected Section.key=value"),
        (["-o", "Wirte.text=1"], "did you mean 'Write'?"),
        (["-c", "none.toml"], "there is no such file"),
        (["-c", "src"], "is a directory"),
        (["run", "\x1b[31m[red]x[/]"], "command line: [RunConfig] task"),
        (["--run-name", "a\x7fb\nc"], "command line: [RunConfig] run_name"),
    ],
)
def test_wrong_use_ends_with_2_and_a_sentence(
    project: Project, command: Command, args: list[str], words: str
) -> None:
    project.pipeline()
    done = command(*args, "--dry-run", code=2)
    assert words in done.err
    assert "\x1b" not in done.err and "Traceback" not in done.err
    assert done.out == ""


def test_without_a_config_the_folder_is_named(bare_project: Project, command: Command) -> None:
    done = command(code=2)
    assert f"there is no config {bare_project.root}/luigi.toml" in done.err
    assert "-c FILE" in done.err


def test_a_config_path_of_the_environment_that_is_not_there(
    bare_project: Project, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUIGI_CONFIG_PATH", "mine.toml")
    assert "mine.toml (LUIGI_CONFIG_PATH)" in command(code=2).err
    bare_project.pipeline()
    (bare_project.root / "luigi.toml").rename(bare_project.root / "mine.toml")
    command("--dry-run")


def test_a_forced_task_runs_though_it_is_pinned(project: Project, command: Command) -> None:
    project.pipeline()
    first = json.loads(command("--json").out)
    pins = [word for pin in first["resume"] for word in ("-o", pin)]
    pinned = json.loads(command(*pins, "--json").out)
    assert {task["status"] for task in pinned["tasks"]} == {"reused", "not needed"}
    forced = json.loads(command(*pins, "--force", "Count", "--json").out)
    statuses = {task["name"]: task["status"] for task in forced["tasks"]}
    assert statuses == {"Write": "reused", "Count": "ran"}


@pytest.mark.parametrize("name", ["first try", "🚀 é 日本", "[red]x[/]", "--name", "a\\b\"c'd"])
def test_the_run_name_is_text(project: Project, command: Command, name: str) -> None:
    project.pipeline()
    done = command(f"--run-name={name}")
    assert name in done.out
    assert project.runs()[0].info.run_name == name


# what is printed


def test_json_is_one_document_whatever_tasks_print(project: Project, command: Command) -> None:
    project.pipeline(TALKS, task="After")
    done = command("--json")
    report = json.loads(done.out)
    assert report["status"] == "FINISHED"
    for words in ("printed by the task", "written by the task", "printed by a child"):
        assert words in done.err
    done = command("--json", "-o", "Talks.fail=true", code=1)
    report = json.loads(done.out)
    assert report["status"] == "FAILED" and "ValueError" in report["traceback"]


def test_json_tells_of_a_run_that_did_not_begin(project: Project, command: Command) -> None:
    project.pipeline()
    done = command("--json", "-o", "Write.text=5", code=2)
    document = json.loads(done.out)
    assert (document["status"], document["exit_code"]) == ("ERROR", 2)
    assert "[Write] text" in document["error"] and "[Write] text" in done.err


def test_json_has_no_number_that_json_has_not(project: Project, command: Command) -> None:
    code = """
    import mlflow
    from runner import RunTask
    class One(RunTask):
        outputs = {"x": "x"}
        def run(self):
            self.outputs["x"].touch()
            mlflow.log_metrics({"n": float("nan"), "i": float("inf"), "m": -float("inf")})
    """
    project.pipeline(textwrap.dedent(code), task="One")

    def refuse(text: str) -> Any:
        raise AssertionError(text)

    (task,) = json.loads(command("--json").out, parse_constant=refuse)["tasks"]
    assert task["metrics"]["n"] == "NaN"


def test_a_secret_number_does_not_break_the_document(project: Project, command: Command) -> None:
    project.write(".env", "PIN_TOKEN=0000\nOTHER_TOKEN='\": '\n")
    project.pipeline(TALKS, task="After")
    assert json.loads(command("--json").out)["status"] == "FINISHED"


def test_quiet_prints_errors_only(project: Project, command: Command) -> None:
    project.pipeline()
    done = command("--quiet")
    assert (done.out, done.err) == ("", "")
    project.pipeline(TALKS, task="After")
    done = command("-q", "-o", "After.fail=true", code=1)
    assert "ValueError: after" in done.err and "continue " in done.err
    assert "runner" not in done.out


def test_verbose_shows_the_log(project: Project, command: Command) -> None:
    project.pipeline()
    assert "INFO" not in command().err
    assert "INFO" in command("-v").err


def test_what_tasks_say_is_shown_as_text(project: Project, command: Command) -> None:
    project.pipeline(TALKS, task="After")
    done = command("-o", "Talks.fail=true", code=1)
    assert "\x1b" not in done.out + done.err
    assert "[red]words[/]" in done.err and "[red]words[/]" in done.out


def test_secrets_are_masked_in_what_is_printed(project: Project, command: Command) -> None:
    project.write(".env", "MY_API_KEY=canary-77\n")
    project.pipeline(TALKS.replace('"after"', 'os.environ["MY_API_KEY"]'), task="After")
    done = command("-o", "After.fail=true", "-o", "After.x=${MY_API_KEY}", code=1)
    assert "ValueError: ***" in done.err and "canary-77" not in done.out + done.err
    done = command("-o", "RunConfig.reuse=${MY_API_KEY}", code=2)
    assert "got '***'" in done.err
    project.pipeline("import os\nraise RuntimeError(os.environ['MY_API_KEY'])")
    assert "canary-77" not in command(code=2).err


def test_closed_streams_and_poor_ones_do_no_harm(project: Project) -> None:
    project.pipeline(config='run_name = "é🚀"\n')
    shell = f"{shlex.quote(sys.executable)} -m runner --dry-run --json"
    env = clean_environment() | {"PYTHONIOENCODING": "ascii:strict"}
    ended = subprocess.run(f"{shell} >&- 2>&-", shell=True, cwd=project.root, env=env, check=False)
    assert ended.returncode == 0
    done = project.run(env={"PYTHONIOENCODING": "ascii:strict"})
    assert "run \\xe9\\U0001f680 (" in done.out


# the project's code


def test_a_syntax_error_shows_the_line_and_one_sentence(project: Project, command: Command) -> None:
    project.pipeline("from runner import RunTask\nclass A(RunTask:\n    pass\n")
    err = command(code=2).err
    assert 'src/tasks/__init__.py", line 2' in err and "class A(RunTask:" in err
    assert "importlib" not in err and "project_code.py" not in err
    assert err.splitlines()[-1].startswith("runner: tasks can't be imported: SyntaxError: ")


@pytest.mark.parametrize(
    ("code", "sentence", "trace"),
    [
        ("import no_such_thing", "No module named 'no_such_thing'", "import no_such_thing"),
        ("import tasks.nothing", "No module named 'tasks.nothing'", "import tasks.nothing"),
        ("1 / 0", "ZeroDivisionError: division by zero", "1 / 0"),
        ("raise SystemExit(0)", "SystemExit: 0", "raise SystemExit"),
        ("def f():\n    f()\nf()", "RecursionError", "f()"),
    ],
)
def test_a_module_that_fails(
    project: Project, command: Command, code: str, sentence: str, trace: str
) -> None:
    project.pipeline(code)
    err = command(code=2).err
    assert sentence in err and trace in err
    assert "importlib" not in err and "project_code.py" not in err
    assert ("install it" in err) == ("no_such_thing" in code)


def test_a_module_that_is_not_there(project: Project, command: Command) -> None:
    project.write("luigi.toml", "[RunConfig]\nexperiment_name = 'x'\ntask = 'A'\n")
    err = command(code=2).err
    assert err.startswith(f"runner: there is no module 'tasks' in {project.root}/src or")
    assert "Traceback" not in err


def test_two_tasks_of_one_name(project: Project, command: Command) -> None:
    project.pipeline()
    project.write("src/tasks/more.py", "from runner import RunTask\nclass Write(RunTask): pass\n")
    err = command(code=2).err
    assert "two tasks are called Write: in tasks and tasks.more" in err


def test_the_name_of_a_module_that_python_has(project: Project, command: Command) -> None:
    project.pipeline(config="modules = ['types']\n")
    project.write("types.py", "from runner import RunTask\nclass Count(RunTask): pass\n")
    project.write("luigi.toml", (project.root / "luigi.toml").read_text())
    err = command(code=2).err
    assert "'types' is " in err and "types.py" in err and "rename it" in err


def test_resume_names_the_command_where_the_task_is_called_like_one(project: Project) -> None:
    from runner.cli import program
    from runner.report import Report

    params = {"task": "ui", "files": ("a b.toml",), "overrides": (), "force": (), "run_name": None}
    report = Report(status="FAILED", experiment="x", tasks=(), resume=("PathConfig.A=runs:/1/A",))
    line = program._with_pins(params | {"quiet": False, "verbose": True}, report)
    words = shlex.split(line)
    assert words[-7:] == [
        *("run", "ui", "-c", "a b.toml", "-o", "PathConfig.A=runs:/1/A", "--verbose")
    ]
