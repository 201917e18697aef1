"""A config file made from another one, or from a run, with single values changed."""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from itertools import count, product
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Trivia

from runner.config.document import Document
from runner.config.schema import RUN
from runner.errors import ConfigError, Problem, UsageError
from runner.experiments import files
from runner.experiments.records import Records
from runner.redaction import MASK
from runner.settings import CONFIG_NAME, Settings
from runner.tracking.params import flatten
from runner.tracking.recording import SNAPSHOT_NAME

_BOM = "\ufeff"
_IN_RUN = re.compile(r"/[0-9a-f]{32}/artifacts$")


@dataclass(frozen=True)
class _Source:
    """What is cloned: its text, the file that has it, and the file that clones are named after."""

    text: str
    file: Path
    named_after: Path


def clone(asked: str, changes: Sequence[str], records: Records, settings: Settings) -> Path:
    """Writes the config of a run, or of a file, with changes, under the next free name.

    That is the name of the file with a letter appended, in its folder; of a run that of
    `luigi.toml`, in the project's root. The run's own name is left out.

    Args:
        changes: ``Task.key=value``, as on the command line.

    Raises:
        UsageError: there is no such run, it has no config, or its folder can't be written to.
        ConfigError: the file is no config, or a change does not fit it.
    """
    source = _of_file(asked, settings) if files.is_file(asked) else _of_run(asked, records)
    text = _changed(source, changes, settings)
    if not files.is_file(asked):
        _check_secrets(text, asked)
    files.check_changes(source.file, changes, settings)
    return _written(text, source.named_after)


def _of_file(asked: str, settings: Settings) -> _Source:
    path = files.located(asked, settings).expanduser().resolve()  # `extends` starts there, too
    document = Document(settings.root)
    document.add_file(path)
    if document.problems:
        raise ConfigError(document.problems)
    inside = _IN_RUN.search(path.parent.as_posix())  # of a run, whose files stay as they are
    named_after = settings.root / CONFIG_NAME if inside else path
    with open(path, encoding="utf-8", newline="") as file:
        return _Source(file.read(), path, named_after)


def _of_run(asked: str, records: Records) -> _Source:
    (record,) = records.named([asked])
    record.run.fetch_own(SNAPSHOT_NAME)
    path = record.run.artifact_dir / SNAPSHOT_NAME
    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        text = f"the run {record.shown} has no config to clone: {path} is not there"
        hint = "" if record.task else "the runner did not make this run; name another one"
        raise UsageError(text, hint) from None
    document.get(RUN, {}).pop("run_name", None)  # a name of two runs would mean neither
    head = f"# The config of run {record.shown}.\n\n"
    return _Source(head + tomlkit.dumps(document), path, records.config.root / CONFIG_NAME)


def _changed(source: _Source, changes: Sequence[str], settings: Settings) -> str:
    """The text with the changes made, everything else as it is.

    Raises:
        ConfigError: they are none, or the text can't be changed in this way.
    """
    if not changes:
        return source.text
    wanted = Document(settings.root)
    wanted.override(changes)
    expected = Document(settings.root)
    for section, values in _plain(source.text).items():
        expected.merge((section,), values, source.file.name)
    expected.override(changes)
    if problems := [*wanted.problems, *expected.problems]:
        raise ConfigError(problems)
    bom = _BOM if source.text.startswith(_BOM) else ""
    try:
        document = tomlkit.parse(source.text.removeprefix(_BOM))
        _merge(document, wanted.data)
        text = tomlkit.dumps(document)
        done = _plain(text)
    except (TOMLKitError, ValueError, TypeError) as error:
        done, text = {}, str(error)
    if done != expected.data:
        where = source.named_after.name
        said = "the changes can't be made in its layout; clone it without -o and edit the clone"
        raise ConfigError([Problem(where, "", said)])
    return bom + text


def _plain(text: str) -> dict[str, Any]:
    return tomllib.loads(text.removeprefix(_BOM))


def _merge(table: MutableMapping[str, Any], changes: Mapping[str, Any]) -> None:
    """Tables are merged into tables; anything else replaces what is there."""
    for name, value in changes.items():
        inner = table.get(name)
        if isinstance(value, Mapping) and isinstance(inner, MutableMapping):
            _merge(inner, value)
        elif inner is None:
            table[name] = value
        else:
            table[name] = _in_place_of(inner, value)


def _in_place_of(old: Any, value: Any) -> Any:
    """The value with the comment that stands behind the old one."""
    item = tomlkit.item(value)
    trivia: Trivia | None = getattr(old, "trivia", None)
    if trivia is not None and not isinstance(value, Mapping):
        item.trivia.comment_ws, item.trivia.comment = trivia.comment_ws, trivia.comment
        item.trivia.trail = trivia.trail
    return item


def _check_secrets(text: str, asked: str) -> None:
    hidden = [key for key, value in flatten(_plain(text)) if MASK in value]
    if hidden:
        said = f"the config of {asked} has {MASK} where a secret was: {', '.join(hidden)}"
        raise UsageError(said, f"put it into .env, and give its name: -o '{hidden[0]}=${{NAME}}'")


def _written(text: str, named_after: Path) -> Path:
    for suffix in _suffixes():
        path = named_after.with_name(f"{named_after.stem}{suffix}{named_after.suffix}")
        try:
            with open(path, "x", encoding="utf-8", newline="") as file:
                file.write(text)
            return path
        except FileExistsError:
            continue
        except OSError as error:
            raise UsageError(f"{path} can't be written: {error.strerror}") from None
    raise AssertionError("letters never end")


def _suffixes() -> Iterator[str]:
    """a, b, … z, aa, ab, …"""
    for length in count(1):
        yield from map("".join, product(string.ascii_lowercase, repeat=length))
