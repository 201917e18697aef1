"""A Dask scheduler and workers on loopback, as processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.conftest import clean_environment
from tests.test_signals import wait_for


@pytest.fixture(name="cluster")
def FIXTURE(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler without workers."""
    place = tmp_path / "scheduler"
    process = dask(place, "scheduler", "--port", "0", "--scheduler-file", "at.json")
    wait_for(place / "at.json", process)
    yield json.loads((place / "at.json").read_text())["address"]
    end(process)


def worker(
    place: Path, address: str, *args: str, before: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """A worker of one thread, started in a folder of its own.

    Args:
        before: a command that starts the command that follows it.
    """
    return dask(place, "worker", address, "--nthreads", "1", "--no-nanny", *args, before=before)


def dask(place: Path, *args: str, before: Sequence[str] = ()) -> subprocess.Popen[str]:
    place.mkdir()
    command = [sys.executable, "-m", "dask", *args, "--host", "127.0.0.1", "--no-dashboard"]
    with open(place / "log.txt", "w", encoding="utf-8") as log:
        return subprocess.Popen(
            [*before, *command],
            cwd=place,
            env=clean_environment(),
            stdout=log,
            stderr=log,
            text=True,
        )


def end(process: subprocess.Popen[str]) -> None:
    """At once: how a scheduler or worker of Dask ends in order is not the point here."""
    process.kill()
    process.wait(30)
