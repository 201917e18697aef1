"""A project that was moved, renamed or copied finds its runs, and writes to its own place."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from runner import config as configs
from runner import settings
from runner.tracking import store
from tests.conftest import Project

AUTO = "RunConfig.reuse=auto"
HARD = "we ird'\"#q%20;? 漢字"


@pytest.fixture
def ran(project: Project) -> Any:
    project.pipeline()
    return project.run_here(AUTO)


def moved_to(project: Project, name: str, monkeypatch: pytest.MonkeyPatch) -> Project:
    there = project.root.with_name(name)
    os.rename(project.root, there)
    monkeypatch.chdir(there)
    return Project(there)


def copied_to(project: Project, name: str, monkeypatch: pytest.MonkeyPatch) -> Project:
    there = project.root.with_name(name)
    shutil.copytree(project.root, there)
    monkeypatch.chdir(there)
    return Project(there)


def uri(project: Project) -> str:
    return store.sqlite_uri(project.root / "mlflow.db")


def client(project: Project) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(uri(project))


def artifacts(project: Project, run_id: str, path: str | None = None) -> set[str]:
    return {item.path for item in client(project).list_artifacts(run_id, path)}


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name == "runner.tracking.moved"]


@pytest.mark.parametrize("name", ["moved", HARD])
def test_a_moved_project_reuses_writes_and_shows_as_before(
    project: Project,
    ran: Any,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    there = moved_to(project, name, monkeypatch)
    again = there.run_here(AUTO)
    assert again.status == "UNCHANGED"
    text = f"this project was moved from {project.root}: its store now leads to {there.root}/mlruns"
    assert said(caplog) == [text]
    assert artifacts(there, ran.run_id, "Write") == {"Write/manifest.json", "Write/text.txt"}
    new = there.run_here(AUTO, "Write.text=other", force=["Count"])
    assert new.ok and new.artifact_dir.is_relative_to(there.root / "mlruns")
    assert artifacts(there, new.run_id, "Count") == {"Count/manifest.json", "Count/count.txt"}
    pinned = there.run_here(f"PathConfig.Write=runs:/{ran.run_id}/Write")
    assert pinned.ok and pinned.tasks[0].directory.is_relative_to(there.root)
    assert len(said(caplog)) == 1
    assert not project.root.exists()


def test_and_back_again(
    project: Project, ran: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    there = moved_to(project, HARD, monkeypatch)
    store.follow(location(there))
    back = moved_to(there, "project", monkeypatch)
    assert back.run_here(AUTO).status == "UNCHANGED"
    assert len(said(caplog)) == 2
    assert artifacts(back, ran.run_id, "Write") == {"Write/manifest.json", "Write/text.txt"}


def location(project: Project) -> store.StoreLocation:
    found = settings.load(project.root)
    return store.locate(configs.load(project.root / "luigi.toml", settings=found))


def test_every_path_of_the_store_is_led(
    project: Project, ran: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, kept = project.root, "/somewhere/else/1/models"
    own = client(project)
    own.create_registered_model("m")
    own.create_model_version("m", f"{ran.artifact_dir}/model", ran.run_id)
    own.set_tag(ran.run_id, "reused.Old", f"{ran.artifact_dir}/Write")
    own.set_tag(ran.run_id, "reused.Far", kept)
    own.set_tag(ran.run_id, "note", f"{ran.artifact_dir}/Write")
    logged = own.create_logged_model(ran.artifact_dir.parents[1].name)
    other = own.create_experiment("other", artifact_location=f"{root}/mlruns-of-mine")
    far = own.create_experiment("far", artifact_location="/somewhere/else")
    there = moved_to(project, "moved", monkeypatch)
    store.follow(location(there))
    now = client(there)
    inside = f"{there.root}/mlruns/"
    assert now.get_run(ran.run_id).info.artifact_uri.startswith(inside)
    assert now.get_experiment_by_name("trial").artifact_location.startswith(inside)
    assert now.get_experiment("0").artifact_location == f"{inside}0"
    assert now.get_model_version("m", 1).source.startswith(inside)
    assert now.get_logged_model(logged.model_id).artifact_location.startswith(inside)
    tags = now.get_run(ran.run_id).data.tags
    assert tags["reused.Old"].startswith(inside) and tags["reused.Far"] == kept
    assert tags["note"] == f"{ran.artifact_dir}/Write"
    assert now.get_experiment(other).artifact_location == f"{root}/mlruns-of-mine"
    assert now.get_experiment(far).artifact_location == "/somewhere/else"


def test_a_copy_is_a_project_of_its_own(
    project: Project, ran: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    second = project.run_here("Write.text=other")
    before = sorted(project.root.rglob("*"))
    there = copied_to(project, "copy", monkeypatch)
    experiment = ran.artifact_dir.parents[1].name
    shutil.rmtree(there.root / "mlruns" / experiment / second.run_id)
    new = there.run_here("Write.text=third")
    assert new.artifact_dir.is_relative_to(there.root)
    assert said(caplog)[0].startswith(f"this project is a copy of {project.root}: ")
    now = client(there)
    assert now.get_run(ran.run_id).info.artifact_uri.startswith(f"{there.root}/")
    # It was not copied along, and still opens.
    assert now.get_run(second.run_id).info.artifact_uri.startswith(f"{project.root}/")
    assert [p for p in sorted(project.root.rglob("*")) if "__pycache__" not in p.parts] == [
        p for p in before if "__pycache__" not in p.parts
    ]
    assert client(project).get_run(ran.run_id).info.artifact_uri == str(ran.artifact_dir)


def test_another_name_of_the_same_place_is_no_move(
    project: Project, ran: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    link = project.root.with_name("link")
    link.symlink_to(project.root)
    found = store.StoreLocation(store.sqlite_uri(link / "mlflow.db"), str(link / "mlruns"), link)
    store.follow(found)
    assert said(caplog) == []
    assert client(project).get_run(ran.run_id).info.artifact_uri == str(ran.artifact_dir)


def test_another_artifact_root_is_no_move(
    project: Project, ran: Any, tmp_path: Path, caplog: Any
) -> None:
    """MLflow fixes the place of an experiment; the config's is for new ones."""
    again = project.run_here(f"RunConfig.artifact_root={tmp_path}/new")
    assert again.artifact_dir.is_relative_to(project.root / "mlruns")
    os.rename(project.root / "mlruns", tmp_path / "unmounted")
    store.follow(store.StoreLocation(uri(project), str(tmp_path / "new"), project.root))
    assert said(caplog) == []
    assert client(project).get_run(ran.run_id).info.artifact_uri == str(ran.artifact_dir)


