"""Which tracking store a project uses; creating it, and finding out early that it can't be used."""

from __future__ import annotations

import logging
import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from filelock import FileLock

from runner.artifacts.store import is_remote, unusable
from runner.config import Config
from runner.config.model import absolute
from runner.errors import ConfigError, Problem, TrackingError
from runner.redaction import hide_password
from runner.tracking import moved, plugin

if TYPE_CHECKING:
    from mlflow import MlflowClient

_log = logging.getLogger(__name__)

_PATIENCE = 6.0  # seconds; a server that just starts gets a chance, a dead one is named soon
_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
_QUIET = ("alembic", "mlflow.store.db.utils", "mlflow.store.db")


@dataclass(frozen=True)
class StoreLocation:
    """The tracking store of a run.

    Attributes:
        uri: MLflow's tracking URI, absolute.
        artifact_root: where new experiments keep artifacts, a folder or a remote URI; None
            leaves it to the server.
        project: the folder of the project that it was located for.
    """

    uri: str
    artifact_root: str | None
    project: Path | None = None

    @property
    def sqlite_file(self) -> Path | None:
        """The database file of an SQLite store."""
        if not self.uri.startswith("sqlite:///"):
            return None
        return Path(unquote(self.uri.removeprefix("sqlite:///").partition("?")[0]))

    @property
    def shown(self) -> str:
        """The URI as people may see it: without the password."""
        return hide_password(self.uri)


def locate(config: Config) -> StoreLocation:
    """Resolves the store against the project's root: SQLite and `mlruns` in it by default.

    Raises:
        ConfigError: the URI is of a kind that MLflow does not serve any more, or artifacts can't
            be kept where they should.
    """
    uri = config.run.tracking_uri or "sqlite:///mlflow.db"
    scheme = urlsplit(uri).scheme.split("+")[0]
    if scheme == "sqlite":
        uri = sqlite_uri(absolute(config.root, unquote(uri.partition("///")[2] or "mlflow.db")))
    elif scheme not in _PORTS:
        text = f"{uri!r} is no tracking server or database; MLflow gave up the plain folder store"
        where = config.origins.get("RunConfig.tracking_uri", "config")
        hint = f"{text}; say sqlite:///mlflow.db, or http://host:port"
        raise ConfigError([Problem(where, "RunConfig.tracking_uri", hint)])
    root = config.run.artifact_root
    if root is None:
        root = None if scheme in ("http", "https") else "mlruns"
    if root is not None and is_remote(root):
        root = _remote_root(config, root, server=scheme in ("http", "https"))
    elif root is not None:
        # MLflow decodes percent signs even in a plain path.
        root = str(absolute(config.root, root)).replace("%", "%25")
    return StoreLocation(uri, root, config.root)


def _remote_root(config: Config, root: str, *, server: bool) -> str:
    problem = unusable(root)
    if root.startswith("mlflow-artifacts:") and not server:
        problem = "only a tracking server keeps artifacts there, and tracking_uri is none"
    if problem:
        where = config.origins.get("RunConfig.artifact_root", "config")
        text = f"{hide_password(root)!r}: {problem}"
        raise ConfigError([Problem(where, "RunConfig.artifact_root", text)])
    return root.rstrip("/")


def sqlite_uri(path: Path) -> str:
    """The URI of a database file; `%` and `?` have a meaning in it and are quoted."""
    return f"sqlite:///{str(path).replace('%', '%25').replace('?', '%3F')}"


def connect(location: StoreLocation) -> MlflowClient:
    """A client of the store, which is created when it is a local file and not there yet.

    Raises:
        TrackingError: it can't be reached or used; a dead server is named within ten seconds.
    """
    if location.sqlite_file is None:
        _reach(location)
    from mlflow import MlflowClient

    plugin.default_artifact_root(location.uri, location.artifact_root)
    if location.sqlite_file is not None:
        _create_sqlite(location.sqlite_file, location.artifact_root)
        follow(location)
    with errors_of(location), _quiet_migrations():
        client = MlflowClient(tracking_uri=location.uri)
        client.search_experiments(max_results=1)
    return client


