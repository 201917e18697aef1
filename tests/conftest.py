"""A project to try things on, through the front door.

`project` is an empty project folder; `project.run(...)` starts ``python -m runner`` in it as a
process of its own; `project.command(...)` calls the same command in this process, and
`project.run_here(...)` the pipeline alone, which are quicker by the import of MLflow;
`project.fork(...)` starts a process that is quicker by it too; `project.run_together(...)` starts
several processes at the same moment.
"""

from __future__ import annotations

import compileall
import contextlib
import fcntl
import functools
import gc
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest
from filelock import FileLock

import runner
from tests.forked import Forked

CONFIG = """
[RunConfig]
experiment_name = "trial"
task = "{task}"
"""

#: Two tasks, the second of which counts the letters of what the first one wrote.
PIPELINE = """
import mlflow
from runner import RunTask, TaskConfig, requires

class WriteConfig(TaskConfig):
    text: str = "hello"

class Write(RunTask):
    config: WriteConfig
    outputs = {"text": "text.txt"}

    def run(self) -> None:
        self.outputs["text"].write_text(self.config.text)
        mlflow.log_metric("written", len(self.config.text))

@requires(Write)
class Count(RunTask):
    outputs = {"count": "count.txt"}

    def run(self) -> None:
        count = len(self.inputs["text"].read_text())
        self.outputs["count"].write_text(str(count))
        mlflow.log_metric("counted", count)
"""


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


