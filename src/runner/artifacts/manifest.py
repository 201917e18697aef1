"""The manifest: the file whose presence, and nothing else, makes a task's directory complete.

It lists every file with its size and digest, and says what computed them. It is written last.
"""

from __future__ import annotations

import logging
import os
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, NonNegativeInt, ValidationError

from runner.artifacts import contents
from runner.context import Origin

NAME = "manifest.json"

_log = logging.getLogger(__name__)

_LARGEST = 256 * 2**20  # bytes; far above what 100,000 files need


def _inside(path: str) -> str:
    parts = path.split("/")
    nothing = all(part in ("", ".") for part in parts)
    if nothing or path.startswith("/") or ".." in parts or "\0" in path:
        raise ValueError("expected a path inside the task's directory")
    return path


Inside = Annotated[str, AfterValidator(_inside)]


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, ser_json_inf_nan="constants"
    )


class ListedFile(_Part):
    """One file: POSIX path inside the task's directory, size in bytes, ``blake3:<hex>``."""

    path: Inside
    size: NonNegativeInt
    digest: str


class InputRecord(_Part):
    """Something that a task read.

    Attributes:
        kind: ``source``: from outside; ``task``: what a required task published.
        path: of a source, relative to the project's root when it lies inside, else absolute;
            of a glob its folder; of a task its directory's name.
        digest: over the bytes; of a folder or glob over names and digests of its files.
        files: the files of a folder or a glob; a single file has none, nor has a task, whose own
            manifest lists them.
        run_id: the run that computed a task's outputs.
    """

    kind: Literal["source", "task"]
    path: str
    digest: str
    files: tuple[ListedFile, ...] = ()
    run_id: str = ""


class DynamicRecord(_Part):
    """A task that `run()` asked for while it ran: its family, its parameters, what it published."""

    task: str
    params: dict[str, str]
    digest: str


class Maker(_Part):
    """The run that computed the files."""

    run_id: str
    run_name: str
    experiment: str
    host: str
    user: str


class Manifest(_Part):
    """What is in a task's directory, and where it came from.

    Attributes:
        task: the task's family; with `params` its identity.
        params: significant luigi parameters, serialised.
        config: the task's effective config, `${VAR}` unexpanded.
        outputs: declared name -> path inside the directory, a file or a folder.
        files: every file, extra ones too, sorted by path.
        folders: folders with nothing in them.
        metrics: last value of each metric that the task logged.
        seconds: wall time of `run()`.
        created: when it was published, with time zone.
        fingerprint: hash over all that the outputs depend on; None when that can't be told.
        task_version, code, inputs, packages, beside: what went into the fingerprint beside the
            above: normalised source by dotted name, what was read by name of input, and digests
            of what is not written down.
        dynamic: what `run()` asked for while it ran.
    """

    version: Literal[1] = 1
    task: str
    params: dict[str, str]
    config: dict[str, Any]
    outputs: dict[str, Inside]
    files: tuple[ListedFile, ...]
    folders: tuple[Inside, ...] = ()
    metrics: dict[str, float]
    seconds: float
    created: datetime
    made_by: Maker
    fingerprint: str | None = None
    task_version: str = ""
    code: dict[str, str] = {}
    inputs: dict[str, InputRecord] = {}
    packages: dict[str, str] = {}
    beside: dict[str, str] = {}
    dynamic: tuple[DynamicRecord, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    @cached_property
    def content(self) -> str:
        """One digest over all that was published."""
        return contents.content(self)

    @property
    def origin(self) -> Origin:
        """The run that computed the files, as a placement holds it."""
        made = self.made_by
        return Origin(made.run_id, made.run_name, self.created, made.user)


def read(directory: Path) -> Manifest | None:
    """The manifest of a directory; None when there is none that is whole.

    A damaged one, or one of a newer version, is reported in the log and taken as absent.
    """
    path = directory / NAME
    try:
        if not os.path.lexists(path):
            return None
        size = contents.regular_size(path)
        if size <= _LARGEST:
            return Manifest.model_validate_json(path.read_bytes())
        reason = f"{size} bytes are too many"
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in found["loc"])
        reason = f"{place}: {found['msg']}" if place else found["msg"]
        if place == "version":
            reason = "it is of another version of the runner"
    except (OSError, RecursionError) as error:
        reason = str(error)
    _log.warning("%s is damaged and is taken as absent: %s", path, reason)
    return None


def write(directory: Path, manifest: Manifest) -> None:
    """Writes the manifest, on disk before the call returns."""
    with open(directory / NAME, "xb") as file:
        file.write(manifest.model_dump_json(indent=1).encode())
        file.flush()
        os.fsync(file.fileno())
