"""Where the runs of an experiment keep their artifacts, and where that is on this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from runner.artifacts import copies
from runner.artifacts.copies import Copies
from runner.artifacts.index import FOLDER, ReuseIndex
from runner.artifacts.remote_index import RemoteIndex
from runner.artifacts.store import ArtifactStore, is_remote, parent
from runner.config import Config
from runner.tracking.store import StoreLocation, errors_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

_UNSAFE = re.compile(r"[^\w.-]|^\.+$", re.ASCII)
_LONGEST = 60  # characters of an experiment's name that become part of addresses


def index_of(
    config: Config,
    location: StoreLocation,
    connect: Callable[[], MlflowClient],
    found: Copies,
    *,
    verify: bool,
) -> ReuseIndex | None:
    """Where fingerprints were computed; None when there is no artifact root as yet.

    For a folder nothing is asked. Else MLflow says where the experiment, or one that is like it,
    keeps its artifacts: a new one will be beside it.

    Args:
        found: fetches what is found at a remote root.
        verify: compare the digest of every file that is served.

    Raises:
        TrackingError: the store can't be reached, or the root can't be used on this machine.
    """
    root = location.artifact_root
    if root is None or is_remote(root):
        root = _root_in_store(config, location, connect()) or root
    if root is None:
        return None
    if not is_remote(root):
        return ReuseIndex(Path(unquote(root.removeprefix("file://"))), digests=verify)
    local = copies.run_folder(config.root, "").parent
    return RemoteIndex(ArtifactStore(root, location.uri), found, local, digests=verify)


def local_folder(artifact_uri: str) -> Path:
    """The folder that a path or file URI of MLflow's means; percent signs are decoded."""
    from mlflow.utils.file_utils import local_file_uri_to_path

    path = local_file_uri_to_path(artifact_uri)
    return Path(os.path.abspath(path))


def store_of(artifact_uri: str, location: StoreLocation) -> ArtifactStore | None:
    """The artifacts of a run; None when they are in a folder."""
    return ArtifactStore(artifact_uri, location.uri) if is_remote(artifact_uri) else None


def artifact_dir(artifact_uri: str, run_id: str, root: Path) -> Path:
    """The artifact directory of a run on this machine; a remote one has its copies there."""
    if is_remote(artifact_uri):
        return copies.run_folder(root, run_id)
    return local_folder(artifact_uri)


def planned_dir(location: StoreLocation, root: Path) -> Path:
    """Stands for the folder of artifacts while there is no run."""
    found = location.artifact_root
    return root / "mlruns" if found is None or is_remote(found) else Path(unquote(found))


def check_reachable(artifact_uri: str, location: StoreLocation) -> None:
    """Raises TrackingError when artifacts that are kept there can't be reached from here."""
    if store := store_of(artifact_uri, location):
        store.names(FOLDER)


def place_below(root: str, experiment: str) -> str:
    """Where a new experiment keeps its artifacts, when a root was said to a server.

    The name becomes part of addresses, in which few characters mean themselves.
    """
    if not is_remote(root):
        return f"{root}/{experiment}"
    plain = _UNSAFE.sub("_", experiment)[:_LONGEST]
    if plain != experiment:
        plain += f"-{sha256(experiment.encode()).hexdigest()[:8]}"
    return f"{root}/{plain}"


def is_below(place: str, root: str) -> bool:
    """Whether an experiment's place for artifacts belongs to an artifact root."""
    if is_remote(place) or is_remote(root):
        return f"{place}/".startswith(f"{root}/")
    return local_folder(place).is_relative_to(local_folder(root))


def _root_in_store(config: Config, location: StoreLocation, client: MlflowClient) -> str | None:
    with errors_of(location):
        found: Experiment | None = client.get_experiment_by_name(config.run.experiment_name)
        if found is None and location.artifact_root is None:
            found = next(iter(client.search_experiments(max_results=1)), None)
    if found is None:
        return None
    place = str(found.artifact_location)
    return parent(place) if is_remote(place) else quote(str(local_folder(place).parent))