def test_a_store_that_is_not_the_projects_own_is_left_alone(
    project: Project, ran: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    shared = tmp_path / "shared.db"
    os.rename(project.root / "mlflow.db", shared)
    (project.root / "mlflow.db").symlink_to(shared)
    there = copied_to(project, "copy", monkeypatch)
    (there.root / "mlflow.db").unlink()
    (there.root / "mlflow.db").symlink_to(shared)
    for database in (shared, there.root / "mlflow.db"):
        found = store.sqlite_uri(database)
        store.follow(store.StoreLocation(found, f"{there.root}/mlruns", there.root))
    assert said(caplog) == []
    assert client(project).get_run(ran.run_id).info.artifact_uri == str(ran.artifact_dir)


def test_a_project_without_its_artifacts_writes_to_its_new_place(
    project: Project, ran: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(project.root / "mlruns")
    there = moved_to(project, "moved", monkeypatch)
    assert there.run_here().artifact_dir.is_relative_to(there.root)
    assert not project.root.exists()


def test_nothing_is_half_rewritten(
    project: Project, ran: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    there = moved_to(project, "moved", monkeypatch)
    with sqlite3.connect(there.root / "mlflow.db") as database:
        database.execute(
            "CREATE TRIGGER no BEFORE UPDATE ON tags BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        database.execute(
            "INSERT INTO tags (key, value, run_uuid) VALUES ('reused.X', ?, ?)",
            (f"{ran.artifact_dir}/X", ran.run_id),
        )
    database.close()
    store.follow(location(there))
    assert "can't be looked through" in said(caplog)[0]
    assert client(there).get_run(ran.run_id).info.artifact_uri == str(ran.artifact_dir)


def test_the_command_says_it_once(
    project: Project, ran: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = moved_to(project, "moved", monkeypatch)
    first, second = there.command("-o", AUTO), there.command("-o", AUTO)
    assert f"this project was moved from {project.root}: " in first.err
    assert "was moved" not in second.err
    assert f"files   {there.root}/mlruns/" in second.out
