"""Where the project is, and what the environment says: `.env`, then real variables over it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from runner.errors import UsageError

CONFIG_NAME = "luigi.toml"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_OWN = {
    "PROJECT_ROOT",
    "LUIGI_CONFIG_PATH",
    "LUIGI_CONFIG_PARSER",
    "MLFLOW_TRACKING_URI",
    "RUNNER_ARTIFACT_ROOT",
    "RUNNER_LOG_LEVEL",
}
_MARKERS = (CONFIG_NAME, ".env", "pyproject.toml", ".git")
_SECRET_NAME = re.compile(
    r"(?i)secret|token|passw|passphrase|(api|access|secret|_)_?key|credential"
)
_SHORTEST_SECRET = 4  # masking shorter values ("1", "yes") would tear holes into every log line
_HARMLESS = re.compile(r"[A-Za-z_. -]{0,12}|[\d.,:]{0,8}|[^@:]*/[^@:]*")  # words, numbers, paths
_TOLD = "environment"
_WRITTEN = ".env"


@dataclass(frozen=True)
class Settings:
    """What the environment says, read once at the start.

    Attributes:
        root: the project's folder, absolute; every relative path of a config starts here.
        env_file: the `.env` that was found, if any.
        config_path: LUIGI_CONFIG_PATH, absolute, if given.
        tracking_uri: MLFLOW_TRACKING_URI, if given.
        artifact_root: RUNNER_ARTIFACT_ROOT, if given.
        log_level: RUNNER_LOG_LEVEL, a name of `logging`; default WARNING.
        origins: for each variable that was given, `.env` or `environment`.
        secrets: values that must never be written anywhere.
    """

    root: Path
    env_file: Path | None = None
    config_path: Path | None = None
    tracking_uri: str | None = None
    artifact_root: str | None = None
    log_level: str = "WARNING"
    origins: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()


def load(start: Path | None = None, config: Path | None = None) -> Settings:
    """Reads `.env` and the environment, and finds the project's root.

    Values of `.env` that the environment does not have are put there, for the user's own tasks.

    Args:
        start: the folder to look upwards from; default the working directory.
        config: a config file named on the command line; its folder is looked at when nothing
            above `start` looks like a project.

    Raises:
        UsageError: RUNNER_LOG_LEVEL is no level, or PROJECT_ROOT is no folder.
    """
    start = (start or Path.cwd()).resolve()
    env_file = next((d / ".env" for d in _upwards(start) if (d / ".env").is_file()), None)
    written = _read_env(env_file)
    told = {name: value for name, value in os.environ.items() if value}
    origins = {name: _TOLD if name in told else _WRITTEN for name in {*written, *told}}
    for name, value in written.items():
        os.environ.setdefault(name, value)
    values = {**written, **told}
    root = _root(values.get("PROJECT_ROOT"), env_file, start, config)
    level = values.get("RUNNER_LOG_LEVEL", "WARNING").upper()
    if level not in LEVELS:
        raise UsageError(f"RUNNER_LOG_LEVEL is {level!r}, not one of {', '.join(LEVELS)}")
    config_path = values.get("LUIGI_CONFIG_PATH")
    return Settings(
        root=root,
        env_file=env_file,
        config_path=root / Path(config_path).expanduser() if config_path else None,
        tracking_uri=values.get("MLFLOW_TRACKING_URI"),
        artifact_root=values.get("RUNNER_ARTIFACT_ROOT"),
        log_level=level,
        origins={name: origin for name, origin in origins.items() if name in _OWN},
        secrets=tuple(sorted(_secrets(written, told), key=len, reverse=True)),
    )


def url_password(url: str) -> str | None:
    """The password inside a URL such as ``postgresql://user:password@host/db``, if any."""
    try:
        return urlsplit(url).password
    except ValueError:
        return None


def _upwards(folder: Path) -> Iterator[Path]:
    yield folder
    yield from folder.parents


def _read_env(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    from dotenv import dotenv_values

    try:
        found = dotenv_values(path, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: can't be read as UTF-8 text ({error})") from None
    return {name: value for name, value in found.items() if value}


def _root(given: str | None, env_file: Path | None, start: Path, config: Path | None) -> Path:
    if given:
        base = env_file.parent if env_file else start
        root = (base / Path(given).expanduser()).resolve()
        if not root.is_dir():
            raise UsageError(f"PROJECT_ROOT is {given!r}: {root} is not a folder")
        return root
    found = _marked(start)
    if found is None and config is not None and not config.resolve().is_relative_to(start):
        found = _marked(config.resolve().parent) or config.resolve().parent
    return found or start


def _marked(folder: Path) -> Path | None:
    tests = ((d, d / name) for d in _upwards(folder) for name in _MARKERS)
    return next((d for d, marker in tests if marker.exists()), None)


def _secrets(written: Mapping[str, str], told: Mapping[str, str]) -> set[str]:
    hidden = {value for name, value in written.items() if _may_be_secret(name, value)}
    hidden |= {value for name, value in told.items() if _SECRET_NAME.search(name)}
    passwords = (url_password(value) for value in _urls({**written, **told}.values()))
    hidden |= {password for password in passwords if password}
    return {value for value in hidden if len(value) >= _SHORTEST_SECRET}


def _may_be_secret(name: str, value: str) -> bool:
    if name in _OWN:
        return False
    return bool(_SECRET_NAME.search(name)) or not _HARMLESS.fullmatch(value)


def _urls(values: Iterable[str]) -> list[str]:
    return [value for value in values if "://" in value and "@" in value]
