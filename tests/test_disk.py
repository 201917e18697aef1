"""What must not be lost is on disk: renames at once, or those of a burst together."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.artifacts import disk
from runner.artifacts.disk import Renames
from runner.errors import PublishError


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(disk, "sync", lambda path: found.append(path.name))
    return found


def test_a_rename_is_on_disk_at_once_and_those_of_a_burst_together(
    tmp_path: Path, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(disk.time, "monotonic", lambda: now[0])
    renames = Renames()
    renames.done(tmp_path / "run")
    assert synced == ["run"]
    for _ in range(5):
        now[0] += 0.01
        renames.done(tmp_path / "run")
    assert synced == ["run"], "five small tasks in a twentieth of a second"
    now[0] += 0.1
    renames.done(tmp_path / "run")
    assert synced == ["run", "run"]
    renames.done(tmp_path / "run")
    renames.done(tmp_path / "pinned")
    renames.settle()
    assert sorted(synced[2:]) == ["pinned", "run"]
    renames.settle()
    assert len(synced) == 4, "nothing is left"


def test_a_disk_that_refuses_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(PublishError, match="not safe on disk: Input/output error"):
        Renames().done(tmp_path)
