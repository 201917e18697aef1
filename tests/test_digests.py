"""Digests of inputs, remembered for as long as a file is the same."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from runner.artifacts import manifest
from runner.artifacts.digests import DigestCache, combined


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were really read."""
    read: list[Path] = []
    digest: Callable[[Path], str] = manifest.digest

    def counted(path: Path) -> str:
        read.append(path)
        return digest(path)

    monkeypatch.setattr(manifest, "digest", counted)
    return read


def old(path: Path, text: str) -> Path:
    path.write_text(text)
    os.utime(path, (time.time() - 100, time.time() - 100))
    return path


def test_an_unchanged_file_is_read_once(tmp_path: Path, reads: list[Path]) -> None:
    file = old(tmp_path / "ü.csv", "one")
    cache = DigestCache(tmp_path / "cache" / "digests.db")
    assert cache.of([file]) == cache.of([file]) == {file: manifest.digest(file)}
    assert len(reads) == 2  # once by the cache, once by this test


@pytest.mark.parametrize("change", ["text", "size", "replaced"])
def test_a_changed_file_is_read_again(tmp_path: Path, reads: list[Path], change: str) -> None:
    file = old(tmp_path / "a.csv", "one")
    cache = DigestCache(tmp_path / "digests.db")
    before = cache.of([file])[file]
    times = file.stat().st_mtime_ns
    if change == "replaced":
        old(tmp_path / "b.csv", "two").rename(file)
        os.utime(file, ns=(times, times))
    else:
        file.write_text("two" if change == "text" else "three")
    assert cache.of([file])[file] != before
    assert len(reads) == 2


def test_a_file_that_is_still_being_written_is_not_remembered(
    tmp_path: Path, reads: list[Path]
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("one")
    cache = DigestCache(tmp_path / "digests.db")
    cache.of([file])
    cache.of([file])
    assert len(reads) == 2


def test_a_broken_cache_is_no_harm(tmp_path: Path) -> None:
    file = old(tmp_path / "a.csv", "one")
    database = tmp_path / "digests.db"
    database.write_bytes(b"garbage" * 1000)
    assert DigestCache(database).of([file]) == {file: manifest.digest(file)}
    with closing(sqlite3.connect(tmp_path / "other.db")) as other, other:
        other.execute("CREATE TABLE digests (x)")
    assert DigestCache(tmp_path / "other.db").of([file]) == {file: manifest.digest(file)}


def test_combined_counts_names_and_contents() -> None:
    digests = [{"a": "1", "b": "2"}, {"a": "2", "b": "1"}, {"a1": "b2"}, {"a": "1"}, {}]
    assert len({combined(parts) for parts in digests}) == len(digests)
    assert combined({"a": "1", "b": "2"}) == combined({"b": "2", "a": "1"})
