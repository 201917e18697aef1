"""Sends what a run wrote on this machine to where the run keeps its artifacts.

What can't be sent stays, complete, and a note of it: the next run of the project on this machine
that uses the same tracking store sends it before anything else.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from runner.artifacts import manifest as manifests
from runner.artifacts.copies import scratch
from runner.artifacts.manifest import Manifest
from runner.artifacts.remote_index import pointer_to
from runner.artifacts.store import ArtifactStore
from runner.errors import PublishError, RunnerError, TrackingError
from runner.redaction import hide_password

_log = logging.getLogger(__name__)

_UNSENT = "unsent"


def send(directory: Path, run: ArtifactStore, root: Path) -> None:
    """Sends a published directory, and offers it for reuse by its fingerprint.

    Args:
        directory: of a task, in the run's artifact directory.
        run: the run's artifacts.
        root: the project's folder.

    Raises:
        PublishError: it was not sent.
    """
    try:
        _send(directory, run)
    except TrackingError as error:
        folder = scratch(root) / _UNSENT
        folder.mkdir(exist_ok=True)
        where = directory.relative_to(root).as_posix()
        note = {"run": run.uri, "store": hide_password(run.tracking_uri), "directory": where}
        path = folder / f"{sha256(where.encode()).hexdigest()}.json"
        path.write_text(json.dumps(note), encoding="utf-8")
        raise PublishError(
            f"its outputs are complete in {directory}, but were not sent: {error.message}",
            "the next run sends them before anything else, and need not compute them again",
        ) from error


def complete(directory: Path, manifest: Manifest, run: ArtifactStore) -> None:
    """Completes a directory whose files a worker has sent; here there is its manifest alone.

    Raises:
        PublishError: the manifest was not sent.
    """
    directory.mkdir(parents=True)
    manifests.write(directory, manifest)
    try:
        run.send_manifest(directory, directory.name)
    except TrackingError as error:
        shutil.rmtree(directory)
        raise PublishError(f"its outputs were sent, but not completed: {error.message}") from error
    _offer(directory, run, manifest)


def send_unsent(root: Path, tracking_uri: str) -> bool:
    """Sends what earlier runs could not send; whether anything was."""
    sent = False
    for path in sorted((root / ".runner" / _UNSENT).glob("*.json")):
        note = json.loads(path.read_text(encoding="utf-8"))
        if note["store"] != hide_password(tracking_uri):
            continue
        directory = root / note["directory"]
        try:
            if directory.exists():
                _send(directory, ArtifactStore(note["run"], tracking_uri))
                _log.info("%s was left unsent by an earlier run, and is sent now", directory)
                sent = True
            path.unlink()
        except RunnerError as error:
            _log.warning("%s still can't be sent: %s", directory, error.message)
    return sent


def send_files(folder: Path, run: ArtifactStore, but: Collection[str] = ()) -> set[str]:
    """Sends the files directly in a run's artifact directory: what the runner itself wrote.

    Args:
        but: names of files that were sent before.

    Returns:
        The names of the files.

    Raises:
        TrackingError: they can't be sent.
    """
    names = {path.name for path in folder.iterdir() if path.is_file()} - set(but)
    run.upload((folder / name, name) for name in sorted(names))
    return names


def _send(directory: Path, run: ArtifactStore) -> None:
    run.send(directory, directory.name)
    manifest = manifests.read(directory)
    if manifest is not None:
        _offer(directory, run, manifest)


def _offer(directory: Path, run: ArtifactStore, manifest: Manifest) -> None:
    if manifest.fingerprint is None:
        return
    try:
        root, path = pointer_to(run, directory)
    except ValueError as error:
        _log.warning("%s can't be offered for reuse: %s", directory, error)
        return
    with TemporaryDirectory() as folder:
        pointer = Path(folder, Path(path).name)
        pointer.write_bytes(b"\n")  # some stores keep no empty objects
        root.upload([(pointer, path)])
