"""Collects what the outputs of a task depend on: config, code, and the bytes of its inputs."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from luigi.task import flatten
from runner import inputs
from runner.artifacts import manifest as manifests
from runner.artifacts.code import CodeReader
from runner.artifacts.digests import DigestCache, combined
from runner.artifacts.fingerprint import Ingredients
from runner.artifacts.manifest import InputRecord, ListedFile
from runner.task import RunTask


class Unsettled(Exception):
    """A task's fingerprint can't be told, now or ever; the message says why."""


class Kitchen:
    """Collects ingredients, and remembers what it read.

    Args:
        root: the project's folder.
        packages: installed packages whose versions count for every task.
    """

    def __init__(self, root: Path, packages: Sequence[str] = ()) -> None:
        self._root = root
        self._packages = packages
        self._digests = DigestCache(root / ".runner" / "digests.db")
        self._code = CodeReader(root, _is_task)
        self._pieces: dict[type, dict[str, str] | None] = {}

    def ingredients(self, task: RunTask) -> Ingredients:
        """What the outputs of a task depend on.

        Raises:
            Unsettled: a task that it requires is not complete, or nothing can be said at all.
        """
        cls = type(task)
        if not task.reusable:
            raise Unsettled("it is never reused")
        if cls not in self._pieces:
            self._pieces[cls] = self._read(cls)
        code, packages = self._pieces[cls], task.fingerprint_packages
        if code is None:
            raise Unsettled("its code is in no file of the project")
        return Ingredients(
            task=task.get_task_family(),
            version=str(task.version),
            params=task.to_str_params(only_significant=True),
            config=task.effective_config(),
            code=code,
            inputs=dict(self._inputs(task)),
            packages={name: _version(name) for name in sorted({*packages, *self._packages})},
        )

    def _read(self, cls: type) -> dict[str, str] | None:
        try:
            return self._code.of(cls)
        except RecursionError:  # a literal of a thousand levels; such code can't be written out
            return None

    def _inputs(self, task: RunTask) -> Iterator[tuple[str, InputRecord]]:
        for name, found in inputs.sources(task).items():
            yield name, self._source(found)
        for name, text in inputs.of_older_form(task).items():
            if not _inside_a_task(text, task):
                yield name, self._source(Path(text))
        counts: dict[str, int] = {}
        for upstream in inputs.required(task):
            family = upstream.get_task_family()
            counts[family] = counts.get(family, 0) + 1
            owner = family if counts[family] == 1 else f"{family}#{counts[family]}"
            yield owner, self._published(upstream)

    def _published(self, task: luigi.Task) -> InputRecord:
        """All that a task published: its files may be read by any name."""
        family = task.get_task_family()
        if not task.complete():
            raise Unsettled(f"{family} may change")
        if isinstance(task, RunTask):
            directory = task.placement.directory
            manifest = manifests.read(directory)
            if manifest is None:
                return self._folder(directory, "task")
            digest = combined({file.path: file.digest for file in manifest.files})
            made_by = manifest.made_by.run_id
            return InputRecord(
                kind="task",
                path=directory.name,
                digest=digest,
                files=manifest.files,
                run_id=made_by,
            )
        paths = [getattr(target, "path", None) for target in flatten(task.output())]
        if any(path is None or not Path(path).exists() for path in paths):
            raise Unsettled(f"{family} has outputs that are no files")
        parts = {str(n): self._source(Path(str(path))) for n, path in enumerate(paths)}
        files = tuple(file for part in parts.values() for file in part.files)
        digest = combined({name: part.digest for name, part in parts.items()})
        return InputRecord(kind="task", path=family, digest=digest, files=files)

    def _source(self, found: Path | list[Path]) -> InputRecord:
        if isinstance(found, list):
            base = Path(*_shared(found))
            return self._several({p.relative_to(base).as_posix(): p for p in found}, base, "source")
        if found.is_dir():
            return self._folder(found, "source")
        digest = self._digests.of([found])[found]
        return InputRecord(kind="source", path=self._said(found), digest=digest)

    def _folder(self, folder: Path, kind: Literal["source", "task"]) -> InputRecord:
        return self._several(dict(manifests.files_below(folder)), folder, kind)

    def _several(
        self, files: Mapping[str, Path], base: Path, kind: Literal["source", "task"]
    ) -> InputRecord:
        found = self._digests.of(files.values())
        digests = {name: found[path] for name, path in files.items()}
        listed = tuple(
            ListedFile(path=name, size=path.stat().st_size, digest=digests[name])
            for name, path in sorted(files.items())
        )
        digest = combined(digests)
        return InputRecord(kind=kind, path=self._said(base), digest=digest, files=listed)

    def _said(self, path: Path) -> str:
        inside = path.is_relative_to(self._root)
        return path.relative_to(self._root).as_posix() if inside else str(path)


def _shared(paths: list[Path]) -> tuple[str, ...]:
    shared: list[str] = []
    for parts in zip(*(path.parent.parts for path in paths), strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return tuple(shared)


def _inside_a_task(path: str, task: RunTask) -> bool:
    places = task.run_context.places.values()
    return any(Path(path).is_relative_to(place.directory) for place in places)


def _is_task(module: str, name: str) -> bool:
    value: Any = getattr(sys.modules.get(module), name, None)
    return isinstance(value, type) and issubclass(value, luigi.Task)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
