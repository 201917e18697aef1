"""The checked config of a run, frozen."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.config.schema import RunConfig
from runner.config.sweep import SweepConfig

#: Judges the values of one task's section: yields (key, what is wrong) pairs. Its method
#: `renames`, if it has one, says what keys of older configs are called now.
SectionCheck = Callable[[Mapping[str, Any]], Iterable[tuple[str, str]]]


@dataclass(frozen=True)
class Config:
    """Everything a run was told.

    Attributes:
        root: the project's folder; relative paths start here.
        run: the checked `[RunConfig]`.
        paths: `[PathConfig]`, as written, `${VAR}` expanded.
        sections: every other section, `${VAR}` expanded.
        written: all sections as the files and the command line have them, nothing expanded.
            This is what is logged.
        origins: `Section.key` -> the file or layer that the value came from.
        files: the config files, in order.
        sweep: the checked `[Sweep]`, where there is one.
        notes: what a user should know: keys that have another name by now.
    """

    root: Path
    run: RunConfig
    paths: Mapping[str, str]
    sections: Mapping[str, Mapping[str, Any]]
    written: Mapping[str, Any]
    origins: Mapping[str, str]
    files: tuple[Path, ...] = field(default=())
    sweep: SweepConfig | None = None
    notes: tuple[str, ...] = ()

    def section(self, name: str) -> dict[str, Any]:
        """The values of a task's section; empty when the config has none."""
        return dict(self.sections.get(name, {}))

    def path(self, name: str) -> Path:
        """A named input of `[PathConfig]` as an absolute path.

        Raises:
            KeyError: `[PathConfig]` has no such entry.
        """
        return absolute(self.root, self.paths[name])


def absolute(root: Path, text: str) -> Path:
    """A path of a config, made absolute against the project's root, links kept."""
    text = text.removeprefix("file://") if text.startswith("file:///") else text
    path = root / os.path.expanduser(text)  # which leaves an unknown ~user as it is
    return Path(*_without_dots(path.parts))


def _without_dots(parts: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for part in parts:
        if part == ".." and len(kept) > 1:
            kept.pop()
        elif part != "..":
            kept.append(part)
    return kept
