"""``python -m runner`` as the runner starts it to reproduce a run, without a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project

INSTALLED = tuple(sys.path)


class Here:
    """Stands for the module `subprocess`: ``python -m runner`` is called in this process.

    That is quicker by the import of MLflow, three seconds each time.
    """

    DEVNULL = subprocess.DEVNULL

    @staticmethod
    def run(
        command: list[str], *, cwd: Path, env: dict[str, str], **_: Any
    ) -> subprocess.CompletedProcess[str]:
        import mlflow

        python_path = env["PYTHONPATH"].split(os.pathsep)
        with pytest.MonkeyPatch.context() as there:
            there.chdir(cwd)
            for name in os.environ.keys() - env.keys():
                there.delenv(name)
            for name, value in env.items():
                there.setenv(name, value)
            there.setattr(sys, "path", [str(cwd), *python_path, *INSTALLED])
            done = Project(cwd).command(*command[3:], code=None)
            mlflow.set_tracking_uri(None)  # or it keeps what `env` says of it
        return subprocess.CompletedProcess(command, done.code, done.out, done.err)

    class Popen:
        pid = os.getpid()

        def __init__(self, command: list[str], **popen: Any) -> None:
            self._done = Here.run(command, **popen)

        def __enter__(self) -> Here.Popen:
            return self

        def __exit__(self, *_: object) -> None:
            sys.stderr.write(self._done.stdout + self._done.stderr)

        def wait(self) -> int:
            return self._done.returncode