class Project:
    """A project folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    def pipeline(self, code: str = PIPELINE, *, task: str = "Count", config: str = "") -> None:
        """Writes the project's tasks and its config."""
        self.write("src/tasks/__init__.py", code)
        self.write("luigi.toml", CONFIG.format(task=task) + textwrap.dedent(config))

    def start(
        self, *args: str, cwd: Path | None = None, env: dict[str, str] | None = None, **popen: Any
    ) -> subprocess.Popen[str]:
        """Starts ``python -m runner`` and returns while it goes on."""
        popen.setdefault("preexec_fn", _default_signals)
        return subprocess.Popen(
            [sys.executable, "-W", "error::ResourceWarning", "-m", "runner", *args],
            cwd=cwd or self.root,
            env={**clean_environment(), **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **popen,
        )

    def fork(self, *args: str, env: dict[str, str] | None = None, gate: str = "") -> Forked:
        """Starts the same in a process that forks from one in which MLflow is imported."""
        return Forked(args, self.root, {**clean_environment(), **(env or {})}, gate)

    def run_together(self, *commands: list[str]) -> None:
        """Runs commands at the same moment, each in a process: all begin when all are there."""
        with tempfile.NamedTemporaryFile() as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            processes = [self.fork(*command, gate=gate.name) for command in commands]
            fcntl.flock(gate, fcntl.LOCK_UN)
            done = [(process.communicate(timeout=280), process.returncode) for process in processes]
        assert all(code == 0 for _, code in done), done

    def run(self, *args: str, code: int | None = 0, **popen: Any) -> Done:
        """Runs ``python -m runner``; `code` is the exit code that it must end with."""
        process = self.start(*args, **popen)
        out, err = process.communicate(timeout=240)
        done = Done(process.returncode, out, err)
        assert code is None or done.code == code, f"exit {done.code}\n{done.out}\n{done.err}"
        return done

    def command(self, *args: str, code: int | None = 0) -> Done:
        """Calls the command ``runner`` in this process, which is quicker by seconds."""
        from runner.cli import app

        found: list[int] = []

        def call() -> None:
            found.append(app.exit_code(list(args)))

        out, err = _printed(call)
        done = Done(found[0], out, err)
        assert code is None or done.code == code, f"exit {done.code}\n{done.out}\n{done.err}"
        return done

    def run_here(
        self, *overrides: str, files: tuple[str, ...] = ("luigi.toml",), **request: Any
    ) -> Any:
        """Runs the pipeline in this process and returns its Report."""
        from runner import settings
        from runner.pipeline import run
        from runner.request import Request

        found = settings.load(self.root)
        return run(Request([self.root / f for f in files], overrides, **request), found)

    @property
    def client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(f"sqlite:///{self.root}/mlflow.db")

    def runs(self) -> list[Any]:
        """Every MLflow run of the project, newest first."""
        client = self.client
        ids = [experiment.experiment_id for experiment in client.search_experiments()]
        return list(client.search_runs(ids, order_by=["attributes.start_time DESC"]))


def _printed(call: Callable[[], None]) -> tuple[str, str]:
    """What is written to stdout and stderr, by child processes too."""
    kept = {number: os.dup(number) for number in (1, 2)}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            with (
                open(1, "w", encoding="utf-8", closefd=False) as stdout,
                open(2, "w", encoding="utf-8", closefd=False) as stderr,
                contextlib.redirect_stdout(stdout),
                contextlib.redirect_stderr(stderr),
            ):
                call()
        finally:
            for number, copy in kept.items():
                os.dup2(copy, number)
                os.close(copy)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    return texts[0], texts[1]


def _default_signals() -> None:
    """Signals must reach a run as they do in a terminal, however the tests were started."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_DFL)


def clean_environment() -> dict[str, str]:
    """The environment without what MLflow or an outer project may have put there."""
    ours = ("MLFLOW_", "LUIGI_", "RUNNER_", "PROJECT_ROOT")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONWARNINGS": "", "MLFLOW_DISABLE_TELEMETRY": "true"}


def pytest_sessionstart() -> None:
    """What makes all tests quicker."""
    # Where bytecode is not written, every process would do it again.
    compileall.compile_dir(Path(runner.__file__).parent, quiet=2)
    # Most of what is there belongs to MLflow and stays: it is looked through ten times less often.
    gc.set_threshold(7_000, 10, 10)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new MLflow database, built once for all tests: its migrations take seconds."""
    from mlflow.store.db import utils

    from runner.tracking import store

    # Each new store asks for it, and all migrations are read for that: it stays the same.
    utils._get_latest_schema_revision = functools.cache(utils._get_latest_schema_revision)
    shared = tmp_path_factory.getbasetemp().parent / "runner-empty-store"
    shared.mkdir(exist_ok=True)
    path = shared / "mlflow.db"
    with FileLock(shared / "lock"):
        store.connect(store.StoreLocation(store.sqlite_uri(path), str(shared / "mlruns")))
    return path


def _no_fsync(file: int | IO[Any]) -> None:
    os.fstat(file if isinstance(file, int) else file.fileno())  # is it an open file?


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk() -> Iterator[None]:
    """What a test of this process has written need not outlast a power cut."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    @event.listens_for(Engine, "connect")
    def trust_the_system(connection: Any, record: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(os, "fsync", _no_fsync)
        yield


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """The command turns the collector off, for a process that ends with it."""
    yield
    gc.enable()
    gc.unfreeze()


@pytest.fixture(scope="module", autouse=True)
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests import of a project themselves, no run forgets."""
    yield
    base = tmp_path_factory.getbasetemp()
    files = {n: getattr(m, "__file__", None) or "/" for n, m in list(sys.modules.items())}
    there = {name.partition(".")[0] for name, file in files.items() if base in Path(file).parents}
    gone = {name for name in files if name.partition(".")[0] in there}
    for name in gone:  # folders without __init__.py, which have no file, too
        del sys.modules[name]
    if gone:
        from luigi.task_register import Register

        Register._reg = [cls for cls in Register._reg if cls.__module__ not in gone]


@contextlib.contextmanager
def entered(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A new project folder, and the environment of a user who is in it and has set nothing."""
    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)
    root.mkdir()
    monkeypatch.chdir(root)
    path = list(sys.path)
    yield Project(root)
    sys.path[:] = path
    for name, module in list(sys.modules.items()):
        file = Path(getattr(module, "__file__", None) or "/")
        if file.is_relative_to(root.parent) and not file.is_relative_to(root):
            del sys.modules[name]  # the runner forgets only what belongs to a project


@pytest.fixture
def bare_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """An empty project without even a store."""
    with entered(tmp_path / "project", monkeypatch) as found:
        yield found


@pytest.fixture
def project(bare_project: Project, empty_store: Path) -> Project:
    """An empty project, with a store."""
    shutil.copyfile(empty_store, bare_project.root / "mlflow.db")
    return bare_project


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from tests.sharing import SomeFilesWhole

    return SomeFilesWhole(config, log)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """In CI (RUNNER_NO_SKIP) nothing may be skipped: what the tests need is installed there."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("RUNNER_NO_SKIP"):
        report.outcome = "failed"
        report.longrepr = f"skipped, though nothing may be skipped here: {report.longrepr}"
