"""Where names lead: from a piece of code to the module in which they are given a meaning."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from runner.artifacts.sources import Source, Sources
from runner.artifacts.statements import Importing, absolute, bound_by

WHOLE = "*"  # all that a module defines

Place = tuple[str, str]  # a module, and a name in it


def resolved(
    sources: Sources, source: Source, chain: tuple[str, ...], inside: Iterable[Importing]
) -> Iterator[Place]:
    """The places of a name with the attributes that are asked of it.

    Args:
        inside: imports in the same piece of code, in a function for instance.
    """
    bound = source.binds.get(chain[0], ())
    local = [node for node in inside if chain[0] in bound_by(node)]
    imports = [*local, *(s for s in bound if isinstance(s, Importing))]
    if not imports or len(imports) < len(local) + len(bound):  # not imported alone
        yield source.name, chain[0]
    for node in imports:
        yield from imported(sources, source, node, chain)


def imported(
    sources: Sources, source: Source, node: Importing, chain: tuple[str, ...]
) -> Iterator[Place]:
    """The places of an imported name, with what is asked of it."""
    for alias in node.names:
        bound = alias.asname or alias.name.partition(".")[0]
        if bound != chain[0]:
            continue
        if isinstance(node, ast.Import):
            start = alias.name if alias.asname else bound
            yield from _inside(sources, start, chain[1:])
        else:
            above = absolute(node, source.package)
            yield from _inside(sources, above, (alias.name, *chain[1:]))


def imported_by(source: Source, nodes: Iterable[Importing]) -> Iterator[str]:
    """The modules that import statements name, and what could be one."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            above = absolute(node, source.package)
            yield above
            yield from (f"{above}.{alias.name}" for alias in node.names)


def _inside(sources: Sources, module: str, rest: tuple[str, ...]) -> Iterator[Place]:
    """Where ``module.a.b`` leads: a name and a module in a package may be called the same."""
    while sources.is_users(module):
        if not rest:
            yield module, WHOLE
            return
        source = sources.of(module)
        deeper = sources.is_module(f"{module}.{rest[0]}")
        if source is not None and (rest[0] in source.binds or not deeper):
            can_tell = rest[0] in source.binds or source.stars or "__getattr__" in source.binds
            yield module, rest[0] if can_tell else WHOLE
        if not deeper:
            return
        module, rest = f"{module}.{rest[0]}", rest[1:]
