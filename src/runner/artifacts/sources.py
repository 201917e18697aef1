"""The user's own modules, read and indexed: what each binds, and what it does when imported."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path

import runner
from runner.artifacts.contents import Key, key_of
from runner.artifacts.judge import Judge
from runner.artifacts.modules import Modules, is_users_file
from runner.artifacts.statements import (
    Importing,
    absolute,
    bound_by,
    executed,
    is_constant,
    only_binds,
)


@dataclass(frozen=True)
class Source:
    """A module of the user's.

    Attributes:
        binds: name -> the statements that give it a meaning.
        effects: statements that do more than give names a meaning, such as ``REGISTRY["a"] = f``.
        imports: module-level imports, inside of `if` and `try` too.
        stars: modules of which everything is imported.
        tree: the whole of it.
        key: size, times of change and inode of the file when it was read.
        imported: whether it was imported before it was read.
    """

    name: str
    package: str
    path: Path
    binds: Mapping[str, tuple[ast.stmt, ...]]
    effects: tuple[ast.stmt, ...]
    imports: tuple[Importing, ...]
    stars: tuple[str, ...]
    tree: ast.Module
    key: Key
    imported: bool


class Edited(Exception):
    """A module was written after it had been imported: what is read is not what runs."""


class Sources(Modules):
    """Finds and reads modules without importing them; each is read once.

    Args:
        begun: when the imports began, in ns since the epoch.
        loaded: modules that were imported since; others were imported before.
    """

    def __init__(self, begun: int | None = None, loaded: Collection[str] = ()) -> None:
        super().__init__()
        self._begun = begun
        self._loaded = loaded
        self.all = functools.cache(self._all)
        self._before = frozenset(sys.modules) - frozenset(loaded)
        self.of = functools.cache(self._of)

    def _all(self) -> list[str]:
        """All modules of the user's that code could reach by a name that is made up."""
        return self.beside(self._loaded)

    def _of(self, name: str) -> Source | None:
        """The source of one of the user's modules; None for others and for bare folders.

        Raises:
            OSError, SyntaxError, ValueError: it can't be read.
            Edited: it was written after it had been imported.
        """
        path = self.file(name)
        if path is None or not is_users_file(path):
            return None
        key = key_of(path)
        text = path.read_bytes()
        if name in sys.modules:
            begun = runner.IMPORTED if name in self._before else self._begun
            if (begun is not None and max(key[1:3]) > begun) or _runs_otherwise(name, text):
                raise Edited(path.name)
        tree = ast.parse(text)
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        body = [s for s in tree.body if not is_constant(s)]
        binds: dict[str, list[ast.stmt]] = {}
        for statement in body:
            for bound in bound_by(statement):
                binds.setdefault(bound, []).append(statement)
        imports = tuple(s for s in executed(body) if isinstance(s, Importing))
        named = [n for n in imports if isinstance(n, ast.ImportFrom)]
        stars = [absolute(n, package) for n in named if n.names[0].name == "*"]
        found = {name: tuple(statements) for name, statements in binds.items()}
        judge = Judge(self, name, package, found)
        effects = tuple(s for s in body if not only_binds(s, judge))
        rest = (imports, tuple(stars), tree, key, name in sys.modules)
        return Source(name, package, path, found, effects, *rest)


def _runs_otherwise(name: str, text: bytes) -> bool:
    """Whether what was imported is not what is written.

    Python takes a stored bytecode when size and second of the source are as they were.
    """
    spec = getattr(sys.modules[name], "__spec__", None)
    loader = getattr(spec, "loader", None)
    if not isinstance(loader, SourceFileLoader):
        return False
    try:
        return loader.get_code(name) != compile(text, loader.path, "exec", dont_inherit=True)
    except (ImportError, SyntaxError, ValueError):
        return True
