"""From files, environment and command line to a checked, frozen Config."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from runner import settings as environment
from runner.config.document import OVERRIDES, Document, Overrides
from runner.config.model import Config, SectionCheck
from runner.config.renaming import rename, renames_of
from runner.config.schema import (
    LUIGI_SECTIONS,
    PATHS,
    RUN,
    SWEEP,
    RunConfig,
    check_paths,
    explain,
)
from runner.config.swept import checked_sweep
from runner.errors import ConfigError, ProjectCodeError, did_you_mean
from runner.settings import Settings

#: Imports the modules named in `[RunConfig] modules` and tells the sections of the tasks in them.
TaskSections = Callable[[Sequence[str]], Mapping[str, SectionCheck]]

#: A file, or what a program has in its place: the tables of one, or a config that was loaded.
ConfigSource = str | Path | Mapping[str, Any] | Config

_VARIABLE = re.compile(r"\$(\$|)\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NEAR = 0.8
_OWN = (RUN, PATHS, SWEEP)


def load(
    path: ConfigSource | Sequence[ConfigSource],
    overrides: Overrides = (),
    *,
    settings: Settings | None = None,
    tasks: TaskSections | None = None,
) -> Config:
    """Reads a config and checks it, all at once.

    Args:
        path: one file, or what stands for it, or several of which later ones win.
        overrides: ``Task.key=value`` strings, the value in TOML syntax (a bare word is a string),
            or a mapping of `Task.key` to plain values.
        settings: what the environment says; default: read now.
        tasks: tells which sections the tasks of modules take; without it they are not judged.

    Raises:
        ConfigError: everything that is wrong, each with file, section and key.
        ProjectCodeError: a module can't be imported.
    """
    settings = settings or environment.load()
    document = _read(sources := sources_of(path), settings.root)
    document.override(overrides)
    data = _expanded(document)
    rename(document, data, RUN, renames_of(RunConfig))
    _add_environment(document, data, settings)
    run = _checked_run(document, data)
    for key, text in check_paths(data.get(PATHS, {})):
        _problem(document, f"{PATHS}.{key}", text)
    sections = _known_tasks(document, run, tasks)
    _check_sections(document, data, sections)
    sweep = checked_sweep(data, document.data, sections, partial(_problem, document))
    if document.problems or run is None:
        raise ConfigError(document.problems)
    return Config(
        root=settings.root,
        run=run,
        paths=data.get(PATHS, {}),
        sections={name: table for name, table in data.items() if name not in _OWN},
        written=document.data,
        origins=document.origins,
        notes=tuple(document.notes),
        files=tuple(Path(s) for s in sources if isinstance(s, str | Path)),
        sweep=sweep,
    )


def sources_of(given: ConfigSource | Sequence[ConfigSource]) -> list[ConfigSource]:
    """What is meant by one source, or several."""
    return [given] if isinstance(given, str | Path | Mapping | Config) else list(given)


def _read(sources: Sequence[ConfigSource], root: Path) -> Document:
    document = Document(root)
    for source in sources:
        if isinstance(source, Config):
            document.add_table(source.written, source.origins)
        elif isinstance(source, Mapping):
            document.add_table(source, {})
        else:
            document.add_file(Path(source))
    if document.problems:  # what is missing from an unreadable file is no news
        raise ConfigError(document.problems)
    return document


def _add_environment(document: Document, data: dict[str, Any], settings: Settings) -> None:
    given = {"tracking_uri": ("MLFLOW_TRACKING_URI", settings.tracking_uri)}
    given["artifact_root"] = ("RUNNER_ARTIFACT_ROOT", settings.artifact_root)
    for key, (variable, value) in given.items():
        if value is not None and document.origins.get(f"{RUN}.{key}") not in OVERRIDES:
            data.setdefault(RUN, {})[key] = value
            document.origins[f"{RUN}.{key}"] = settings.origins.get(variable, "environment")


def _expanded(document: Document) -> dict[str, Any]:
    def expand(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {name: expand(inner, f"{key}.{name}") for name, inner in value.items()}
        if isinstance(value, list):
            return [expand(inner, key) for inner in value]
        return _VARIABLE.sub(lambda m: replace(m, key), value) if isinstance(value, str) else value

    def replace(match: re.Match[str], key: str) -> str:
        escaped, name = match.groups()
        if escaped:
            return match.group()[1:]
        if name not in os.environ:
            text = f"the environment has no variable {name}; set it, or put it into .env"
            document.problem(_origin(document, key), key, text)
        return os.environ.get(name, "")

    return {section: expand(table, section) for section, table in document.data.items()}


def _checked_run(document: Document, data: Mapping[str, Any]) -> RunConfig | None:
    try:
        return RunConfig.model_validate(data.get(RUN, {}))
    except ValidationError as error:
        for key, text in explain(error, RunConfig):
            document.problem(_origin(document, f"{RUN}.{key}"), f"{RUN}.{key}", text)
        return None


def _known_tasks(
    document: Document, run: RunConfig | None, tasks: TaskSections | None
) -> Mapping[str, SectionCheck] | None:
    if tasks is None:
        return None
    modules = document.data.get(RUN, {}).get("modules", RunConfig.model_fields["modules"].default)
    try:
        return tasks(run.modules if run else [name for name in modules if isinstance(name, str)])
    except ProjectCodeError:
        if document.problems:  # these are nearer to the cause
            return None
        raise


def _check_sections(
    document: Document, data: dict[str, Any], tasks: Mapping[str, SectionCheck] | None
) -> None:
    for name, check in (tasks or {}).items():
        renames = getattr(check, "renames", None)
        rename(document, data, name, renames(data.get(name, {})) if renames else {})
    for name in data:
        if name in _OWN or name in LUIGI_SECTIONS:
            continue
        where = _origin(document, name)
        if tasks is None:
            if difflib.get_close_matches(name.casefold(), ["runconfig", "pathconfig"], 1, _NEAR):
                text = f"unknown section{did_you_mean(name, [RUN, PATHS])}"
                document.problem(where, name, text)
        elif name not in tasks:
            document.problem(where, name, f"unknown section{_known_section(name, tasks)}")
    for key, text in _misspelt_pins(data.get(PATHS, {}), tasks or {}):
        document.problem(_origin(document, key), key, text)
    for name, check in (tasks or {}).items():
        for inner, text in check(data.get(name, {})):
            key = f"{name}.{inner}" if inner else name
            document.problem(_origin(document, key), key, text)


def _known_section(name: str, tasks: Mapping[str, SectionCheck]) -> str:
    inside = next((family for family in tasks if family.startswith(f"{name}.")), None)
    if inside is not None:
        return f'; a task in a namespace has its section as ["{inside}"], with the quotes'
    return did_you_mean(name, [*_OWN, *tasks, *sorted(LUIGI_SECTIONS)])


def _misspelt_pins(
    paths: Mapping[str, Any], tasks: Mapping[str, SectionCheck]
) -> Iterator[tuple[str, str]]:
    names = {name.casefold(): name for name in tasks}
    for key in paths:
        near = difflib.get_close_matches(key.casefold(), names, n=1, cutoff=_NEAR)
        if near and key not in tasks:
            text = f"neither a task nor a named input; did you mean {names[near[0]]!r}?"
            yield f"{PATHS}.{key}", text


def _problem(document: Document, key: str, text: str) -> None:
    document.problem(_origin(document, key), key, text)


def _origin(document: Document, key: str) -> str:
    """The file or layer that set a key, or holds anything near it, or simply the last file."""
    while key:
        if key in document.origins:
            return document.origins[key]
        inside = [v for k, v in document.origins.items() if k.startswith(key + ".")]
        if inside:
            return inside[-1]
        key = key.rpartition(".")[0]
    return document.last
