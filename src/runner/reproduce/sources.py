"""What a run read from outside: where a reproduction reads it, and whether it is still the same."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from runner.artifacts import contents
from runner.artifacts.digests import DigestCache
from runner.artifacts.manifest import InputRecord, Manifest
from runner.config.model import absolute
from runner.errors import MissingInputError
from runner.reproduce.record import TaskResult
from runner.reproduce.worktree import Worktree

_BY_CONTENT, _BY_STAT = "blake3:", "stat:"  # beginnings of a single file's digest


@dataclass(frozen=True)
class _File:
    """One file that was read: where it lay, and its digest then."""

    path: Path
    digest: str
    task: str


class Sources:
    """Finds what a run read, in a worktree or where it lay.

    Args:
        root: the project's folder, to which recorded paths are relative.
        tree: the worktree; a file that it has is read there.
        entries: the named inputs of `[PathConfig]`, `${VAR}` expanded.
    """

    def __init__(self, root: Path, tree: Worktree, entries: Mapping[str, str]) -> None:
        self._root = root
        self._tree = tree
        self._entries = {name: absolute(root, text) for name, text in entries.items()}
        self._written = entries
        self._digests = DigestCache(root / ".runner" / "digests.db")

    def entries(self) -> dict[str, str]:
        """The named inputs as the worktree's project has to say them.

        What git tracks is in the worktree; what it does not is read where it lies.
        """
        found = {}
        for name, path in self._entries.items():
            there = self._in_tree(path)
            if there is None:
                found[name] = str(path)
            elif os.path.isabs(os.path.expanduser(self._written[name])):
                found[name] = os.path.relpath(there, self._tree.project)
            else:
                found[name] = self._written[name]
        return found

    def problems(self, tasks: Iterable[TaskResult]) -> Iterator[str]:
        """Each file that is not what it was, one phrase each."""
        files = {(file.path, file.digest): file for file in _files(tasks, self._root)}.values()
        places = {file.path: self._place(file.path) for file in files}
        to_read = [places[f.path] for f in files if f.digest.startswith(_BY_CONTENT)]
        digests = self._digests.of(place for place in to_read if _readable(place))
        for file in files:
            place = places[file.path]
            if not place.exists():
                yield f"the input {self._said(file.path)} of {file.task} is missing"
            elif not _readable(place):
                yield f"the input {self._said(file.path)} of {file.task} can't be read"
            elif not _same(file.digest, digests.get(place) or _stat(place), place == file.path):
                yield f"the input {self._said(file.path)} of {file.task} has changed"

    def link(self, tasks: Iterable[TaskResult]) -> None:
        """Puts links into the worktree to files that git does not track beside those it does.

        Raises:
            MissingInputError: something is in the way.
        """
        for file in _files(tasks, self._root):
            target = self._tree.mapped(file.path)
            if target is None or target.exists() or self._outside(file.path):
                continue
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.unlink(missing_ok=True)
                target.symlink_to(file.path)
            except OSError as error:
                text = f"{file.path} can't be put into the worktree: {error.strerror}"
                raise MissingInputError(text) from None

    def _place(self, path: Path) -> Path:
        """Where the reproduction reads a file that lay at a path."""
        there = self._in_tree(path)
        return path if there is None or self._outside(path) else there

    def _outside(self, path: Path) -> bool:
        """Whether a path is below a named input that the worktree does not have."""
        around = [p for p in self._entries.values() if path.is_relative_to(p)]
        nearest = max(around, key=lambda p: len(p.parts), default=None)
        return nearest is not None and self._in_tree(nearest) is None

    def _in_tree(self, path: Path) -> Path | None:
        there = self._tree.mapped(path)
        return there if there is not None and there.exists() else None

    def _said(self, path: Path) -> str:
        return str(path.relative_to(self._root) if path.is_relative_to(self._root) else path)


def other_inputs(then: Manifest, now: Manifest) -> Iterator[str]:
    """Inputs of a task that were other files than now; a folder or glob may have got more."""
    for name, before in then.inputs.items():
        after = now.inputs.get(name)
        if before.kind != "source" or after is None:
            continue
        old, new = _digests_in(before), _digests_in(after)
        came = sorted(new.keys() - old.keys())
        if not came and all(n in new and _same(d, new[n], timed=False) for n, d in old.items()):
            continue
        more = f", as {came[0]} was added" if came else ""
        yield f"the input {name} of {now.task} is not what it was{more}"


def _files(tasks: Iterable[TaskResult], root: Path) -> Iterator[_File]:
    for task in tasks:
        for record in task.manifest.inputs.values():
            if record.kind == "source":
                yield from _files_of(record, root, task.name)


def _files_of(record: InputRecord, root: Path, task: str) -> Iterator[_File]:
    base = root / record.path
    for name, digest in _digests_in(record).items():
        yield _File(base / name, digest, task)


def _digests_in(record: InputRecord) -> dict[str, str]:
    """The files of an input; a single one has an empty name."""
    if record.digest.startswith((_BY_CONTENT, _BY_STAT)):
        return {"": record.digest}
    return {file.path: file.digest for file in record.files}


def _same(then: str, now: str, timed: bool) -> bool:
    """Whether digests are the same.

    Args:
        timed: where sizes and times were recorded, the time counts; a checkout has its own.
    """
    if then.startswith(_BY_STAT) and not timed:
        return then.split(":")[:2] == now.split(":")[:2]
    return then == now


def _stat(path: Path) -> str:
    size, time, *_ = contents.key_of(path)
    return f"{_BY_STAT}{size}:{time}"


def _readable(path: Path) -> bool:
    try:
        contents.regular_size(path)
    except OSError:
        return False
    return os.access(path, os.R_OK)
