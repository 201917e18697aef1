"""Real servers on loopback for the tests: PostgreSQL, MLflow over it, and an S3 endpoint."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import clean_environment

_UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root
_PATIENCE = 120.0  # seconds; the machine may be busy
BUCKET = "bucket"
#: What a user sets to reach an S3 endpoint; the endpoint itself is added by `s3_environment`.
S3_KEYS = {
    "AWS_ACCESS_KEY_ID": "an-access-key-of-the-tests",
    "AWS_SECRET_ACCESS_KEY": "a-secret-key-of-the-tests",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(*command: str, ready: str, **popen: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Starts a server and waits until its URL, or for ``tcp:<port>`` its port, answers."""
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(
            command, stdout=told, stderr=told, start_new_session=True, **popen
        )
        try:
            deadline = time.monotonic() + _PATIENCE
            while not _answers(ready):
                if process.poll() is not None or time.monotonic() > deadline:
                    told.seek(0)
                    raise RuntimeError(f"{command[0]}: {told.read().decode(errors='replace')}")
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.05)
            yield process
        finally:
            process.send_signal(signal.SIGINT)  # for PostgreSQL: do not wait for its clients
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(ready: str) -> bool:
    try:
        if ready.startswith("tcp:"):
            socket.create_connection(("127.0.0.1", int(ready[4:])), timeout=5).close()
        else:
            urllib.request.urlopen(ready, timeout=5).close()
    except OSError:
        return False
    return True


def postgresql_program(name: str) -> str:
    """A program of PostgreSQL, which Debian keeps off the PATH."""
    found = shutil.which(name) or max(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")))
    return found


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URI of a database."""
    try:
        initdb, postgres = postgresql_program("initdb"), postgresql_program("postgres")
    except ValueError:
        pytest.skip("no PostgreSQL here: scripts/install-system installs it")
    folder = Path(tempfile.mkdtemp(prefix="runner-postgresql-"))
    other: dict[str, Any] = {"cwd": folder}
    if os.getuid() == 0:
        shutil.chown(folder, _UNPRIVILEGED)
        other |= {"user": _UNPRIVILEGED, "extra_groups": []}
    port, data = free_port(), str(folder / "data")
    try:
        make = [initdb, "-D", data, "-U", "postgres", "--auth=trust", "--no-sync"]
        subprocess.run(
            [*make, "--encoding=UTF8", "--locale=C"], check=True, capture_output=True, **other
        )
        settings = "listen_addresses=127.0.0.1 unix_socket_directories= fsync=off".split()
        options = [part for setting in settings for part in ("-c", setting)]
        command = [postgres, "-D", data, "-p", str(port), *options]
        with started(*command, ready=f"tcp:{port}", **other):
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def destination(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which `proxy` keeps artifacts."""
    return tmp_path_factory.mktemp("destination")


@pytest.fixture(scope="session")
def proxy(postgresql: str, destination: Path) -> Iterator[str]:
    """The URI of an MLflow server over PostgreSQL, through which all artifacts go."""
    port = free_port()
    command = ["--backend-store-uri", postgresql, "--artifacts-destination", str(destination)]
    uri = f"http://127.0.0.1:{port}"
    with started(
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--port", str(port), "--serve-artifacts", *command),
        ready=f"{uri}/health",
        env={**clean_environment(), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        cwd=destination,
    ):
        yield uri


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The URL of an S3 endpoint with one bucket."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    with started(sys.executable, "-m", "moto.server", "-p", str(port), ready=f"{url}/moto-api/"):
        request = urllib.request.Request(f"{url}/{BUCKET}", method="PUT")
        urllib.request.urlopen(request, timeout=30).close()
        yield url


@pytest.fixture
def s3_environment(s3: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment in which the endpoint is reached, set for this process too."""
    values = {**S3_KEYS, "MLFLOW_S3_ENDPOINT_URL": s3}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


@pytest.fixture
def bucket(s3_environment: dict[str, str]) -> Any:
    """boto3's view of the bucket."""
    import boto3

    endpoint = s3_environment["MLFLOW_S3_ENDPOINT_URL"]
    return boto3.resource("s3", endpoint_url=endpoint).Bucket(BUCKET)


#: For a test module to take as its own: a fixture is found by its name.
FIXTURES = (bucket, destination, postgresql, proxy, s3, s3_environment)
