"""What is in a directory: its files with sizes and digests, and what is not as it should be."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from blake3 import blake3

_SMALL = 256 * 2**10  # bytes; below that, starting threads takes longer than hashing

Key = tuple[int, int, int, int]  # size, times of change and inode


class Listed(Protocol):
    """A file: POSIX path inside of its directory, size in bytes, ``blake3:<hex>``."""

    @property
    def path(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def digest(self) -> str: ...


class Listing(Protocol):
    """What is to be in a directory."""

    @property
    def outputs(self) -> Mapping[str, str]: ...
    @property
    def files(self) -> Sequence[Listed]: ...
    @property
    def folders(self) -> Sequence[str]: ...


def content(found: Listing) -> str:
    """One digest over all that a task published, and over what its outputs are called."""
    parts = {f"file {file.path}": file.digest for file in found.files}
    parts |= {f"folder {folder}": "" for folder in found.folders}
    return combined(parts | {f"output {name}": path for name, path in found.outputs.items()})


def combined(parts: Mapping[str, str]) -> str:
    """One digest over names and texts, sorted."""
    hasher = blake3()
    for name in sorted(parts):
        for text in (name, parts[name]):
            data = text.encode(errors="surrogateescape")
            hasher.update(len(data).to_bytes(8, "big") + data)
    return f"blake3-list:{hasher.hexdigest()}"


def damage(directory: Path, manifest: Listing, *, digests: bool = False) -> str | None:
    """Says what in a directory is not as its manifest has it; None when all is.

    Args:
        digests: read every file and compare its digest too, not its size alone.
    """
    for file in manifest.files:
        path = os.path.join(directory, file.path)
        try:
            size = regular_size(path)
        except FileNotFoundError:
            return f"{file.path} is missing"
        except OSError as error:
            return f"{file.path}: {error.strerror}"
        if size != file.size:
            return f"{file.path} has {size} bytes, not {file.size}"
        if digests and digest(Path(path)) != file.digest:
            return f"{file.path} has other bytes than when it was published"
    for folder in manifest.folders:
        if not os.path.isdir(os.path.join(directory, folder)):
            return f"{folder}/ is missing"
    return _missing_or_extra(directory, manifest)


def _missing_or_extra(directory: Path, manifest: Listing) -> str | None:
    listed = {file.path for file in manifest.files}
    for name, output in manifest.outputs.items():
        if output in listed:
            continue
        path = directory / output
        if not os.path.exists(path):
            return f"{output} ({name}) is missing"
        if not os.path.isdir(path):
            return f"{output} ({name}) was added later"
        try:
            extra = sorted(set(_names(path, directory)) - listed)
        except OSError as error:
            return f"{output} ({name}): {error.strerror}"
        if extra:
            return f"{extra[0]} was added later"
    return None


def regular_size(path: str | Path) -> int:
    """The size of a regular file.

    Raises:
        OSError: it is absent, or is no regular file: to open a pipe would block.
    """
    return _regular(path).st_size


def key_of(path: Path) -> Key:
    """Size, times of change and inode of a regular file, by which a change is noticed.

    Raises:
        OSError: it is absent, or is no regular file.
    """
    found = _regular(path)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _regular(path: str | Path) -> os.stat_result:
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    return found


def digest(path: Path) -> str:
    """The content digest of a file, ``blake3:<64 hex digits>``."""
    with open(path, "rb", buffering=0) as file:
        start = file.read(_SMALL)
    if len(start) < _SMALL:
        return f"blake3:{blake3(start).hexdigest()}"
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
        inside = _inside(where, directory)
        for name in (*names, *links):
            yield f"{inside}/{name}" if inside else name


def empty_folders(directory: Path) -> list[str]:
    """POSIX paths, inside of a directory, of the folders that hold nothing, sorted."""
    found = (
        _inside(where, directory)
        for where, folders, names in os.walk(directory)
        if not folders and not names
    )
    return sorted(filter(None, found))


def _inside(where: str | Path, directory: Path) -> str:
    """The path of a folder inside of a directory; empty for the directory itself."""
    return str(where)[len(str(directory)) :].lstrip("/")
