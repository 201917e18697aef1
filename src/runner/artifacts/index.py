"""Where a fingerprint was computed: one small file for each, beside the artifacts it leads to.

It lies in a folder for each task, so that what was computed of a task before is found as well.
A look-up costs one `open` and a `stat` for each file that it leads to, whatever the number of
runs. Entries hold paths relative to the artifact root, so that a moved project finds what it has.
An entry is a hint and no more: what it leads to is taken only when its manifest is the very one
that was published under the fingerprint, and its files are as listed.
"""

from __future__ import annotations

import fcntl
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runner.artifacts import manifest as manifests
from runner.artifacts.entry import Entry, Found
from runner.artifacts.manifest import Manifest

_log = logging.getLogger(__name__)

FOLDER = ".reuse"
DAMAGED = "manifest.damaged.json"
_KEPT = 20  # earlier fingerprints of a task, to compare a new one with
_HOST = socket.gethostname()
_SAID = 200  # characters that the name of who computes is filled up to
_PATIENCE = 0.2  # seconds before it is said for whom one waits


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

    def find(self, task: str, fingerprint: str, *, discard: bool = False) -> Found | None:
        """What was computed under a fingerprint and is still whole.

        What is damaged is noted in `damaged`.

        Args:
            task: the family.
            discard: take what is damaged out of circulation, with a warning.
        """
        path = self._entry(task, fingerprint)
        try:
            with open(path, "rb", buffering=0) as file:
                text = file.read()
        except OSError:
            return None
        entry = Entry.read(text)
        if entry is None:
            self._damaged(fingerprint, Path(path), "this entry of the index", discard)
            return None
        directory = self._root / entry.directory
        damage = entry.damage(directory, digests=self._digests)
        if damage is None:
            return Found(directory, entry)
        self._damaged(fingerprint, directory, damage, discard)
        if discard:
            with suppress(OSError):
                os.unlink(path)
            manifest = manifests.read(directory)
            if manifest is not None and manifest.fingerprint == fingerprint:
                with suppress(OSError):
                    os.replace(directory / manifests.NAME, directory / DAMAGED)
        return None

    def add(self, fingerprint: str, directory: Path, manifest: Manifest) -> None:
        """Makes a published directory known; of several the latest is found.

        Of several that are the same the first stays: who made something is not who checked it.
        """
        first = ReuseIndex.find(self, manifest.task, fingerprint)
        if first is not None and first.entry.is_as(manifest):
            return
        inside = directory.is_relative_to(self._root)
        place = directory.relative_to(self._root) if inside else directory
        try:
            entry = Entry.of(place, directory, manifest)
            _write(self._entry(manifest.task, fingerprint), entry.written())
        except OSError as error:
            _log.warning("%s can't be offered for reuse: %s", directory, error)

    def earlier(self, task: str) -> Iterator[Manifest]:
        """Manifests of what was computed of a task before, newest first."""
        try:
            with os.scandir(os.path.join(self._folder, "tasks", task)) as listed:
                written = [e for e in listed if not e.name.endswith(".new")]
            newest = sorted(written, key=lambda e: e.stat().st_mtime_ns, reverse=True)
        except OSError:  # nothing yet, or `gc` is at it
            return
        for found in newest[:_KEPT]:
            with suppress(OSError):
                entry = Entry.read(Path(found.path).read_bytes())
                manifest = manifests.read(self._root / entry.directory) if entry else None
                if manifest is not None:
                    yield manifest

    @contextmanager
    def computing(self, fingerprint: str, task: str, run: str) -> Iterator[None]:
        """Only one process computes a fingerprint; the others wait, and say for whom.

        The kernel frees the lock of a process that dies. Where the file system has no locks, two
        may compute the same, and the later one is found.
        """
        path = os.path.join(self._folder, "locks", fingerprint)
        lock: int | None = None
        try:
            lock = _opened(path, os.O_RDWR | os.O_CREAT)
            _wait(lock, task)
            said = f"run {run} (process {os.getpid()} on {_HOST})"
            os.pwrite(lock, f"{said[:_SAID]:{_SAID}}".encode(), 0)
        except OSError as error:
            _log.warning("%s is computed without a lock: %s", task, error)
        try:
            yield
        finally:
            if lock is not None:
                fcntl.flock(lock, fcntl.LOCK_UN)  # a child of the task may have it open still
                os.close(lock)

    def _damaged(self, fingerprint: str, place: Path, damage: str, discard: bool) -> None:
        self.damaged[fingerprint] = f"{place} is damaged: {damage}"
        if discard:
            _log.warning("%s is damaged and is computed anew: %s", place, damage)

    def _entry(self, task: str, fingerprint: str) -> str:
        return os.path.join(self._folder, "tasks", task, fingerprint)


def _opened(path: str, flags: int) -> int:
    """Opens a file, in a folder that is there from the second time on."""
    try:
        return os.open(path, flags | os.O_CLOEXEC, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return os.open(path, flags | os.O_CLOEXEC, 0o666)


def _write(path: str, data: bytes) -> None:
    """Writes a file that nobody sees in part."""
    new = f"{path}.{os.getpid()}.new"
    with open(_opened(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb", buffering=0) as file:
        file.write(data)
    os.replace(new, path)


def _wait(lock: int, task: str) -> None:
    """Takes the lock; the file says who has it."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        with suppress(BlockingIOError):
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(_PATIENCE / 10)
    said = os.pread(lock, 4 * _SAID, 0).decode(errors="replace").strip() or "another run"
    _log.warning("%s waits: %s computes the same", task, said)
    fcntl.flock(lock, fcntl.LOCK_EX)
