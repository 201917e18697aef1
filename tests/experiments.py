"""A project with a few runs, made once for all tests of a module that only read."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PIPELINE, Project, clean_environment

LONG = "x" * 7000  # is cut by MLflow

CONFIG = """
reuse = "auto"

[Write]   # what is counted
text = "hello"   # any words
"""


@pytest.fixture(scope="module")
def with_runs(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Project:
    """Oldest first: one; two, with another text; three, of the older default; plain and child,
    which MLflow made without the runner; gone, which was deleted."""
    root = tmp_path_factory.mktemp("experiments") / "project"
    root.mkdir()
    shutil.copyfile(empty_store, root / "mlflow.db")
    project = Project(root)
    project.pipeline(PIPELINE, config=CONFIG)
    before, path, variables = Path.cwd(), list(sys.path), dict(os.environ)
    for name in set(os.environ) - set(clean_environment()):
        del os.environ[name]
    os.chdir(root)
    try:
        project.run_here("RunConfig.run_name=one")
        project.run_here("RunConfig.run_name=two", "Write.text=hi")
        project.write("default.toml", '[RunConfig]\nexperiment_name="trial"\ntask="Count"\n')
        project.run_here("RunConfig.run_name=three", files=("default.toml",), record=True)
    finally:
        os.chdir(before)
        sys.path[:] = path
        os.environ.clear()
        os.environ.update(variables)
    client = project.client
    experiment = client.get_experiment_by_name("trial").experiment_id
    plain = client.create_run(client.create_experiment("elsewhere"), run_name="plain")
    client.log_param(plain.info.run_id, "rate", "0.5")
    client.log_metric(plain.info.run_id, "counted", 7)
    client.set_terminated(plain.info.run_id)
    parent = {"mlflow.parentRunId": run_id(project, "three")}
    client.create_run(experiment, tags=parent, run_name="child")
    gone = client.create_run(experiment, run_name="gone")
    client.delete_run(gone.info.run_id)
    return project


@pytest.fixture
def project_with_runs(with_runs: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)
    monkeypatch.chdir(with_runs.root)
    path = list(sys.path)
    files = set(with_runs.root.iterdir())
    yield with_runs
    sys.path[:] = path
    for made in set(with_runs.root.iterdir()) - files:
        shutil.rmtree(made) if made.is_dir() else made.unlink()


def run_id(project: Project, name: str) -> str:
    (found,) = (run for run in project.runs() if run.info.run_name == name)
    return str(found.info.run_id)


@pytest.fixture
def unsafe_run(project_with_runs: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The id of a run whose name holds what a terminal obeys, and a parameter a secret."""
    monkeypatch.setenv("MY_TOKEN", "hunter2hunter2")
    client = project_with_runs.client
    experiment = client.get_experiment_by_name("elsewhere").experiment_id
    run: str = client.create_run(experiment, run_name="a\x1b[31mb").info.run_id
    client.log_param(run, "key", "hunter2hunter2")
    yield run
    client.delete_run(run)
