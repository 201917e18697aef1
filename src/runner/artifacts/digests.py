"""Content digests of what tasks read from outside; an unchanged file is read once.

A digest is remembered under the file's path, size, time of change and inode. A file that changed
within the last seconds is not remembered: it could change again without a trace in its time.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from blake3 import blake3

from runner.artifacts import manifest as manifests

_log = logging.getLogger(__name__)

_SETTLED = 3.0  # seconds; coarse clocks of file systems tick every two
_TABLE = """CREATE TABLE IF NOT EXISTS digests (
    path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, inode INTEGER, digest TEXT)"""


def combined(parts: Mapping[str, str]) -> str:
    """One digest for a folder or a glob: over the names and digests of its files, sorted."""
    hasher = blake3()
    for name in sorted(parts):
        for text in (name, parts[name]):
            data = text.encode(errors="surrogateescape")
            hasher.update(len(data).to_bytes(8, "big") + data)
    return f"blake3-list:{hasher.hexdigest()}"


class DigestCache:
    """Digests of files, kept in a small database of the project.

    Args:
        path: the database; it may be deleted at any time, and is then made anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, paths: Iterable[Path]) -> dict[Path, str]:
        """The content digest of each file.

        Raises:
            OSError: a file can't be read.
        """
        wanted = {path: path.stat() for path in paths}
        keys = {p: (s.st_size, s.st_mtime_ns, s.st_ino) for p, s in wanted.items()}
        known = self._recall(keys)
        unknown = [path for path in wanted if path not in known]
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            found = dict(zip(unknown, pool.map(manifests.digest, unknown), strict=True))
        settled = time.time_ns() - int(_SETTLED * 1e9)
        self._remember({p: (keys[p], d) for p, d in found.items() if keys[p][1] < settled})
        return known | found

    def _recall(self, keys: Mapping[Path, tuple[int, int, int]]) -> dict[Path, str]:
        if not keys or not self._path.exists():
            return {}
        query = "SELECT size, mtime_ns, inode, digest FROM digests WHERE path = ?"
        known = {}
        try:
            with closing(sqlite3.connect(self._path)) as database:
                for path, key in keys.items():
                    row = database.execute(query, (os.fsencode(path),)).fetchone()
                    if row is not None and row[:3] == key:
                        known[path] = str(row[3])
        except sqlite3.Error as error:
            _log.debug("digests of inputs are computed anew: %s", error)
        return known

    def _remember(self, found: Mapping[Path, tuple[tuple[int, int, int], str]]) -> None:
        if not found:
            return
        rows = [(os.fsencode(path), *key, digest) for path, (key, digest) in found.items()]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            (self._path.parent / ".gitignore").write_text("*\n", encoding="utf-8")
            with closing(sqlite3.connect(self._path)) as database, database:
                database.execute(_TABLE)
                database.executemany("REPLACE INTO digests VALUES (?, ?, ?, ?, ?)", rows)
        except (sqlite3.Error, OSError) as error:
            _log.debug("digests of inputs are not kept: %s", error)
