"""What a statement binds, whether it does more, and what a piece of code names."""

from __future__ import annotations

import ast
import textwrap

import pytest

from runner.artifacts.names import named_in
from runner.artifacts.pieces import pieces_of, plain
from runner.artifacts.statements import bound_by, executed, only_binds

OWN = frozenset("f g Own REG".split())


def one(text: str) -> ast.stmt:
    (statement,) = ast.parse(textwrap.dedent(text)).body
    return statement


class Known:
    """Some names are functions of the user's, and all others are harmless."""

    def calls(self, name: str, attribute: str | None) -> bool:
        return name in OWN or name == "vars"

    def hands_on(self, name: str, attribute: str | None) -> bool:
        return name in OWN


def quiet(text: str) -> bool:
    return only_binds(one(text), Known())


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x = 1", "x"),
        ("x, (y, *z) = 1, [2]", "x y z"),
        ("x: int = 1", "x"),
        ("x += 1", "x"),
        ("x.y = 1", ""),
        ("x['y'] = 1", ""),
        ("print(x := 1)", "x"),
        ("import a.b", "a"),
        ("import a.b as c, d", "c d"),
        ("from a import b as c", "c"),
        ("def f(x=1):\n  y = 1\n  def g(): pass", "f"),
        ("async def f():\n  y = 1", "f"),
        ("class C:\n  y = 1\n  def g(self): pass", "C"),
        ("def f():\n  global x, y\n  x = 1", "f x y"),
        ("class C:\n  def g(self):\n    global x\n    x = 1", "C x"),
        ("for x in y:\n  z = 1\nelse:\n  w = 1", "x z w"),
        ("with a as x, b as (y, z):\n  w = 1", "x y z w"),
        ("try:\n  x = 1\nexcept E as y:\n  z = 1\nfinally:\n  w = 1", "x y z w"),
        ("if a:\n  x = 1\nelif b:\n  def y(): pass\nelse:\n  import z", "x y z"),
        ("while a:\n  x = 1", "x"),
        ("match a:\n  case [x, *y]: pass\n  case {'k': z, **w}: pass\n  case C() as v: pass", None),
    ],
)
def test_bound_by(text: str, names: str | None) -> None:
    found = bound_by(one(text))
    if names is None:
        assert {"x", "y", "z", "v"} <= found
    else:
        assert found == set(names.split())


def test_the_rest_of_a_mapping_is_bound() -> None:
    assert bound_by(one("match a:\n  case {**rest}: pass")) == {"rest"}


@pytest.mark.parametrize(
    "text",
    [
        "import a",
        "from a import *",
        "pass",
        "'text'",
        "x = 1",
        "x, *y = (1, 2)",
        "x: int",
        "x: int = 1",
        "x = a + b",
        "x = logging.getLogger(__name__)",
        "x = len([1])",
        "x = 'a b'.split()",
        "x = f'{a}'.strip()",
        "x = {n: n + 1 for n in range(3)}",
        "x = lambda: 1",
        "x = REG",
        "x = f",
        "x = REG['a'].b",
        "def f():\n  REG.append(1)",
        "async def f():\n  g()",
        "@functools.cache\ndef f(): pass",
        "@dataclasses.dataclass(frozen=True)\nclass C:\n  x: int = 1",
        "class C(Own):\n  x = 1\n  def f(self): REG.append(1)",
        "class C:\n  def x(self): pass\n  @x.setter\n  def x(self, value): pass",
        "class C:\n  f = 1\n  def f(self): pass\n  y = f",
        "if a:\n  x = 1\nelse:\n  x = 2",
        "try:\n  import a\nexcept ImportError:\n  a = None",
        "if __name__ == '__main__':\n  f()",
    ],
)
def test_what_only_binds(text: str) -> None:
    assert quiet(text)


