"""`runner reproduce`: the result of a run is had again, or it is said why not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Done, Project
from tests.test_signals import wait_for

TASKS = """
import os, random, time
from pathlib import Path
import mlflow
from runner import RunTask, TaskConfig, requires
from tasks.words import shout

class CleanConfig(TaskConfig):
    rows: int = 2

class Clean(RunTask):
    config: CleanConfig
    sources = {"raw": "raw.txt"}
    outputs = {"clean": "clean.txt"}

    def run(self):
        lines = self.inputs["raw"].read_text().splitlines()
        self.outputs["clean"].write_text("\\n".join(lines[: self.config.rows]))
        mlflow.log_metric("rows", self.config.rows)

@requires(Clean)
class Fit(RunTask):
    outputs = {"model": "model.txt", "plots": "plots"}

    def run(self):
        text = self.inputs["clean"].read_text()
        self.outputs["plots"].mkdir()
        (self.outputs["plots"] / "one.txt").write_text(text)
        (self.outputs["plots"] / "two.txt").write_text(text)
        self.outputs["model"].write_text(shout(text))
        mlflow.log_metric("letters", len(text))
"""

WORDS = """
def shout(text):
    return text.upper()
"""

CONFIG = """
[RunConfig]
experiment_name = "trial"
task = "Fit"
reuse = "auto"
[PathConfig]
input = "data"
"""


def git(root: Path, *args: str) -> str:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main"]
    command = ["git", "-C", str(root), *who, *args]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def commit(root: Path) -> None:
    git(root, "add", ".")
    git(root, "commit", "-qm", "a commit")


@pytest.fixture
def tracked(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project in git, with all that it reads; temporary folders are below the test's own."""
    (tmp_path / "temp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temp"))
    project.write("src/tasks/__init__.py", TASKS)
    project.write("src/tasks/words.py", WORDS)
    project.write("luigi.toml", CONFIG)
    project.write("data/raw.txt", "one\ntwo\nthree\n")
    project.write(".gitignore", "mlflow.db*\nmlruns/\n__pycache__/\n.runner/\n.env\n*.big\n.*.lock\n")
    git(project.root, "init", "-q")
    commit(project.root)
    return project


def edit(project: Project, name: str, old: str, new: str) -> None:
    path = project.root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def verdict(project: Project, *args: str, code: int = 0, run: str = "latest") -> dict[str, Any]:
    """The verdict as a document, with the exit code that it must have."""
    done = project.run("reproduce", run, "--json", *args, code=code)
    found: dict[str, Any] = json.loads(done.out)
    assert found["reproduced"] == (code == 0)
    return found


def statuses(found: dict[str, Any]) -> dict[str, str]:
    return {f"{row['task']}/{row['output']}": row["status"] for row in found["outputs"]}


ALL_SAME = {"Clean/clean.txt": "same", "Fit/model.txt": "same", "Fit/plots": "same"}


def no_worktree(project: Project) -> bool:
    listed = git(project.root, "worktree", "list", "--porcelain").count("worktree ")
    return listed == 1 and not list((project.root.parent / "temp").glob("runner-reproduce-*"))


def test_a_clean_commit(tracked: Project) -> None:
    first = tracked.run_here("RunConfig.run_name=first", "Clean.rows=1")
    done = tracked.run("reproduce", "first")
    assert done.out.splitlines()[-1] == "reproduced: 3 outputs and 2 metrics are the same"
    assert "Fit: letters" in done.out and "model.txt" in done.out
    new, old = tracked.runs()
    assert old.info.run_id == first.run_id and new.info.run_name == "reproduce-first"
    tags = new.data.tags
    assert (tags["reproduces"], tags["runner.reproduced"]) == (first.run_id, "true")
    assert tags["runner.verdict"].startswith("reproduced: ")
    assert tags["runner.git.commit"] == old.data.tags["runner.git.commit"]
    assert tags["runner.git.dirty"] == "false"
    assert new.info.experiment_id == old.info.experiment_id
    kept = json.loads((Path(new.info.artifact_uri) / "verdict.json").read_text())
    assert kept["reproduced"] is True and statuses(kept) == ALL_SAME
    assert (kept["run_id"], kept["new_run_id"]) == (first.run_id, new.info.run_id)
    assert no_worktree(tracked)
    assert git(tracked.root, "status", "--porcelain") == ""


