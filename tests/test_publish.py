"""From a half-written directory to a complete one: whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner.artifacts import contents, publish
from runner.artifacts import manifest as manifests
from runner.artifacts.disk import Renames
from runner.errors import GraphError, PublishError
from tests.conftest import Project
from tests.test_manifest import manifest_of, whole

OUTPUTS = {"a": "a.txt"}


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    found = publish.open_partial(tmp_path / "Trial")
    (found / "a.txt").write_text("a")
    return found


def refusal(partial: Path, outputs: dict[str, str] = OUTPUTS) -> str:
    with pytest.raises(PublishError) as caught:
        publish.collect(partial, outputs, "Trial")
    assert "\n" not in caught.value.message
    return str(caught.value)


def test_what_an_earlier_attempt_left_is_removed(tmp_path: Path, partial: Path) -> None:
    again = publish.open_partial(tmp_path / "Trial")
    assert again == partial and not list(again.iterdir())
    again.rmdir()
    again.write_text("a file")
    assert publish.open_partial(tmp_path / "Trial").is_dir()
    again.rmdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").touch()
    again.symlink_to(tmp_path / "elsewhere")
    assert not publish.open_partial(tmp_path / "Trial").is_symlink()
    assert (tmp_path / "elsewhere" / "kept").exists()


def test_the_folders_of_declared_outputs_are_made(tmp_path: Path) -> None:
    partial = publish.open_partial(tmp_path / "Trial", ["a.txt", "b/c/d.txt", "b/e.txt"])
    assert [path.name for path in partial.iterdir()] == ["b"]
    assert (partial / "b" / "c").is_dir() and not (partial / "b" / "c" / "d.txt").exists()


def test_missing_outputs_are_named_with_what_was_written(partial: Path) -> None:
    text = refusal(partial, {**OUTPUTS, "model": "m/model.bin", "plot": "plot.png"})
    assert "without writing 'model' (m/model.bin), 'plot' (plot.png)" in text
    assert "it wrote: a.txt" in text


def test_nothing_written_is_said_so(tmp_path: Path) -> None:
    empty = publish.open_partial(tmp_path / "Other")
    assert "it wrote: nothing" in refusal(empty)


def test_the_reserved_name_is_refused(partial: Path) -> None:
    (partial / manifests.NAME).write_text("{}")
    assert "keeps for itself" in refusal(partial)


def test_the_reserved_name_is_free_in_a_folder(partial: Path) -> None:
    (partial / "folder").mkdir()
    (partial / "folder" / manifests.NAME).write_text("{}")
    assert len(publish.collect(partial, OUTPUTS, "Trial")) == 2


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/etc/hostname", "leads out"),
        ("../outside", "leads out"),
        ("../.Trial.partial/a.txt", "leads out"),
        ("nothing", "a link to nothing"),
        ("link", "a link to nothing"),
        ("folder", "a link to a folder"),
        (".", "a link to a folder"),
    ],
)
def test_links_that_would_not_last_are_refused(
    tmp_path: Path, partial: Path, target: str, reason: str
) -> None:
    (tmp_path / "outside").touch()
    (partial / "folder").mkdir()
    (partial / "link").symlink_to(target)
    assert reason in refusal(partial)


def test_a_link_out_through_another_link_is_refused(tmp_path: Path, partial: Path) -> None:
    (tmp_path / "outside").touch()
    (partial / "a1").symlink_to("a2")
    (partial / "a2").symlink_to(tmp_path / "outside")
    assert "leads out" in refusal(partial)


def test_a_link_inside_is_kept(tmp_path: Path, partial: Path) -> None:
    (partial / "folder").mkdir()
    (partial / "folder" / "best").symlink_to("../a.txt")
    publish.publish(partial, tmp_path / "Trial", manifest_of(partial, OUTPUTS))
    assert (tmp_path / "Trial" / "folder" / "best").read_text() == "a"
    assert contents.damage(tmp_path / "Trial", whole(tmp_path / "Trial"), digests=True) is None


def test_a_pipe_among_the_outputs_is_refused_without_blocking(partial: Path) -> None:
    os.mkfifo(partial / "pipe")
    assert "pipe, which is not a regular file" in refusal(partial)
    assert "not a regular file" in refusal(partial, {"pipe": "pipe"})


def test_a_name_that_is_no_text_is_refused(partial: Path) -> None:
    with open(os.fsencode(partial) + b"/\xff.txt", "wb"):
        pass
    assert "not UTF-8" in refusal(partial)


def test_a_finished_directory_is_never_replaced(tmp_path: Path, partial: Path) -> None:
    directory = tmp_path / "Trial"
    manifest = manifest_of(partial, OUTPUTS)
    publish.publish(partial, directory, manifest)
    with pytest.raises(PublishError, match="complete already"):
        publish.open_partial(directory)
    partial.mkdir()
    (partial / "a.txt").write_text("b")
    for attempt in (
        lambda: publish.publish(partial, directory, manifest),
        lambda: publish.adopt_strays(directory, partial),
    ):
        with pytest.raises(PublishError, match="never replaced"):
            attempt()
    assert (directory / "a.txt").read_text() == "a"


def test_a_directory_with_a_damaged_manifest_is_not_replaced_either(tmp_path: Path) -> None:
    (tmp_path / "Trial").mkdir()
    (tmp_path / "Trial" / manifests.NAME).write_text("half")
    with pytest.raises(PublishError, match="complete already"):
        publish.open_partial(tmp_path / "Trial")


def test_strays_at_the_final_place_become_extra_files(tmp_path: Path, partial: Path) -> None:
    directory = tmp_path / "Trial"
    (directory / "plots").mkdir(parents=True)
    (directory / "plots" / "roc.png").write_text("png")
    publish.adopt_strays(directory, partial)
    publish.publish(partial, directory, manifest_of(partial, OUTPUTS))
    assert [file.path for file in whole(directory).files] == ["a.txt", "plots/roc.png"]


def test_a_file_written_to_both_places_is_refused(tmp_path: Path, partial: Path) -> None:
    (tmp_path / "Trial").mkdir()
    (tmp_path / "Trial" / "a.txt").write_text("other")
    with pytest.raises(PublishError, match=r"a\.txt was written twice"):
        publish.adopt_strays(tmp_path / "Trial", partial)


def test_a_file_or_link_at_the_final_place_is_named(tmp_path: Path, partial: Path) -> None:
    directory = tmp_path / "Trial"
    directory.write_text("a file")
    with pytest.raises(PublishError, match="in the way"):
        publish.adopt_strays(directory, partial)
    directory.unlink()
    directory.symlink_to(tmp_path / "nowhere")
    with pytest.raises(PublishError, match="in the way"):
        publish.adopt_strays(directory, partial)


def test_a_place_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PublishError, match="can't write to"):
        publish.open_partial(tmp_path / "file" / "Trial")


def _calls(monkeypatch: pytest.MonkeyPatch, fail_at: int, error: BaseException) -> list[str]:
    """Counts every step of publishing, and fails at one of them."""
    seen: list[str] = []

    def breaking(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            seen.append(name)
            if len(seen) == fail_at:
                raise error
            return real(*args, **kwargs)

        return call

    monkeypatch.setattr(os, "fsync", breaking("fsync", os.fsync))
    monkeypatch.setattr(os, "rename", breaking("rename", os.rename))
    monkeypatch.setattr(manifests, "write", breaking("write", manifests.write))
    return seen


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), Crash()], ids=repr)
@pytest.mark.parametrize("fail_at", range(1, 10))
def test_a_crash_at_any_step_leaves_it_absent_or_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail_at: int, error: BaseException
) -> None:
    directory = tmp_path / "Trial"
    partial = publish.open_partial(directory)
    (partial / "folder").mkdir()
    (partial / "folder" / "a").write_text("a")
    (partial / "b").write_text("b")
    manifest = manifest_of(partial, {"folder": "folder"})
    with monkeypatch.context() as patched:
        seen = _calls(patched, fail_at, error)
        expected = PublishError if isinstance(error, OSError) else Crash
        if fail_at <= 8:
            with pytest.raises(expected) as caught:
                publish.publish(partial, directory, manifest)
                Renames().done(directory.parent)
            if expected is PublishError:
                assert "No space left" in str(caught.value)
        else:
            publish.publish(partial, directory, manifest)
            Renames().done(directory.parent)
            assert seen == ["fsync", "fsync", "write", "fsync", "fsync", "fsync", "rename", "fsync"]
    complete = manifests.read(directory)
    if complete is None:
        assert not directory.exists() and (partial / "folder" / "a").exists()
        again = publish.open_partial(directory)
        (again / "b").write_text("second")
        publish.publish(again, directory, manifest_of(again, {"b": "b"}))
        complete = whole(directory)
    assert contents.damage(directory, complete, digests=True) is None


WRITES = """
import os
from runner import RunTask
class Write(RunTask):
    outputs = {outputs!r}
    def run(self):
        {body}
