"""Digests of inputs, remembered for as long as a file is the same."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from runner.artifacts import contents
from runner.artifacts.contents import combined
from runner.artifacts.digests import DigestCache, listing


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were really read."""
    read: list[Path] = []
    digest: Callable[[Path], str] = contents.digest

    def counted(path: Path) -> str:
        read.append(path)
        return digest(path)

    monkeypatch.setattr(contents, "digest", counted)
    return read


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute from now: what was written is settled, its time of change (ctime) too."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 60 * 10**9)


def old(path: Path, text: str) -> Path:
    path.write_text(text)
    os.utime(path, (time.time() - 100, time.time() - 100))
    return path


@pytest.mark.usefixtures("later")
def test_an_unchanged_file_is_read_once(tmp_path: Path, reads: list[Path]) -> None:
    file = old(tmp_path / "ü.csv", "one")
    cache = DigestCache(tmp_path / "cache" / "digests.db")
    assert cache.of([file]) == cache.of([file]) == {file: contents.digest(file)}
    assert len(reads) == 2  # once by the cache, once by this test


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("change", ["text", "size", "replaced", "time put back"])
def test_a_changed_file_is_read_again(tmp_path: Path, reads: list[Path], change: str) -> None:
    file = old(tmp_path / "a.csv", "one")
    cache = DigestCache(tmp_path / "digests.db")
    before = cache.of([file])[file]
    times = file.stat().st_mtime_ns
    if change == "replaced":
        old(tmp_path / "b.csv", "two").rename(file)
    else:
        file.write_text("three" if change == "size" else "two")
    if change in ("replaced", "time put back"):
        os.utime(file, ns=(times, times))
    assert cache.of([file])[file] != before
    assert len(reads) == 2


@pytest.mark.parametrize("aged", [False, True])
def test_a_file_that_is_still_being_written_is_not_remembered(
    tmp_path: Path, reads: list[Path], aged: bool
) -> None:
    """Its time of modification can be put back; that of its last change can't."""
    file = tmp_path / "a.csv"
    file.write_text("one")
    if aged:
        old(file, "one")
    cache = DigestCache(tmp_path / "digests.db")
    cache.of([file])
    cache.of([file])
    assert len(reads) == 2


@pytest.mark.usefixtures("later")
def test_a_broken_cache_is_no_harm(tmp_path: Path) -> None:
    file = old(tmp_path / "a.csv", "one")
    database = tmp_path / "digests.db"
    database.write_bytes(b"garbage" * 1000)
    assert DigestCache(database).of([file]) == {file: contents.digest(file)}
    with closing(sqlite3.connect(tmp_path / "other.db")) as other, other:
        other.execute("CREATE TABLE files (x)")
    assert DigestCache(tmp_path / "other.db").of([file]) == {file: contents.digest(file)}
    (tmp_path / "folder.db").mkdir()
    assert DigestCache(tmp_path / "folder.db").of([file]) == {file: contents.digest(file)}


@pytest.mark.usefixtures("later")
def test_many_files(tmp_path: Path, reads: list[Path]) -> None:
    files = [old(tmp_path / f"{n}.txt", str(n // 2)) for n in range(501)]
    cache = DigestCache(tmp_path / "digests.db")
    first = cache.of(files)
    assert len(reads) == 501 and len(set(first.values())) == 251
    assert cache.of(reversed(files)) == first
    assert first[files[7]] == first[files[6]] != first[files[8]]
    assert len(reads) == 501


@pytest.mark.parametrize("kind", ["absent", "pipe", "folder"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(OSError, match="x"):
        DigestCache(tmp_path / "digests.db").of([path])


def test_combined_counts_names_and_contents() -> None:
    digests = [{"a": "1", "b": "2"}, {"a": "2", "b": "1"}, {"a1": "b2"}, {"a": "1"}, {}]
    assert len({combined(parts) for parts in digests}) == len(digests)
    assert combined({"a": "1", "b": "2"}) == combined({"b": "2", "a": "1"})
    assert combined({os.fsdecode(b"\xff"): "1"}) != combined({"\ufffd": "1"})


def test_a_listing_has_all_that_is_below_a_folder(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a" / "empty").mkdir(parents=True)
    (root / "a" / "x.txt").write_text("1")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "y.txt").write_text("2")
    (root / "link").symlink_to(tmp_path / "other")
    (root / "loop").symlink_to(root)
    (root / "broken").symlink_to("nowhere")
    files, texts = listing(root)
    assert set(files) == {"a/x.txt", "link/y.txt"}
    assert set(texts) == {"a/empty/", "loop", "broken"}
    assert "nowhere" in texts["broken"]


def test_an_empty_folder_and_one_that_is_not_there(tmp_path: Path) -> None:
    assert listing(tmp_path) != ({}, {})
    with pytest.raises(FileNotFoundError):
        listing(tmp_path / "nowhere")