def test_latest_is_no_reproduction_and_no_failure(tracked: Project) -> None:
    first = tracked.run_here()
    tracked.run_here("Clean.rows=true", files=("luigi.toml",)) if False else None
    assert verdict(tracked)["run_id"] == first.run_id
    assert verdict(tracked)["run_id"] == first.run_id


def test_uncommitted_edits_and_an_untracked_module(tracked: Project) -> None:
    edit(tracked, "src/tasks/words.py", "text.upper()", "louder(text)")
    edit(tracked, "src/tasks/words.py", "def shout", "from tasks.new import louder\n\ndef shout")
    tracked.write("src/tasks/new.py", "def louder(text):\n    return text.upper() + '!!'\n")
    tracked.run_here()
    git(tracked.root, "checkout", "-q", ".")
    (tracked.root / "src/tasks/new.py").unlink()
    found = verdict(tracked)
    assert statuses(found) == ALL_SAME
    model = Path(tracked.runs()[0].info.artifact_uri) / "Fit" / "model.txt"
    assert model.read_text() == "ONE\nTWO!!"


@pytest.mark.parametrize("committed", [True, False])
def test_code_and_config_that_were_edited_since(tracked: Project, committed: bool) -> None:
    tracked.run_here("Clean.rows=3")
    edit(tracked, "src/tasks/words.py", "upper", "lower")
    tracked.write("luigi.toml", CONFIG + "[Clean]\nrows = 1\n")
    if committed:
        commit(tracked.root)
    assert statuses(verdict(tracked)) == ALL_SAME


def test_an_untracked_input_is_read_where_it_lies(tracked: Project) -> None:
    tracked.write("elsewhere/raw.txt", "uno\ndos\n")
    tracked.write(".gitignore", (tracked.root / ".gitignore").read_text() + "elsewhere/\n")
    commit(tracked.root)
    tracked.run_here("PathConfig.input=elsewhere")
    assert statuses(verdict(tracked)) == ALL_SAME
    config = Path(tracked.runs()[0].info.artifact_uri) / "luigi.toml"
    entry = tomllib.loads(config.read_text())["PathConfig"]["input"]
    assert entry == str(tracked.root / "elsewhere")


def test_an_untracked_input_beside_tracked_ones(tracked: Project) -> None:
    edit(tracked, "src/tasks/__init__.py", '"raw": "raw.txt"', '"raw": "raw.txt", "big": "a b.big"')
    commit(tracked.root)
    tracked.write("data/a b.big", "a lot")
    tracked.run_here()
    assert statuses(verdict(tracked)) == ALL_SAME
    tracked.write("data/a b.big", "less")
    found = verdict(tracked, code=1)
    assert found["verdict"] == "not reproduced: the input data/a b.big of Clean has changed"