@pytest.mark.parametrize(
    "text",
    [
        "f()",
        "print(1)",
        "x.y = 1",
        "x['y'] = 1",
        "x = y.z = 1",
        "x, y.z = 1, 2",
        "x += 1",
        "del x",
        "assert x",
        "raise x",
        "x = f()",
        "x = f().y[0]",
        "x = REG.append(1)",
        "x = [f(n) for n in range(3)]",
        "x = a(f())",
        "x = (y := 1)",
        "x: int = f()",
        "for x in y:\n  pass",
        "while x:\n  pass",
        "with x:\n  pass",
        "match x:\n  case 1:\n    y = 1",
        "@f\ndef x(): pass",
        "@REG.add\ndef x(): pass",
        "@REG['a'](1)\nclass C: pass",
        "class C(f()):\n  pass",
        "class C:\n  x = f()",
        "class C:\n  REG.append(1)",
        "class C:\n  @f\n  def x(self): pass",
        "if f():\n  x = 1",
        "if a:\n  f()",
        "if a:\n  pass\nelse:\n  f()",
        "if __name__ == '__main__':\n  pass\nelse:\n  f()",
        "try:\n  f()\nexcept E:\n  pass",
        "try:\n  pass\nexcept E:\n  f()",
        "try:\n  pass\nfinally:\n  f()",
        # what is easily forgotten
        "if __name__ != '__main__':\n  f()",
        "if __name__ == 'tasks.a':\n  f()",
        "def x(y=f()): pass",
        "def x(*, y=f()): pass",
        "class C:\n  def x(self, y=f()): pass",
        "class C(metaclass=f()):\n  pass",
        "x = lambda y=f(): 1",
        "x = list(map(f, [1]))",
        "x = functools.reduce(f, [1])",
        "try:\n  pass\nexcept f():\n  pass",
        "x = vars(REG).update(a=1)",
        "def x(y: f()): pass",
    ],
)
def test_what_does_more(text: str) -> None:
    assert not quiet(text)


def test_what_an_import_executes() -> None:
    text = """
    import a
    if x:
        import b
    else:
        from c import d
    try:
        import e
    except ImportError:
        import f
    with y:
        import g
    if __name__ == "__main__":
        import not_1
    def h():
        import not_2
    class I:
        def j(self):
            import not_3
    """
    found = executed(ast.parse(textwrap.dedent(text)).body)
    imports = {ast.unparse(s) for s in found if isinstance(s, ast.Import | ast.ImportFrom)}
    assert imports == {
        "import a",
        "import b",
        "from c import d",
        "import e",
        "import f",
        "import g",
    }


def test_what_the_body_of_a_class_imports_is_executed() -> None:
    found = executed(ast.parse("class A:\n  import a\n").body)
    assert "import a" in {ast.unparse(s) for s in found}


@pytest.mark.parametrize(
    ("text", "chains"),
    [
        ("a.b.c", {("a", "b", "c")}),
        ("a.b(c).d", {("a", "b"), ("c",)}),
        ("a[b].c", {("a",), ("b",)}),
        ("def f(x: 'a.b') -> 'list[c]': pass", {("a", "b"), ("list",), ("c",)}),
        ("x: 'a' = b", {("x",), ("a",), ("b",)}),
        ("def f(x: Optional['a']): pass", {("Optional",), ("a",)}),
        ("f'{a.b:{c}}'", {("a", "b"), ("c",)}),
        ("@a.b\nclass C(d, metaclass=e): x = g", {("a", "b"), ("d",), ("e",), ("g",), ("x",)}),
        ("x = 'no.name'", {("x",)}),
    ],
)
def test_chains(text: str, chains: set[tuple[str, ...]]) -> None:
    assert named_in(one(text)).chains == chains


@pytest.mark.parametrize(
    "text",
    [
        "a.needed",
        "a.b.needed()",
        "a().needed",
        "needed",
        "getattr(a, 'needed')",
        "getattr(a, 'needed', None)",
        "operator.attrgetter('b.needed')",
        "operator.methodcaller('needed', 1)",
        "hasattr(a, 'x') and builtins.getattr(a, 'needed')",
    ],
)
def test_words(text: str) -> None:
    assert "needed" in named_in(one(text)).words


def test_imports_inside() -> None:
    found = named_in(one("def f():\n  import a\n  if x:\n    from b import c\n"))
    assert {ast.unparse(node) for node in found.imports} == {"import a", "from b import c"}


def test_plain_is_without_comments_formatting_and_docstrings() -> None:
    text = "def f(  x ):\n  'doc'\n  # comment\n  return (x\n   + 1)\n"
    assert plain(one(text)) == "def f(x):\n    return x + 1"
    assert plain(one("def f():\n  'doc'")) == "def f():\n    pass"
    assert plain(one("class C:\n  'doc'\n  def f(self): 'doc'")) == (
        "class C:\n\n    def f(self):\n        pass"
    )
    assert plain(one("x = 'no doc'")) == "x = 'no doc'"


def test_a_class_is_several_pieces() -> None:
    text = """
    @deco
    class C(Base, key=1):
        'doc'
        x = 1
        @property
        def f(self): return 1
        async def g(self): return 2
    """
    pieces = list(pieces_of("m", "C", one(text)))
    assert [name for name, _ in pieces] == ["m.C.f", "m.C.g", "m.C"]
    assert "@property" in pieces[0][1] and "return 2" in pieces[1][1]
    assert "@deco" in pieces[2][1] and "key=1" in pieces[2][1] and "x = 1" in pieces[2][1]
    assert list(pieces_of("m", "a", one("import a"))) == []
    assert list(pieces_of("m", "y", one("x = y = 1"))) == [("m.y", "x = y = 1")]
