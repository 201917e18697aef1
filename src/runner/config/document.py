"""TOML files and overrides, merged into one plain document that remembers where each value is from.

TOML is read by the standard library. luigi's own parser is never given a file: the `toml` package
behind it takes ``a=[1,2`` for ``[1]``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runner.errors import Problem

COMMAND_LINE = "command line"

Overrides = Sequence[str] | Mapping[str, Any]

_DEEPEST = 50  # files that extend files, and tables in tables
_TOO_DEEP = "is nested too deeply"
_OPENERS = tuple("[{\"'")  # a value that begins so is meant as TOML, never as a bare word


class Document:
    """A tree of plain values under construction.

    Attributes:
        data: section -> key -> value, as TOML gives them.
        origins: `Section.key.…` of each leaf -> the file or layer that set it last.
        problems: all that went wrong so far.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data: dict[str, Any] = {}
        self.origins: dict[str, str] = {}
        self.problems: list[Problem] = []

    def problem(self, where: str, key: str, text: str) -> None:
        self.problems.append(Problem(where, key, text))

    def add_file(self, path: Path, *, above: tuple[Path, ...] = ()) -> None:
        """Merges a file, after the files that it extends."""
        path = path.resolve()
        where = self.label(path)
        if path in above or len(above) >= _DEEPEST:
            chain = " -> ".join(p.name for p in (*above, path))
            self.problem(where, "", f"files extend one another in a circle: {chain}")
            return
        table = self._read(path, where)
        if table is None:
            return
        parents = table.pop("extends", [])
        parents = [parents] if isinstance(parents, str) else parents
        if not isinstance(parents, list) or not all(isinstance(p, str) for p in parents):
            self.problem(where, "", "extends: expected a list of file names")
            parents = []
        for parent in parents:
            self.add_file(path.parent / Path(parent).expanduser(), above=(*above, path))
        for section, values in table.items():
            if isinstance(values, dict):
                self.merge((section,), values, where)
            else:
                self.problem(where, "", f"{section!r} stands outside of any [Section]")

    def merge(self, key: tuple[str, ...], value: Any, where: str) -> None:
        """Sets a value; a table is merged into the table that is there, anything else replaces."""
        target = self.data
        for depth, name in enumerate(key[:-1], start=1):
            target = target.setdefault(name, {})
            if not isinstance(target, dict):
                outer = ".".join(key[:depth])
                self.problem(where, ".".join(key), f"{outer} is a value, not a table of keys")
                return
        if not isinstance(value, dict):
            self._replace(target, key, value, where)
            return
        if not isinstance(target.get(key[-1]), dict):
            self._replace(target, key, {}, where)
        for name, inner in value.items():
            self.merge((*key, name), inner, where)

    def override(self, changes: Overrides) -> None:
        """Applies ``Task.key=value`` changes, from the command line or a mapping."""
        pairs = changes.items() if isinstance(changes, Mapping) else map(self._split, changes)
        for pair in pairs:
            if pair is None:
                continue
            name, value = pair
            key = self._dotted(name)
            if key is not None:
                self.merge(key, value, COMMAND_LINE)

    def label(self, path: Path) -> str:
        """A file's name as messages show it: relative to the project where it is inside."""
        return str(path.relative_to(self.root) if path.is_relative_to(self.root) else path)

    def _replace(self, target: dict[str, Any], key: tuple[str, ...], value: Any, where: str) -> None:
        target[key[-1]] = value
        name = ".".join(key)
        for old in [k for k in self.origins if k.startswith(name + ".")]:
            del self.origins[old]
        self.origins[name] = where

    def _read(self, path: Path, where: str) -> dict[str, Any] | None:
        try:
            if path.exists() and not path.is_file():
                text = "is a directory" if path.is_dir() else "is not a regular file"
                self.problem(where, "", text)
                return None
            table = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
            if not _too_deep(table):
                return table
            self.problem(where, "", _TOO_DEEP)
        except FileNotFoundError:
            self.problem(where, "", "there is no such file")
        except UnicodeDecodeError as error:
            self.problem(where, "", f"is not UTF-8 text (byte {error.start})")
        except RecursionError:
            self.problem(where, "", _TOO_DEEP)
        except ValueError as error:
            self.problem(where, "", f"is not valid TOML: {error}")
        except OSError as error:
            self.problem(where, "", f"can't be read: {error.strerror}")
        return None

    def _split(self, change: str) -> tuple[str, Any] | None:
        name, equals, text = change.partition("=")
        if not equals:
            self.problem(COMMAND_LINE, "", f"-o {change!r}: expected Section.key=value")
            return None
        try:
            parsed = tomllib.loads(f"value = {text}")
            if set(parsed) == {"value"} and not _too_deep(parsed):
                return name.strip(), parsed["value"]
        except (ValueError, RecursionError) as error:
            if text.lstrip().startswith(_OPENERS):
                self.problem(COMMAND_LINE, "", f"-o {change!r}: not a TOML value: {error}")
                return None
        if "\n" in text:
            self.problem(COMMAND_LINE, "", f"-o {change!r}: more than one line")
            return None
        return name.strip(), text

    def _dotted(self, name: str) -> tuple[str, ...] | None:
        try:
            table: Any = tomllib.loads(f"{name} = 0") if "\n" not in name else {}
        except (ValueError, RecursionError):
            table = {}
        key = []
        while isinstance(table, dict) and len(table) == 1:
            part, table = next(iter(table.items()))
            key.append(part)
        if not 2 <= len(key) <= _DEEPEST or table != 0:
            self.problem(COMMAND_LINE, "", f"-o {name!r}: expected Section.key=value")
            return None
        return tuple(key)


def _too_deep(value: Any) -> bool:
    """Whether tables and lists stand inside one another more than `_DEEPEST` times."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True
