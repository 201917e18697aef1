"""`runner.load`: outputs of finished runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import runner
from runner.errors import MissingInputError, RunnerError, UsageError
from tests.conftest import PIPELINE, Project
from tests.experiments import project_with_runs, run_id, unsafe_run, with_runs

__all__ = ["project_with_runs", "unsafe_run", "with_runs"]


def test_an_output_is_a_path_and_a_task_is_all_of_its_outputs(project_with_runs: Project) -> None:
    two = run_id(project_with_runs, "two")
    for named in (two, two[:12], "two", "latest~1"):
        path = runner.load(f"runs:/{named}/Write/text")
        assert isinstance(path, Path) and path.is_absolute()
        assert path.read_text() == "hi" and two in path.parts
    assert runner.load("run:two/Write/text") == path
    assert runner.load("runs:/two/Write/text.txt/") == path  # as in MLflow's own URIs
    assert runner.load("runs:/two/Write") == {"text": path}
    here = {"config": "default.toml", "project": project_with_runs.root}
    project_with_runs.write("default.toml", '[RunConfig]\nexperiment_name="trial"\ntask="Count"\n')
    assert runner.load("runs:/two/Write/text", **here) == path


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("two/Write/text", "'two/Write/text' names no output of a run"),
        ("runs:/two", "'runs:/two' names no output of a run"),
        ("runs:/tow/Write/text", "no run in .* is called 'tow'; did you mean 'two'"),
        ("runs:/latest~7/Write/text", "there is no latest~7"),
        ("runs:/two/Wriet/text", "completed no task 'Wriet'; it has Count, Write; did you mean"),
        ("runs:/plain/Write/text", "completed no task 'Write'; it has none"),
        ("runs:/two/Write/txt", r"run two \(.*\) has no output 'txt'; it has text; did you mean"),
        ("runs:/two/Write/../Count/count.txt", "has no output"),
    ],
)
def test_what_is_not_there_is_said(project_with_runs: Project, uri: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        runner.load(uri)


def test_a_run_that_did_not_finish_is_not_the_latest(project: Project) -> None:
    project.pipeline()
    first = runner.run()
    project.pipeline(PIPELINE.replace("count = len", "count = 1 / 0 + len"))
    failed = runner.run(overrides={"Write.text": "four"})
    assert failed.status == "FAILED"
    assert runner.load("runs:/latest/Count/count") == first["Count"].outputs["count"]
    assert runner.load(f"runs:/{failed.run_id}/Write/text").read_text() == "four"
    with pytest.raises(UsageError, match="completed no task 'Count'; it has Write"):
        runner.load(f"runs:/{failed.run_id}/Count/count")


PARTS = """
import luigi
from runner import RunTask

class Part(RunTask):
    n = luigi.IntParameter()
    outputs = {"n": "n.txt", "folder": "folder"}

    def run(self):
        self.outputs["n"].write_text(str(self.n))
        self.outputs["folder"].mkdir()
        (self.outputs["folder"] / "in.txt").write_text("inside")

class Whole(RunTask):
    outputs = {"x": "x.txt"}

    def requires(self):
        return [Part(n=1), Part(n=2)]

    def run(self):
        self.outputs["x"].write_text("x")
"""


def test_one_of_several_is_named_by_its_directory(project: Project) -> None:
    project.pipeline(PARTS, task="Whole")
    first = runner.run(overrides={"RunConfig.run_name": "first"})
    second = runner.run(overrides={"RunConfig.run_name": "second"}, reuse="auto", record=True)
    assert second["Part(n=2)"].status == "reused"
    with pytest.raises(UsageError, match=r"several of Part\n  name one of them: Part_1_.*, Part_2"):
        runner.load("runs:/second/Part/n")
    directory = first["Part(n=2)"].directory
    assert directory is not None
    for run in ("first", "second"):  # which took it from the first
        assert runner.load(f"runs:/{run}/{directory.name}/n") == directory / "n.txt"
        assert runner.load(f"runs:/{run}/{directory.name}/folder") == directory / "folder"
    assert runner.load(f"runs:/second/{directory.name}/folder/in.txt").read_text() == "inside"


def test_what_was_changed_since_is_refused(project: Project) -> None:
    project.pipeline()
    report = runner.run()
    path = report["Write"].outputs["text"]
    path.write_text("jello")  # as many bytes as before
    with pytest.raises(MissingInputError, match=r"text\.txt has other bytes"):
        runner.load("runs:/latest/Write/text")
    shutil.rmtree(path.parent)
    with pytest.raises(RunnerError, match="completed no task 'Write'; it has Count"):
        runner.load("runs:/latest/Write/text")
    again = runner.run(overrides={"PathConfig.Count": f"runs:/{report.run_id}/Count"}, record=True)
    shutil.rmtree(path.parent.with_name("Count"))
    with pytest.raises(MissingInputError, match="is not there any more"):
        runner.load(f"runs:/{again.run_id}/Count/count")


def test_a_directory_that_the_runner_did_not_make(project: Project) -> None:
    project.pipeline()
    project.write("given/text.txt", "given")
    runner.run(overrides={"PathConfig.Write": "given"})
    assert runner.load("runs:/latest/Write/text.txt") == project.root / "given" / "text.txt"
    with pytest.raises(UsageError, match="was not made by the runner"):
        runner.load("runs:/latest/Write")
    with pytest.raises(UsageError, match="was not made by the runner"):
        runner.load("runs:/latest/Write/../luigi.toml")
