"""Copies on this machine of what runs keep at a remote artifact root.

``.runner/artifacts/<run id>/artifacts`` in the project's folder is the artifact directory of such
a run: what the run writes lies there, and what is fetched of other runs takes its place there. A
directory is complete or absent, as in a run whose artifacts are in a folder.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from filelock import FileLock

from runner.artifacts import contents
from runner.artifacts import manifest as manifests
from runner.artifacts.disk import sync
from runner.artifacts.manifest import Manifest
from runner.artifacts.store import ArtifactStore

_PEEKED = "manifests"


class Damaged(Exception):
    """What a remote root holds is not what its manifest says; the message says in what."""


def scratch(root: Path) -> Path:
    """The project's `.runner`, for what can be had again; git is told to leave it out."""
    folder = root / ".runner"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    return folder


def run_folder(root: Path, run_id: str) -> Path:
    """The artifact directory on this machine of a run that keeps its artifacts elsewhere."""
    return root / ".runner" / "artifacts" / run_id / "artifacts"


def is_peeked(directory: Path) -> bool:
    """Whether it holds a manifest alone, because a dry run fetches no more."""
    return directory.parts[-5:-3] == (".runner", _PEEKED)


class Copies:
    """Fetches directories of tasks, once.

    Args:
        root: the project's folder.
        peek: fetch manifests only, and replace nothing.
    """

    def __init__(self, root: Path, *, peek: bool = False) -> None:
        self.root = root
        self._peek = peek

    def get(self, run: ArtifactStore, run_id: str, name: str) -> Path | None:
        """The directory of a task of a run, every digest verified when it is fetched.

        Args:
            run: the run's artifacts.
            name: of the directory.

        Returns:
            None when the run has no such directory, or did not complete it.

        Raises:
            Damaged: it is not what its manifest says.
            TrackingError: the artifacts can't be reached.
        """
        place = run_folder(self.root, run_id) / name
        if _whole(place):
            return place
        if self._peek:
            directory = self._peeked(run_id, name)
            return directory if self._manifest(run, name, directory) else None
        locks = scratch(self.root) / "locks"
        locks.mkdir(exist_ok=True)
        with FileLock(locks / run_id):
            return place if _whole(place) else self._fetched(run, name, place)

    def manifest(self, run: ArtifactStore, run_id: str, name: str) -> Manifest | None:
        """What a task's directory says of itself; kept here, because it never changes."""
        for directory in (run_folder(self.root, run_id) / name, self._peeked(run_id, name)):
            if (directory / manifests.NAME).exists():
                return manifests.read(directory)
        directory = self._peeked(run_id, name)
        run.download([(f"{name}/{manifests.NAME}", new := _beside(directory / manifests.NAME))])
        os.replace(new, directory / manifests.NAME)
        return manifests.read(directory)

    def _peeked(self, run_id: str, name: str) -> Path:
        return scratch(self.root) / _PEEKED / run_id / "artifacts" / name

    def _fetched(self, run: ArtifactStore, name: str, place: Path) -> Path | None:
        partial = place.with_name(f".{name}.fetching")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            manifest = self._manifest(run, name, partial)
            if manifest is None:
                return None
            run.download((f"{name}/{file.path}", partial / file.path) for file in manifest.files)
            for path in manifest.folders:  # an empty folder is nothing to a store
                (partial / path).mkdir(parents=True, exist_ok=True)
            if damage := contents.damage(partial, manifest, digests=True):
                raise Damaged(damage)
            for file in (*(file.path for file in manifest.files), manifests.NAME):
                sync(partial / file)
            shutil.rmtree(place, ignore_errors=True)  # a copy, and not whole
            os.rename(partial, place)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return place

    def _manifest(self, run: ArtifactStore, name: str, directory: Path) -> Manifest | None:
        """Fetches a manifest, and compares what is listed with it."""
        there = run.files(name)
        if manifests.NAME not in there:
            return None
        run.download([(f"{name}/{manifests.NAME}", new := _beside(directory / manifests.NAME))])
        os.replace(new, directory / manifests.NAME)
        manifest = manifests.read(directory)
        if manifest is None:
            (directory / manifests.NAME).unlink()
            raise Damaged("its manifest is damaged")
        for file in manifest.files:
            if file.path not in there:
                raise Damaged(f"{file.path} is missing")
            size = there[file.path]
            if size is not None and size != file.size:
                raise Damaged(f"{file.path} has {size} bytes, not {file.size}")
        return manifest


def _whole(directory: Path) -> bool:
    if not directory.exists():
        return False
    manifest = manifests.read(directory)
    return manifest is not None and contents.damage(directory, manifest) is None


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")
