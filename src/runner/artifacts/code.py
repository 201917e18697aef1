"""The code that a task names: its class and, from there by name, what the project defines.

The walk reads source files and follows names: through functions, classes, constants and imports
of the project's own modules, and ends at other tasks, which count by what they output. What comes
out is the source without comments, docstrings and formatting, piece by piece.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_WHOLE = "*"  # stands for all that a module defines

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class _Module:
    """A module of the project, read and indexed."""

    name: str
    package: str
    tree: ast.Module
    binds: Mapping[str, tuple[ast.stmt, ...]]
    stars: tuple[str, ...]


class CodeReader:
    """Reads the code of tasks.

    Args:
        root: the project's folder; only code inside of it counts.
        ends: says of a module and a name in it whether that is a task, where a walk ends.
    """

    def __init__(self, root: Path, ends: Callable[[str, str], bool]) -> None:
        self._root = root
        self._ends = ends
        self._module = functools.cache(self._read)

    def of(self, cls: type) -> dict[str, str] | None:
        """The pieces of code that a class reaches: dotted name -> normalised source.

        None when the class itself has no source file in the project, as in a notebook.
        """
        if self._module(cls.__module__) is None or "<locals>" in cls.__qualname__:
            return None
        own = {(c.__module__, c.__qualname__.partition(".")[0]) for c in inspect.getmro(cls)}
        pieces: dict[str, str] = {}
        seen: set[tuple[str, str]] = set()
        waiting = [(cls.__module__, cls.__qualname__.partition(".")[0])]
        while waiting:
            place = waiting.pop()
            if place in seen:
                continue
            seen.add(place)
            module = self._module(place[0])
            if module is None:
                continue
            if place not in own and self._ends(*place):
                pieces[f"{place[0]}.{place[1]}"] = "task"
                continue
            if place[1] == _WHOLE:
                waiting.extend((module.name, name) for name in module.binds)
            for statement in module.binds.get(place[1], ()):
                for name, text in _pieces(module.name, place[1], statement):
                    pieces[name] = f"{pieces[name]}\n{text}" if name in pieces else text
                waiting.extend(self._named(module, statement))
            waiting.extend((star, place[1]) for star in module.stars)
        return dict(sorted(pieces.items()))

    def _named(self, module: _Module, statement: ast.stmt) -> Iterator[tuple[str, str]]:
        """What a statement names: (module, name) pairs, most of which lead nowhere."""
        local = {
            alias.asname or alias.name.partition(".")[0]: node
            for node in ast.walk(statement)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        for chain in _chains(statement):
            bound = [*module.binds.get(chain[0], ()), *filter(None, [local.get(chain[0])])]
            imports = [b for b in bound if isinstance(b, ast.Import | ast.ImportFrom)]
            if len(imports) < len(bound) or not bound:
                yield module.name, chain[0]
            for found in imports:
                yield from self._imported(module, found, chain)
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for alias in statement.names:
                name = alias.asname or alias.name.partition(".")[0]
                yield from self._imported(module, statement, [name])

    def _imported(
        self, module: _Module, node: ast.Import | ast.ImportFrom, chain: list[str]
    ) -> Iterator[tuple[str, str]]:
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            if bound != chain[0]:
                continue
            if isinstance(node, ast.Import):
                start = alias.name if alias.asname else bound
                yield self._inside(start, chain[1:])
                continue
            source = _absolute(node, module.package)
            if self._module(f"{source}.{alias.name}") is not None:
                yield self._inside(f"{source}.{alias.name}", chain[1:])
            else:
                yield source, alias.name

    def _inside(self, module: str, rest: list[str]) -> tuple[str, str]:
        """Where ``module.a.b`` leads: as deep as there are modules, then to a name."""
        while rest and self._module(f"{module}.{rest[0]}") is not None:
            module, rest = f"{module}.{rest[0]}", rest[1:]
        return module, rest[0] if rest else _WHOLE

    def _read(self, name: str) -> _Module | None:
        path = _source_file(name)
        if path is None or "site-packages" in path.parts or not path.is_relative_to(self._root):
            return None
        try:
            tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):
            return None
        binds: dict[str, list[ast.stmt]] = {}
        for statement in tree.body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue  # a docstring
            for bound in _bound_by(statement) or {_WHOLE}:
                binds.setdefault(bound, []).append(statement)
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        stars = [
            _absolute(s, package)
            for s in tree.body
            if isinstance(s, ast.ImportFrom) and s.names[0].name == "*"
        ]
        return _Module(name, package, tree, {k: tuple(v) for k, v in binds.items()}, tuple(stars))


def _source_file(name: str) -> Path | None:
    module = sys.modules.get(name)
    origin = getattr(module, "__file__", None)
    if module is None:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError, AttributeError):
            return None
        origin = spec.origin if spec else None
    return Path(origin) if origin and origin.endswith(".py") else None


def _pieces(module: str, name: str, statement: ast.stmt) -> Iterator[tuple[str, str]]:
    """A statement as named pieces; a class by its methods, so that a change can be named."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return
    where = f"{module}.{statement.name if isinstance(statement, _Definition) else name}"
    if isinstance(statement, ast.ClassDef):
        for inner in statement.body:
            if isinstance(inner, _Function):
                yield f"{where}.{inner.name}", _plain(inner)
        rest = [inner for inner in statement.body if not isinstance(inner, _Function)]
        shell = ast.ClassDef(**{**vars(statement), "body": rest or [ast.Pass()]})
        yield where, _plain(shell)
    else:
        yield where, _plain(statement)


def _plain(node: ast.AST) -> str:
    copy = ast.parse(ast.unparse(ast.fix_missing_locations(node)))
    for inner in ast.walk(copy):
        if isinstance(inner, _Definition) and ast.get_docstring(inner, clean=False) is not None:
            inner.body = inner.body[1:] or [ast.Pass()]
    return ast.unparse(copy)


def _chains(statement: ast.stmt) -> Iterator[list[str]]:
    """Every name in a statement, with the attributes that are asked of it: ``a.b.c``."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        chain = _chain(node)
        if chain is not None:
            yield chain
        else:
            waiting.extend(ast.iter_child_nodes(node))


def _chain(node: ast.AST) -> list[str] | None:
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else None


def _bound_by(statement: ast.stmt) -> set[str]:
    """The names that a statement of a module gives a meaning, inside of `if` and `try` too."""
    bound: set[str] = set()
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _Definition):
            bound.add(node.name)
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        waiting.extend(ast.iter_child_nodes(node))
    return bound


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - node.level + 1])
    return f"{base}.{node.module}" if node.module else base