"""


def run_writing(project: Project, body: str, outputs: dict[str, str] | None = None) -> Any:
    outputs = {"a": "a.txt"} if outputs is None else outputs
    project.pipeline(WRITES.format(outputs=outputs, body=body), task="Write")
    return project.run_here()


def test_a_declared_output_that_was_not_written_fails_the_run(project: Project) -> None:
    report = run_writing(project, "(self.directory / 'b.txt').write_text('kept')")
    (task,) = report.tasks
    assert report.status == "FAILED" and task.status == "failed"
    assert "without writing 'a' (a.txt)" in task.error and "b.txt" in task.error
    assert not (report.artifact_dir / "Write").exists()
    assert (task.kept / "b.txt").read_text() == "kept"


def test_a_failure_publishes_nothing_and_keeps_what_there_is(project: Project) -> None:
    report = run_writing(project, "self.outputs['a'].write_text('half'); raise ValueError('no')")
    (task,) = report.tasks
    assert report.status == "FAILED" and task.error == "ValueError: no"
    assert not (report.artifact_dir / "Write").exists()
    assert (task.kept / "a.txt").read_text() == "half"


def test_extra_files_are_kept_and_listed(project: Project) -> None:
    body = "self.outputs['a'].touch(); (self.directory / 'extra').write_text('x')"
    report = run_writing(project, body)
    assert report.ok
    assert [f.path for f in whole(report.artifact_dir / "Write").files] == ["a.txt", "extra"]


@pytest.mark.parametrize(
    "path",
    ["../a.txt", "/tmp/a.txt", ".", "", "x/../../a", "x/..", "manifest.json", "manifest.json/x"],
)
def test_an_output_elsewhere_is_refused_before_anything_runs(project: Project, path: str) -> None:
    with pytest.raises(GraphError, match="Write: output 'a'") as caught:
        run_writing(project, "raise SystemExit('ran')", {"a": path})
    assert caught.value.hint and not project.runs()


def test_mlflow_artifacts_of_the_tasks_name_are_extra_files(project: Project) -> None:
    body = "import mlflow; mlflow.log_text('x', 'Write/note.txt'); self.outputs['a'].touch()"
    report = run_writing(project, body)
    assert report.ok, report.error
    assert [f.path for f in whole(report.artifact_dir / "Write").files] == ["a.txt", "note.txt"]
