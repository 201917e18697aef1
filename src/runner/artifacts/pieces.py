"""Source code as named pieces, without comments, formatting and docstrings."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from runner.artifacts.statements import Definition, Importing

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def pieces_of(module: str, name: str, statement: ast.stmt) -> Iterator[tuple[str, str]]:
    """A statement that binds a name; a class by its methods, so that a change can be named."""
    if isinstance(statement, Importing):
        return
    where = f"{module}.{statement.name if isinstance(statement, Definition) else name}"
    if isinstance(statement, ast.ClassDef):
        for inner in statement.body:
            if isinstance(inner, _Function):
                yield f"{where}.{inner.name}", plain(inner)
        rest = [inner for inner in statement.body if not isinstance(inner, _Function)]
        shell = ast.ClassDef(**{**vars(statement), "body": rest or [ast.Pass()]})
        yield where, plain(shell)
    else:
        yield where, plain(statement)


def plain(node: ast.AST) -> str:
    """Normalised source of a node."""
    copy = ast.parse(ast.unparse(ast.fix_missing_locations(node)))
    for inner in ast.walk(copy):
        if isinstance(inner, Definition | ast.Module):
            documented = ast.get_docstring(inner, clean=False) is not None
            inner.body = (inner.body[1:] if documented else inner.body) or [ast.Pass()]
    return ast.unparse(copy)
