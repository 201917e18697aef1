"""The tracking store: created once by many, found wherever it is, named when it can't be used."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from runner import config, settings
from runner.errors import ConfigError, TrackingError
from runner.tracking import store
from runner.tracking.store import StoreLocation
from tests.conftest import Project


def located(project: Project, **run: str) -> StoreLocation:
    lines = "".join(f'{key} = "{value}"\n' for key, value in run.items())
    project.pipeline(config=lines)
    return store.locate(config.load(project.root / "luigi.toml", settings=settings.load()))


def test_sixteen_first_starts_on_no_store_at_all(bare_project: Project) -> None:
    project = bare_project
    project.pipeline()
    project.run_together(*(["-o", f"Write.text={'x' * n}"] for n in range(1, 17)))
    runs = project.runs()
    assert len(runs) == 16
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len({run.info.experiment_id for run in runs}) == 1
    assert project.client.get_experiment(runs[0].info.experiment_id).name == "trial"
    assert sorted(run.data.metrics["counted"] for run in runs) == list(range(1, 17))
    with closing(sqlite3.connect(project.root / "mlflow.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_the_default_store_is_the_projects_wherever_the_command_is_started(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.pipeline()
    below = project.root / "src" / "tasks"
    monkeypatch.chdir(below)
    project.command()
    assert len(project.runs()) == 1
    assert not list(below.glob("ml*"))


@pytest.mark.parametrize("name", ["a b", "a'b", "a#b", "a%20b", "a:b", "漢字", "a?b", 'a"b', "[x]"])
def test_folders_with_any_name(project: Project, name: str) -> None:
    folder = project.root / name
    folder.mkdir()
    inner = Project(folder)
    inner.pipeline()
    (folder / "mlflow.db").write_bytes((project.root / "mlflow.db").read_bytes())
    report = inner.run_here()
    assert report.ok
    assert report.artifact_dir.is_relative_to(folder)
    assert (report.artifact_dir / "Count" / "count.txt").read_text() == "5"
    pinned = inner.run_here(f"PathConfig.Write=run:{report.run_name}")
    assert [task.status for task in pinned.tasks] == ["reused", "ran"]


def test_passwords_are_not_shown(project: Project) -> None:
    found = located(project, tracking_uri="postgresql://me:hidden-word@db.example/x")
    assert "hidden-word" in found.uri and "hidden-word" not in found.shown


def test_a_folder_store_is_refused_with_what_to_write_instead(project: Project) -> None:
    with pytest.raises(ConfigError, match=r"tracking_uri.*sqlite:///mlflow.db"):
        located(project, tracking_uri="./mlruns")


def test_a_database_that_is_none_is_left_alone(project: Project) -> None:
    project.pipeline()
    broken = project.root / "mlflow.db"
    broken.write_bytes(b"not a database" * 100)
    with pytest.raises(TrackingError, match="can't be used"):
        project.run_here()
    assert broken.read_bytes() == b"not a database" * 100


def test_a_deleted_experiment_is_named_with_the_way_back(project: Project) -> None:
    project.pipeline()
    report = project.run_here()
    project.client.delete_experiment(project.client.get_run(report.run_id).info.experiment_id)
    with pytest.raises(ConfigError, match="was deleted; restore it with"):
        project.run_here()
