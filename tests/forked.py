"""Processes that fork from one which has imported all: each is quicker by the import of MLflow.

They are processes like any other, with a number, signals, an exit code and modules of their own,
for tests of what happens when several run at once or one is stopped. What a process does as it
starts is tested by `project.start` and `project.run`, which start Python anew.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

#: Takes one message for each process: what it is to be, and where it writes to. A process between
#: the two waits for its end and tells it.
_FIRST = """
import fcntl, json, os, runpy, signal, socket, sys
import runner.luigi_parser, runner.pipeline, mlflow.store.tracking.sqlalchemy_store

def asked():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as messages:
        while True:
            text, files, *_ = socket.recv_fds(messages, 1_000_000, 3)
            if not text:
                os._exit(0)
            if os.fork() == 0:
                break
            for file in files:
                os.close(file)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid:
        os.write(files[2], f"{pid}\\n".encode())
        os.write(files[2], str(os.waitpid(pid, 0)[1]).encode())
        os._exit(0)
    for number, file in enumerate(files[:2], start=1):
        os.dup2(file, number)
    for file in files:
        os.close(file)
    return json.loads(text)

what = asked()
for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    default = signal.default_int_handler if signum == signal.SIGINT else signal.SIG_DFL
    signal.signal(signum, default)
os.environ.clear()
os.environ.update(what["environment"])
os.chdir(what["folder"])
sys.path[0] = what["folder"]
sys.argv[1:] = what["arguments"]
if what["gate"]:
    with open(what["gate"]) as gate:
        fcntl.flock(gate, fcntl.LOCK_SH)
runpy.run_module("runner", run_name="__main__", alter_sys=True)
"""


class Forked:
    """A process, with what of `subprocess.Popen` the tests ask for.

    Args:
        arguments: of the command ``runner``.
        folder: where it is.
        environment: in which it is.
        gate: a file for whose lock it waits before it begins.
    """

    def __init__(
        self, arguments: Sequence[str], folder: Path, environment: dict[str, str], gate: str = ""
    ) -> None:
        what = {"arguments": arguments, "folder": str(folder), "gate": gate}
        what["environment"] = environment
        self._said = [tempfile.TemporaryFile() for _ in range(2)]  # noqa: SIM115  until it ends
        self._end, theirs = os.pipe()
        files = [*(file.fileno() for file in self._said), theirs]
        socket.send_fds(_first(), [json.dumps(what).encode()], files)
        os.close(theirs)
        self.pid = int(self._line())
        self.returncode: int | None = None

    def _line(self) -> str:
        found = b""
        while (byte := os.read(self._end, 1)) not in (b"", b"\n"):
            found += byte
        return found.decode()

    def poll(self) -> int | None:
        """Its exit code, if it has ended."""
        if self.returncode is None and select.select([self._end], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, when it has ended; the number of a signal that ended it is negative."""
        if self.returncode is None:
            if not select.select([self._end], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self.returncode = os.waitstatus_to_exitcode(int(self._line()))
            os.close(self._end)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it has written to stdout and stderr, when it has ended."""
        self.wait(timeout)
        texts = []
        for file in self._said:
            file.seek(0)
            texts.append(file.read().decode())
            file.close()
        return texts[0], texts[1]

    def send_signal(self, signum: int) -> None:
        """Nothing is sent when it is known to have ended."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@functools.cache
def _first() -> socket.socket:
    """Leads to the process from which others fork; it ends when this process does."""
    from tests.conftest import clean_environment

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-W", "error::ResourceWarning", "-c", _FIRST, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=clean_environment(),
            cwd="/",
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
