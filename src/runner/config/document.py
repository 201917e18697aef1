"""TOML files and overrides, merged into one plain document that remembers where each value is from.

TOML is read by the standard library. luigi's own parser is never given a file: the `toml` package
behind it takes ``a=[1,2`` for ``[1]``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runner.config.schema import SWEEP
from runner.config.values import DEEPEST, TOO_DEEP, parse, plain
from runner.errors import Problem, did_you_mean

COMMAND_LINE = "command line"
PROGRAM = "program"  # gave a table in place of a file,
PROGRAM_OVERRIDES = "overrides"  # or a mapping in place of what stands on the command line
OVERRIDES = (COMMAND_LINE, PROGRAM_OVERRIDES)

Overrides = Sequence[str] | Mapping[str, Any]

_EXTENDS = "extends"
_OPENERS = tuple("[{\"'")  # a value that begins so is meant as TOML, never as a bare word
_LONGEST_KEY = 1000  # characters of a key on the command line
_QUOTES = frozenset("\"'")
_REFUSED = object()  # its problem has been noted


class Document:
    """A tree of plain values under construction.

    Attributes:
        data: section -> key -> value, as TOML gives them.
        origins: `Section.key.…` of each leaf -> the file or layer that set it last, in that order.
        problems: all that went wrong so far.
        notes: what a user should know.
        last: the name of the file that was merged last.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data: dict[str, Any] = {}
        self.origins: dict[str, str] = {}
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.last = "config"
        self._merged: set[Path] = set()

    def problem(self, where: str, key: str, text: str) -> None:
        self.problems.append(Problem(where, key, text))

    def add_file(self, path: Path) -> None:
        """Merges a file, after the files that it extends."""
        found = self._resolved(path, str(path))
        if found is not None:
            self._add(found, ())

    def _add(self, path: Path, above: tuple[Path, ...]) -> None:
        where = self.label(path)
        table = self._read(path, where, f" ({above[-1].name} extends it)" if above else "")
        if table is None:
            return
        for parent in self._parents(path, table.pop(_EXTENDS, []), where):
            chain = (*above, path)
            if parent in chain:
                names = " -> ".join(p.name for p in (*chain, parent))
                self.problem(where, "", f"files extend one another in a circle: {names}")
            elif len(chain) >= DEEPEST:
                self.problem(where, "", f"more than {DEEPEST} files extend one another")
            elif parent not in self._merged:
                # Once only: else it would undo what another file changed that extends it too.
                self._add(parent, chain)
        self._merged.add(path)
        self._add_sections(table, where)

    def add_table(self, table: Mapping[Any, Any], origins: Mapping[str, str]) -> None:
        """Merges what a program gives in place of a file; `extends` starts at the project.

        Args:
            origins: `Section.key` -> where the program has it from.
        """
        table = dict(table)
        for parent in self._parents(self.root / PROGRAM, table.pop(_EXTENDS, []), PROGRAM):
            if parent not in self._merged:
                self._add(parent, ())
        self._add_sections(table, PROGRAM)
        self.origins |= {key: origin for key, origin in origins.items() if key in self.origins}

    def _add_sections(self, table: Mapping[Any, Any], where: str) -> None:
        self.last = where
        for section, values in table.items():
            if isinstance(values, Mapping):
                if section == SWEEP and "space" in values:
                    self._forget(SWEEP, "space")  # a space can be narrowed only as a whole
                self.merge((section,), values, where)
            elif isinstance(values, list) and values and isinstance(values[0], dict):
                self.problem(where, section, "is written as [[…]]; a section is one table, […]")
            else:
                near = did_you_mean(section, [_EXTENDS])
                self.problem(where, "", f"{section!r} stands outside of any [Section]{near}")

    def _parents(self, path: Path, names: Any, where: str) -> list[Path]:
        names = [names] if isinstance(names, str) else names
        if not isinstance(names, list) or not all(isinstance(n, str) and n for n in names):
            self.problem(where, "", f"{_EXTENDS}: expected a list of file names")
            return []
        found = [self._resolved(Path(name), f"{where}: {_EXTENDS}", path.parent) for name in names]
        return [parent for parent in found if parent is not None]

    def _resolved(self, path: Path, where: str, folder: Path | None = None) -> Path | None:
        try:
            return ((folder or Path()) / path.expanduser()).resolve()
        except (ValueError, RuntimeError, OSError):  # a NUL, an unknown ~user, links in a circle
            self.problem(where, "", f"{str(path)!r} is no path of a file")
            return None

    def merge(self, key: tuple[str, ...], value: Any, where: str) -> None:
        """Sets a value; a table is merged into the table that is there, anything else replaces."""
        if not isinstance(key[-1], str) or len(key) > DEEPEST:
            said = TOO_DEEP if len(key) > DEEPEST else f"the key {key[-1]!r} is no string"
            self.problem(where, ".".join(map(str, key[:2])), said)
            return
        target = self.data
        for depth, name in enumerate(key[:-1], start=1):
            target = target.setdefault(name, {})
            if not isinstance(target, dict):
                outer = ".".join(key[:depth])
                self.problem(where, ".".join(key), f"{outer} is a value, not a table of keys")
                return
        if not isinstance(value, Mapping):
            value = self._plain(".".join(key), value, where)
            if value is not _REFUSED:
                self._replace(target, key, value, where)
            return
        if not isinstance(target.get(key[-1]), dict):
            self._replace(target, key, {}, where)
        for name, inner in value.items():
            self.merge((*key, name), inner, where)

    def override(self, changes: Overrides) -> None:
        """Applies ``Task.key=value`` changes, from the command line or a mapping."""
        if isinstance(changes, Mapping):
            where = PROGRAM_OVERRIDES
            pairs = [(dotted(n), n, self._plain(n, v, where)) for n, v in changes.items()]
        else:
            where = COMMAND_LINE
            pairs = [self._split(change) for change in changes]
        for key, name, value in pairs:
            if key is None:
                option = "" if where == PROGRAM_OVERRIDES else "-o "
                form = "Section.key=value" if option else "Section.key"
                self.problem(where, "", f"{option}{name!r}: expected {form}")
            elif value is not _REFUSED:
                self.merge(key, value, where)

    def label(self, path: Path) -> str:
        """A file's name as messages show it: relative to the project where it is inside."""
        return str(path.relative_to(self.root) if path.is_relative_to(self.root) else path)

    def _forget(self, section: str, key: str) -> None:
        table = self.data.get(section)
        if isinstance(table, dict) and table.pop(key, None) is not None:
            name = f"{section}.{key}"
            for old in [k for k in self.origins if k == name or k.startswith(f"{name}.")]:
                del self.origins[old]

    def _replace(
        self, target: dict[str, Any], key: tuple[str, ...], value: Any, where: str
    ) -> None:
        name = ".".join(key)
        if isinstance(target.get(key[-1]), dict):
            for old in [k for k in self.origins if k.startswith(name + ".")]:
                del self.origins[old]
        target[key[-1]] = value
        self.origins.pop(name, None)  # so that it is the last one
        self.origins[name] = where

    def _plain(self, key: str, value: Any, where: str) -> Any:
        try:
            return plain(value)
        except ValueError as error:
            self.problem(where, key, str(error))
            return _REFUSED

    def _read(self, path: Path, where: str, asked: str) -> dict[str, Any] | None:
        try:
            if path.exists() and not path.is_file():
                text = "is a directory" if path.is_dir() else "is not a regular file"
                self.problem(where, "", text)
                return None
            return parse(path.read_bytes().decode("utf-8-sig"))
        except FileNotFoundError:
            self.problem(where, "", f"there is no such file{asked}")
        except UnicodeDecodeError as error:
            self.problem(where, "", f"is not UTF-8 text (byte {error.start})")
        except ValueError as error:
            self.problem(where, "", str(error))
        except OSError as error:
            self.problem(where, "", f"can't be read: {error.strerror}")
        return None

    def _split(self, change: str) -> tuple[tuple[str, ...] | None, str, Any]:
        key, name, text = _at_equals(change)
        if key is None:
            return None, name, _REFUSED
        try:
            parsed = parse(f"value = {text}")
            if set(parsed) == {"value"}:
                return key, name, parsed["value"]
        except ValueError as error:
            if text.lstrip().startswith(_OPENERS):
                self.problem(COMMAND_LINE, "", f"-o {change!r}: the value {error}")
                return key, name, _REFUSED
        if "\n" in text:
            self.problem(COMMAND_LINE, "", f"-o {change!r}: more than one line")
            return key, name, _REFUSED
        return key, name, text


def _at_equals(change: str) -> tuple[tuple[str, ...] | None, str, str]:
    """Key, its text and the value's; the first ``=`` that is not inside of a quoted key."""
    end = change.find("=")
    while end >= 0:
        key = dotted(change[:end]) if end < _LONGEST_KEY else None
        if key is not None:
            return key, change[:end], change[end + 1 :]
        quoted = end < _LONGEST_KEY and _QUOTES.intersection(change[:end])
        end = change.find("=", end + 1) if quoted else -1
    return None, change, ""


def dotted(name: Any) -> tuple[str, ...] | None:
    """The parts of a dotted key with a section and at least one more part."""
    if not isinstance(name, str) or "\n" in name:
        return None
    try:
        table: Any = parse(f"{name} = 0")
        name.encode()
    except ValueError:
        return None
    key = []
    while isinstance(table, dict) and len(table) == 1:
        part, table = next(iter(table.items()))
        key.append(part)
    return tuple(key) if 2 <= len(key) <= DEEPEST and table == 0 else None
