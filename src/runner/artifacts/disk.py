"""What must not be lost is on disk: files, folders, and renames in folders."""

from __future__ import annotations

import os
import time
from pathlib import Path

from runner.errors import PublishError

_BURST = 0.1  # seconds of work that a power cut may cost


def sync(path: Path | str) -> None:
    """Waits until a file, or the list of what is in a folder, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Renames:
    """Brings renames to disk: each at once, or those of a burst of small tasks together.

    The files are on disk before; without its rename a task is as if it had not been computed. What
    a power cut can so take back are the tasks of the last tenth of a second; a crash of a process
    takes nothing back.
    """

    def __init__(self) -> None:
        self._waiting: set[Path] = set()
        self._settled = 0.0

    def done(self, folder: Path) -> None:
        """Something in a folder was given its final name."""
        self._waiting.add(folder)
        if time.monotonic() - self._settled > _BURST:
            self.settle()

    def settle(self) -> None:
        """Waits until all is on disk.

        Raises:
            PublishError: the disk refuses.
        """
        while self._waiting:
            folder = self._waiting.pop()
            try:
                sync(folder)
            except OSError as error:
                text = f"what was published in {folder} is not safe on disk: {error.strerror}"
                raise PublishError(text) from error
        self._settled = time.monotonic()
