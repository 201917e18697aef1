"""Why a task has to run: how it differs from the nearest of what was computed before."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runner.artifacts.fingerprint import Ingredients
from runner.artifacts.manifest import InputRecord, Manifest

_SHOWN = 3  # differences in one phrase


def nearest(
    new: Ingredients, config: Mapping[str, Any], earlier: Iterable[Manifest]
) -> tuple[Manifest, list[str]] | None:
    """The earlier manifest with the fewest differences, the newest of several, and those.

    Args:
        new: what the task depends on now.
        config: its config as it is written down, `${VAR}` unexpanded.
    """
    found = [(manifest, list(differences(new, config, manifest))) for manifest in earlier]
    return min(found, key=lambda pair: len(pair[1]), default=None)


def differences(new: Ingredients, config: Mapping[str, Any], old: Manifest) -> Iterator[str]:
    """Each difference as a phrase: ``seed 0 → 1``, ``code of tasks.Trainer.run``, …"""
    flat_new, flat_old = dict(_flat(config)), dict(_flat(old.config))
    yield from _changed({**new.params, **flat_new}, {**old.params, **flat_old})
    code = new.code.pieces
    for name in _names(code, old.code):
        if code.get(name) != old.code.get(name):
            verb = "changed" if name in code and name in old.code else "came or went"
            yield f"code of {name} {verb}"
    for name in _names(new.inputs, old.inputs):
        before, after = old.inputs.get(name), new.inputs.get(name)
        if before is None or after is None:
            yield f"input {name} {'is gone' if after is None else 'is new'}"
        elif before.digest != after.digest:
            yield f"input {name} changed{_which(before, after)}"
    written = flat_new == flat_old and dict(new.params) == old.params
    for name in _names(new.beside, old.beside):
        if new.beside.get(name) != old.beside.get(name) and (name != "config" or written):
            yield (
                "a ${VAR} or a default of its config changed"
                if name == "config"
                else (f"{name} changed")
            )
    yield from _changed(new.packages, old.packages)
    if new.version != old.task_version:
        yield f"version {old.task_version!r} → {new.version!r}"


def _which(before: InputRecord, after: InputRecord) -> str:
    """The files of a folder that changed."""
    old, new = ({file.path: file.digest for file in r.files} for r in (before, after))
    names = [name for name in _names(new, old) if new.get(name) != old.get(name)]
    return f" ({_few(names)})" if names else ""


def phrase(found: list[str]) -> str:
    """Differences in one line."""
    return _few(found) or "something outside of the project"


def _few(found: list[str]) -> str:
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more


def code_diff(new: Mapping[str, str], old: Mapping[str, str]) -> str:
    """A unified diff of the pieces of code that changed."""
    lines: list[str] = []
    for name in _names(new, old):
        before, after = old.get(name, "").splitlines(), new.get(name, "").splitlines()
        lines += difflib.unified_diff(before, after, f"{name} then", f"{name} now", lineterm="")
    return "\n".join(lines)


def _changed(new: Mapping[str, Any], old: Mapping[str, Any]) -> Iterator[str]:
    for name in _names(new, old):
        if name not in old:
            yield f"{name} = {new[name]} is new"
        elif name not in new:
            yield f"{name} is gone"
        elif new[name] != old[name] or type(new[name]) is not type(old[name]):
            yield f"{name} {old[name]} → {new[name]}"


def _names(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys([*new, *old]))


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value
