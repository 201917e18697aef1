"""Outputs of tasks of a finished run, as files and folders of this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.artifacts import contents
from runner.artifacts import manifest as manifests
from runner.artifacts.manifest import Manifest
from runner.errors import MissingInputError, UsageError, did_you_mean
from runner.experiments.records import Records, RunRecord
from runner.tracking.lookup import is_of_several

_URI = re.compile(r"runs?:/*(?P<run>[^/]+)/(?P<task>[^/]+)(/+(?P<output>.*[^/]))?/*")
_FORMS = "write runs:/<run>/<task>/<output>; <run> is an id, a name or latest"


@dataclass(frozen=True)
class _Found:
    """A task's directory, wherever it lies; `task` is its name in the run that was asked for."""

    task: str
    run: RunRecord
    directory: Path


def located(uri: str, records: Records) -> Path | dict[str, Path]:
    """Where an output is; without its name, where each output of the task is.

    Args:
        uri: ``runs:/<run>/<task>/<output>``: an id, a name, the beginning of one, or `latest`, of
            those runs that finished; the task's name, or that of its directory; the name of an
            output, or a file's or folder's path.

    Returns:
        What the manifest of the directory has, every file's digest compared; where the artifacts
        of the run are elsewhere, copies on this machine.

    Raises:
        UsageError: there is no such run, task or output.
        MissingInputError: it is not there any more, or not as it was published.
    """
    parts = _URI.fullmatch(uri)
    if parts is None:
        raise UsageError(f"{uri!r} names no output of a run", _FORMS)
    (run,) = records.named([parts["run"]], _has_outputs)
    found = _task(parts["task"], run, records)
    manifest = manifests.read(found.directory)
    if manifest is None:
        return _unlisted(found, parts["output"])
    name = parts["output"]
    outputs = manifest.outputs if name is None else {name: _path(name, found, manifest)}
    _check(found, manifest, outputs)
    paths = {output: found.directory / path for output, path in outputs.items()}
    return paths if name is None else paths[name]


def _has_outputs(run: Any) -> bool:
    return run.info.status == "FINISHED" and not is_of_several(run)


def _task(asked: str, run: RunRecord, records: Records) -> _Found:
    known = sorted({*run.run.completed(), *run.run.reused})
    several = [name for name in known if name.startswith(f"{asked}_")]  # luigi's task ids
    if asked in known:
        name = asked
    elif len(several) == 1:
        (name,) = several
    elif several:
        text = f"run {run.shown} has several of {asked}"
        raise UsageError(text, f"name one of them: {', '.join(several)}")
    else:
        there = f"it has {', '.join(known)}" if known else "it has none"
        near = did_you_mean(asked, known)
        raise UsageError(f"run {run.shown} completed no task {asked!r}; {there}{near}")
    directory = records.lookup.output_folder(run.run, name)
    if not directory.is_dir():
        text = f"{name} of run {run.shown} is not there any more: there is no {directory}"
        raise MissingInputError(text, f"see what there is: python -m runner show {run.name}")
    return _Found(name, run, directory)


def _unlisted(found: _Found, name: str | None) -> Path:
    """In a directory that was pinned by hand, and that the runner did not make."""
    if (found.directory / manifests.NAME).exists():
        raise MissingInputError(f"{found.directory} has a manifest that is damaged")
    path = (found.directory / (name or "")).resolve()
    if name and path.is_relative_to(found.directory.resolve()) and path.exists():
        return path
    text = f"{found.directory} was not made by the runner, and does not say what its outputs are"
    raise UsageError(text, f"name a file in it: runs:/{found.run.name}/{found.task}/<file>")


def _path(name: str, found: _Found, manifest: Manifest) -> str:
    """The path inside of the directory of an output, or of something that lies in one."""
    if name in manifest.outputs:
        return manifest.outputs[name]
    if any(file.path == name or file.path.startswith(f"{name}/") for file in manifest.files):
        return name
    there = f"it has {', '.join(manifest.outputs)}" if manifest.outputs else "it has none"
    near = did_you_mean(name, manifest.outputs)
    text = f"{found.task} of run {found.run.shown} has no output {name!r}; {there}{near}"
    raise UsageError(text)


def _check(found: _Found, manifest: Manifest, outputs: Mapping[str, str]) -> None:
    """Compares what is returned, byte by byte, with what was published; of the rest the sizes."""
    damage = contents.damage(found.directory, manifest)
    whole = tuple(outputs.values())
    for file in manifest.files if damage is None else ():
        inside = any(file.path == path or file.path.startswith(f"{path}/") for path in whole)
        if inside and contents.digest(found.directory / file.path) != file.digest:
            damage = f"{file.path} has other bytes than when it was published"
            break
    if damage is not None:
        raise MissingInputError(f"{found.directory} is damaged: {damage}")
