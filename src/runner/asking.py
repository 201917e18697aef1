"""What a program asks, told as the command line would tell it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner import settings as environment
from runner.config import Config, ConfigSource, Overrides
from runner.errors import UsageError
from runner.settings import Settings

_IN_RUN = re.compile(r"(/.+)/[0-9a-f]{32}/artifacts(/|$)")


def settings_for(project: str | Path | None, sources: Sequence[ConfigSource]) -> Settings:
    """What the environment says, and the project's folder.

    Raises:
        UsageError: there is no such folder, or no config was given.
    """
    if not sources:
        raise UsageError("no config was given", 'name a file: runner.run("luigi.toml")')
    first = sources[0]
    if project is None and isinstance(first, Config):
        project = first.root
    if project is not None:
        root = Path(project).expanduser().resolve()
        if not root.is_dir():
            raise UsageError(f"project is {str(project)!r}: {root} is not a folder")
        return replace(environment.load(root), root=root)
    found = environment.load()
    if isinstance(first, str | Path) and "PROJECT_ROOT" not in found.origins:
        folder = located(first, found).resolve().parent
        in_run = _IN_RUN.match(str(folder))  # whose config marks no project
        folder = Path(in_run[1]) if in_run else folder
        if environment.project_of(folder) is not None:
            return environment.load(folder)
    return found


def source_of(source: ConfigSource, settings: Settings) -> ConfigSource:
    """A config as the loader takes it."""
    if isinstance(source, str | Path):
        return located(source, settings)
    unwrap = getattr(source, "unwrap", None)  # a document of tomlkit's
    return unwrap() if callable(unwrap) else source


def located(file: str | Path, settings: Settings) -> Path:
    """A file of the working directory; else of the project, like all paths."""
    path = Path(file).expanduser()
    return path.absolute() if path.exists() else settings.root / path


def changes(overrides: Overrides, more: Mapping[str, Any]) -> Overrides:
    """Overrides, and single values beside them where these are not None."""
    said = {name: value for name, value in more.items() if value is not None}
    if isinstance(overrides, Mapping):
        return {**overrides, **said}
    strings = [overrides] if isinstance(overrides, str) else overrides
    return [*strings, *(f"{name}={json.dumps(value)}" for name, value in said.items())]
