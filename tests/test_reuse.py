"""reuse = "auto": what was computed before is taken, and nothing else is."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Done, Project

TASKS = """
import random
from pathlib import Path
import mlflow
from runner import RunTask, TaskConfig, requires
from tasks.helpers import shout

def tally(name):
    with open("tally.txt", "a") as file:
        file.write(name + " ")

class CleanConfig(TaskConfig):
    rows: int = 2
    note: str = ""

class Clean(RunTask):
    config: CleanConfig
    sources = {"raw": "raw.txt"}
    outputs = {"clean": "clean.txt"}

    def run(self):
        tally("Clean")
        lines = self.inputs["raw"].read_text().splitlines()
        self.outputs["clean"].write_text("\\n".join(lines[: self.config.rows]))

@requires(Clean)
class Fit(RunTask):
    outputs = {"model": "model.txt"}

    def run(self):
        tally("Fit")
        mlflow.log_metric("letters", len(self.inputs["clean"].read_text()))
        self.outputs["model"].write_text(shout(self.inputs["clean"].read_text()))

@requires(Fit, Clean)
class Report(RunTask):
    outputs = {"report": "report.txt"}

    def run(self):
        tally("Report")
        self.outputs["report"].write_text(self.inputs["model"].read_text() + "!")
"""

HELPERS = """
def shout(text):
    return text.upper()

def whisper(text):
    return text.lower()
