"""`self.inputs`: what a task may read, by name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from luigi.task import flatten
from runner.config import Config
from runner.config.model import absolute
from runner.errors import ConfigError, MissingInputError, Problem, did_you_mean

if TYPE_CHECKING:
    from runner.task import RunTask

_GLOB = frozenset("*?[")


class Inputs(Mapping[str, Any]):
    """Paths by name; a name that is not unique is asked for in full."""

    def __init__(self, task: str, offers: Iterable[tuple[str, str, Any]]) -> None:
        self._task = task
        self._answers: dict[str, list[tuple[str, Any]]] = {}
        for owner, name, value in offers:
            full = f"{owner}.{name}" if name else owner
            for asked in dict.fromkeys((name or owner, full)):
                answers = self._answers.setdefault(asked, [])
                if (full, value) not in answers:
                    answers.append((full, value))

    def __getitem__(self, name: str) -> Any:
        answers = self._answers.get(name, [])
        if len(answers) == 1:
            return answers[0][1]
        full = sorted({answer for answer, _ in answers})
        if len(full) > 1:
            raise KeyError(f"{self._task} has several inputs {name!r}; say {' or '.join(full)}")
        if full:
            raise KeyError(f"{self._task} requires {full[0]} more than once; use self.input()")
        known = f"it has {', '.join(self)}" if self._answers else "it has none"
        near = did_you_mean(name, self._answers)
        raise KeyError(f"{self._task} has no input {name!r}; {known}{near}")

    def __iter__(self) -> Iterator[str]:
        seen: set[str] = set()
        for name, answers in self._answers.items():
            if len(answers) == 1 and answers[0][0] not in seen:
                seen.add(answers[0][0])
                yield name

    def __len__(self) -> int:
        return sum(1 for _ in self)


def of(task: RunTask) -> Inputs:
    """Everything that a task's sources and required tasks offer.

    Raises:
        MissingInputError: a source is not there.
    """
    return Inputs(task.get_task_family(), _offers(task))


def sources(task: RunTask) -> dict[str, Path | list[Path]]:
    """The files from outside that a task declares, all of them there.

    Raises:
        MissingInputError: a file or folder is absent, or a glob finds nothing.
        ConfigError: `[PathConfig]` lacks the named input.
    """
    config = task.run_context.config
    family = task.get_task_family()
    return {name: _find(text, name, family, config) for name, text in task.sources.items()}


def check_readable(path: Path, task: str, name: str) -> None:
    """Raises MissingInputError unless a path is a file or folder that can be read now."""
    if not os.path.lexists(path):
        text = f"{task}: its input {name!r} is not there: {path}"
        raise MissingInputError(text, "set [PathConfig] input, or put the file there")
    if not (path.is_file() or path.is_dir()):
        raise MissingInputError(f"{task}: its input {name!r} is no regular file: {path}")
    if not os.access(path, os.R_OK):
        raise MissingInputError(f"{task}: its input {name!r} can't be read: {path}")


def _find(text: str, name: str, task: str, config: Config) -> Path | list[Path]:
    where, colon, inside = text.rpartition(":")
    entry = where if colon else "input"
    if entry not in config.paths:
        needs = f"is missing; {task} reads its source {name!r} ({text}) from there"
        raise ConfigError([Problem(_file(config), f"PathConfig.{entry}", needs)])
    base = absolute(config.root, config.paths[entry])
    if not _GLOB.intersection(inside):
        check_readable(base / inside, task, name)
        return base / inside
    found = sorted(path for path in base.glob(inside) if path.is_file())
    if not found:
        text = f"{task}: its input {name!r} is not there: no file matches {base / inside}"
        raise MissingInputError(text, "set [PathConfig] input, or put the files there")
    return found


def _offers(task: RunTask) -> Iterator[tuple[str, str, Any]]:
    for name, path in sources(task).items():
        where, colon, _ = task.sources[name].rpartition(":")
        yield (where if colon else "input"), name, path
    required = task.requires()
    named = required.items() if isinstance(required, Mapping) else [("", required)]
    for given, upstream in named:
        for one in _through_wrappers(flatten(upstream)):
            yield from _outputs(one, given)


def _outputs(task: luigi.Task, given: str) -> Iterator[tuple[str, str, Any]]:
    owner = given or task.get_task_family()
    targets = task.output()
    if isinstance(targets, Mapping):
        for name, target in targets.items():
            yield owner, str(name), _path(target)
    else:
        flat = [_path(target) for target in flatten(targets)]
        if flat:
            yield owner, "", flat[0] if len(flat) == 1 else flat


def _through_wrappers(tasks: list[luigi.Task]) -> Iterator[luigi.Task]:
    waiting = list(reversed(tasks))
    while waiting:
        task = waiting.pop()
        if isinstance(task, luigi.WrapperTask):
            waiting.extend(reversed(flatten(task.requires())))
        else:
            yield task


def _path(target: Any) -> Any:
    return Path(target.path) if hasattr(target, "path") else target


def _file(config: Config) -> str:
    return config.files[-1].name if config.files else "config"
