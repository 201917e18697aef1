"""Artifacts that are not in a folder of this machine: behind an MLflow server, on S3, and so on.

A thin seam over MLflow's own artifact repositories, so that MLflow's environment variables and
ways to log in hold; credentials come from there and nowhere else.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import posixpath
import random
import re
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from runner.artifacts import manifest as manifests
from runner.errors import PublishError, TrackingError
from runner.redaction import hide_password

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_ATTEMPTS = 3
_PATIENCE = 30.0  # seconds; MLflow and boto3 try again by themselves, some of them for minutes
_AT_ONCE = 8  # transfers
_REMOTE = re.compile(r"(?!file:)[a-zA-Z][a-zA-Z0-9+.-]+:/")
_QUERY = re.compile(r"(https?://[^\s?]+)\?\S+")  # signed addresses are credentials
# Measured: MLflow's server drops or mistakes what is behind these, or lists the folder no more.
_UNSENDABLE = re.compile(r"[#?%\x00-\x1f\x7f]|(^|/)(file:|\.artifact\.uploading\.)")


def is_remote(uri: str) -> bool:
    """Whether a place for artifacts is anything but a folder."""
    return _REMOTE.match(uri) is not None


def parent(uri: str, levels: int = 1) -> str:
    """The URI some levels up, at most the topmost one of its bucket or server."""
    parts = urlsplit(uri)
    path = [part for part in parts.path.split("/") if part]
    kept = "/".join(path[: max(len(path) - levels, 0)])
    return f"{parts.scheme}:{f'//{parts.netloc}' if parts.netloc else ''}/{kept}"


def unusable(uri: str) -> str:
    """Why a remote place can't be used on this machine; empty when nothing speaks against it."""
    from mlflow.store.artifact import artifact_repository_registry as registry

    scheme = urlsplit(uri).scheme
    known = set(registry.get_registered_artifact_repositories()) - {"", "file", "runs", "models"}
    if scheme not in known:
        return f"MLflow keeps no artifacts at {scheme}:; it knows {', '.join(sorted(known))}"
    if scheme == "s3" and importlib.util.find_spec("boto3") is None:
        return "S3 needs a package more: pip install 'luigi-mlflow-runner[s3]'"
    return ""


@dataclass(frozen=True)
class ArtifactStore:
    """All that lies below a URI. Every method raises TrackingError when that can't be reached.

    Attributes:
        uri: of an artifact root, or of a run's artifacts.
        tracking_uri: of the tracking store; ``mlflow-artifacts:`` leads through that server.
    """

    uri: str
    tracking_uri: str

    @property
    def shown(self) -> str:
        """The URI as people may see it."""
        return hide_password(self.uri)

    def below(self, path: str) -> ArtifactStore:
        """A part of it."""
        return ArtifactStore(f"{self.uri.rstrip('/')}/{path}", self.tracking_uri)

    def names(self, folder: str) -> list[str]:
        """The files directly in a folder; none when there is no such folder."""
        found = self._tried("listed", lambda: self._repository.list_artifacts(folder))
        return [posixpath.basename(item.path) for item in found if not item.is_dir]

    def files(self, folder: str) -> dict[str, int | None]:
        """Every file below a folder: path inside of it -> bytes, where the store tells them."""
        found: dict[str, int | None] = {}
        waiting = [folder]
        while waiting:
            where = waiting.pop()
            for item in self._tried("listed", functools.partial(self._list, where)):
                if where and not item.path.startswith(f"{where}/"):  # some list it in itself
                    continue
                if item.is_dir:
                    waiting.append(item.path)
                else:
                    found[item.path.removeprefix(f"{folder}/")] = item.file_size
        return found

    def download(self, paths: Iterable[tuple[str, Path]]) -> None:
        """Fetches files: (path, file to write); folders are made."""
        self._transfer("read", self._download, paths)

    def upload(self, files: Iterable[tuple[Path, str]]) -> None:
        """Sends files: (file, path); the two have the same last part."""
        self._transfer("written", self._upload, files)

    def send(self, directory: Path, name: str) -> None:
        """Sends a published directory: its files, and its manifest when all of them are there.

        Raises:
            PublishError: a file has a name that stores can't keep.
        """
        manifest = manifests.read(directory)
        self.send_files(directory, name, [file.path for file in manifest.files] if manifest else [])
        self.send_manifest(directory, name)

    def send_files(self, directory: Path, name: str, paths: Sequence[str]) -> None:
        """Sends files of a directory, and no manifest.

        Raises:
            PublishError: a file has a name that stores can't keep.
        """
        for path in paths:
            if _UNSENDABLE.search(path):
                text = f"{path!r} can't be sent to {self.shown}: it has a name that is not kept"
                raise PublishError(text, "leave # ? % and control characters out of file names")
        self.upload((directory / path, f"{name}/{path}") for path in paths)

    def send_manifest(self, directory: Path, name: str) -> None:
        """Completes a directory whose files have been sent."""
        self.upload([(directory / manifests.NAME, f"{name}/{manifests.NAME}")])

    def remove(self, path: str) -> None:
        """Deletes one file."""
        self._tried("changed", lambda: self._repository.delete_artifacts(path))

    @property
    def _repository(self) -> Any:
        return _repository(self.uri, self.tracking_uri)

    def _list(self, folder: str) -> Any:
        return self._repository.list_artifacts(folder)

    def _download(self, path: str, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        # `download_artifacts` would ask twice for each file. This is what repositories implement.
        self._repository._download_file(path, str(file))

    def _upload(self, file: Path, path: str) -> None:
        self._repository.log_artifact(str(file), posixpath.dirname(path) or None)

    def _transfer(
        self, done: str, one: Callable[[Any, Any], None], pairs: Iterable[tuple[Any, Any]]
    ) -> None:
        pool = ThreadPoolExecutor(_AT_ONCE, "artifacts")
        try:
            tried = functools.partial(self._tried, done)
            for _ in pool.map(tried, [functools.partial(one, *pair) for pair in pairs]):
                pass
        finally:
            pool.shutdown(cancel_futures=True)

    def _tried(self, done: str, action: Callable[[], _T]) -> _T:
        """Every repository has its own kinds of errors, so that all of them are tried again."""
        started = time.monotonic()
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return action()
            except TrackingError:
                raise
            except Exception as error:
                _log.debug("artifacts at %s", self.shown, exc_info=True)
                if attempt == _ATTEMPTS or time.monotonic() - started > _PATIENCE:
                    raise self._unreachable(done, error) from error
                time.sleep(random.uniform(0.2, 0.6) * 2**attempt)
        raise AssertionError("unreachable")

    def _unreachable(self, done: str, error: Exception) -> TrackingError:
        said = str(error).strip().splitlines() or [type(error).__name__]
        reason = _QUERY.sub(r"\1?…", hide_password(said[0]))
        return TrackingError(
            f"the artifacts at {self.shown} can't be {done}: {reason}",
            "check [RunConfig] artifact_root, the network, and the credentials in the environment",
        )


@functools.lru_cache(maxsize=256)
def _repository(uri: str, tracking_uri: str) -> Any:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    if problem := unusable(uri):
        raise TrackingError(f"the artifacts at {hide_password(uri)} can't be used: {problem}")
    return get_artifact_repository(uri, tracking_uri=tracking_uri)
