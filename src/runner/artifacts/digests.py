"""Content digests of what tasks read from outside; an unchanged file is read once.

A digest is remembered under the file's path, size, times of change and inode. A file that changed
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

from runner.artifacts import contents

_log = logging.getLogger(__name__)

_SETTLED = 3.0  # seconds; coarse clocks of file systems tick every two
_GROUP = 100  # files that are looked up, or digested by one thread, at a time
_TABLE = """CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, inode INTEGER,
    digest TEXT)"""


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
            OSError: a file can't be read, or is no regular file.
        """
        keys = {path: contents.key_of(path) for path in paths}
        known = self._recall(keys)
        unknown = [path for path in keys if path not in known]
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            groups = [unknown[start : start + _GROUP] for start in range(0, len(unknown), _GROUP)]
            found = {path: digest for pairs in pool.map(_digests, groups) for path, digest in pairs}
        settled = time.time_ns() - int(_SETTLED * 1e9)
        self._remember({p: (keys[p], d) for p, d in found.items() if max(keys[p][1:3]) < settled})
        return known | found

    def _recall(self, keys: Mapping[Path, contents.Key]) -> dict[Path, str]:
        if not keys or not self._path.exists():
            return {}
        named = {os.fsencode(path): path for path in keys}
        names = list(named)
        known = {}
        try:
            with closing(sqlite3.connect(self._path)) as database:
                for start in range(0, len(names), _GROUP):
                    some = names[start : start + _GROUP]
                    marks = ", ".join("?" * len(some))
                    query = f"SELECT * FROM files WHERE path IN ({marks})"
                    for name, *key, digest in database.execute(query, some):
                        if tuple(key) == keys[named[name]]:
                            known[named[name]] = str(digest)
        except (sqlite3.Error, ValueError) as error:
            _log.debug("digests of inputs are computed anew: %s", error)
        return known

    def _remember(self, found: Mapping[Path, tuple[contents.Key, str]]) -> None:
        if not found:
            return
        rows = [(os.fsencode(path), *key, digest) for path, (key, digest) in found.items()]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            (self._path.parent / ".gitignore").write_text("*\n", encoding="utf-8")
            with closing(sqlite3.connect(self._path)) as database, database:
                database.execute(_TABLE)
                database.executemany("REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", rows)
        except (OSError, sqlite3.Error) as error:
            _log.debug("digests of inputs are not remembered: %s", error)


def _digests(paths: Iterable[Path]) -> list[tuple[Path, str]]:
    return [(path, contents.digest(path)) for path in paths]


def listing(folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """What is below a folder: its files by name, and all else that can be told by a text.

    Links to folders are followed, once each; broken links and empty folders are texts.

    Raises:
        OSError: a folder can't be read.
    """
    files: dict[str, Path] = {}
    texts: dict[str, str] = {}
    seen = {os.path.realpath(folder)}
    for where, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        inside = Path(where).relative_to(folder)
        for name in list(folders):
            real = os.path.realpath(os.path.join(where, name))
            if os.path.islink(os.path.join(where, name)) and real in seen:
                folders.remove(name)
                leads = os.path.relpath(real, os.path.realpath(folder))
                texts[(inside / name).as_posix()] = f"a link to a folder seen before: {leads}"
            seen.add(real)
        for name in names:
            path = Path(where, name)
            if path.exists():
                files[(inside / name).as_posix()] = path
            else:
                texts[(inside / name).as_posix()] = f"a link to nothing: {os.readlink(path)}"
        if not folders and not names:
            texts[f"{inside.as_posix()}/"] = "an empty folder"
    return files, texts


def _refuse(error: OSError) -> None:
    raise error
