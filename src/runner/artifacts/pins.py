"""Reads what `[PathConfig]` says of a task: a directory, or a task of an earlier run."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable
from urllib.parse import unquote, urlsplit

from runner.config.model import absolute
from runner.context import RunContext
from runner.errors import MissingInputError
from runner.tracking.lookup import FoundRun, RunLookup

_IN_RUN = re.compile(r"/(?P<id>[0-9a-f]{32})/artifacts(/(?P<name>[^/]+))?(/|$)")
_RUN_FOLDER = re.compile(r"/[0-9a-f]{32}(/|$)")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:/?")
_FORMS = "a pin is a directory, runs:/<run id>/<task>, or run:<beginning of a run's id or name>"


@runtime_checkable
class Placeable(Protocol):
    """What placement needs to know of a RunTask."""

    task_id: str

    def get_task_family(self) -> str: ...
    def to_str_params(
        self, only_significant: bool = ..., only_public: bool = ...
    ) -> dict[str, str]: ...
    def declared_outputs(self) -> dict[str, str]: ...


@dataclass(frozen=True)
class Pin:
    """An entry of `[PathConfig]` for a task, resolved.

    Attributes:
        directory: where it leads.
        in_run: whether that is inside of a run, and so never written to.
    """

    directory: Path
    in_run: bool


def resolve(text: str, task: Placeable, context: RunContext, lookup: RunLookup) -> Pin:
    """Where an entry of `[PathConfig]` for a task leads.

    Raises:
        MissingInputError: it is no pin, or no run is meant by it, or several.
    """
    text = text.strip().rstrip("/") or "/"
    if text.startswith("run:"):
        prefix = text.removeprefix("run:").strip("/ ")
        if not prefix:
            raise MissingInputError("it names no run", _FORMS)
        return Pin(_in_run(lookup.by_prefix(prefix), task, lookup), in_run=True)
    if text.startswith("runs:"):
        run_id, _, name = text.removeprefix("runs:").strip("/").partition("/")
        if not run_id or "/" in name or name == "..":
            raise MissingInputError("it names no task of a run", _FORMS)
        return Pin(_in_run(lookup.by_id(run_id), task, lookup, name), in_run=True)
    directory = absolute(context.config.root, _local(text))
    inside = _IN_RUN.search(os.path.realpath(directory))
    if inside and not directory.exists() and directory.name == inside["name"]:
        run = lookup.by_id(inside["id"])
        return Pin(_in_run(run, task, lookup, inside["name"]), in_run=True)
    return Pin(directory, in_run=inside is not None or _below_run(directory))


def _in_run(run: FoundRun, task: Placeable, lookup: RunLookup, name: str = "") -> Path:
    """Where a run has a task: under its id where there were several of its class."""
    family = task.get_task_family()
    if name in ("", family):
        own = lookup.output_folder(run, task.task_id)
        if own.exists():
            return own
    return lookup.output_folder(run, name or family)


def _local(text: str) -> str:
    """A pin as a path: of URIs, those of this machine's files will do.

    Raises:
        MissingInputError: it is another URI, or the home of a user that there is not.
    """
    if text.startswith("file:"):
        uri = urlsplit(text)
        if uri.netloc not in ("", "localhost") or not uri.path.startswith("/"):
            raise MissingInputError(
                "it is no file URI of this machine", "write file:///… or a path"
            )
        return unquote(uri.path)
    if _SCHEME.match(text):
        raise MissingInputError(f"{text.partition(':')[0]}: is not known here", _FORMS)
    if text.startswith("~") and os.path.expanduser(text) == text:
        raise MissingInputError("there is no such user", "write the whole path")
    return text


def _below_run(directory: Path) -> bool:
    """Whether a path leads into a run's folder beside its artifacts: a slip of the pen."""
    text = os.path.realpath(directory)
    return any(
        os.path.isdir(f"{text[: found.end()].rstrip('/')}/artifacts")
        for found in _RUN_FOLDER.finditer(text)
    )


def own_directory(pin: Pin, task: Placeable, alone: bool) -> Path:
    """Where this very task lies, when a run holds several of its class."""
    if not pin.in_run:
        return pin.directory if alone else pin.directory / task.task_id
    beside = pin.directory.with_name(task.task_id)
    meant = not alone or pin.directory.name == task.get_task_family()
    return beside if meant and beside.exists() else pin.directory
