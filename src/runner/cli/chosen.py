"""Which project and which config files a command is about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import UsageError

if TYPE_CHECKING:
    from runner.settings import Settings


def project(files: Sequence[str]) -> tuple[Settings, list[Path]]:
    """What the environment says, and the config files: those named, or the project's own.

    Raises:
        UsageError: none was named and the project has none, or the environment is wrong.
    """
    from runner import settings as environment

    named = [Path(file).absolute() for file in files]
    found = environment.load(config=named[0] if named else None)
    if named:
        return found, [
            _here_or_in(found.root, path, file) for path, file in zip(named, files, strict=True)
        ]
    default = found.config_path or found.root / environment.CONFIG_NAME
    if not default.exists():
        why = " (LUIGI_CONFIG_PATH)" if found.config_path else ""
        raise UsageError(
            f"there is no config {default}{why}",
            "start it in your project's folder, or name a config with -c FILE",
        )
    return found, [default]


def _here_or_in(root: Path, path: Path, file: str) -> Path:
    """A file of the working directory, as in any command; else of the project, like all paths."""
    return root / file if not path.exists() and (root / file).exists() else path
