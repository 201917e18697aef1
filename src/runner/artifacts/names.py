"""What a piece of code names."""

from __future__ import annotations

import ast
import weakref
from collections.abc import Iterator
from dataclasses import dataclass

from runner.artifacts.statements import Importing


@dataclass(frozen=True)
class Named:
    """What a piece of code names.

    Attributes:
        chains: names with the attributes that are asked of them: ``("a", "b", "c")``.
        words: every name and every attribute.
        handed_on: chains that are named without being called.
        imports: import statements inside.
    """

    chains: frozenset[tuple[str, ...]]
    words: frozenset[str]
    handed_on: frozenset[tuple[str, ...]]
    imports: tuple[Importing, ...]


#: What was found before, for as long as the tree is there: until the next run reads the code.
_known: weakref.WeakKeyDictionary[ast.AST, Named] = weakref.WeakKeyDictionary()


def named_in(node: ast.AST) -> Named:
    """All that is named anywhere in a piece of code, in its quoted annotations too."""
    if node not in _known:
        _known[node] = _named_in(node)
    return _known[node]


def _named_in(node: ast.AST) -> Named:
    chains: set[tuple[str, ...]] = set()
    handed_on: set[tuple[str, ...]] = set()
    called: set[int] = set()
    attributes: set[str] = set()
    imports: list[Importing] = []
    waiting: list[ast.AST] = [node]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, ast.Attribute):
            attributes.add(inner.attr)
        elif isinstance(inner, Importing):
            imports.append(inner)
            attributes.update(alias.name.rpartition(".")[2] for alias in inner.names)
        elif isinstance(inner, ast.keyword) and inner.arg:
            attributes.add(inner.arg)
        elif isinstance(inner, ast.Call):
            called.add(id(inner.func))
        attributes.update(_asked_by_string(inner))
        waiting.extend(_quoted(inner))
        chain = _chain(inner)
        if chain is None:
            waiting.extend(ast.iter_child_nodes(inner))
        else:
            chains.add(chain)
            if id(inner) not in called:
                handed_on.add(chain)
            attributes.update(chain[1:])
    words = attributes | {chain[0] for chain in chains}
    return Named(frozenset(chains), frozenset(words), frozenset(handed_on), tuple(imports))


def _chain(node: ast.AST) -> tuple[str, ...] | None:
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else None


def _asked_by_string(node: ast.AST) -> Iterator[str]:
    """``getattr(task, "requires")`` and ``attrgetter("requires")``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        if name in ("getattr", "attrgetter", "methodcaller"):
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield from argument.value.split(".")


def _quoted(node: ast.AST) -> Iterator[ast.AST]:
    """Annotations that are written as strings."""
    for field in ("annotation", "returns"):
        written = getattr(node, field, None)
        for inner in ast.walk(written) if isinstance(written, ast.AST) else ():
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                try:
                    yield ast.parse(inner.value, mode="eval").body
                except (SyntaxError, ValueError):
                    continue