"""


@pytest.fixture
def auto(project: Project) -> Project:
    project.pipeline(TASKS, task="Report", config='reuse = "auto"\n[PathConfig]\ninput = "data"\n')
    project.write("src/tasks/helpers.py", HELPERS)
    project.write("data/raw.txt", "one\ntwo\nthree\n")
    return project


def ran(project: Project, *overrides: str, **request: Any) -> list[str]:
    """The tasks whose run() was really called, in order."""
    tally = project.root / "tally.txt"
    tally.unlink(missing_ok=True)
    report = project.run_here(*overrides, **request)
    assert report.ok, report.error
    return tally.read_text().split() if tally.exists() else []


def edit(project: Project, name: str, old: str, new: str) -> None:
    path = project.root / name
    text = path.read_text()
    assert old in text
    other = path.stat().st_mtime - 10  # Python sees no edit of the same size in the same second
    path.write_text(text.replace(old, new))
    os.utime(path, (other, other))


ALL = ["Clean", "Fit", "Report"]


def test_nothing_changed_means_nothing_to_do_and_no_run(auto: Project) -> None:
    first = auto.run_here()
    again = auto.run_here()
    assert (first.status, again.status) == ("FINISHED", "UNCHANGED")
    assert {task.status for task in again.tasks} == {"reused"}
    assert {task.origin for task in again.tasks} == {first.run_name}
    assert len(auto.runs()) == 1
    recorded = auto.run_here(record=True)
    run = auto.client.get_run(recorded.run_id)
    assert run.data.metrics == {"letters": 7}
    assert run.data.tags["reused.Fit"] == first.run_id


def test_the_command_says_that_nothing_is_to_do(auto: Project) -> None:
    auto.run_here()
    done: Done = auto.command()
    assert "nothing to do" in done.out and "Report" in done.out
    assert json.loads(auto.command("--json").out)["status"] == "UNCHANGED"
    assert len(auto.runs()) == 1


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("src/tasks/__init__.py", 'tally("Fit")', 'tally("Fit")  # a comment', []),
        ("src/tasks/__init__.py", "class Fit(RunTask):", "class Fit(RunTask):\n    'doc'", []),
        ("src/tasks/helpers.py", "text.lower()", "text.lower() + '?'", []),
        ("src/tasks/helpers.py", "text.upper()", "text.upper() + '?'", ["Fit", "Report"]),
        ("src/tasks/helpers.py", "text.upper()", "str(text).upper()", ["Fit"]),
        ("src/tasks/__init__.py", '+ "!"', '+ "?"', ["Report"]),
        ("data/raw.txt", "one", "uno", ALL),
        ("data/raw.txt", "three", "tres", ["Clean"]),
    ],
)
def test_an_edit_reruns_what_it_reaches(
    auto: Project, file: str, old: str, new: str, expected: list[str]
) -> None:
    assert ran(auto) == ALL
    edit(auto, file, old, new)
    assert ran(auto) == expected
    assert ran(auto) == []


def test_a_config_key_reruns_its_task_and_what_its_changed_output_reaches(auto: Project) -> None:
    assert ran(auto) == ALL
    assert ran(auto, "Clean.note=other") == ["Clean"]
    assert ran(auto, "Clean.rows=1") == ALL
    assert ran(auto, "Clean.rows=2") == []
    assert ran(auto, 'Clean.note=""') == []


def test_reasons(auto: Project) -> None:
    first = auto.run_here(dry_run=True)
    assert [task.reason for task in first.tasks] == [
        "first time",
        "Clean may change",
        "Fit may change",
    ]
    auto.run_here()
    edit(auto, "src/tasks/helpers.py", "text.upper()", "text.upper() + '?'")
    edited = auto.run_here("Clean.rows=3", dry_run=True)
    assert edited.tasks[0].reason == "rows 2 → 3"
    edited = auto.run_here(dry_run=True)
    assert edited.tasks[1].reason == "code of tasks.helpers.shout changed"
    edit(auto, "data/raw.txt", "one", "uno")
    assert auto.run_here(dry_run=True).tasks[0].reason == "input raw changed"
    assert auto.run_here(dry_run=True, force=["Clean"]).tasks[0].reason == "forced"


def test_what_a_failed_run_completed_is_taken(auto: Project) -> None:
    edit(auto, "src/tasks/__init__.py", '+ "!")', "+ missing)")
    assert auto.run_here().status == "FAILED"
    edit(auto, "src/tasks/__init__.py", "+ missing)", '+ "!")')
    assert ran(auto) == ["Report"]


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete", "manifest", "newer", "directory"])
def test_what_is_damaged_is_never_served(auto: Project, damage: str) -> None:
    first = auto.run_here()
    folder = first.artifact_dir / "Fit"
    model, manifest = folder / "model.txt", folder / "manifest.json"
    good = model.read_bytes()
    if damage == "flip":
        model.write_bytes(b"X" + good[1:])
    elif damage == "truncate":
        model.write_bytes(good[:-1])
    elif damage == "delete":
        model.unlink()
    elif damage == "manifest":
        manifest.write_bytes(manifest.read_bytes()[:-20])
    elif damage == "newer":
        manifest.write_text(manifest.read_text().replace('"version": 1', '"version": 2'))
    else:
        shutil.rmtree(folder)
    assert ran(auto, verify=damage == "flip") == ["Fit"]
    again = auto.run_here(record=True)
    fit = next(task for task in again.tasks if task.name == "Fit")
    assert (fit.directory / "model.txt").read_bytes() == good and fit.directory != folder


def test_a_dry_run_names_the_damage_and_leaves_it(auto: Project) -> None:
    first = auto.run_here()
    (first.artifact_dir / "Clean" / "clean.txt").unlink()
    for _ in range(2):
        plan = auto.run_here(dry_run=True)
        assert "clean.txt (clean) is missing" in plan.tasks[0].reason or (
            "clean.txt is missing" in plan.tasks[0].reason
        )
    assert (first.artifact_dir / "Clean" / "manifest.json").exists()


def test_an_output_deleted_in_the_middle_is_restored(auto: Project) -> None:
    first = auto.run_here()
    shutil.rmtree(first.artifact_dir / "Clean")
    assert ran(auto) == ["Clean"]
    assert ran(auto) == []


def test_force_and_no_reuse(auto: Project) -> None:
    assert ran(auto) == ALL
    assert ran(auto, force=["Fit"]) == ["Fit"]
    assert ran(auto, force=["Fit+"]) == ["Fit", "Report"]
    assert ran(auto, "RunConfig.reuse=pinned") == ALL


def test_tasks_without_a_seed_never_mix_outputs_of_different_origin(auto: Project) -> None:
    edit(auto, "src/tasks/__init__.py", "lines[: self.config.rows]", "[str(random.random())]")
    first = auto.run_here()
    shutil.rmtree(first.artifact_dir / "Clean")
    second = auto.run_here()
    assert [task.status for task in second.tasks] == ["ran", "ran", "ran"]
    value = (second.artifact_dir / "Clean" / "clean.txt").read_text()
    assert (second.artifact_dir / "Report" / "report.txt").read_text() == f"{value}!"


def test_a_class_may_refuse_and_a_version_may_renew(auto: Project) -> None:
    edit(
        auto, "src/tasks/__init__.py", "class Fit(RunTask):", "class Fit(RunTask):\n    version = 1"
    )
    assert ran(auto) == ALL
    edit(auto, "src/tasks/__init__.py", "version = 1", "version = 2")
    assert ran(auto) == ["Fit"]
    edit(auto, "src/tasks/__init__.py", "version = 2", "reusable = False")
    assert ran(auto) == ["Fit"]
    assert ran(auto) == ["Fit"]


def test_packages_count_when_asked_for(auto: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ran(auto) == ALL
    assert ran(auto, 'RunConfig.fingerprint_packages=["luigi"]') == ["Clean", "Fit", "Report"]
    monkeypatch.setattr("runner.ingredients.version", lambda package: "99")
    assert ran(auto, 'RunConfig.fingerprint_packages=["luigi"]') == ALL


def test_a_pin_goes_before_a_fingerprint(auto: Project) -> None:
    first = auto.run_here()
    other = auto.run_here("Clean.rows=1")
    report = auto.run_here(f"PathConfig.Clean=run:{other.run_name}", record=True)
    assert {t.name: (t.status, t.origin) for t in report.tasks} == {
        "Clean": ("reused", other.run_name),
        "Fit": ("reused", other.run_name),
        "Report": ("reused", other.run_name),
    }
    assert first.run_name != other.run_name


def test_a_moved_project_finds_what_it_has(auto: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ran(auto) == ALL
    moved = Project(auto.root.with_name("moved"))
    os.rename(auto.root, moved.root)
    monkeypatch.chdir(moved.root)
    plan = moved.run_here(dry_run=True)
    assert {task.status for task in plan.tasks} == {"reused"}
    assert all(task.directory.is_relative_to(moved.root) for task in plan.tasks)


def test_an_input_that_changes_meanwhile_is_not_offered(auto: Project) -> None:
    edit(
        auto,
        "src/tasks/__init__.py",
        'tally("Clean")',
        'tally("Clean"); Path("data/raw.txt").write_text(str(random.random()))',
    )
    auto.run_here()
    assert "Clean" in ran(auto)


def test_sixteen_at_once_compute_once(auto: Project) -> None:
    edit(
        auto,
        "src/tasks/__init__.py",
        'tally("Clean")',
        'tally("Clean"); import time; time.sleep(1)',
    )
    auto.run_together(*[[]] * 16)
    assert sorted((auto.root / "tally.txt").read_text().split()) == ALL


def test_files_of_the_index_are_relative_and_small(auto: Project) -> None:
    auto.run_here()
    index = auto.root / "mlruns" / ".reuse"
    entries = [p for p in index.rglob("*") if p.is_file() and "locks" not in p.parts]
    assert len(entries) == 3
    for entry in entries:
        assert not Path(json.loads(entry.read_text())["directory"]).is_absolute()
        assert entry.stat().st_size < 1_000


def test_why(auto: Project) -> None:
    assert "first time" in auto.command("why", "Clean").out
    first = auto.run_here()
    assert f"nothing changed since {first.run_name}" in auto.command("why", "Fit").out
    edit(auto, "src/tasks/helpers.py", "text.upper()", "text.upper() + '?'")
    told = auto.command("why", "Fit").out
    assert "code of tasks.helpers.shout changed" in told and first.run_name in told
    assert "-    return text.upper()" in told and "+    return text.upper() + '?'" in told
    assert "rows 2 → 1" in auto.command("why", "Clean", "-o", "Clean.rows=1").out
    assert "did you mean 'Clean'" in auto.command("why", "Cleen", code=2).err
    assert "Fit may change" in auto.command("why", "Report", "-o", "RunConfig.task=Clean").out
