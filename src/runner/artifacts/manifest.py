"""The manifest: the file whose presence, and nothing else, makes a task's directory complete.

It lists every file with its size and digest, and says what computed them. It is written last.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from blake3 import blake3
from pydantic import AfterValidator, BaseModel, ConfigDict, NonNegativeInt, ValidationError

NAME = "manifest.json"

_log = logging.getLogger(__name__)

_LARGEST = 256 * 2**20  # bytes; far above what 100,000 files need


def _inside(path: str) -> str:
    pure = PurePosixPath(path)
    if not pure.parts or pure.is_absolute() or ".." in pure.parts or "\0" in path:
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
        files: the files of a folder, a glob or a task; a single file has none.
        run_id: the run that computed a task's outputs.
    """

    kind: Literal["source", "task"]
    path: str
    digest: str
    files: tuple[ListedFile, ...] = ()
    run_id: str = ""


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
        metrics: last value of each metric that the task logged.
        seconds: wall time of `run()`.
        created: when it was published, with time zone.
        fingerprint: hash over all that the outputs depend on; None when that can't be told.
        task_version, code, inputs, packages: what went into the fingerprint beside the above:
            normalised source by dotted name, what was read by name of input.
    """

    version: Literal[1] = 1
    task: str
    params: dict[str, str]
    config: dict[str, Any]
    outputs: dict[str, Inside]
    files: tuple[ListedFile, ...]
    metrics: dict[str, float]
    seconds: float
    created: datetime
    made_by: Maker
    fingerprint: str | None = None
    task_version: str = ""
    code: dict[str, str] = {}
    inputs: dict[str, InputRecord] = {}
    packages: dict[str, str] = {}

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


def read(directory: Path) -> Manifest | None:
    """The manifest of a directory; None when there is none that is whole.

    A damaged one, or one of a newer version, is reported in the log and taken as absent.
    """
    path = directory / NAME
    try:
        if not os.path.lexists(path):
            return None
        size = regular_size(path)
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


def damage(directory: Path, manifest: Manifest, *, digests: bool = False) -> str | None:
    """Says what in a directory is not as its manifest has it; None when all is.

    Args:
        digests: read every file and compare its digest too, not its size alone.
    """
    for file in manifest.files:
        path = directory / file.path
        try:
            size = regular_size(path)
        except FileNotFoundError:
            return f"{file.path} is missing"
        except OSError as error:
            return f"{file.path}: {error.strerror}"
        if size != file.size:
            return f"{file.path} has {size} bytes, not {file.size}"
        if digests and digest(path) != file.digest:
            return f"{file.path} has other bytes than when it was published"
    return _missing_or_extra(directory, manifest)


def _missing_or_extra(directory: Path, manifest: Manifest) -> str | None:
    listed = {file.path for file in manifest.files}
    for name, output in manifest.outputs.items():
        path = directory / output
        if not os.path.exists(path):
            return f"{output} ({name}) is missing"
        if output in listed:
            continue
        if not os.path.isdir(path):
            return f"{output} ({name}) was added later"
        try:
            extra = sorted(set(_names(path, directory)) - listed)
        except OSError as error:
            return f"{output} ({name}): {error.strerror}"
        if extra:
            return f"{extra[0]} was added later"
    return None


def regular_size(path: Path) -> int:
    """The size of a regular file.

    Raises:
        OSError: it is absent, or is no regular file: to open a pipe would block.
    """
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    return found.st_size


def digest(path: Path) -> str:
    """The content digest of a file, ``blake3:<64 hex digits>``."""
    return f"blake3:{blake3(max_threads=blake3.AUTO).update_mmap(path).hexdigest()}"


def files_below(directory: Path) -> Iterator[tuple[str, Path]]:
    """Every file below a directory, sorted, with its POSIX path inside; links count as files.

    Raises:
        OSError: a folder can't be read.
    """
    for name in sorted(_names(directory, directory)):
        yield name, directory / name


def _refuse(error: OSError) -> None:
    raise error


def _names(folder: Path, directory: Path) -> Iterator[str]:
    for where, folders, names in os.walk(folder, onerror=_refuse):
        links = [name for name in folders if os.path.islink(os.path.join(where, name))]
        for name in (*names, *links):
            yield Path(where, name).relative_to(directory).as_posix()
