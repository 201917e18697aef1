"""Where a fingerprint was computed, for artifacts that are not in a folder of this machine.

Beside the runs of a remote root, ``.reuse`` holds an object for each published directory. Its name
says all: one listing answers for all tasks of a plan. As in the index of a folder it is a
hint and no more: what it leads to is fetched, and every digest compared, before it is served.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, unquote

from blake3 import blake3

from runner.artifacts import manifest as manifests
from runner.artifacts.copies import Copies, Damaged
from runner.artifacts.entry import Entry, Found
from runner.artifacts.index import FOLDER, ReuseIndex
from runner.artifacts.manifest import Manifest
from runner.artifacts.store import ArtifactStore, parent
from runner.errors import TrackingError

_log = logging.getLogger(__name__)

_ABOVE = 3  # levels from a run's artifacts up to the root: <experiment>/<run>/artifacts
_LONGEST = 250  # bytes; a server may keep the object as a file, whose name can't be longer
_KEPT = 20  # earlier fingerprints of a task, to compare a new one with
_RUN_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, order=True)
class Pointer:
    """What the name of an object in the index says.

    Attributes:
        created: seconds since 1970, when it was published.
        fingerprint: 64 hex digits.
        task: the family.
        experiment: the experiment's folder below the root; empty when there is none.
        run_id: the run that computed it.
        directory: the name of the task's directory in that run.
        manifest: digest of its manifest, 32 hex digits.
    """

    created: int
    fingerprint: str
    task: str
    experiment: str
    run_id: str
    directory: str
    manifest: str

    @property
    def name(self) -> str:
        """One part of a path, of characters that no store and no server mistakes."""
        parts = vars(self).values()
        return ",".join(quote(str(part), safe="").replace("%", "=") for part in parts)

    @classmethod
    def read(cls, name: str) -> Pointer | None:
        """What a name says; None when it is none."""
        parts = [unquote(part.replace("=", "%")) for part in name.split(",")]
        if len(parts) != 7 or not parts[0].isdecimal() or not _RUN_ID.fullmatch(parts[4]):
            return None
        if any("/" in part or part in (".", "..") for part in parts):
            return None
        return cls(int(parts[0]), *parts[1:])


def pointer_to(run: ArtifactStore, directory: Path) -> tuple[ArtifactStore, str]:
    """The root of a run's artifacts, and the path there of the pointer to a directory of the run.

    Raises:
        ValueError: its name would be longer than stores can keep.
        OSError: there is no manifest.
    """
    manifest = manifests.read(directory)
    if manifest is None:
        raise FileNotFoundError(f"{directory} has no manifest")
    root = ArtifactStore(parent(run.uri, _ABOVE), run.tracking_uri)
    experiment = parent(run.uri, _ABOVE - 1).removeprefix(root.uri).strip("/")
    pointer = Pointer(
        created=int(manifest.created.timestamp()),
        fingerprint=manifest.fingerprint or "",
        task=manifest.task,
        experiment=experiment,
        run_id=manifest.made_by.run_id,
        directory=directory.name,
        manifest=_digest(directory),
    )
    if len(pointer.name) > _LONGEST:
        raise ValueError(f"{pointer.name} is too long a name")
    return root, f"{FOLDER}/{pointer.name}"


class RemoteIndex(ReuseIndex):
    """The index of a remote artifact root, behind that of the copies on this machine.

    Locks hold on this machine: two machines may compute the same at once, each into its own run.

    Args:
        root: the artifact root.
        copies: fetches what is found.
        local: the folder of the copies.
        digests: compare the digests of copies too, each time they are served.
    """

    def __init__(
        self, root: ArtifactStore, copies: Copies, local: Path, *, digests: bool = False
    ) -> None:
        super().__init__(local, digests=digests)
        self._remote = root
        self._copies = copies
        self._refused: dict[str, str] = {}

    def find(self, task: str, fingerprint: str, *, discard: bool = False) -> Found | None:
        """What was computed under a fingerprint, here or elsewhere, as a directory here.

        Raises:
            TrackingError: the artifacts can't be reached.
        """
        found = super().find(task, fingerprint)
        if found is not None:
            return found
        for pointer in self._pointers.get(fingerprint, ()):
            found = self._fetch(pointer)
            if found is not None:
                self.damaged.pop(fingerprint, None)
                return found
            damage = self._refused[pointer.name]
            self.damaged[fingerprint] = f"{self._shown(pointer)} is damaged: {damage}"
            if discard:
                self._discard(pointer)
        return super().find(task, fingerprint, discard=True) if discard else None

    def earlier(self, task: str) -> Iterator[Manifest]:
        """Manifests of what was computed of a task before, newest first."""
        pointers = [e for same in self._pointers.values() for e in same if e.task == task]
        pointers = sorted(pointers, reverse=True)[:_KEPT]
        with ThreadPoolExecutor(8, "artifacts") as pool:
            yield from (m for m in pool.map(self._manifest, pointers) if m is not None)

    @cached_property
    def _pointers(self) -> Mapping[str, list[Pointer]]:
        """All pointers by fingerprint, the newest first."""
        found: dict[str, list[Pointer]] = defaultdict(list)
        pointers = filter(None, map(Pointer.read, self._remote.names(FOLDER)))
        for pointer in sorted(pointers, reverse=True):
            found[pointer.fingerprint].append(pointer)
        return found

    def _fetch(self, pointer: Pointer) -> Found | None:
        if pointer.name in self._refused:
            return None
        try:
            directory = self._copies.get(self._run(pointer), pointer.run_id, pointer.directory)
            manifest = manifests.read(directory) if directory else None
            if directory and manifest and _digest(directory) == pointer.manifest:
                return Found(directory, Entry.of(directory, directory, manifest))
            self._refused[pointer.name] = "its manifest is gone, or not the one that was published"
        except Damaged as damage:
            self._refused[pointer.name] = str(damage)
        return None

    def _discard(self, pointer: Pointer) -> None:
        reason = self._refused[pointer.name]
        _log.warning("%s is damaged and is computed anew: %s", self._shown(pointer), reason)
        try:
            self._remote.remove(f"{FOLDER}/{pointer.name}")
        except TrackingError as error:  # it will be found damaged again, and not served
            _log.warning("it can't be taken out of circulation: %s", error.message)

    def _manifest(self, pointer: Pointer) -> Manifest | None:
        with suppress(TrackingError):
            return self._copies.manifest(self._run(pointer), pointer.run_id, pointer.directory)
        return None

    def _run(self, pointer: Pointer) -> ArtifactStore:
        inside = f"{pointer.experiment}/" if pointer.experiment else ""
        return self._remote.below(f"{inside}{pointer.run_id}/artifacts")

    def _shown(self, pointer: Pointer) -> str:
        return f"{self._run(pointer).shown}/{pointer.directory}"


def _digest(directory: Path) -> str:
    return blake3((directory / manifests.NAME).read_bytes()).hexdigest(length=16)