def test_inputs_outside_of_the_project(tracked: Project, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/raw.txt").write_text("uno\ndos\n")
    tracked.run_here("PathConfig.input=../shared")
    assert statuses(verdict(tracked)) == ALL_SAME


def test_inputs_that_changed_or_are_gone_are_all_named(tracked: Project) -> None:
    edit(tracked, "src/tasks/__init__.py", '"raw": "raw.txt"', '"raw": "raw.txt", "big": "*.big"')
    commit(tracked.root)
    for name in ("a", "b", "c"):
        tracked.write(f"data/{name}.big", name)
    tracked.run_here()
    tracked.write("data/a.big", "changed")
    (tracked.root / "data/c.big").unlink()
    done = tracked.run("reproduce", "latest", code=1)
    assert done.out.splitlines()[-1] == (
        "not reproduced: the input data/a.big of Clean has changed; "
        "the input data/c.big of Clean is missing"
    )
    assert len(tracked.runs()) == 1 and no_worktree(tracked)


def test_a_tracked_input_that_was_edited_since_is_taken_from_the_commit(tracked: Project) -> None:
    tracked.run_here()
    tracked.write("data/raw.txt", "something else\n")
    assert statuses(verdict(tracked)) == ALL_SAME


def test_what_depends_on_chance_is_named(tracked: Project) -> None:
    edit(tracked, "src/tasks/__init__.py", '/ "two.txt").write_text(text)', '/ "two.txt").write_text(str(random.random()))')
    edit(tracked, "src/tasks/__init__.py", '"letters", len(text)', '"letters", random.random()')
    commit(tracked.root)
    tracked.run_here()
    done = tracked.run("reproduce", "latest", code=1)
    assert done.out.splitlines()[-1] == (
        "not reproduced: 1 of 3 outputs differs: Fit/plots; 1 of 2 metrics differs: letters"
    )
    assert "plots (plots/two.txt)" in done.out
    run = tracked.runs()[0]
    assert run.info.status == "FINISHED" and run.data.tags["runner.reproduced"] == "false"


def test_metrics_within_a_tolerance(tracked: Project) -> None:
    near = '"letters", 5 + 1e-3 * random.random()'
    edit(tracked, "src/tasks/__init__.py", '"letters", len(text)', near)
    commit(tracked.root)
    tracked.run_here()
    assert "letters" in verdict(tracked, code=1)["verdict"]
    found = verdict(tracked, "--tolerance", "0.01")
    assert found["verdict"].endswith("2 metrics are the same, 1 of them within 0.01")
    assert {row["name"]: row["status"] for row in found["metrics"]} == {
        "rows": "same",
        "letters": "within tolerance",
    }
    for wrong in ("-1", "nan", "much"):
        tracked.run("reproduce", "latest", "--tolerance", wrong, code=2)


def test_another_environment_is_listed(tracked: Project) -> None:
    first = tracked.run_here()
    freeze = first.artifact_dir / "pip-freeze.txt"
    lines = [line for line in freeze.read_text().splitlines() if not line.startswith("click==")]
    lines = ["luigi==0.1" if line.startswith("luigi==") else line for line in lines]
    freeze.write_text("\n".join([*lines, "gone==1.0"]))
    tracked.client.set_tag(first.run_id, "runner.python", "2.7.18")
    found = verdict(tracked)
    changes = {change["name"]: change for change in found["environment"]}
    assert set(changes) == {"Python", "click", "gone", "luigi"}
    assert (changes["Python"]["then"], changes["luigi"]["then"]) == ("2.7.18", "0.1")
    assert (changes["click"]["then"], changes["gone"]["now"]) == ("", "")


def test_a_run_that_took_everything_from_earlier_ones(tracked: Project) -> None:
    tracked.run_here("RunConfig.task=Clean")
    tracked.run_here()
    third = tracked.run_here(record=True)
    assert {task.status for task in third.tasks} == {"reused"}
    found = verdict(tracked, run=third.run_id)
    assert statuses(found) == ALL_SAME and len(found["metrics"]) == 2
    new = tracked.runs()[0]
    assert not [tag for tag in new.data.tags if tag.startswith("reused.")]


def test_a_run_with_pins_is_computed_from_the_start(tracked: Project) -> None:
    first = tracked.run_here()
    pinned = tracked.run_here(
        f"PathConfig.Clean=run:{first.run_id}", "RunConfig.run_name=with pins", force=["Fit"]
    )
    assert [task.status for task in pinned.tasks] == ["reused", "ran"]
    assert statuses(verdict(tracked, run="with pins")) == ALL_SAME
    new = tracked.runs()[0]
    assert new.info.run_name == "reproduce-with pins"
    assert (Path(new.info.artifact_uri) / "Clean" / "manifest.json").exists()


def test_a_pin_above_which_nothing_was_needed(tracked: Project) -> None:
    first = tracked.run_here()
    folder = first.artifact_dir / "Fit"
    tracked.run_here(f"PathConfig.Fit={folder}", f"PathConfig.Clean={first.artifact_dir}/Clean", record=True)
    assert statuses(verdict(tracked)) == ALL_SAME
