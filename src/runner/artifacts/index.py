"""Where a fingerprint was computed: one small file for each, beside the artifacts it leads to.

A look-up costs one `open`, whatever the number of runs. Entries hold paths relative to the
artifact root, so that a moved project finds what it has. An entry is a hint and no more: what it
leads to is taken only when its manifest has the very fingerprint and its files are as listed.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from runner.artifacts import manifest as manifests
from runner.artifacts.manifest import Manifest

_log = logging.getLogger(__name__)

FOLDER = ".reuse"
_KEPT = 20  # earlier fingerprints of a task, to compare a new one with
_PATIENCE = 0.2  # seconds before it is said for whom one waits


@dataclass(frozen=True)
class Found:
    """A directory that holds what a fingerprint stands for."""

    directory: Path
    manifest: Manifest


class ReuseIndex:
    """The index of an artifact root.

    Args:
        root: the folder that holds the artifacts of all experiments.
        digests: compare the digest of every file before it is served, not its size alone.
    """

    def __init__(self, root: Path, *, digests: bool = False) -> None:
        self._root = root
        self._folder = root / FOLDER
        self._digests = digests
        self.damaged: dict[str, str] = {}

    def find(self, fingerprint: str, *, discard: bool = False) -> Found | None:
        """What was computed under a fingerprint and is still whole.

        What is damaged is noted in `damaged`.

        Args:
            discard: take what is damaged out of circulation, with a warning.
        """
        entry = self._entry(fingerprint)
        try:
            directory = self._root / entry.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None
        manifest = manifests.read(directory)
        damage: str | None = "its manifest is gone, damaged or of another fingerprint"
        if manifest is not None and manifest.fingerprint == fingerprint:
            damage = manifests.damage(directory, manifest, digests=self._digests)
            if damage is None:
                return Found(directory, manifest)
        self.damaged[fingerprint] = f"{directory} is damaged: {damage}"
        if discard:
            _log.warning("%s is damaged and is computed anew: %s", directory, damage)
            with suppress(OSError):
                entry.unlink()
            if manifest is not None and manifest.fingerprint == fingerprint:
                with suppress(OSError):
                    os.replace(directory / manifests.NAME, directory / "manifest.damaged.json")
        return None

    def add(self, fingerprint: str, directory: Path, task: str) -> None:
        """Makes a published directory known; the first one of a fingerprint stays."""
        if not directory.is_relative_to(self._root):
            return
        text = directory.relative_to(self._root).as_posix()
        entry = self._entry(fingerprint)
        history = self._history(task) / f"{time.time_ns()}-{fingerprint[:16]}"
        try:
            for path in (entry, history):
                path.parent.mkdir(parents=True, exist_ok=True)
                new = path.with_name(f"{path.name}.{os.getpid()}.new")
                new.write_text(text, encoding="utf-8")
                os.replace(new, path)
        except OSError as error:
            _log.warning("%s can't be offered for reuse: %s", directory, error)

    def earlier(self, task: str) -> Iterator[Manifest]:
        """Manifests of what was computed of a task before, newest first."""
        entries = sorted(self._history(task).glob("[0-9]*"), reverse=True)
        for entry in entries[:_KEPT]:
            with suppress(OSError):
                manifest = manifests.read(self._root / entry.read_text(encoding="utf-8"))
                if manifest is not None:
                    yield manifest

    @contextmanager
    def computing(self, fingerprint: str, task: str, run: str) -> Iterator[None]:
        """Only one process computes a fingerprint; the others wait, and say for whom.

        The kernel frees the lock of a process that dies.
        """
        path = self._folder / "locks" / fingerprint
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        owner = path.with_suffix(".owner")
        try:
            lock.acquire(timeout=_PATIENCE)
        except Timeout:
            with suppress(OSError):
                _log.warning("%s waits: %s computes the same", task, owner.read_text())
            lock.acquire()
        try:
            owner.write_text(f"run {run} (process {os.getpid()} on {socket.gethostname()})")
            yield
        finally:
            lock.release()

    def _entry(self, fingerprint: str) -> Path:
        return self._folder / fingerprint[:2] / fingerprint

    def _history(self, task: str) -> Path:
        return self._folder / "tasks" / task
