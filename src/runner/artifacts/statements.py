"""What the statements of a module do when it is imported: give names a meaning, or more."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Importing = ast.Import | ast.ImportFrom


def bound_by(statement: ast.stmt) -> set[str]:
    """The names that a statement of a module gives a meaning, through `global` too."""
    bound: set[str] = set()
    waiting: list[tuple[ast.AST, bool]] = [(statement, True)]
    while waiting:
        node, outside = waiting.pop()
        if isinstance(node, ast.Global):
            bound.update(node.names)
        elif isinstance(node, Definition):
            if outside:
                bound.add(node.name)
            outside = False
        elif outside and isinstance(node, Importing):
            bound |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif outside and isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif outside and isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
            bound.update(filter(None, [node.name]))
        waiting.extend((inner, outside) for inner in ast.iter_child_nodes(node))
    return bound


def only_binds(statement: ast.stmt, local: Callable[[str], bool]) -> bool:
    """Whether a statement gives names a meaning and does nothing else."""
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.Pass():
            return True
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return _inert(statement.decorator_list, local, names_count=True)
        case ast.ClassDef(body=body):
            own = {name for inner in body for name in bound_by(inner)}
            return (
                _inert(statement.decorator_list, local, names_count=True)
                and _inert(statement.bases, local)
                and all(only_binds(s, lambda n: n not in own and local(n)) for s in body)
            )
        case ast.Assign(targets=targets, value=value):
            return all(map(_is_plain, targets)) and _inert([value], local)
        case ast.AnnAssign(target=target, value=value):
            return _is_plain(target) and (value is None or _inert([value], local))
        case ast.If(test=test, body=body, orelse=orelse):
            inner = orelse if _is_main(test) else [*body, *orelse]
            return _inert([test], local) and all(only_binds(s, local) for s in inner)
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
            caught = [s for handler in handlers for s in handler.body]
            return all(only_binds(s, local) for s in (*body, *caught, *orelse, *final))
        case ast.Expr():
            return is_constant(statement)
    return False


def _inert(
    values: list[ast.expr], local: Callable[[str], bool], *, names_count: bool = False
) -> bool:
    """Whether evaluating something runs no code of the user's.

    Args:
        names_count: a name alone is called too, as that of a decorator is.
    """
    for value in values:
        if names_count and local(_root(value) or ""):
            return False
        for node in ast.walk(value):
            if isinstance(node, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom):
                return False
            if isinstance(node, ast.Call):
                root = _root(node.func)
                if root is not None and local(root):
                    return False
    return True


def _root(node: ast.AST) -> str | None:
    """The name at the start of ``a.b[0].c()``; None of a literal, ``""`` of anything else."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Name):
        return node.id
    return None if isinstance(node, ast.Constant | ast.JoinedStr) else ""


def _is_plain(target: ast.expr) -> bool:
    if isinstance(target, ast.Tuple | ast.List):
        return all(map(_is_plain, target.elts))
    return isinstance(target, ast.Name) or (
        isinstance(target, ast.Starred) and _is_plain(target.value)
    )


def executed(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that an import executes, at any depth, functions and classes left out."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt):
            yield node
        if isinstance(node, ast.If) and _is_main(node.test):
            waiting.extend(node.orelse)
        elif not isinstance(node, Definition):
            waiting.extend(ast.iter_child_nodes(node))


def _is_main(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and ast.unparse(test.left) == "__name__"


def is_constant(statement: ast.stmt) -> bool:
    """A docstring, or something as idle."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
