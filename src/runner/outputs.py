"""`outputs` of a task class: names and paths inside of the task's own directory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, cast

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
from luigi.task import flatten
from runner.artifacts.manifest import NAME as MANIFEST
from runner.errors import GraphError, did_you_mean

if TYPE_CHECKING:
    from runner.task import RunTask


class Outputs:
    """`outputs` of a task class: the plain dict on the class, paths on an instance.

    Args:
        declared: the dict, or a property that returns one, for names that depend on a parameter.
        task: the class's name, for messages.

    Raises:
        TypeError: it is something else.
    """

    def __init__(self, declared: Any, task: str) -> None:
        self._task = task
        self._of = declared.fget if isinstance(declared, property) else None
        self._names = {} if self._of else dict(self._checked(declared))

    def __get__(self, task: RunTask | None, owner: type) -> Mapping[str, Any]:
        if task is None:
            return dict(self._names)
        names = self._checked(self._of(task)) if self._of else self._names
        found = ((name, task.directory / path) for name, path in names.items())
        return _Paths(task.get_task_family(), found)

    @cached_property
    def fixed(self) -> dict[str, str] | None:
        """Paths inside of the task's directory, where they are the same for every instance.

        Raises:
            GraphError: one lies outside of it.
        """
        if self._of:
            return None
        return {n: output_path(path, (), self._task, n) for n, path in self._names.items()}

    def _checked(self, names: Any) -> Mapping[str, str | Path]:
        if not isinstance(names, Mapping):
            found = type(names).__name__
            raise TypeError(f"{self._task}: outputs is a dict of names and paths, got a {found}")
        for name, path in names.items():
            if not (isinstance(name, str) and isinstance(path, str | Path)):
                raise TypeError(f"{self._task}: outputs has {name!r}: {path!r}; a path is expected")
        return names


class _Paths(dict[str, Path]):
    """Paths by name, which says what there is when it is asked for something else."""

    def __init__(self, task: str, paths: Iterable[tuple[str, Path]]) -> None:
        super().__init__(paths)
        self._task = task

    def __missing__(self, name: str) -> Path:
        known = f"it has {', '.join(self)}" if self else "it has none"
        near = did_you_mean(str(name), self)
        raise KeyError(f"{self._task} has no output {name!r}; {known}{near}")


def output_path(text: str | Path, bases: Iterable[Path], task: str, name: str) -> str:
    """A declared output as a POSIX path inside of the task's directory.

    Args:
        text: as declared; absolute paths are looked for below `bases`.

    Raises:
        GraphError: it lies outside, is the directory itself, or has a reserved name.
    """
    path = Path(text)
    if path.is_absolute():
        base = next((b for b in bases if path.is_relative_to(b)), None)
        path = path.relative_to(base) if base else path
    pure = PurePosixPath(path.as_posix())
    if pure.is_absolute() or ".." in pure.parts or pure == PurePosixPath("."):
        raise GraphError(
            f"{task}: output {name!r} is declared outside of the task's own directory: {text}",
            "declare a path inside it; a task may write nowhere else",
        )
    if pure.parts[0] == MANIFEST:
        text = f"{task}: output {name!r} has a name that the runner keeps for itself: {MANIFEST}"
        raise GraphError(text, "give it another one")
    return pure.as_posix()


def target_paths(structure: Any, task: str) -> dict[str, str]:
    """The paths of whatever a user's own `output()` returns, by name or by number."""
    named = structure.items() if isinstance(structure, Mapping) else enumerate(flatten(structure))
    paths = {str(name): getattr(target, "path", None) for name, target in named}
    for name, path in paths.items():
        if not isinstance(path, str | Path):
            raise GraphError(
                f"{task}: output() has {name!r}, which is no target with a path",
                "return luigi.LocalTarget objects; a plain luigi.Task may have others",
            )
        if not Path(path).is_absolute():
            raise GraphError(
                f"{task}: output() names {path}, which would lie in the working directory",
                f'write outputs = {{"name": "{path}"}} in its place, and to self.outputs["name"]',
            )
    return cast(dict[str, str], paths)
