"""The index of what was computed: only what was published, and is whole, is found."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runner.artifacts import contents
from runner.artifacts import manifest as manifests
from runner.artifacts.entry import Entry
from runner.artifacts.index import DAMAGED, ReuseIndex
from runner.artifacts.manifest import DynamicRecord, ListedFile, Maker, Manifest

MAKER = Maker(run_id="id", run_name="name", experiment="e", host="h", user="u")
ONE, TWO = "1" * 64, "2" * 64


def published(root: Path, name: str, fingerprint: str = ONE, text: str = "text") -> Manifest:
    directory = root / name / "T"
    (directory / "empty").mkdir(parents=True)
    (directory / "a.txt").write_text(text)
    file = ListedFile(path="a.txt", size=len(text), digest=contents.digest(directory / "a.txt"))
    manifest = Manifest(
        task="T",
        params={},
        config={},
        outputs={"a": "a.txt"},
        files=(file,),
        folders=("empty",),
        metrics={"m": 0.5},
        seconds=1.5,
        created=datetime.now(UTC),
        made_by=MAKER,
        fingerprint=fingerprint,
        dynamic=(DynamicRecord(task="P", params={"n": "1"}, digest="d"),),
    )
    manifests.write(directory, manifest)
    ReuseIndex(root).add(fingerprint, directory, manifest)
    return manifest


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    root = tmp_path / "root"
    published(root, "one")
    yield root


def entry_of(root: Path, fingerprint: str = ONE) -> Path:
    return root / ".reuse/tasks/T" / fingerprint


def test_what_was_published_is_found(root: Path) -> None:
    found = ReuseIndex(root).find("T", ONE)
    assert found is not None
    assert found.directory == root / "one/T"
    assert (found.entry.outputs, found.entry.metrics) == ({"a": "a.txt"}, {"m": 0.5})
    assert found.entry.size == 4 and found.entry.run_name == "name"
    assert found.entry.records() == [DynamicRecord(task="P", params={"n": "1"}, digest="d")]
    manifest = manifests.read(found.directory)
    assert manifest is not None and found.entry.content == contents.content(manifest)
    assert ReuseIndex(root).find("T", TWO) is None


def test_of_several_the_latest_is_found(root: Path) -> None:
    published(root, "two", text="other")
    found = ReuseIndex(root).find("T", ONE)
    assert found is not None and found.directory == root / "two/T"
    published(root, "three", TWO, text="third one")
    os.utime(entry_of(root, TWO), (1, 1))
    earlier = [manifest.files[0].size for manifest in ReuseIndex(root).earlier("T")]
    assert earlier == [5, 9], "the newest first, each fingerprint once"


def test_a_root_that_moved(root: Path) -> None:
    root.rename(root.with_name("moved"))
    found = ReuseIndex(root.with_name("moved")).find("T", ONE)
    assert found is not None and found.directory == root.with_name("moved") / "one/T"


def test_a_directory_outside_of_the_root(root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    manifest = published(elsewhere, "x", TWO)
    ReuseIndex(root).add(TWO, elsewhere / "x/T", manifest)
    found = ReuseIndex(root).find("T", TWO)
    assert found is not None and found.directory == elsewhere / "x/T"


def flip(directory: Path) -> None:
    (directory / "a.txt").write_text("TEXT")


def longer(directory: Path) -> None:
    (directory / "a.txt").write_text("longer")


def gone(directory: Path) -> None:
    (directory / "a.txt").unlink()


def folder(directory: Path) -> None:
    (directory / "empty").rmdir()


def pipe(directory: Path) -> None:
    (directory / "a.txt").unlink()
    os.mkfifo(directory / "a.txt")


def no_manifest(directory: Path) -> None:
    (directory / manifests.NAME).unlink()


def manifest_pipe(directory: Path) -> None:
    (directory / manifests.NAME).unlink()
    os.mkfifo(directory / manifests.NAME)


def other_manifest(directory: Path) -> None:
    path = directory / manifests.NAME
    path.write_text(path.read_text().replace('"T"', '"U"'))
    os.utime(path, (1, 1))


def moved_away(directory: Path) -> None:
    directory.rename(directory.with_name("U"))


@pytest.mark.parametrize(
    "damage",
    [longer, gone, folder, pipe, no_manifest, manifest_pipe, other_manifest, moved_away],
)
def test_what_is_damaged_is_not_found(root: Path, damage: object) -> None:
    assert callable(damage)
    damage(root / "one/T")
    index = ReuseIndex(root)
    assert index.find("T", ONE) is None
    assert "is damaged" in index.damaged[ONE]
    assert entry_of(root).exists(), "only looked at"
    assert index.find("T", ONE, discard=True) is None
    assert not entry_of(root).exists()


def test_bytes_are_compared_when_asked_for(root: Path) -> None:
    flip(root / "one/T")
    assert ReuseIndex(root).find("T", ONE) is not None
    index = ReuseIndex(root, digests=True)
    assert index.find("T", ONE, discard=True) is None
    assert "other bytes" in index.damaged[ONE]
    assert (root / "one/T" / DAMAGED).exists() and not (root / "one/T" / manifests.NAME).exists()


def test_a_manifest_that_was_edited_in_place_is_noticed_when_bytes_are_compared(root: Path) -> None:
    path = root / "one/T" / manifests.NAME
    times = path.stat()
    path.write_text(path.read_text().replace('"name"', '"eman"'))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert ReuseIndex(root, digests=True).find("T", ONE) is None


def test_a_manifest_that_was_only_touched_is_the_same(root: Path) -> None:
    os.utime(root / "one/T" / manifests.NAME, (1, 1))
    assert ReuseIndex(root).find("T", ONE) is not None


def test_a_manifest_of_another_is_left_alone(root: Path) -> None:
    """An entry leads to a directory that by now holds something else."""
    directory = root / "one/T"
    (directory / manifests.NAME).unlink()
    (directory / "a.txt").unlink()
    (directory / "empty").rmdir()
    directory.rmdir()
    published(root, "one", TWO, text="other")
    assert ReuseIndex(root).find("T", ONE, discard=True) is None
    assert ReuseIndex(root).find("T", TWO) is not None


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\xff\xfe", b"{}", b"[]", b"null", b"3", b"[" * 100_000, b'{"version": 1}'],
)
def test_garbage_is_no_entry(root: Path, garbage: bytes) -> None:
    assert Entry.read(garbage) is None
    entry_of(root).write_bytes(garbage)
    index = ReuseIndex(root)
    assert index.find("T", ONE) is None and index.find("T", ONE, discard=True) is None


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"files": [["a.txt", 4]]},
        {"files": [["a.txt", "4", "d"]]},
        {"files": "abc"},
        {"files": [[1, 2, 3]]},
        {"outputs": []},
        {"outputs": {"a": 1}},
        {"manifest": ["x"]},
        {"manifest": 1},
        {"folders": 1},
        {"folders": [1]},
        {"dynamic": [["t"]]},
        {"metrics": None},
        {"created": "yesterday"},
        {"created": 1},
        {"directory": 1},
        {"directory": "a\0b"},
        {"unknown": 1},
    ],
)
def test_an_entry_with_wrong_values_is_not_taken(root: Path, change: dict[str, object]) -> None:
    path = entry_of(root)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert ReuseIndex(root).find("T", ONE) is None
    assert ReuseIndex(root).find("T", ONE, discard=True) is None


def test_an_entry_is_read_as_it_was_written(root: Path) -> None:
    text = entry_of(root).read_bytes()
    entry = Entry.read(text)
    assert entry is not None and entry.written() == text
    assert Entry.read(text[:-1]) is None


def test_a_name_that_is_not_unicode(tmp_path: Path) -> None:
    root = tmp_path / os.fsdecode(b"r\xff")
    published(root, os.fsdecode(b"one\xff"))
    assert ReuseIndex(root).find("T", ONE) is None  # it is computed again, and nothing breaks


@pytest.mark.parametrize("text", [b"\xff\xfe", b"", b"nowhere", b"a\0b", b"x" * 10_000])
def test_history_of_garbage_is_passed_over(root: Path, text: bytes) -> None:
    (root / ".reuse/tasks/T" / TWO).write_bytes(text)
    assert [manifest.task for manifest in ReuseIndex(root).earlier("T")] == ["T"]
    assert list(ReuseIndex(root).earlier("U")) == []


@pytest.mark.parametrize("place", [".reuse", ".reuse/tasks", ".reuse/tasks/T"])
def test_an_index_that_can_not_be_written_is_said(
    tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "root" / place
    path.parent.mkdir(parents=True)
    path.write_text("a file in its place")
    published(tmp_path / "root", "one")
    assert "can't be offered for reuse" in caplog.text


def test_only_one_computes_at_a_time(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    entered: list[str] = []
    waiting = threading.Event()

    def other() -> None:
        waiting.set()
        with ReuseIndex(root).computing(ONE, "T", "second"):
            entered.append("second")

    thread = threading.Thread(target=other)
    with ReuseIndex(root).computing(ONE, "T", "first"):
        thread.start()
        waiting.wait(10)
        with ReuseIndex(root).computing(TWO, "U", "other"):  # another fingerprint
            entered.append("first")
    thread.join(10)
    assert entered == ["first", "second"]


@pytest.mark.parametrize("place", [".reuse", ".reuse/locks"])
def test_without_locks_it_is_computed_all_the_same(
    tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a file in its place")
    with ReuseIndex(tmp_path).computing(ONE, "T", "run"):
        entered = True
    assert entered and "T is computed without a lock" in caplog.text


def test_what_fails_inside_frees_the_lock(root: Path) -> None:
    with pytest.raises(ZeroDivisionError), ReuseIndex(root).computing(ONE, "T", "run"):
        _ = 1 / 0
    with ReuseIndex(root).computing(ONE, "T", "run"):
        pass


def test_a_child_that_outlives_the_task_does_not_keep_its_lock(root: Path) -> None:
    reading, writing = os.pipe()
    with ReuseIndex(root).computing(ONE, "T", "run"):
        if not (child := os.fork()):
            os.read(reading, 1)
            os._exit(0)
    try:
        with open(root / ".reuse/locks" / ONE) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.write(writing, b"x")
        os.waitpid(child, 0)


def test_who_waits_says_for_whom(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    def other() -> None:
        with ReuseIndex(root).computing(ONE, "T", "second"):
            pass

    thread = threading.Thread(target=other)
    with ReuseIndex(root).computing(ONE, "T", "first"):
        thread.start()
        while "waits" not in caplog.text:
            thread.join(0.01)
    thread.join(10)
    assert f"T waits: run first (process {os.getpid()} on " in caplog.text


def test_who_made_something_first_stays_known_for_it(root: Path) -> None:
    published(root, "again")
    found = ReuseIndex(root).find("T", ONE)
    assert found is not None and found.directory == root / "one/T"
    (root / "one/T/a.txt").unlink()
    published(root, "third")
    found = ReuseIndex(root).find("T", ONE)
    assert found is not None and found.directory == root / "third/T", "the first is damaged"
