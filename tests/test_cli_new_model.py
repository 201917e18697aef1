"""`runner new-model`: a family of models to begin with."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.test_families import TASKS

CONFIG = '\nreuse = "auto"\n'


@pytest.fixture
def fitting(project: Project) -> Project:
    """A project whose task picks families, of which there is none yet."""
    project.pipeline(TASKS.replace('"one"', '"first"'), task="Ask", config=CONFIG)
    return project


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_what_is_written_works_as_it_is(fitting: Project) -> None:
    done = fitting.command("new-model", "second")
    *wrote, run = done.out.splitlines()
    assert [line.removeprefix("wrote  src/tasks/models/") for line in wrote] == [
        *("__init__.py", "second/__init__.py", "second/model.py", "second/trainer.py"),
        "second/model_api.py",
    ]
    options = shlex.split(run.partition(" -m runner ")[2])
    assert options == ["-o", "Fit.model=second"]

    fitting.command(*options)

    out = next(fitting.root.glob("mlruns/*/*/artifacts/Ask/out.txt"))
    assert out.read_text() == "[3]"  # of 3 and 4, which are as frequent, the first
    again = fitting.command(*options, "--dry-run")
    assert "0 to run" in again.out


def test_as_json_and_beside_others(fitting: Project) -> None:
    fitting.command("new-model", "first")
    before = files(fitting.root / "src")

    said = json.loads(fitting.command("new-model", "second", "--json").out)

    assert said["family"] == "second" and said["module"] == "tasks.models.second"
    assert [Path(file).name for file in said["files"]] == [
        *("__init__.py", "model.py", "trainer.py", "model_api.py"),
    ]
    (run,) = said["run"]
    assert run.endswith(" -o Fit.model=second")
    after = files(fitting.root / "src")
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 4


def test_in_a_folder_of_its_own(fitting: Project) -> None:
    (fitting.root / "src/lib").mkdir()
    said = json.loads(fitting.command("new-model", "far", "--path", "src/lib", "--json").out)
    assert said["family"] == "lib.far"
    fitting.command(*said["run"][0].partition(" -m runner ")[2].split())


def test_in_a_project_of_modules(fitting: Project) -> None:
    """A single file of tasks has its families beside it."""
    shutil.move(fitting.root / "src/tasks/__init__.py", fitting.root / "src/tasks.py")
    shutil.rmtree(fitting.root / "src/tasks")
    fitting.command("new-model", "first")
    assert (fitting.root / "src/models/first/model.py").exists()
    fitting.command()


def test_without_a_task_that_picks_one(project: Project) -> None:
    project.pipeline()
    done = project.command("new-model", "first")
    assert done.out.splitlines()[-1].startswith("no task picks a family yet: derive")
    assert json.loads(project.command("new-model", "other", "--json").out)["run"] == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("first", "there is a src/tasks/models/first already; nothing was written"),
        ("file", "there is a src/tasks/models/file already; nothing was written"),
        ("a-b", "'a-b' can't be the name of a family: expected letters, digits and underscores"),
        ("1a", "'1a' can't be the name"),
        ("../up", "'../up' can't be the name"),
        ("_x", "'_x' can't be the name"),
        ("größe", "'größe' can't be the name"),
        ("class", "'class' is a word of Python's own"),
        ("json", "'json' is a module of Python's own"),
        ("mlflow", "'mlflow' is an installed package"),
    ],
)
def test_names_that_will_not_do(fitting: Project, name: str, said: str) -> None:
    fitting.command("new-model", "first")
    fitting.write("src/tasks/models/file.py", "")
    before = files(fitting.root / "src")
    done = fitting.command("new-model", "--", name, code=2)
    assert done.err.startswith(f"runner: {said}")
    assert len(done.err.splitlines()) == 1
    assert files(fitting.root / "src") == before


@pytest.mark.parametrize("path", ["../elsewhere", "src/not-a-name", "."])
def test_folders_that_will_not_do(fitting: Project, path: str) -> None:
    before = files(fitting.root)
    done = fitting.command("new-model", "far", "--path", path, code=2)
    assert "can't hold families: expected a package of modules in " in done.err
    assert "error" in json.loads(fitting.command("new-model", "1", "--json", code=2).out)
    assert files(fitting.root) == before


def test_a_folder_that_can_not_be_written(fitting: Project) -> None:
    fitting.write("src/tasks/models", "a file")
    done = fitting.command("new-model", "first", code=2)
    assert done.err == "runner: src/tasks/models/first can't be written: File exists\n"
