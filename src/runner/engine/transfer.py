"""A worker that does not see the run's folder fetches what a task reads, and sends its files.

Only where artifacts are behind a server or in a bucket: then the folder is a copy in any case.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from pathlib import Path

from runner.artifacts.copies import Copies, Damaged
from runner.artifacts.manifest import ListedFile
from runner.artifacts.store import ArtifactStore
from runner.context import Placement, RunContext
from runner.errors import ExecutionError
from runner.tracking.recording import SNAPSHOT_NAME


def is_apart(context: RunContext) -> bool:
    """Whether this worker does not see the folder in which the run was opened.

    Raises:
        ExecutionError: so it is, and there is no store that leads from one to the other.
    """
    if (context.artifact_dir / SNAPSHOT_NAME).exists():
        return False
    if context.store is None:
        text = f"the worker on {socket.gethostname()} does not see {context.artifact_dir}"
        hint = (
            "share that folder with the workers, or keep artifacts behind an MLflow server or on S3"
        )
        raise ExecutionError(text, hint)
    return True


def fetch(places: Iterable[Placement], context: RunContext) -> None:
    """Fetches what is complete elsewhere, every digest verified, to where it is on other machines.

    Raises:
        ExecutionError: it is not there, or not what its manifest says.
        TrackingError: the artifacts can't be reached.
    """
    copies = Copies(context.config.root)
    for place in places:
        directory = place.directory
        run_id = directory.parts[-3]
        if not directory.is_relative_to(context.config.root / ".runner" / "artifacts"):
            continue
        try:
            found = copies.get(_store(run_id, context), run_id, directory.name)
        except Damaged as damage:
            raise ExecutionError(f"{directory.name} of run {run_id} is damaged: {damage}") from None
        if found is None:
            raise ExecutionError(f"{directory.name} of run {run_id} is not there any more")


def send(partial: Path, name: str, files: Sequence[ListedFile], store: ArtifactStore) -> None:
    """Sends the files of a task; its manifest, which completes it, is sent by who publishes it.

    Args:
        name: of the task's directory.

    Raises:
        PublishError, TrackingError: they can't be sent.
    """
    store.send_files(partial, name, [file.path for file in files])


def _store(run_id: str, context: RunContext) -> ArtifactStore:
    assert context.store is not None
    if run_id == context.run_id:
        return context.store
    from mlflow import MlflowClient

    uri = context.store.tracking_uri
    return ArtifactStore(MlflowClient(uri).get_run(run_id).info.artifact_uri, uri)
