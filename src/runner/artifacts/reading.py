"""What a task reads from outside, as a record: a file, a folder or a glob."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from runner.artifacts import contents
from runner.artifacts.digests import DigestCache, listing
from runner.artifacts.manifest import InputRecord, ListedFile

By = Literal["content", "stat"]


class Changed(Exception):
    """A file is not what it was when it was looked at first."""


class Reading:
    """Makes records of files, and remembers by what a later change is noticed.

    Args:
        root: the project's folder; paths inside of it are recorded relative to it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen: dict[Path, contents.Key] = {}
        self._digests = DigestCache(root / ".runner" / "digests.db")

    def record(self, found: Path | list[Path], base: Path, by: By = "content") -> InputRecord:
        """The record of a source.

        Args:
            found: a file or folder, or the files of a glob.
            base: the folder below which a glob was looked for.
            by: digest the bytes, or only names, sizes and times of change.

        Raises:
            OSError: something can't be read, or is neither a file nor a folder.
            Changed: it changed since it was looked at first.
        """
        if isinstance(found, list):
            return self._several({p.relative_to(base).as_posix(): p for p in found}, {}, base, by)
        if found.is_dir():
            return self._several(*listing(found), found, by)
        digest = self._digest({found.name: found}, by)[found.name]
        return InputRecord(kind="source", path=self.said(found), digest=digest)

    def said(self, path: Path) -> str:
        """A path as it is recorded, so that a moved project finds it."""
        inside = path.is_relative_to(self._root)
        return path.relative_to(self._root).as_posix() if inside else str(path)

    def _several(
        self, files: Mapping[str, Path], texts: Mapping[str, str], base: Path, by: By
    ) -> InputRecord:
        digests = self._digest(files, by)
        listed = tuple(
            ListedFile(path=name, size=path.stat().st_size, digest=digests[name])
            for name, path in sorted(files.items())
        )
        digest = contents.combined(
            {**digests, **{f"{n} (not a file)": t for n, t in texts.items()}}
        )
        return InputRecord(kind="source", path=self.said(base), digest=digest, files=listed)

    def _digest(self, files: Mapping[str, Path], by: By) -> dict[str, str]:
        for path in files.values():
            key = contents.key_of(path)
            if self._seen.setdefault(path, key) != key:
                raise Changed(path.name)
        if by == "stat":
            keys = {name: contents.key_of(path) for name, path in files.items()}
            return {name: f"stat:{key[0]}:{key[1]}" for name, key in keys.items()}
        found = self._digests.of(files.values())
        return {name: found[path] for name, path in files.items()}
