"""Of which families the models are that a task reads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from luigi.task import flatten
from runner import inputs, upstream
from runner.artifacts import manifest as manifests
from runner.families import marked
from runner.input_records import PLACES
from runner.task import RunTask


def families_read(task: RunTask, asks: Collection[str]) -> set[str]:
    """The packages of the families of models among what a task reads, as far as it is there yet.

    Args:
        asks: names that its code asks for.

    Raises:
        MissingInputError, OSError: a source can't be read.
    """
    if PLACES.isdisjoint(asks):
        required = [one for _, one in upstream.by_name(task)]
        named = []
    else:  # it may read anything
        config = task.run_context.config
        required = upstream.all_of(task)
        named = [config.path(n) for n in config.paths.keys() - task.run_context.families.keys()]
    names = [name for one in required for name in _published(one)]
    older = map(Path, inputs.of_older_form(task).values())
    return marked([*names, *_files([*inputs.sources(task).values(), *older, *named])])


def _published(task: luigi.Task) -> Iterable[str]:
    """Names of what a task published; a manifest lists files that need not be on this machine."""
    if not isinstance(task, RunTask):
        paths = (getattr(target, "path", None) for target in flatten(task.output()))
        return _files(Path(path) for path in paths if path is not None)
    manifest = manifests.read(task.placement.directory)
    if manifest is None:
        return _files([task.placement.directory])
    return [file.path for file in manifest.files]


def _files(found: Iterable[Path | list[Path]]) -> Iterator[str]:
    for paths in found:
        for path in paths if isinstance(paths, list) else [paths]:
            yield path.name
            yield from (inner.name for inner in path.rglob("*"))
