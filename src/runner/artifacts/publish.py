"""From a half-written directory to a complete one, in one rename.

A task writes into a sibling of its directory with a fixed name. Only when everything declared is
there, digested, and on disk, with the manifest as the last file, does the sibling take the real
name. A crash at any moment leaves the directory absent or complete.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from runner.artifacts import contents
from runner.artifacts import manifest as manifests
from runner.artifacts.disk import sync
from runner.artifacts.manifest import ListedFile, Manifest
from runner.errors import PublishError


def partial_of(directory: Path, token: str = "") -> Path:
    """Where the outputs of a directory are written before they are published.

    Args:
        token: for an attempt beside which another may still be going on.
    """
    return directory.with_name(f".{directory.name}{token and f'.{token}'}.partial")


def is_partial(directory: Path) -> bool:
    """Whether a directory has the name of such a place."""
    return directory.name.startswith(".") and directory.name.endswith(".partial")


def open_partial(directory: Path, outputs: Iterable[str] = (), token: str = "") -> Path:
    """Makes an empty place to write to; what an earlier attempt left there is removed.

    Args:
        outputs: declared paths, whose parent folders are made too.
        token: see `partial_of`.

    Raises:
        PublishError: the directory is complete already, or can't be made.
    """
    refuse_overwriting(directory)
    partial = partial_of(directory, token)
    try:
        _make_empty(partial)
        for path in outputs:
            if "/" in path:
                (partial / path).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PublishError(f"can't write to {partial}: {error.strerror}") from error
    return partial


def _make_empty(folder: Path) -> None:
    try:
        os.mkdir(folder)
    except FileNotFoundError:
        folder.mkdir(parents=True)
    except FileExistsError:
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
        else:
            shutil.rmtree(folder)
        os.mkdir(folder)


def discard_partial(directory: Path) -> None:
    """Removes what an execution that is not needed any more has written."""
    shutil.rmtree(partial_of(directory), ignore_errors=True)


def sweep(folder: Path, kept: Collection[Path]) -> None:
    """Removes what workers that died have left in a run's directory.

    Args:
        kept: unfinished files that somebody is told of.
    """
    for path in folder.iterdir():
        if is_partial(path) and path not in kept:
            shutil.rmtree(path, ignore_errors=True)


def refuse_overwriting(directory: Path) -> None:
    """Raises PublishError when the directory holds a finished task."""
    if os.path.exists(f"{directory}/{manifests.NAME}"):
        raise PublishError(f"{directory} is complete already; finished outputs are never replaced")


def collect(partial: Path, outputs: Mapping[str, str], task: str) -> tuple[ListedFile, ...]:
    """Checks what a task wrote, and lists it with sizes and digests.

    Args:
        partial: where the task wrote.
        outputs: what it declared: name -> path inside.
        task: the task's name, for messages.

    Raises:
        PublishError: something declared is not there, or something can't be kept.
    """
    there = dict(contents.files_below(partial))
    missing = [
        f"{name!r} ({path})"
        for name, path in outputs.items()
        if path not in there and not (partial / path).exists()
    ]
    if missing:
        raise PublishError(
            f"{task} finished without writing {', '.join(missing)}",
            f"run() must write every declared output, at self.outputs[…]; it wrote: "
            f"{_brief(there)}",
        )
    return tuple(_listed(name, path, partial, task) for name, path in there.items())


def adopt_strays(directory: Path, partial: Path) -> None:
    """Moves what stands at the final place without a manifest to the partial directory.

    ``mlflow.log_artifact(path, "Trainer")`` inside of Trainer writes there. Such files are extra
    files of the task like any other, and the final place must be free for the rename.

    Raises:
        PublishError: a file of the same name is in both places, or one can't be moved.
    """
    if not os.path.lexists(directory):
        return
    refuse_overwriting(directory)
    try:
        for name, path in list(contents.files_below(directory)):
            target = partial / name
            if os.path.lexists(target):
                raise PublishError(f"{name} was written twice, to {directory} and to {partial}")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, target)
        shutil.rmtree(directory)
    except OSError as error:
        text = f"{directory} is in the way of the task's outputs: {error.strerror or error}"
        raise PublishError(text, "let the task write to self.outputs[…] only") from error


def publish(partial: Path, directory: Path, manifest: Manifest) -> None:
    """Completes a directory: manifest, fsync of everything, one rename.

    That the rename is on disk is for the caller to see to: see `Renames`.

    Raises:
        PublishError: the directory is complete already, or the disk refuses.
    """
    refuse_overwriting(directory)
    try:
        for file in manifest.files:
            sync(f"{partial}/{file.path}")
        manifests.write(partial, manifest)
        for folder, _, _ in os.walk(partial, topdown=False):
            sync(folder)
        os.rename(partial, directory)
    except OSError as error:
        text = f"{manifest.task}: its outputs can't be published to {directory}: {error.strerror}"
        raise PublishError(text) from error


def _listed(name: str, path: Path, partial: Path, task: str) -> ListedFile:
    if name == manifests.NAME:
        raise PublishError(f"{task} wrote {name}, a name that the runner keeps for itself")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise PublishError(f"{task} wrote {name!r}, a file whose name is not UTF-8") from None
    if path.is_symlink() and not _stays_inside(path, partial):
        raise PublishError(
            f"{task} wrote {name}, a link that leads out of the task's directory",
            "copy the file instead: what a link points to can change without notice",
        )
    try:
        found = os.stat(path)
    except OSError:
        raise PublishError(f"{task} wrote {name}, a link to nothing") from None
    if stat.S_ISDIR(found.st_mode):
        raise PublishError(f"{task} wrote {name}, a link to a folder; copy the folder instead")
    if not stat.S_ISREG(found.st_mode):
        raise PublishError(f"{task} wrote {name}, which is not a regular file")
    try:
        return ListedFile(path=name, size=found.st_size, digest=contents.digest(path))
    except OSError as error:
        raise PublishError(f"{task} wrote {name}, which can't be read: {error.strerror}") from error


def _stays_inside(link: Path, partial: Path) -> bool:
    """Both by what the link says, for after the rename, and by where it really leads."""
    target = os.readlink(link)
    said = os.path.normpath(link.parent.relative_to(partial) / target)
    escapes = os.path.isabs(target) or said.split(os.sep)[0] == os.pardir
    real = Path(os.path.realpath(link))
    return not escapes and real.is_relative_to(os.path.realpath(partial))


def _brief(names: Iterable[str], most: int = 5) -> str:
    found = list(names)
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more if found else "nothing"
