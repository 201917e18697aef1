"""Takes directories out of an artifact root, so that a crash at any moment leaves nothing half.

First the index forgets a directory, then its manifest gets another name: from then on it is
incomplete for everyone, and can still be brought back. Then its files go.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from runner.artifacts import manifest as manifests
from runner.artifacts.entry import Entry
from runner.artifacts.index import DAMAGED, FOLDER

FREED = "manifest.freed.json"  # a manifest that was withdrawn
_NOTE = "freed.json"  # in a run's folder: what was freed of it, and when


def entries(root: Path) -> Iterator[tuple[Path, Path | None]]:
    """The files of an artifact root's index, each with the directory that it leads to, if any."""
    for path in sorted((root / FOLDER / "tasks").glob("*/*")):
        if path.suffix == ".new":
            continue
        with suppress(OSError):
            entry = Entry.read(path.read_bytes())
            yield path, root / entry.directory if entry else None


def leads_nowhere(directory: Path | None) -> bool:
    """Whether what an entry of the index leads to is complete no more."""
    return directory is None or not (directory / manifests.NAME).exists()


def is_leftover(directory: Path) -> bool:
    """Whether a directory was taken out of circulation and is complete no more."""
    there = set(os.listdir(directory))
    return manifests.NAME not in there and bool(there.intersection((DAMAGED, FREED)))


def withdraw(root: Path, directories: Iterable[Path]) -> dict[Path, bytes]:
    """Makes directories incomplete, the index first.

    Returns:
        What the index had of them, for `restore`.
    """
    wanted = {os.path.realpath(directory): directory for directory in directories}
    forgotten = {}
    for path, leads_to in entries(root):
        if leads_to is not None and os.path.realpath(leads_to) in wanted:
            forgotten[path] = path.read_bytes()
            path.unlink()
    for directory in wanted.values():
        with suppress(FileNotFoundError):  # another `gc` was faster
            os.replace(directory / manifests.NAME, directory / FREED)
    return forgotten


def restore(root: Path, directory: Path, forgotten: Mapping[Path, bytes]) -> None:
    """Makes a withdrawn directory complete again, the index last."""
    os.replace(directory / FREED, directory / manifests.NAME)
    for path, data in forgotten.items():
        entry = Entry.read(data)
        place = entry and os.path.realpath(root / entry.directory)
        if place == os.path.realpath(directory) and not path.exists():
            path.write_bytes(data)


def remove(directory: Path) -> None:
    """Removes a directory, and leaves a note of it in the run's folder.

    Raises:
        OSError: something in it can't be removed.
    """
    note = directory.parent / _NOTE
    freed = {**_noted(note), directory.name: datetime.now(UTC).date().isoformat()}
    new = note.with_name(f"{_NOTE}.{os.getpid()}.new")
    new.write_text(json.dumps(freed, indent=1), encoding="utf-8")
    os.replace(new, note)
    shutil.rmtree(directory)


def freed(directory: Path) -> str:
    """The day on which a directory was freed; empty when it was not."""
    return _noted(directory.parent / _NOTE).get(directory.name, "")


def size(directory: Path) -> int:
    """Bytes of all files below a directory; links are not followed."""
    total = 0
    for where, _, names in os.walk(directory):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(where, name)).st_size
    return total


def _noted(note: Path) -> dict[str, str]:
    try:
        found = json.loads(note.read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}
