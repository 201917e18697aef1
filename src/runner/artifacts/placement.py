"""Decides for each task of a run where its outputs lie: pinned, found by fingerprint, or new."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner.artifacts import contents, freeing
from runner.artifacts import manifest as manifests
from runner.artifacts.copies import is_peeked
from runner.artifacts.manifest import Manifest
from runner.artifacts.pins import Pin, Placeable, own_directory, resolve
from runner.artifacts.publish import is_partial
from runner.context import Placement, RunContext
from runner.errors import MissingInputError
from runner.tracking.lookup import RunLookup

_LOG = "runner.log"


def place_all(
    tasks: Iterable[Placeable],
    context: RunContext,
    lookup: RunLookup,
    forced: Collection[str] = (),
    settle: Callable[[Any], Placement] | None = None,
    *,
    verify: bool = False,
) -> None:
    """Places tasks, and adds them to the context; those already in it stay where they are.

    Args:
        tasks: what a task requires comes before it.
        forced: families that are computed anew, whatever there is of them.
        settle: finds a task that is neither pinned nor forced in an earlier run, or says why it
            has to be computed.
        verify: compare the digest of every pinned file, not its size alone.

    Raises:
        MissingInputError: a pin leads to something absent, incomplete or of another task.
        GraphError: a task declares an output outside of its directory.
    """
    new = {t.task_id: t for t in tasks if t.task_id not in context.places}.values()
    for task in new:
        context.families.setdefault(task.get_task_family(), []).append(task.task_id)
    alone = {family for family, ids in context.families.items() if len(ids) == 1}
    for task in new:
        family = task.get_task_family()
        directory = context.artifact_dir / (family if family in alone else task.task_id)
        reason = "forced" if family in forced else "new"
        context.places[task.task_id] = Placement(directory, "new", reason)
    for task in new:  # after all have a place, because the older form may ask for any of them
        family = task.get_task_family()
        if family in context.config.paths and family not in forced:
            context.places[task.task_id] = _pinned(task, context, lookup, family in alone, verify)
        elif settle is not None and family not in forced:
            context.places[task.task_id] = settle(task)
        task.declared_outputs()


def moved(places: Mapping[str, Placement], old: Path, new: Path) -> dict[str, Placement]:
    """The same placements for another artifact directory."""
    return {
        task_id: replace(place, directory=new / place.directory.relative_to(old))
        if place.directory.is_relative_to(old)
        else place
        for task_id, place in places.items()
    }


def _pinned(
    task: Placeable, context: RunContext, lookup: RunLookup, alone: bool, verify: bool
) -> Placement:
    family = task.get_task_family()
    text = context.config.paths[family]
    try:
        pin = resolve(text, task, context, lookup)
        directory = own_directory(pin, task, alone)
        if not pin.in_run and _absent_or_empty(directory):
            real = Path(os.path.realpath(directory))  # a link can't be replaced by a rename
            reason = f"new, to {directory}, as [PathConfig] says"
            return Placement(real, "new", reason, pinned=True)
        manifest = manifests.read(directory)
        problem = _problem(directory, manifest, task, pin, alone) or _damage(
            directory, manifest, verify
        )
    except MissingInputError as error:
        hint = f"{error.hint}; {_suggestion(family, lookup)}" if error.hint else ""
        text = f"[PathConfig] {family} = {text!r}: {error.message}"
        raise MissingInputError(text, hint or _suggestion(family, lookup)) from None
    except OSError as error:
        problem = f"{error.filename} can't be read: {error.strerror}"
    if problem:
        hint = _suggestion(family, lookup)
        raise MissingInputError(f"[PathConfig] {family} = {text!r}: {problem}", hint)
    if manifest is None:
        return Placement(directory, "reused", f"pinned to {directory}", pinned=True)
    origin = manifest.origin
    reason = f"pinned to {origin.run_name or directory}{_difference(manifest, task)}"
    found = Placement(directory, "reused", reason, origin, manifest.metrics, manifest.size)
    return replace(found, pinned=True)


def _problem(
    directory: Path, manifest: Manifest | None, task: Placeable, pin: Pin, alone: bool
) -> str | None:
    family = task.get_task_family()
    if not directory.exists():
        day = freeing.freed(directory)
        return f"{directory} was freed by `gc` on {day}" if day else f"there is no {directory}"
    if not directory.is_dir():
        return f"{directory} is a file, not the directory of a task"
    if is_partial(directory):
        return f"{directory} is what an unfinished task left behind"
    if manifest is None:
        return _without_manifest(directory, task, pin)
    if manifest.task != family:
        return f"{directory} holds {manifest.task}, not {family}"
    difference = _difference(manifest, task)
    if difference and not alone:
        return f"{directory} is not {task}{difference}"
    declared = task.declared_outputs()
    unknown = [name for name, path in declared.items() if manifest.outputs.get(name) != path]
    if unknown:
        return f"{directory} was made before {family} declared {', '.join(unknown)}"
    return None


def _damage(directory: Path, manifest: Manifest | None, verify: bool) -> str | None:
    if manifest is None or is_peeked(directory):
        return None
    damage = contents.damage(directory, manifest, digests=verify)
    return f"{directory} is damaged: {damage}" if damage else None


def _without_manifest(directory: Path, task: Placeable, pin: Pin) -> str | None:
    """What speaks against a directory that the runner did not make, or did not finish."""
    if (directory / manifests.NAME).exists():
        return f"{directory} has a manifest that is damaged, or of a newer runner"
    declared = task.declared_outputs().values()
    missing = [path for path in declared if not (directory / path).exists()]
    if missing:
        return f"{directory} is incomplete: {', '.join(missing)} missing"
    if pin.in_run and (directory.parent / _LOG).exists():
        return f"{directory} is incomplete: {task.get_task_family()} did not finish there"
    return None


def _difference(manifest: Manifest, task: Placeable) -> str:
    """Pins are the user's word; but that the parameters were others is said."""
    now = task.to_str_params(only_significant=True, only_public=True)
    names = [name for name in now if manifest.params.get(name) != now[name]]
    made = ", ".join(f"{name}={manifest.params.get(name)}" for name in names)
    return f", made with {made}" if made else ""


def _absent_or_empty(directory: Path) -> bool:
    return not directory.exists() or (directory.is_dir() and not any(directory.iterdir()))


def _suggestion(family: str, lookup: RunLookup) -> str:
    found = lookup.recent_with(family)
    if not found:
        return f"no recent run has {family}; take the pin out of [PathConfig] to compute it"
    names = " or ".join(f'"run:{run.run_id[:8]}" ({run.run_name})' for run in found)
    return f"recent runs that have it: {names}"
