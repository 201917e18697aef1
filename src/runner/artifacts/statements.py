"""What the statements of a module do when it is imported: give names a meaning, or more."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

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
        elif outside and isinstance(node, ast.MatchMapping):
            bound.update(filter(None, [node.rest]))
        waiting.extend((inner, outside) for inner in ast.iter_child_nodes(node))
    return bound


class Judging(Protocol):
    """Knows what the names of a module stand for; see `judge.Judge`."""

    def calls(self, name: str, attribute: str | None) -> bool: ...
    def hands_on(self, name: str, attribute: str | None) -> bool: ...


@dataclass(frozen=True)
class _InClass:
    """In the body of a class, its own names are asked first."""

    outside: Judging
    own: frozenset[str]

    def calls(self, name: str, attribute: str | None) -> bool:
        return name not in self.own and self.outside.calls(name, attribute)

    def hands_on(self, name: str, attribute: str | None) -> bool:
        return name not in self.own and self.outside.hands_on(name, attribute)


def only_binds(statement: ast.stmt, judge: Judging) -> bool:
    """Whether a statement gives names a meaning and does nothing else."""
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.Pass():
            return True
        case ast.FunctionDef(args=args) | ast.AsyncFunctionDef(args=args):
            return _decorates_quietly(statement.decorator_list, judge) and _inert([args], judge)
        case ast.ClassDef(body=body):
            own = frozenset(name for inner in body for name in bound_by(inner))
            outside = [*statement.bases, *(keyword.value for keyword in statement.keywords)]
            return (
                _decorates_quietly(statement.decorator_list, judge)
                and _inert(outside, judge)
                and all(only_binds(s, _InClass(judge, own)) for s in body)
            )
        case ast.Assign(targets=targets, value=value):
            return all(map(_is_plain, targets)) and _inert([value], judge)
        case ast.AnnAssign(target=target, value=value):
            return _is_plain(target) and (value is None or _inert([value], judge))
        case ast.If(test=test, body=body, orelse=orelse):
            inner = orelse if _is_main(test) else [*body, *orelse]
            return _inert([test], judge) and all(only_binds(s, judge) for s in inner)
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
            caught = [s for handler in handlers for s in handler.body]
            types = [handler.type for handler in handlers if handler.type]
            inner = [*body, *caught, *orelse, *final]
            return _inert(types, judge) and all(only_binds(s, judge) for s in inner)
        case ast.Expr():
            return is_constant(statement)
    return False


def _decorates_quietly(decorators: list[ast.expr], judge: Judging) -> bool:
    """A decorator is called by its name alone."""
    called = [_called(node) for node in decorators]
    return _inert(decorators, judge) and not any(judge.calls(*name) for name in called if name)


def _inert(nodes: Sequence[ast.AST], judge: Judging) -> bool:
    """Whether evaluating something runs no code of the user's."""
    waiting = [(node, False) for node in nodes]
    while waiting:
        node, handed_on = waiting.pop()
        if isinstance(node, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom):
            return False
        if isinstance(node, ast.Call):
            name = _called(node.func)
            if name is not None and judge.calls(*name):
                return False
            waiting.append((node.func, handed_on))
            waiting.extend((inner, True) for inner in (*node.args, *node.keywords))
        elif isinstance(node, ast.Lambda) and not handed_on:
            waiting.append((node.args, False))
        else:
            name = _called(node) if isinstance(node, ast.Name | ast.Attribute) else None
            if name is not None and handed_on and judge.hands_on(*name):
                return False
            waiting.extend((inner, handed_on) for inner in ast.iter_child_nodes(node))
    return True


def _called(node: ast.AST) -> tuple[str, str | None] | None:
    """The name at the start of ``a.b[0].c()`` and the last attribute; None of a literal."""
    attribute = node.attr if isinstance(node, ast.Attribute) else None
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
        if not isinstance(node, ast.Name | ast.Constant | ast.JoinedStr) and attribute:
            attribute = ""  # of something that is not known
    if isinstance(node, ast.Name):
        return node.id, attribute
    return None if isinstance(node, ast.Constant | ast.JoinedStr) else ("", attribute)


def _is_plain(target: ast.expr) -> bool:
    if isinstance(target, ast.Tuple | ast.List):
        return all(map(_is_plain, target.elts))
    return isinstance(target, ast.Name) or (
        isinstance(target, ast.Starred) and _is_plain(target.value)
    )


def executed(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that an import executes, at any depth, functions left out."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt):
            yield node
        if isinstance(node, ast.If) and _is_main(node.test):
            waiting.extend(node.orelse)
        elif isinstance(node, ast.ClassDef):
            waiting.extend(node.body)
        elif not isinstance(node, Definition):
            waiting.extend(ast.iter_child_nodes(node))


def _is_main(test: ast.expr) -> bool:
    return ast.unparse(test) in ("__name__ == '__main__'", "'__main__' == __name__")


def is_constant(statement: ast.stmt) -> bool:
    """A docstring, or something as idle."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def absolute(node: ast.ImportFrom, package: str) -> str:
    """The module that ``from … import`` names."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - node.level + 1])
    return f"{base}.{node.module}" if node.module else base
