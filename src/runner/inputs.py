"""`self.inputs`: what a task may read, by name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from luigi.task import flatten
from runner.config import Config
from runner.config.model import absolute
from runner.context import RunContext
from runner.errors import ConfigError, GraphError, MissingInputError, Problem, did_you_mean

if TYPE_CHECKING:
    from runner.task import RunTask

_GLOB = frozenset("*?[")


class Source(str):
    """A source that says how it is compared: ``Source("scans/*.tif", digest="stat")``.

    Args:
        path: file, folder or glob, as in `sources`.
        digest: ``"content"``: by its bytes; ``"stat"``: by names, sizes and times of change, for
            what is too big to be read for that.

    Raises:
        TypeError: digest is something else.
    """

    digest: Literal["content", "stat"]

    def __new__(cls, path: str, digest: Literal["content", "stat"] = "content") -> Source:
        if digest not in ("content", "stat"):
            raise TypeError(f'digest is "content" or "stat", got {digest!r}')
        made = super().__new__(cls, path)
        made.digest = digest
        return made


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
        GraphError: a glob is none.
    """
    config = task.run_context.config
    family = task.get_task_family()
    return {name: _find(text, name, family, config) for name, text in task.sources.items()}


def source_base(task: RunTask, name: str) -> Path:
    """The folder below which a source is looked for."""
    config = task.run_context.config
    return absolute(config.root, config.paths[_parted(task.sources[name])[0]])


def digested_by(task: RunTask, name: str) -> Literal["content", "stat"]:
    """How a source is compared with what it was before."""
    source = task.sources[name]
    return source.digest if isinstance(source, Source) else "content"


def of_older_form(task: RunTask) -> dict[str, str]:
    """What `build_input_output_path_dicts` has as inputs, as strings."""
    return task.input_paths_dict if task.older_form else {}


class PathLookup(Mapping[str, str]):
    """`path_config`: absolute strings that end in a slash, so that ``path + "train.csv"`` works.

    A task of the graph gives its directory; anything else an entry of `[PathConfig]`.
    """

    def __init__(self, task: RunTask, context: RunContext) -> None:
        self._task = task
        self._context = context

    def __getitem__(self, name: str) -> str:
        if name == self._task.get_task_family():
            return f"{self._task.directory}/"
        if name in self._context.families:
            return f"{self._directory(name)}/"
        if name not in self._context.config.paths:
            near = did_you_mean(name, self)
            text = f"[PathConfig] has no key {name!r}, and no task of this run has that name{near}"
            raise KeyError(text)
        path = absolute(self._context.config.root, self._context.config.paths[name])
        return str(path) if path.is_file() else f"{path}/"

    def _directory(self, family: str) -> Path:
        ids = self._context.families[family]
        required = [d.task_id for d in flatten(self._task.requires()) if d.task_id in ids]
        if len(required or ids) > 1:
            raise KeyError(f"{family} is in this run {len(ids)} times: use self.input() instead")
        return self._context.places[(required or ids)[0]].directory

    def __iter__(self) -> Iterator[str]:
        return iter({**self._context.config.paths, **self._context.families})

    def __len__(self) -> int:
        return len({**self._context.config.paths, **self._context.families})


def redirected(path: str, run: RunContext) -> str:
    """A path in this run's directory of a task that is pinned, and so lies elsewhere."""
    if not Path(path).is_relative_to(run.artifact_dir):
        return path
    name, *inside = Path(path).relative_to(run.artifact_dir).parts or ("",)
    ids = run.families.get(name, [])
    place = run.places.get(ids[0]) if len(ids) == 1 else None
    if place is None or place.directory == run.artifact_dir / name:
        return path
    moved = str(place.directory.joinpath(*inside))
    return f"{moved}/" if path.endswith("/") else moved


def check_readable(path: Path, task: str, name: str) -> None:
    """Raises MissingInputError unless a path is a file or folder that can be read now."""
    its = f"{task}: its input {name!r}"
    if not os.path.lexists(path):
        text = f"{its} is not there: {path}"
        raise MissingInputError(text, "set [PathConfig] input, or put the file there")
    if not os.path.exists(path):
        raise MissingInputError(f"{its} is a link to nothing: {path}", "mend the link")
    if not (os.path.isfile(path) or os.path.isdir(path)):
        text = f"{its} is neither a file nor a folder: {path}"
        raise MissingInputError(text, "pipes and devices can't be read twice; copy it into a file")
    if not os.access(path, os.R_OK):
        raise MissingInputError(f"{its} can't be read: {path}", "change its permissions")


def _find(text: str, name: str, task: str, config: Config) -> Path | list[Path]:
    entry, inside = _parted(text)
    if entry not in config.paths:
        needs = f"is missing; {task} reads its source {name!r} ({text}) from there"
        raise ConfigError([Problem(_file(config), f"PathConfig.{entry}", needs)])
    base = absolute(config.root, config.paths[entry])
    if not _GLOB.intersection(inside) or os.path.lexists(base / inside):
        check_readable(base / inside, task, name)
        return base / inside
    try:
        found = sorted(path for path in base.glob(inside) if not os.path.isdir(path))
    except (ValueError, NotImplementedError) as error:
        raise GraphError(f"{task}: source {name!r} is no glob, {inside!r}: {error}") from None
    for path in found:
        check_readable(path, task, name)
    if not found:
        text = f"{task}: its input {name!r} is not there: no file matches {base / inside}"
        raise MissingInputError(text, "set [PathConfig] input, or put the files there")
    return found


def _parted(source: str) -> tuple[str, str]:
    """The named input of a source, and the path inside: ``"labels:train.csv"``, ``"train.csv"``."""
    entry, colon, inside = source.partition(":")
    return (entry, inside) if colon else ("input", source)


def _offers(task: RunTask) -> Iterator[tuple[str, str, Any]]:
    for name, path in sources(task).items():
        yield _parted(task.sources[name])[0], name, path
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
    seen: set[str] = set()
    while waiting:
        task = waiting.pop()
        if task.task_id in seen:
            continue
        seen.add(task.task_id)
        if isinstance(task, luigi.WrapperTask):
            waiting.extend(reversed(flatten(task.requires())))
        else:
            yield task


def _path(target: Any) -> Any:
    return Path(target.path) if hasattr(target, "path") else target


def _file(config: Config) -> str:
    return config.files[-1].name if config.files else "config"
