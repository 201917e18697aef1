"""Where the project is, and what the environment says: `.env`, then real variables over it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

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
_MARKERS = (CONFIG_NAME, "pyproject.toml", ".git")
_SECRET_NAME = re.compile(
    r"(?i)secret|token(?!ize)|passw|passphrase|credential|webhook|private|cookie"
    r"|(api|access|secret|_)_?key|_pwd|_dsn|(^|_)(pass|auth|pat)($|_(?!sock))"
)
_SHORTEST_SECRET = 4  # masking shorter values ("1", "yes") would tear holes into every log line
# No secrets, whatever they are called, and found inside of much else.
_WORDS = frozenset(
    "true false none null auto default yes on off postgres mysql mlflow root admin user "
    "password secret token test runner luigi".split()
)
# What .env may hold that is no secret whatever it is called: words, numbers, dates and paths.
_HARMLESS = re.compile(
    r"[A-Za-z_. -]{0,12}|[\d.,:]{0,8}|[+-]?\d{0,4}(\.\d{1,6})?(e[+-]?\d{1,2})?"
    r"|\d{4}-\d\d-\d\d|[^@:]*/[^@:]*"
)
_PASSWORD = re.compile(r"://[^/\s:@]*:([^@\s]+)@")  # up to the first @ …
_GREEDY_PASSWORD = re.compile(r"://[^/\s:@]*:(\S+)@")  # … and to the last
_TOLD = "environment"
_WRITTEN = ".env"
# Set by libraries when they are imported, and read by their native parts for as long as they live.
_OF_LIBRARIES = "KMP_"

#: What `load` itself put into the environment: the next one must not take it for said by the user.
_lent: dict[str, str] = {}


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
        UsageError: `.env` can't be read, RUNNER_LOG_LEVEL is no level, or a path is none.
    """
    start = _folder(start)
    _withdraw()
    env_file = next((d / ".env" for d in _upwards(start) if (d / ".env").is_file()), None)
    written = _read_env(env_file)
    told = {name: value for name, value in os.environ.items() if value}
    origins = {name: _TOLD if name in told else _WRITTEN for name in {*written, *told}}
    _lend({name: value for name, value in written.items() if name not in told}, env_file)
    values = {**written, **told}
    base = start if "PROJECT_ROOT" in told or env_file is None else env_file.parent
    root = _root(values.get("PROJECT_ROOT"), base, start, config)
    level = values.get("RUNNER_LOG_LEVEL", "WARNING").upper()
    if level not in LEVELS:
        raise UsageError(f"RUNNER_LOG_LEVEL is {level!r}, not one of {', '.join(LEVELS)}")
    config_path = values.get("LUIGI_CONFIG_PATH")
    return Settings(
        root=root,
        env_file=env_file,
        config_path=root / _home(config_path, "LUIGI_CONFIG_PATH") if config_path else None,
        tracking_uri=values.get("MLFLOW_TRACKING_URI"),
        artifact_root=values.get("RUNNER_ARTIFACT_ROOT"),
        log_level=level,
        origins={name: origin for name, origin in origins.items() if name in _OWN},
        secrets=tuple(sorted(_secrets(written, told), key=len, reverse=True)),
    )


def started_with() -> dict[str, str]:
    """The environment that the process was given: without what `load` put there from `.env`."""
    return {name: value for name, value in os.environ.items() if _lent.get(name) != value}


def lent() -> dict[str, str]:
    """What `load` put into the environment from `.env`."""
    return dict(_lent)


@contextmanager
def environment_kept() -> Iterator[None]:
    """Sets `os.environ` back, and what `load` has put there."""
    before, lent_before = dict(os.environ), lent()
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            if not name.startswith(_OF_LIBRARIES):
                del os.environ[name]
        changed = {name: value for name, value in before.items() if os.environ.get(name) != value}
        os.environ.update(changed)
        _lent.clear()
        _lent.update(lent_before)


def _folder(start: Path | None) -> Path:
    try:
        return (start or Path.cwd()).resolve()
    except OSError as error:
        raise UsageError(f"the working directory can't be read: {error.strerror}") from None


def _upwards(folder: Path) -> Iterator[Path]:
    yield folder
    yield from folder.parents


def _read_env(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    from dotenv import dotenv_values

    try:
        found = dotenv_values(path, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: can't be read as UTF-8 text ({error})") from None
    return {name: value for name, value in found.items() if value}


def _withdraw() -> None:
    """Takes back what an earlier call lent to the environment, if nobody changed it since."""
    for name, value in _lent.items():
        if os.environ.get(name) == value:
            del os.environ[name]
    _lent.clear()


def _lend(values: Mapping[str, str], source: Path | None) -> None:
    for name, value in values.items():
        if name in os.environ:
            continue
        try:
            os.environ[name] = value
        except (ValueError, OSError):
            raise UsageError(f"{source}: {name!r} can't be set in an environment") from None
        _lent[name] = value


def _home(path: str, variable: str) -> Path:
    if not path.isprintable():
        raise UsageError(f"{variable} is {path!r}, which is no path")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{variable} is {path!r}: {error}") from None


def _root(given: str | None, base: Path, start: Path, config: Path | None) -> Path:
    if given:
        root = (base / _home(given, "PROJECT_ROOT")).resolve()
        if not root.is_dir():
            raise UsageError(f"PROJECT_ROOT is {given!r}: {root} is not a folder")
        return root
    found = project_of(start)
    if found is None and config is not None and not config.resolve().is_relative_to(start):
        found = project_of(config.resolve().parent) or config.resolve().parent
    return found or start


def project_of(folder: Path) -> Path | None:
    """The nearest folder, upwards, that something marks as a project's; None when there is none."""
    # A folder called .env is a virtual environment and marks nothing.
    return next(
        (
            d
            for d in _upwards(folder)
            if (d / ".env").is_file() or any((d / name).exists() for name in _MARKERS)
        ),
        None,
    )


def _secrets(written: Mapping[str, str], told: Mapping[str, str]) -> set[str]:
    hidden = {value for name, value in written.items() if _may_be_secret(name, value)}
    hidden |= {v for name, v in told.items() if name not in _OWN and _SECRET_NAME.search(name)}
    for value in (*written.values(), *told.values()):
        hidden |= {*_PASSWORD.findall(value), *_GREEDY_PASSWORD.findall(value)}
    return {v for v in hidden if len(v) >= _SHORTEST_SECRET and v.casefold() not in _WORDS}


def _may_be_secret(name: str, value: str) -> bool:
    if name in _OWN:
        return False
    return bool(_SECRET_NAME.search(name)) or not _HARMLESS.fullmatch(value)
