"""The user's own modules, read and indexed: what each binds, and what it does when imported."""

from __future__ import annotations

import ast
import builtins
import functools
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from runner.artifacts.contents import Key, digest, key_of
from runner.artifacts.statements import Importing, bound_by, executed, is_constant, only_binds

_FOREIGN = ("site-packages", "dist-packages")
_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})
_OWN = str(Path(__file__).parents[1])
_DYNAMIC_BUILTINS = frozenset({"eval", "exec", "__import__", "setattr", "delattr"})
_CONSTRUCTORS = frozenset("__init__ __new__ __post_init__ model_post_init".split())


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


class Edited(Exception):
    """A module was written after it had been imported: what is read is not what runs."""


class Sources:
    """Finds and reads modules without importing them; each is read once.

    Args:
        begun: when the imports began, in ns since the epoch.
    """

    def __init__(self, begun: int | None = None) -> None:
        self._begun = begun
        self.of = functools.cache(self._of)
        self.is_module = functools.cache(self._is_module)
        self.is_users = functools.cache(self._is_users)
        self._spec = functools.cache(_spec)

    def _of(self, name: str) -> Source | None:
        """The source of one of the user's modules; None for others and for bare folders.

        Raises:
            OSError, SyntaxError, ValueError: it can't be read.
            Edited: it was written after it had been imported.
        """
        path = self._file(name)
        if path is None or not _users(path):
            return None
        key = key_of(path)
        if self._begun is not None and name in sys.modules and key[1] > self._begun:
            raise Edited(path.name)
        tree = ast.parse(path.read_bytes())
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
        local = functools.partial(self._is_local, name, found, package)
        effects = tuple(s for s in body if not only_binds(s, local))
        return Source(name, package, path, found, effects, imports, tuple(stars), tree, key)

    def all(self) -> list[str]:
        """Every module of the packages, and every single module, of which one was imported."""
        tops = {n.partition(".")[0] for n in list(sys.modules) if self.is_users(n)}
        found = set(tops)
        for top in tops:
            for folder in getattr(sys.modules.get(top), "__path__", ()):
                for path in Path(folder).rglob("*.py"):
                    parts = (top, *path.relative_to(folder).with_suffix("").parts)
                    found.add(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
        return sorted(found)

    def compiled(self, name: str) -> str | None:
        """The digest of one of the user's modules that is no source file.

        Raises:
            OSError: it can't be read.
        """
        module, spec = sys.modules.get(name), self._spec(name)
        origin = getattr(module, "__file__", None) or (spec.origin if spec else None)
        if not isinstance(origin, str) or origin.endswith(".py") or not self.is_users(name):
            return None
        return digest(Path(origin)) if Path(origin).is_file() else None

    def _is_module(self, name: str) -> bool:
        return name in sys.modules or self._spec(name) is not None

    def _is_users(self, name: str) -> bool:
        """Whether a module, or the package of folders that it is in, is the user's."""
        return bool(name) and any(_users(place) for place in self._places(name))

    def _file(self, name: str) -> Path | None:
        """The source file of a module, whether it was imported or not."""
        module = sys.modules.get(name)
        origin = getattr(module, "__file__", None)
        if module is None:
            spec = self._spec(name)
            origin = spec.origin if spec else None
        return Path(origin) if isinstance(origin, str) and origin.endswith(".py") else None

    def _places(self, name: str) -> list[Path]:
        module, spec = sys.modules.get(name), self._spec(name)
        origin = getattr(module, "__file__", None) or (spec.origin if spec else None)
        inside = spec.submodule_search_locations if spec else None
        folders = getattr(module, "__path__", None) or inside or ()
        found = [origin, *folders] if spec is None or spec.has_location or folders else []
        return [Path(place) for place in found if isinstance(place, str)]

    def _is_local(
        self, module: str, binds: Mapping[str, tuple[ast.stmt, ...]], package: str, name: str
    ) -> bool:
        """Whether calling what has this name could run code of the user's."""
        bound = binds.get(name)
        if bound is None:
            return name in _DYNAMIC_BUILTINS or not hasattr(builtins, name)
        if self._is_quiet(getattr(sys.modules.get(module), name, None)):
            return False
        return not all(
            isinstance(statement, Importing) and not self._from_user(statement, package)
            for statement in bound
        )

    def _is_quiet(self, value: object) -> bool:
        """Whether a class can be called without running a function of the user's."""
        if not isinstance(value, type) or self.is_users(type(value).__module__):
            return False
        own = [vars(cls) for cls in value.__mro__ if self.is_users(cls.__module__)]
        made = [members[name] for members in own for name in _CONSTRUCTORS & members.keys()]
        codes = [getattr(getattr(m, "__func__", m), "__code__", None) for m in made]
        # that of a dataclass is made from a string, that of an enum stands in the library
        files = [code.co_filename if code else "" for code in codes]
        return all(file == "<string>" or (file and not _users(Path(file))) for file in files)

    def _from_user(self, node: Importing, package: str) -> bool:
        if isinstance(node, ast.Import):
            return any(self.is_users(alias.name.partition(".")[0]) for alias in node.names)
        return self.is_users(absolute(node, package).partition(".")[0])


def absolute(node: ast.ImportFrom, package: str) -> str:
    """The module that ``from … import`` names."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - node.level + 1])
    return f"{base}.{node.module}" if node.module else base


def _spec(name: str) -> ModuleSpec | None:
    """Where a module would be imported from; the packages above it are not imported to tell."""
    spec: ModuleSpec | None = None
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        above = sys.modules.get(".".join(parts[: depth - 1]))
        folders = getattr(above, "__path__", None)
        if folders is None and spec is not None:
            folders = spec.submodule_search_locations
        if depth > 1 and folders is None:
            return None
        try:
            spec = PathFinder.find_spec(".".join(parts[:depth]), folders and list(folders))
        except (ImportError, ValueError):
            return None
        if spec is None:
            return None
    return spec


def _users(path: Path) -> bool:
    text = f"{path}/"
    foreign = any(part in path.parts for part in _FOREIGN)
    return not foreign and not text.startswith((_OWN + "/", *(f"{i}/" for i in _INSTALLED)))
