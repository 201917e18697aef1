"""`runner gc`: what no run refers to goes, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from runner import config as configs
from runner import gc, settings
from runner.artifacts import freeing
from runner.errors import MissingInputError
from runner.tracking import reaper
from tests.conftest import Project
from tests.test_tracking_reaper import dead_process

TASKS = """
from runner import RunTask, TaskConfig, requires

class OneConfig(TaskConfig):
    text: str = "one"

class One(RunTask):
    config: OneConfig
    outputs = {"out": "out.txt"}
    def run(self):
        self.outputs["out"].write_text(self.config.text)

class TwoConfig(TaskConfig):
    text: str = "two"

@requires(One)
class Two(RunTask):
    config: TwoConfig
    outputs = {"out": "out.txt"}
    def run(self):
        self.outputs["out"].write_text(self.inputs["out"].read_text() + self.config.text)

@requires(Two)
class Three(RunTask):
    outputs = {"out": "out.txt"}
    def run(self):
        self.outputs["out"].write_text(self.inputs["out"].read_text() + "three")
"""

AUTO = "RunConfig.reuse=auto"
ALL = {"One", "Two", "Three"}


@pytest.fixture
def three(project: Project) -> Project:
    project.pipeline(TASKS, task="Three", config='reuse = "auto"\n')
    return project


def collector(project: Project, older: timedelta | None = None) -> gc.Collector:
    found = settings.load(project.root)
    return gc.Collector(configs.load(project.root / "luigi.toml", settings=found), older)


def free(project: Project, older: timedelta | None = None) -> dict[str, set[str]]:
    """Frees; the names of what went, by run id."""
    found = collector(project, older)
    went: dict[str, set[str]] = {}
    for item in found.free(found.find()).directories:
        assert not item.directory.exists()
        went.setdefault(item.run.run_id, set()).add(item.directory.name)
    return went


def delete(project: Project, *reports: Any) -> None:
    for report in reports:
        project.client.delete_run(report.run_id)


def test_what_is_used_stays(three: Project) -> None:
    assert free(three) == {}
    first = three.run_here()
    second = three.run_here("Two.text=zwei")  # One is the first run's
    delete(three, first)
    assert free(three) == {first.run_id: {"Two", "Three"}}
    assert (first.artifact_dir / "One" / "manifest.json").exists()
    assert (first.artifact_dir / "luigi.toml").exists()
    delete(three, second)
    assert free(three) == {first.run_id: {"One"}, second.run_id: {"Two", "Three"}}
    assert free(three) == {}
    assert {task.status for task in three.run_here(dry_run=True).tasks} == {"to run"}
    assert three.run_here().ok


def test_what_a_result_was_made_from_stays(three: Project) -> None:
    """Two is pinned, so that the last run itself says nothing of One."""
    first, second = three.run_here("RunConfig.task=One"), three.run_here("RunConfig.task=Two")
    third = three.run_here(f"PathConfig.Two=run:{second.run_id}")
    assert "reused.One" not in three.client.get_run(third.run_id).data.tags
    delete(three, first, second)
    assert free(three) == {}


def test_the_age_of_a_run(three: Project) -> None:
    first = three.run_here()
    assert free(three, timedelta(hours=1)) == {}
    assert free(three, timedelta()) == {first.run_id: ALL}
    run = three.client.get_run(first.run_id)
    assert run.info.lifecycle_stage == "active" and run.data.tags["runner.freed"]
    with pytest.raises(MissingInputError, match="Two was freed by `gc` on 20"):
        three.run_here(f"PathConfig.Two=run:{first.run_name}")
    assert {task.status for task in three.run_here().tasks} == {"ran"}


def test_what_the_config_pins_stays(three: Project) -> None:
    first = three.run_here()
    delete(three, first)
    config = three.root / "luigi.toml"
    for pin in (f"runs:/{first.run_id}/Two", f"run:{first.run_name}", f"{first.artifact_dir}/Two"):
        text = config.read_text()
        config.write_text(f'{text}[PathConfig]\nTwo = "{pin}"\n')
        found = {item.directory.name for item in collector(three).find().directories}
        assert found == {"Three"}
        config.write_text(text)


def test_what_a_running_run_has_and_uses_stays(three: Project) -> None:
    first, second = three.run_here(), three.run_here("Two.text=zwei")
    delete(three, first)
    client = three.client
    client.update_run(second.run_id, status="RUNNING")
    (second.artifact_dir / ".Three.partial").mkdir()
    client.set_tag(second.run_id, "reused.Two", first.run_id)
    client.set_tag(second.run_id, reaper.HOST_TAG, "another")
    assert free(three, timedelta()) == {first.run_id: {"Three"}}
    client.set_tag(second.run_id, reaper.HOST_TAG, reaper.socket.gethostname())
    client.set_tag(second.run_id, reaper.PROCESS_TAG, dead_process())
    assert free(three) == {second.run_id: {".Three.partial"}}
    assert free(three, timedelta()) == {first.run_id: {"One", "Two"}, second.run_id: ALL - {"One"}}


def test_a_table_in_place_of_tags(three: Project) -> None:
    first, second = three.run_here(), three.run_here(record=True)
    for tag in list(three.client.get_run(second.run_id).data.tags):
        if tag.startswith("reused."):
            three.client.delete_tag(second.run_id, tag)
    delete(three, first)
    table = second.artifact_dir / "lineage.json"
    row = ["Two", "reused", first.run_id, f"{first.artifact_dir}/Two"]
    table.write_text(json.dumps({"columns": [], "data": [row]}))
    assert {i.directory.name for i in collector(three).find().directories} == {"Three"}
    table.write_text(f"damaged {first.run_id}")
    assert collector(three).find().directories == ()
    table.unlink()
    assert free(three) == {first.run_id: ALL}


def test_a_large_run_at_work_is_waited_for(three: Project) -> None:
    """It has a table in place of tags, which has what it took over on the way only at its end."""
    first, second = three.run_here(), three.run_here("Two.text=zwei")
    delete(three, first)
    (second.artifact_dir / ".Three.partial").mkdir()
    (first.artifact_dir / ".Three.partial").mkdir()
    three.client.update_run(second.run_id, status="RUNNING")
    three.client.set_tag(second.run_id, "runner.lineage", "1 reused")
    found = collector(three)
    garbage = found.find()
    assert garbage.waits_for == second.run_name
    assert {item.directory.name for item in garbage.directories} == {".Three.partial"}
    assert "is large and at work" in three.command("gc").out
    three.client.set_terminated(second.run_id)
    assert free(three)[first.run_id] == {"Two", "Three", ".Three.partial"}


def test_leftovers(three: Project) -> None:
    three.run_here()
    report = three.run_here(force=["One+"])
    folder = report.artifact_dir
    (folder / ".Four.partial").mkdir()
    (folder / ".Four.partial" / "big").write_bytes(b"x" * 1000)
    (folder / "mine").mkdir()
    (folder / ".Own.partial").symlink_to(folder / "mine")
    os.replace(folder / "One" / "manifest.json", folder / "One" / "manifest.damaged.json")
    index = three.root / "mlruns" / ".reuse"
    stale = index / "tasks" / "One" / ("ab" * 32)
    stale.write_text("9/none/artifacts/One")
    found = collector(three)
    garbage = found.find()
    assert {item.directory.name for item in garbage.directories} == {".Four.partial", "One"}
    assert stale in garbage.entries
    assert next(i.size for i in garbage.directories if "Four" in i.directory.name) == 1000
    found.free(garbage)
    assert not stale.exists() and (folder / "mine").exists() and (folder / "Two").exists()
    assert not (folder / "One").exists()
    assert collector(three).find().entries == ()


def test_nothing_of_others_goes(three: Project, tmp_path: Path) -> None:
    first = three.run_here()
    folder = first.artifact_dir
    outside = tmp_path / "outside"
    shutil.copytree(folder / "One", outside / "One")
    shutil.copytree(folder / "One", folder / "Copy")
    manifest = folder / "Copy" / "manifest.json"
    manifest.write_text(manifest.read_text().replace(first.run_id, "0" * 32))
    (folder / "Link").symlink_to(outside / "One")
    (folder / "plots").mkdir()
    foreign = three.client.create_run("0").info
    shutil.copytree(folder / "One", Path(foreign.artifact_uri) / "One")
    three.client.delete_run(foreign.run_id)
    delete(three, first)
    assert free(three) == {first.run_id: ALL}
    left = {path.name for path in folder.iterdir() if path.is_dir()}
    assert left == {"Copy", "Link", "plots"}
    assert (outside / "One" / "out.txt").exists()
    assert (Path(foreign.artifact_uri) / "One" / "out.txt").exists()


def test_runs_outside_of_the_artifact_root_are_left_alone(three: Project, tmp_path: Path) -> None:
    first = three.run_here(f"RunConfig.artifact_root={tmp_path}/elsewhere")
    assert first.artifact_dir.is_relative_to(tmp_path / "elsewhere")
    delete(three, first)
    garbage = collector(three).find()
    assert (garbage.directories, garbage.elsewhere) == ((), 1)


def test_a_run_that_starts_meanwhile_keeps_what_it_found(three: Project) -> None:
    first = three.run_here()
    delete(three, first)
    found = collector(three)
    garbage = found.find()
    second = three.run_here(record=True)
    went = found.free(garbage)
    assert went.directories == ()
    assert three.run_here().status == "UNCHANGED"
    assert (first.artifact_dir / "Two" / "manifest.json").exists()
    assert three.client.get_run(second.run_id).data.tags["reused.Two"] == first.run_id


def test_a_run_that_was_too_late_fails_in_order(
    three: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Freed between its plan and the note of what it reuses."""
    from runner.tracking.recording import Recorder

    first = three.run_here()
    delete(three, first)
    really = Recorder.open

    def late(self: Recorder, *args: Any) -> Any:
        free(three)
        return really(self, *args)

    monkeypatch.setattr(Recorder, "open", late)
    with pytest.raises(MissingInputError, match="was freed at this very moment"):
        three.run_here(record=True)
    assert three.runs()[0].info.status == "FAILED"
    monkeypatch.undo()
    assert {task.status for task in three.run_here().tasks} == {"ran"}