def follow(location: StoreLocation) -> None:
    """Leads a project's own SQLite store to where the project is now, and says so."""
    database, root, project = location.sqlite_file, location.artifact_root, location.project
    if database is None or root is None or project is None:
        return
    if not is_remote(root):
        moved.follow(database, root, project)


@contextmanager
def errors_of(location: StoreLocation) -> Iterator[None]:
    """Turns what a store raises into one TrackingError that names the store."""
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, RequestException, SQLAlchemyError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        _log.debug("tracking store", exc_info=True)
        raise TrackingError(
            f"the tracking store {location.shown} can't be used: {hide_password(reason)}",
            _advice(location, reason),
        ) from error


def _advice(location: StoreLocation, reason: str) -> str:
    if "out-of-date database schema" in reason or "Detected out-of-date" in reason:
        return f"make a copy of it, then: mlflow db upgrade {location.shown}"
    return "check [RunConfig] tracking_uri, or MLFLOW_TRACKING_URI"


def _reach(location: StoreLocation) -> None:
    parts = urlsplit(location.uri)
    scheme = parts.scheme.split("+")[0]
    try:
        address = (parts.hostname or "localhost", parts.port or _PORTS[scheme])
    except ValueError as error:
        raise TrackingError(f"the tracking URI {location.shown} is not valid: {error}") from None
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            with socket.create_connection(address, timeout=_PATIENCE / 2):
                break
        except OSError as error:
            if time.monotonic() > deadline or isinstance(error, socket.gaierror):
                raise TrackingError(
                    f"the tracking server {location.shown} can't be reached: {error}",
                    "start it, or check [RunConfig] tracking_uri and MLFLOW_TRACKING_URI",
                ) from None
            time.sleep(0.25)
    if scheme in ("http", "https"):
        _ask_health(location)


def _ask_health(location: StoreLocation) -> None:
    parts = urlsplit(location.uri)
    host = parts.netloc.rpartition("@")[2]
    url = urlunsplit((parts.scheme, host, f"{parts.path.rstrip('/')}/health", "", ""))
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE):
            return
    except urllib.error.HTTPError as error:
        if error.code in (401, 404):  # asks for a login first, or hides the path behind a proxy
            return
        text = f"the tracking server {location.shown} answers {error.code} {error.reason}"
        hint = "is this host among its --allowed-hosts?" if error.code == 403 else "see its log"
        raise TrackingError(text, hint) from None
    except (OSError, ValueError) as error:
        text = f"the tracking server {location.shown} does not answer: {error}"
        raise TrackingError(text, "is it an MLflow server?") from None


def _create_sqlite(path: Path, artifact_root: str | None) -> None:
    """Builds a new database beside its place, under a lock, and renames it when it is whole.

    MLflow builds it in place by dozens of migrations; two processes that do so at once break it.
    """
    if path.exists() and path.stat().st_size:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f".{path.name}.lock")
        with FileLock(lock):
            if path.exists() and path.stat().st_size:
                return
            for leftover in path.parent.glob(f".{path.name}.new-*"):
                leftover.unlink()
            new = path.with_name(f".{path.name}.new-{os.getpid()}")
            _log.info("creating the tracking store %s", path)
            _build(new, artifact_root)
            os.replace(new, path)
            lock.unlink()  # with the database there, nobody asks for the lock again
    except OSError as error:
        reason = error.strerror or str(error)
        raise TrackingError(f"the tracking store {path} can't be created: {reason}") from error


def _build(path: Path, artifact_root: str | None) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with _quiet_migrations():
        store: Any = SqlAlchemyStore(sqlite_uri(path), artifact_root)
        store.engine.dispose()
    with open(path, "rb") as file:
        os.fsync(file.fileno())
    with suppress(OSError):  # MLflow takes a quoted path for a folder's name and makes that folder
        Path(sqlite_uri(path).removeprefix("sqlite:///")).parent.rmdir()


@contextmanager
def _quiet_migrations() -> Iterator[None]:
    """Keeps MLflow's account of its migrations off the console."""
    loggers = [logging.getLogger(name) for name in _QUIET]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
