"""Collects what the outputs of a task depend on: config, code, and the bytes of its inputs."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from luigi.task import flatten
from runner import inputs
from runner.artifacts import manifest as manifests
from runner.artifacts.code import CodeReader
from runner.artifacts.digests import DigestCache, combined
from runner.artifacts.fingerprint import Ingredients
from runner.artifacts.manifest import Manifest
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

    def _inputs(self, task: RunTask) -> Iterator[tuple[str, str]]:
        for name, found in inputs.sources(task).items():
            yield name, self._digest(found)
        for name, text in inputs.of_older_form(task).items():
            if not _inside_a_task(text, task):
                yield name, self._digest(Path(text))
        counts: dict[str, int] = {}
        for upstream in inputs.required(task):
            family = upstream.get_task_family()
            counts[family] = counts.get(family, 0) + 1
            owner = family if counts[family] == 1 else f"{family}#{counts[family]}"
            for name, digest in self._outputs(upstream):
                yield f"{owner}.{name}", digest

    def _outputs(self, task: luigi.Task) -> Iterator[tuple[str, str]]:
        if not task.complete():
            raise Unsettled(f"{task.get_task_family()} may change")
        if not isinstance(task, RunTask):
            for number, target in enumerate(flatten(task.output())):
                path = getattr(target, "path", None)
                if path is None or not Path(path).exists():
                    raise Unsettled(f"{task.get_task_family()} has outputs that are no files")
                yield str(number), self._digest(Path(path))
            return
        directory = task.placement.directory
        manifest = manifests.read(directory)
        for name, path in task.declared_outputs().items():
            yield name, _listed(manifest, path) or self._digest(directory / path)

    def _digest(self, found: Path | list[Path]) -> str:
        if isinstance(found, Path) and not found.is_dir():
            return self._digests.of([found])[found]
        if isinstance(found, list):
            base = Path(*_shared(found))
            files = {path: path.relative_to(base).as_posix() for path in found}
        else:
            files = {path: name for name, path in manifests.files_below(found)}
        digests = self._digests.of(files)
        return combined({name: digests[path] for path, name in files.items()})


def _listed(manifest: Manifest | None, path: str) -> str | None:
    """The digest of an output from its manifest, without reading it again."""
    if manifest is None:
        return None
    files = {file.path: file.digest for file in manifest.files}
    if path in files:
        return files[path]
    inside = {n.removeprefix(f"{path}/"): d for n, d in files.items() if n.startswith(f"{path}/")}
    return combined(inside)


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