@pytest.mark.parametrize("moment", ["replace", "rmtree"])
def test_a_crash_in_between(three: Project, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    first = three.run_here()
    delete(three, first)
    monkeypatch.setattr(
        freeing.os if moment == "replace" else freeing.shutil,
        moment,
        lambda *args: (_ for _ in ()).throw(KeyboardInterrupt),
    )
    with pytest.raises(KeyboardInterrupt):
        free(three)
    monkeypatch.undo()
    plan = three.run_here(dry_run=True)
    assert {task.status for task in plan.tasks} == {"to run"}
    assert free(three) == {first.run_id: ALL}


def test_the_command(three: Project) -> None:
    first = three.run_here("RunConfig.run_name=first")
    delete(three, first)
    shown = three.command("gc", "-c", "luigi.toml", "--older", "90d")
    for name in ALL:
        assert any(
            line.split()[:2] == ["first", f"({first.run_id[:8]})"] and name in line
            for line in shown.out.splitlines()
        )
    assert "nothing was freed yet" in shown.out
    assert "gc -c luigi.toml --older 90d --delete" in shown.out
    assert (first.artifact_dir / "One").exists()
    done = three.command("gc", "--delete")
    assert "freed: " in done.out and " in 3 directories" in done.out
    assert not (first.artifact_dir / "One").exists()
    assert three.command("gc").out == "nothing to free\n"


@pytest.mark.parametrize("age", ["90", "d", "-1d", "1y", "1.5d", "9999999d"])
def test_an_age_that_is_none(three: Project, age: str, capsys: pytest.CaptureFixture[str]) -> None:
    from runner.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["gc", "--older", age])
    assert ended.value.code == 2
    assert "is no age" in capsys.readouterr().err


def test_a_project_without_runs(bare_project: Project) -> None:
    bare_project.pipeline(TASKS, task="Three")
    assert "there are no runs yet" in bare_project.command("gc", code=2).err
    assert not (bare_project.root / "mlflow.db").exists()
