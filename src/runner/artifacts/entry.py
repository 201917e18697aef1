"""An entry of the index of what was computed: what a plan has to know of a published directory."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3
from pydantic import ConfigDict, TypeAdapter

from runner.artifacts import contents
from runner.artifacts.manifest import NAME, DynamicRecord, Manifest

_VERSION = 1


class EntryFile(NamedTuple):
    """One file of a directory."""

    path: str
    size: int
    digest: str


@dataclass(frozen=True)
class Entry:
    """What was published under a fingerprint.

    Attributes:
        directory: relative to the artifact root; absolute when it lies elsewhere.
        manifest: digest of the manifest file, its size in bytes and its time of change (ns).
        content: one digest over all that was published.
        created: when it was published, ISO 8601.
        dynamic: what `run()` asked for while it ran: family, parameters, digest of the content.
    """

    __pydantic_config__ = ConfigDict(strict=True, extra="forbid")

    directory: str
    manifest: tuple[str, int, int]
    content: str
    outputs: Mapping[str, str]
    files: tuple[EntryFile, ...]
    folders: tuple[str, ...]
    metrics: Mapping[str, float]
    run_id: str
    run_name: str
    user: str
    created: str
    seconds: float
    dynamic: tuple[tuple[str, Mapping[str, str], str], ...] = ()
    version: int = _VERSION

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    @classmethod
    def of(cls, place: Path, directory: Path, manifest: Manifest) -> Entry:
        """The entry for a directory.

        Args:
            place: what the entry says of where it is.

        Raises:
            OSError: its manifest can't be read.
        """
        path = directory / NAME
        found = path.stat()
        made = manifest.made_by
        return cls(
            directory=os.fspath(place),
            manifest=(_digest(path), found.st_size, found.st_mtime_ns),
            content=manifest.content,
            outputs=manifest.outputs,
            files=tuple(EntryFile(f.path, f.size, f.digest) for f in manifest.files),
            folders=manifest.folders,
            metrics=manifest.metrics,
            run_id=made.run_id,
            run_name=made.run_name,
            user=made.user,
            created=manifest.created.isoformat(),
            seconds=manifest.seconds,
            dynamic=tuple((d.task, d.params, d.digest) for d in manifest.dynamic),
        )

    @classmethod
    def read(cls, text: bytes) -> Entry | None:
        """An entry as it was written; None when it is none."""
        try:
            found = _ENTRY.validate_json(text)
            datetime.fromisoformat(found.created)
            return found if found.version == _VERSION else None
        except (ValueError, RecursionError):
            return None

    def written(self) -> bytes:
        return json.dumps(vars(self), separators=(",", ":")).encode(errors="surrogateescape")

    def damage(self, directory: Path, *, digests: bool = False) -> str | None:
        """Says what in the directory is not as it was published; None when all is."""
        path = os.path.join(directory, NAME)
        try:
            found = os.stat(path)
            as_before = (found.st_size, found.st_mtime_ns) == self.manifest[1:]
            if (digests or not as_before) and _digest(Path(path)) != self.manifest[0]:
                return "its manifest is not the one that was published"
            return contents.damage(directory, self, digests=digests)
        except OSError as error:
            return f"its manifest can't be read: {error.strerror}"
        except ValueError as error:  # such as a NUL in a path
            return str(error)

    def is_as(self, manifest: Manifest) -> bool:
        """Whether the same was published and logged."""
        return (self.content, self.metrics) == (manifest.content, manifest.metrics)

    def records(self) -> list[DynamicRecord]:
        return [DynamicRecord(task=t, params=dict(p), digest=d) for t, p, d in self.dynamic]


_ENTRY = TypeAdapter(Entry)


@dataclass(frozen=True)
class Found:
    """A directory that holds what a fingerprint stands for."""

    directory: Path
    entry: Entry


def _digest(path: Path) -> str:
    contents.regular_size(path)
    with open(path, "rb", buffering=0) as file:
        return blake3(file.read()).hexdigest()
