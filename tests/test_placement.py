"""Where a task's outputs lie: pins, and what can be wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.artifacts import manifest as manifests
from runner.errors import MissingInputError, UsageError
from tests.conftest import PIPELINE, Project

SEVERAL = """
from pathlib import Path
import luigi, mlflow
from runner import RunTask

class Part(RunTask):
    n = luigi.IntParameter()
    outputs = {"n": "n.txt"}
    def run(self):
        self.outputs["n"].write_text(str(self.n))
        mlflow.log_metric(f"part_{self.n}", self.n)

class Whole(RunTask):
    upto = luigi.IntParameter(default=3)
    start = luigi.IntParameter(default=0)
    outputs = {"sum": "sum.txt"}
    def requires(self):
        return [Part(n=n) for n in range(self.start, self.upto)]
    def run(self):
        total = sum(int(Path(i["n"].path).read_text()) for i in self.input())
        self.outputs["sum"].write_text(str(total))
"""


def statuses(report: Any) -> dict[str, str]:
    return {task.name: task.status for task in report.tasks}


def pinned(project: Project, pin: Any, task: str = "Write", **request: Any) -> Any:
    return project.run_here(f"PathConfig.{task}={json.dumps(str(pin))}", **request)


@pytest.fixture
def first(project: Project) -> Any:
    project.pipeline()
    report = project.run_here()
    assert report.ok
    return report


def refusal(project: Project, pin: Any, task: str = "Write") -> str:
    before = len(project.runs())
    with pytest.raises(MissingInputError) as caught:
        pinned(project, pin, task)
    text = str(caught.value)
    assert text.startswith(f"[PathConfig] {task} = {str(pin)!r}: "), text
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 3
    assert len(project.runs()) == before
    return text


def test_each_mistake_has_its_own_sentence(project: Project, first: Any, tmp_path: Path) -> None:
    artifacts = first.artifact_dir
    (tmp_path / "file").write_text("x")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "unrelated").touch()
    sentences = [
        refusal(project, artifacts / "Nothing"),
        refusal(project, tmp_path / "file"),
        refusal(project, artifacts / "Count"),
        refusal(project, tmp_path / "other"),
        refusal(project, "run:nobody"),
        refusal(project, "run:"),
        refusal(project, f"runs:/{'0' * 32}/Write"),
        refusal(project, "runs:/"),
        refusal(project, f"runs:/{first.run_id}/Count"),
        refusal(project, f"runs:/{first.run_id}/../../x"),
        refusal(project, "file://elsewhere/x"),
        refusal(project, "s3://bucket/Write"),
        refusal(project, "~nobody-of-that-name/Write"),
        refusal(project, artifacts),
        refusal(project, artifacts.parent),
        refusal(project, "/"),
    ]
    for shown, sentence in zip(
        [
            "there is no",
            "is a file, not the directory",
            "holds Count, not Write",
            "is incomplete: text.txt missing",
            "is called 'nobody'",
            "names no run",
            f"is called '{'0' * 32}'",
            "names no task of a run",
            "holds Count, not Write",
            "names no task of a run",
            "no file URI of this machine",
            "s3: is not known",
            "no such user",
            "is incomplete",
            "is incomplete",
            "is incomplete",
        ],
        sentences,
        strict=True,
    ):
        assert shown in sentence
    for sentence in sentences:
        assert f"run:{first.run_id[:8]}" in sentence or "a pin is" in sentence, sentence


def test_an_ambiguous_prefix_names_the_runs(project: Project) -> None:
    project.pipeline()
    for name in ("twin-one", "twin-two"):
        assert project.run_here(f"RunConfig.run_name={name}").ok
    text = refusal(project, "run:twin")
    assert "twin-one" in text and "twin-two" in text
    assert pinned(project, "run:twin-o").ok
    assert project.run_here("RunConfig.run_name=twin").ok
    assert pinned(project, "run:twin").tasks[0].origin == "twin"


def test_an_unfinished_run_is_no_source(project: Project) -> None:
    broken = PIPELINE.replace(
        'mlflow.log_metric("written"', 'raise ValueError("no"); mlflow.log_metric("written"'
    )
    project.pipeline(broken)
    failed = project.run_here()
    assert failed.status == "FAILED"
    assert "no recent run has Write" in refusal(project, f"run:{failed.run_name}")
    assert "no recent run has Write" in refusal(project, f"{failed.artifact_dir}/Write")
    assert "left behind" in refusal(project, f"{failed.artifact_dir}/.Write.partial")
    project.pipeline()
    good = project.run_here()
    assert f'recent runs that have it: "run:{good.run_id[:8]}" ({good.run_name})' in refusal(
        project, f"run:{failed.run_name}"
    )


def test_a_half_written_directory_of_a_run_is_no_source(project: Project, first: Any) -> None:
    (first.artifact_dir / "Write" / manifests.NAME).unlink()
    assert "did not finish there" in refusal(project, first.artifact_dir / "Write")


def test_damage_is_named(project: Project, first: Any) -> None:
    directory = first.artifact_dir / "Write"
    content = (directory / manifests.NAME).read_text()
    (directory / "text.txt").write_text("hell")
    assert "is damaged: text.txt has 4 bytes, not 5" in refusal(project, directory)
    (directory / "text.txt").unlink()
    assert "is damaged: text.txt is missing" in refusal(project, directory)
    (directory / "text.txt").write_text("hello")
    (directory / manifests.NAME).write_text(content[:-20])
    assert "manifest that is damaged" in refusal(project, directory)
    (directory / manifests.NAME).write_text(content.replace('"version": 1', '"version": 2'))
    assert "of a newer runner" in refusal(project, directory)
    (directory / manifests.NAME).write_text(content)
    assert pinned(project, directory).ok


def test_a_task_that_declares_more_than_the_pin_has(project: Project, first: Any) -> None:
    project.pipeline(PIPELINE.replace('{"text": "text.txt"}', '{"text": "text.txt", "b": "b"}'))
    assert "was made before Write declared b" in refusal(project, first.artifact_dir / "Write")


def test_dots_home_and_links_lead_where_they_say(
    project: Project, first: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(first.artifact_dir))
    (tmp_path / "latest").symlink_to(first.artifact_dir / "Write")
    for pin in ("~/Write", first.artifact_dir / "Count/../Write", tmp_path / "latest"):
        report = pinned(project, pin)
        assert statuses(report) == {"Write": "reused", "Count": "ran"}


def test_a_place_outside_of_every_run_is_written_and_then_reused(
    project: Project, tmp_path: Path
) -> None:
    project.pipeline()
    for place in (tmp_path / "new" / "deep", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        report = pinned(project, place)
        assert statuses(report) == {"Write": "ran", "Count": "ran"}
        assert str(place) in report.tasks[0].reason
        assert (place / "text.txt").read_text() == "hello"
        assert not (report.artifact_dir / "Write").exists()
        again = pinned(project, place)
        assert statuses(again) == {"Write": "reused", "Count": "ran"}
        assert again.tasks[0].origin == report.run_name


def test_a_link_to_an_empty_or_absent_place_is_followed(project: Project, tmp_path: Path) -> None:
    project.pipeline()
    (tmp_path / "real").mkdir()
    (tmp_path / "to-real").symlink_to("real")
    (tmp_path / "to-nothing").symlink_to("absent")
    for name, real in (("to-real", "real"), ("to-nothing", "absent")):
        report = pinned(project, tmp_path / name)
        assert report.ok, report.error
        assert (tmp_path / real / manifests.NAME).exists() and (tmp_path / name).is_symlink()
        assert statuses(pinned(project, tmp_path / name))["Write"] == "reused"


@pytest.mark.parametrize(
    "pin",
    ["{run}/artifacts/New", "{run}/artifacts/Count/new", "{run}/Write", "{run}/a/b", "{link}/New"],
)
def test_nothing_is_ever_written_into_a_run(
    project: Project, first: Any, tmp_path: Path, pin: str
) -> None:
    (tmp_path / "link").symlink_to(first.artifact_dir)
    run = first.artifact_dir.parent
    before = sorted(run.rglob("*"))
    refusal(project, pin.format(run=run, link=tmp_path / "link"))
    (first.artifact_dir / "Empty").mkdir()
    assert "is incomplete" in refusal(project, first.artifact_dir / "Empty")
    assert sorted(run.rglob("*")) == sorted([*before, first.artifact_dir / "Empty"])


def test_a_pin_to_a_run_that_reused_the_task_follows_to_the_source(
    project: Project, first: Any
) -> None:
    second = pinned(project, f"run:{first.run_name}")
    for pin in (f"run:{second.run_name}", f"runs:/{second.run_id}", second.artifact_dir / "Write"):
        third = pinned(project, pin)
        assert statuses(third) == {"Write": "reused", "Count": "ran"}
        assert third.tasks[0].origin == first.run_name
        assert third.tasks[0].directory == first.artifact_dir / "Write"
        run = project.client.get_run(third.run_id)
        assert run.data.metrics == {"written": 5, "counted": 5}
        assert run.data.tags["reused.Write"] == first.run_id


def test_a_moved_project_finds_its_runs_by_id(project: Project, first: Any) -> None:
    elsewhere = f"/somewhere/else/mlruns/1/{first.run_id}/artifacts/Write"
    assert statuses(pinned(project, elsewhere))["Write"] == "reused"


def test_a_directory_that_the_runner_did_not_make(project: Project, tmp_path: Path) -> None:
    project.pipeline()
    (tmp_path / "byhand").mkdir()
    (tmp_path / "byhand" / "text.txt").write_text("by hand")
    report = pinned(project, tmp_path / "byhand")
    assert statuses(report) == {"Write": "reused", "Count": "ran"}
    assert (report.artifact_dir / "Count" / "count.txt").read_text() == "7"
    assert [path.name for path in (tmp_path / "byhand").iterdir()] == ["text.txt"]


def test_several_instances_have_directories_of_their_own_and_are_pinned_together(
    project: Project,
) -> None:
    project.pipeline(SEVERAL, task="Whole")
    first = project.run_here()
    assert first.ok
    names = sorted(
        path.name for path in first.artifact_dir.iterdir() if path.name.startswith("Part")
    )
    assert len(names) == 3 and "Part" not in names
    for pin in (
        f"run:{first.run_name}",
        first.artifact_dir / "Part",
        first.artifact_dir / names[0],
    ):
        again = pinned(project, pin, "Part")
        assert again.ok, again.error
        assert sorted(statuses(again).values()) == ["ran", "reused", "reused", "reused"]
        assert (again.artifact_dir / "Whole" / "sum.txt").read_text() == "3"
        assert project.client.get_run(again.run_id).data.metrics == {
            f"part_{n}": n for n in range(3)
        }
    with pytest.raises(MissingInputError, match="there is no"):
        project.run_here(f"PathConfig.Part=run:{first.run_name}", "Whole.upto=4")


def test_several_instances_are_followed_through_runs_that_reused_them(project: Project) -> None:
    project.pipeline(SEVERAL, task="Whole")
    first = project.run_here()
    second = project.run_here(f"PathConfig.Part=run:{first.run_name}")
    third = project.run_here(f"PathConfig.Part=run:{second.run_name}")
    assert sorted(statuses(third).values()) == ["ran", "reused", "reused", "reused"]
    assert {task.origin for task in third.tasks} == {first.run_name, ""}
    one = project.run_here(f"PathConfig.Part=run:{second.run_name}", "Whole.start=2")
    again = project.run_here(f"PathConfig.Part=run:{one.run_name}", "Whole.start=2")
    assert statuses(again) == {"Part": "reused", "Whole": "ran"}


def test_one_of_several_instances_is_found_again(project: Project) -> None:
    project.pipeline(SEVERAL, task="Whole")
    first = project.run_here()
    one = project.run_here(f"PathConfig.Part=run:{first.run_name}", "Whole.start=2")
    assert statuses(one) == {"Part": "reused", "Whole": "ran"}
    assert (one.artifact_dir / "Whole" / "sum.txt").read_text() == "2"


def test_several_instances_outside_of_every_run(project: Project, tmp_path: Path) -> None:
    project.pipeline(SEVERAL, task="Whole")
    first = pinned(project, tmp_path / "parts", "Part")
    assert set(statuses(first).values()) == {"ran"}
    assert len(list((tmp_path / "parts").glob("*/n.txt"))) == 3
    again = project.run_here(f"PathConfig.Part={tmp_path}/parts", "Whole.upto=5")
    assert sorted(statuses(again).values()) == ["ran"] * 3 + ["reused"] * 3


def test_other_parameters_than_the_pin_was_made_with_are_said(project: Project) -> None:
    project.pipeline(SEVERAL, task="Whole")
    first = project.run_here("Whole.upto=1")
    again = project.run_here(
        f"PathConfig.Part=run:{first.run_name}", "Whole.start=1", "Whole.upto=2"
    )
    assert again.ok and "made with n=0" in again.tasks[0].reason


def test_force_computes_a_pinned_task_anew(project: Project, first: Any) -> None:
    report = pinned(project, f"run:{first.run_name}", force=("Write",))
    assert statuses(report) == {"Write": "ran", "Count": "ran"}
    assert report.tasks[0].reason == "forced"
    assert (report.artifact_dir / "Write" / "text.txt").exists()
    assert pinned(project, "run:nobody", force=("Write",)).ok
    with pytest.raises(UsageError, match="did you mean 'Write'"):
        project.run_here(force=("Wriet",))


def test_force_below_a_complete_task_is_said_to_do_nothing(project: Project, first: Any) -> None:
    report = pinned(project, f"run:{first.run_name}", "Count", force=("Write",))
    assert statuses(report) == {"Write": "not needed", "Count": "reused"}
    assert any("--force Write does nothing" in note for note in report.notes)


def test_a_dry_run_gives_reasons_and_writes_nothing(project: Project, first: Any) -> None:
    before = sorted(project.root.rglob("*"))
    plan = pinned(project, f"run:{first.run_name}", dry_run=True)
    assert statuses(plan) == {"Write": "reused", "Count": "to run"}
    assert [task.reason for task in plan.tasks] == [f"pinned to {first.run_name}", "new"]
    assert sorted(p for p in project.root.rglob("*") if "__pycache__" not in str(p)) == [
        p for p in before if "__pycache__" not in str(p)
    ]
