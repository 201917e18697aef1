"""reuse = "auto" never serves a stale file: whatever can change an output makes its task run.

Each test shows both sides: unedited, everything is reused; edited, the task is to run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project, clean_environment

HEAD = """
import os
from pathlib import Path
import luigi
from runner import RunTask, TaskConfig, requires

def tally(name):
    with open("tally.txt", "a") as file:
        file.write(name + " ")
"""

Edit = tuple[str, str, str]  # file below src, old text, new text


def task(value: str, above: str = "", *, name: str = "T", body: str = "") -> str:
    """A module with one task, which writes a value."""
    inside = textwrap.indent(textwrap.dedent(body), "    ")
    return f"""{HEAD}
{textwrap.dedent(above)}
class {name}(RunTask):
    outputs = {{"out": "out.txt"}}
{inside}
    def run(self):
        self.outputs["out"].write_text(str({value}))
"""


class Auto:
    """A project that is run with reuse = "auto"."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.root = project.root

    def lay(self, files: dict[str, str] | str, config: str = "", *, task: str = "T") -> Auto:
        """Writes modules below `src`, and the config."""
        files = {"tasks/__init__.py": files} if isinstance(files, str) else files
        paths = "" if "[PathConfig]" in config else '[PathConfig]\ninput = "data"\n'
        text = 'reuse = "auto"\n' + textwrap.dedent(config)
        run, _, rest = text.partition("\n[")
        self.project.pipeline("", task=task, config=f"{run}\n{paths}{'[' if rest else ''}{rest}")
        for name, code in files.items():
            self.project.write(f"src/{name}", code)
        (self.root / "data").mkdir(exist_ok=True)
        return self

    def data(self, name: str, text: str) -> Path:
        return self.project.write(f"data/{name}", text)

    def run(self, *overrides: str, **request: Any) -> dict[str, str]:
        """What became of each task of a run that has to end well."""
        self.report = self.project.run_here(*overrides, **request)
        assert self.report.ok, f"{self.report.error}\n{self.report.traceback}"
        return {one.name: one.status for one in self.report.tasks}

    def plan(self, *overrides: str, **request: Any) -> dict[str, str]:
        return self.run(*overrides, dry_run=True, **request)

    def text(self, name: str = "T/out.txt") -> str:
        """What the last run has as an output, wherever it lies."""
        family, _, file = name.partition("/")
        found = next(one for one in self.report.tasks if one.name == family)
        assert found.directory is not None
        return (found.directory / file).read_text()

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.root / "src" / name
        before = path.read_text() if path.exists() else ""
        assert old in before
        path.parent.mkdir(exist_ok=True)
        path.write_text(before.replace(old, new) if old else before + new)

    @contextmanager
    def edited(self, *edit: str) -> Iterator[None]:
        path = self.root / "src" / edit[0]
        before = path.read_text() if path.exists() else None
        self.edit(*edit)
        try:
            yield
        finally:
            if before is None:
                path.unlink()
            else:
                path.write_text(before)

    def settled(self, *overrides: str) -> None:
        """Runs, and shows that without an edit all is reused."""
        self.run(*overrides)
        assert_reused(self.plan(*overrides), [one.reason for one in self.report.tasks])

    def counts(self, *edits: Edit, name: str = "T") -> None:
        """Shows that each edit alone makes a task run, and that undone it does not."""
        self.settled()
        for edit in edits:
            with self.edited(*edit):
                assert self.plan()[name] == "to run", f"stale after {edit}"
        assert_reused(self.plan(), [one.reason for one in self.report.tasks])

    def counts_in_config(self, *overrides: str, name: str = "T") -> None:
        self.settled()
        for override in overrides:
            assert self.plan(override)[name] == "to run", f"stale with {override}"

    def does_not_count(self, *edits: Edit) -> None:
        """Shows that edits change nothing, for all tasks."""
        self.settled()
        for edit in edits:
            with self.edited(*edit):
                plan = self.plan()
                why = {one.name: one.reason for one in self.report.tasks}
                assert_reused(plan, [edit, why])


def assert_reused(found: dict[str, str], why: Any = "") -> None:
    assert set(found.values()) == {"reused"}, f"not reused: {found} {why}"


@pytest.fixture
def auto(project: Project, monkeypatch: pytest.MonkeyPatch) -> Auto:
    # an edit within the same second that keeps the size is not seen by Python's own cache
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return Auto(project)


# Dynamic requirements.

DYNAMIC = (
    HEAD
    + """
class PartConfig(TaskConfig):
    x: int = 1

class Part(RunTask):
    config: PartConfig
    n = luigi.IntParameter(default=0)
    sources = {"raw": "raw.txt"}
    outputs = {"n": "n.txt"}

    def run(self):
        tally("Part")
        self.outputs["n"].write_text(self.inputs["raw"].read_text() + str(self.n * self.config.x))

class Mid(RunTask):
    outputs = {"n": "mid.txt"}

    def run(self):
        part = yield Part(n=7)
        self.outputs["n"].write_text(Path(part["n"].path).read_text())

class T(RunTask):
    outputs = {"out": "out.txt"}

    def run(self):
        one = yield Part(n=1)
        many = yield [Part(n=2), Part(n=3), Mid()]
        found = [Path(part["n"].path).read_text() for part in [one, *many]]
        self.outputs["out"].write_text(" ".join(found))
"""
)


@pytest.fixture
def dynamic(auto: Auto) -> Auto:
    auto.lay(DYNAMIC)
    auto.data("raw.txt", "a")
    auto.settled()
    return auto


def test_a_generator_that_is_reused_runs_nothing(dynamic: Auto) -> None:
    report = dynamic.project.run_here()
    assert report.status == "UNCHANGED"
    assert (dynamic.root / "tally.txt").read_text().split() == ["Part"] * 4


def test_a_source_of_a_dynamic_requirement_changes(dynamic: Auto) -> None:
    dynamic.data("raw.txt", "b")
    assert dynamic.plan()["T"] == "to run"
    assert dynamic.run()["T"] == "ran"
    assert dynamic.text() == "b1 b2 b3 b7"
    assert_reused(dynamic.plan())


def test_a_config_of_a_dynamic_requirement_changes(dynamic: Auto) -> None:
    assert dynamic.plan("Part.x=2")["T"] == "to run"
    dynamic.run("Part.x=2")
    assert dynamic.text() == "a2 a4 a6 a14"


def test_a_code_of_a_dynamic_requirement_changes(dynamic: Auto) -> None:
    dynamic.edit("tasks/__init__.py", "self.n * self.config.x", "self.n + self.config.x + 1")
    dynamic.run()
    assert dynamic.text() == "a3 a4 a5 a9"


def test_an_output_of_a_dynamic_requirement_is_deleted(dynamic: Auto) -> None:
    first = dynamic.run("RunConfig.reuse=pinned")
    assert first["T"] == "ran"
    for directory in dynamic.root.glob("mlruns/*/*/artifacts/Part*"):
        shutil.rmtree(directory)
    assert dynamic.plan()["T"] == "to run"
    dynamic.run()
    assert dynamic.text() == "a1 a2 a3 a7"


def test_an_output_in_the_middle_of_nested_dynamic_requirements_is_deleted(dynamic: Auto) -> None:
    for directory in dynamic.root.glob("mlruns/*/*/artifacts/Mid*"):
        shutil.rmtree(directory)
    assert dynamic.plan()["T"] == "to run"
    dynamic.run()
    assert dynamic.text() == "a1 a2 a3 a7"


def test_a_forced_dynamic_requirement_is_computed(dynamic: Auto) -> None:
    (dynamic.root / "tally.txt").unlink()
    assert dynamic.plan(force=("Part",))["T"] == "to run"
    dynamic.run(force=("Part",))
    assert (dynamic.root / "tally.txt").read_text().split() == ["Part"] * 4
    assert dynamic.text() == "a1 a2 a3 a7"
    assert not list(dynamic.report.artifact_dir.glob("*.partial")), "something half done is left"
    assert_reused(dynamic.plan())


def test_a_plain_dynamic_requirement_whose_file_changes(auto: Auto) -> None:
    auto.lay(
        HEAD
        + """
class Given(luigi.ExternalTask):
    def output(self):
        return luigi.LocalTarget("data/given.txt")

class T(RunTask):
    outputs = {"out": "out.txt"}
    def run(self):
        found = yield Given()
        self.outputs["out"].write_text(Path(found.path).read_text())
"""
    )
    auto.data("given.txt", "a")
    auto.settled()
    auto.data("given.txt", "b")
    assert auto.plan()["T"] == "to run"
    auto.run()
    assert auto.text() == "b"


@pytest.mark.parametrize(
    "required", ["return [Part(n=7)]", "yield Part(n=7)", "return map(Part, [7])"]
)
def test_what_a_dynamic_requirement_requires(auto: Auto, required: str) -> None:
    code = DYNAMIC.replace(
        """    def run(self):
        part = yield Part(n=7)
        self.outputs["n"].write_text(Path(part["n"].path).read_text())
""",
        f"""    def requires(self):
        {required}
    def run(self):
        self.outputs["n"].write_text(Path(self.input()[0]["n"].path).read_text())
""",
    )
    auto.lay(code.replace("many = yield [Part(n=2), Part(n=3), Mid()]", "many = [(yield Mid())]"))
    auto.data("raw.txt", "a")
    auto.settled()
    auto.data("raw.txt", "b")
    auto.run()
    assert auto.text() == "b1 b7"
    assert_reused(auto.plan())


# What code may look like: (files, edits, each of which must make T run).

BASE = HEAD + "class Base(RunTask):\n    def number(self):\n        return 1\n"
BELOW = 'class T(Base):\n    outputs = {"out": "o.txt"}\n    def run(self):\n'
BELOW += '        self.outputs["out"].write_text(str(self.number()))\n'
REG = """
    REG = {}
    L = []

    def register(f):
        REG[f.__name__] = f
        return f

    class C:
        x = 0
    """
OWN = "tasks/__init__.py"

CODE: dict[str, tuple[dict[str, str], list[Edit]]] = {
    "base class reexported": (
        {
            "lib/__init__.py": "from .base import Base",
            "lib/base.py": BASE,
            OWN: HEAD + "from lib import Base\n" + BELOW,
        },
        [("lib/base.py", "return 1", "return 2")],
    ),
    "base class by star": (
        {
            "lib/__init__.py": "from .base import *",
            "lib/base.py": BASE,
            OWN: HEAD + "from lib import *\n" + BELOW,
        },
        [("lib/base.py", "return 1", "return 2")],
    ),
    "registry by decorator": (
        {
            "tasks/reg.py": REG,
            "tasks/fns.py": "from tasks.reg import register\n@register\ndef f():\n    return 1\n",
            OWN: task('REG["f"]()', "from tasks.reg import REG\nfrom tasks import fns"),
        },
        [
            ("tasks/fns.py", "return 1", "return 2"),
            ("tasks/fns.py", "", "\n@register\ndef g():\n    return 1\n"),
            ("tasks/reg.py", "return f", "return lambda: 5"),
        ],
    ),
    "item set": (
        {OWN: task('H["x"]', 'H = {}\nH["x"] = 1\n')},
        [(OWN, 'H["x"] = 1', 'H["x"] = 2')],
    ),
    "item set from another module": (
        {
            "tasks/reg.py": REG,
            "tasks/zz.py": 'from tasks.reg import REG\nREG["x"] = 1\n',
            OWN: task('REG["x"]', "from tasks.reg import REG"),
        },
        [("tasks/zz.py", "= 1", "= 2")],
    ),
    "append": (
        {
            "tasks/reg.py": REG,
            "tasks/zz.py": "import tasks.reg\ntasks.reg.L.append(1)\n",
            OWN: task("L", "from tasks.reg import L"),
        },
        [("tasks/zz.py", "append(1)", "append(2)")],
    ),
    "attribute of a class": (
        {
            "tasks/reg.py": REG,
            "tasks/zz.py": "from tasks import reg\nreg.C.x = 1\n",
            OWN: task("C.x", "from tasks.reg import C"),
        },
        [("tasks/zz.py", "x = 1", "x = 2")],
    ),
    "global in a function that is called on import": (
        {OWN: task("X", "X = 0\ndef init():\n    global X\n    X = 1\ninit()\n")},
        [(OWN, "    X = 1", "    X = 2"), (OWN, "\ninit()", "\n")],
    ),
    "global in a function in another module": (
        {
            "lib/__init__.py": "",
            "lib/a.py": "X = 0\ndef init(n):\n    global X\n    X = n\n",
            "tasks/zz.py": "import lib.a\nlib.a.init(5)\n",
            OWN: task("lib.a.X", "import lib.a"),
        },
        [("tasks/zz.py", "init(5)", "init(6)"), ("lib/a.py", "X = n", "X = n + 1")],
    ),
    "constants set by another module": (
        {
            "lib/consts.py": "X = 0",
            "tasks/zz.py": "from lib import consts\nconsts.X = 1\n",
            OWN: task("consts.X", "from lib import consts"),
        },
        [("tasks/zz.py", "X = 1", "X = 2"), ("lib/consts.py", "X = 0", "X = 9")],
    ),
    "constants set by the package": (
        {
            "lib/__init__.py": "from . import consts\nconsts.X = 1\n",
            "lib/consts.py": "X = 0",
            OWN: task("consts.X", "import lib.consts as consts"),
        },
        [("lib/__init__.py", "X = 1", "X = 2")],
    ),
    "setattr and vars": (
        {
            "lib/consts.py": "X = 0\nY = 0\nZ = 0",
            "tasks/zz.py": "from lib import consts\nsetattr(consts, 'X', 1)\n"
            "_ = vars(consts).update(Y=1)\n_1 = consts.__dict__.update(Z=1)\n",
            OWN: task("consts.X + consts.Y + consts.Z", "from lib import consts"),
        },
        [
            ("tasks/zz.py", "'X', 1", "'X', 2"),
            ("tasks/zz.py", "Y=1", "Y=2"),
            ("tasks/zz.py", "Z=1", "Z=2"),
        ],
    ),
    "module __getattr__": (
        {
            "lib/m.py": "T = {'a': 1}\ndef __getattr__(name):\n    if name in T:\n"
            "        return T[name]\n    raise AttributeError(name)\n",
            OWN: task("m.a", "from lib import m"),
        },
        [("lib/m.py", "'a': 1", "'a': 2")],
    ),
    "a name from a module's __getattr__": (
        {
            "lib/m.py": "def __getattr__(name):\n    if name == 'a':\n        return 1\n"
            "    raise AttributeError(name)\n",
            OWN: task("a", "from lib.m import a"),
        },
        [("lib/m.py", "return 1", "return 2")],
    ),
    "__subclasses__": (
        {
            "lib/base.py": "class Base:\n    pass\n",
            "lib/sub.py": "from lib.base import Base\nclass Sub(Base):\n    v = 1\n",
            "tasks/zz.py": "import lib.sub\n",
            OWN: task("[c.v for c in Base.__subclasses__()]", "from lib.base import Base"),
        },
        [("lib/sub.py", "v = 1", "v = 2"), ("lib/sub.py", "", "\nclass U(Base):\n    v = 3\n")],
    ),
    "__init_subclass__": (
        {
            "lib/base.py": "class Base:\n    all = []\n    def __init_subclass__(cls, **kw):\n"
            "        super().__init_subclass__(**kw)\n        Base.all.append(cls)\n",
            "lib/sub.py": "from lib.base import Base\nclass Sub(Base):\n    v = 1\n",
            "tasks/zz.py": "import lib.sub\n",
            OWN: task("[c.v for c in Base.all]", "from lib.base import Base"),
        },
        [("lib/sub.py", "v = 1", "v = 2"), ("lib/sub.py", "", "\nclass U(Base):\n    v = 3\n")],
    ),
    "metaclass": (
        {
            "lib/base.py": "ALL = {}\nclass Meta(type):\n    def __init__(cls, name, *rest):\n"
            "        super().__init__(name, *rest)\n        ALL[name] = cls\n",
            "lib/sub.py": "from lib.base import Meta\nclass Sub(metaclass=Meta):\n    v = 1\n",
            "lib/deep.py": "from lib.sub import Sub\nclass Deep(Sub):\n    v = 4\n",
            "tasks/zz.py": "import lib.deep\n",
            OWN: task("[c.v for c in ALL.values()]", "from lib.base import ALL"),
        },
        [("lib/sub.py", "v = 1", "v = 2"), ("lib/deep.py", "v = 4", "v = 5")],
    ),
    "a registry of tasks": (
        {
            "lib/base.py": HEAD
            + "class Base(RunTask):\n    all = []\n    def __init_subclass__(cls, **kw):\n"
            "        super().__init_subclass__(**kw)\n        Base.all.append(cls)\n",
            "tasks/zz.py": "from lib.base import Base\nclass Sub(Base):\n    v = 1\n",
            OWN: task("[c.v for c in Base.all]", "from lib.base import Base"),
        },
        [("tasks/zz.py", "v = 1", "v = 2")],
    ),
    "inside of if, try, for, while and with": (
        {
            "tasks/reg.py": REG,
            "tasks/zz.py": """
            import contextlib
            from tasks.reg import L, REG
            if True:
                L.append("if1")
            try:
                import nowhere
            except ImportError:
                L.append("try1")
            for n in range(3):
                L.append(f"for1{n}")
            with contextlib.nullcontext():
                L.append("with1")
            while "while1" not in L:
                L.append("while1")
            match 3:
                case 3:
                    L.append("match1")
            """,
            OWN: task("L", "from tasks.reg import L"),
        },
        [
            ("tasks/zz.py", f"{word}1", f"{word}2")
            for word in ("if", "try", "for", "with", "while", "match")
        ],
    ),
    "names given inside of if, try, for and with": (
        {
            OWN: task(
                "(A, B, D, E, F, G)",
                """
                import contextlib, json
                if json:
                    A = 11
                else:
                    A = 0
                try:
                    B = 1 // 0
                except ZeroDivisionError:
                    B = 21
                for D in range(3):
                    pass
                with contextlib.nullcontext(51) as E:
                    pass
                (F, [*G]) = 61, [71]
                """,
            )
        },
        [
            (OWN, "A = 11", "A = 12"),
            (OWN, "B = 21", "B = 22"),
            (OWN, "range(3)", "range(4)"),
            (OWN, "nullcontext(51)", "nullcontext(52)"),
            (OWN, "61, [71]", "61, [72]"),
        ],
    ),
    "only when not the main program": (
        {
            "tasks/reg.py": REG,
            "tasks/zz.py": 'from tasks.reg import L\nif __name__ != "__main__":\n    L.append(1)\n',
            OWN: task("L", "from tasks.reg import L"),
        },
        [("tasks/zz.py", "append(1)", "append(2)")],
    ),
    "only in a module of one name": (
        {
            "tasks/reg.py": REG,
            "tasks/zz.py": 'from tasks.reg import L\nif __name__ == "tasks.zz":\n    L.append(1)\n',
            OWN: task("L", "from tasks.reg import L"),
        },
        [("tasks/zz.py", "append(1)", "append(2)")],
    ),
    "handed to a builtin that calls it": (
        {
            "tasks/reg.py": REG,
            "tasks/zz.py": "from tasks.reg import L\n_ = list(map(L.append, [1]))\n",
            OWN: task("L", "from tasks.reg import L"),
        },
        [("tasks/zz.py", "[1]", "[2]")],
    ),
    "handed to a foreign function that calls it": (
        {
            "tasks/reg.py": REG,
            "tasks/zz.py": "import functools\nfrom tasks.reg import register\n"
            "def f(a, b):\n    return register(b)\n"
            "def x():\n    return 1\n_ = functools.reduce(f, [None, x])\n",
            OWN: task('REG["x"]()', "from tasks.reg import REG"),
        },
        [("tasks/zz.py", "return 1", "return 2")],
    ),
    "a walrus, a delete and an augmented one": (
        {OWN: task("(X, Y)", "print(X := 1)\nY = [1]\nY += [2]\ndel Y[0]\n")},
        [(OWN, "X := 1", "X := 2"), (OWN, "[2]", "[3]"), (OWN, "del Y[0]", "del Y[1]")],
    ),
    "decorators on methods": (
        {
            "lib/deco.py": "def times(n):\n    def deco(f):\n        return lambda s: n * f(s)\n"
            "    return deco\n",
            OWN: task(
                "H().v()",
                "from lib.deco import times\nclass H:\n    @times(3)\n    def v(self):\n"
                "        return 2\n",
            ),
        },
        [(OWN, "times(3)", "times(4)"), ("lib/deco.py", "n * f(s)", "n + f(s)")],
    ),
    "effects in the body of a class, in a default and in a base": (
        {
            "tasks/reg.py": REG,
            "tasks/zz.py": "from tasks.reg import L\n\ndef note(n):\n    L.append(n)\n"
            "    return object\n\nclass A:\n    L.append(11)\n\n"
            "class B(note(21)):\n    pass\n\ndef f(x=note(31)):\n    pass\n",
            OWN: task("L", "from tasks.reg import L"),
        },
        [
            ("tasks/zz.py", "(11)", "(12)"),
            ("tasks/zz.py", "(21)", "(22)"),
            ("tasks/zz.py", "(31)", "(32)"),
        ],
    ),
    "__set_name__": (
        {
            "tasks/reg.py": REG
            + "\n    class Field:\n        def __init__(self, n):\n            self.n = n\n"
            "        def __set_name__(self, owner, name):\n            L.append(self.n)\n",
            "tasks/zz.py": "from tasks.reg import Field\nclass A:\n    x = Field(1)\n",
            OWN: task("L", "from tasks.reg import L"),
        },
        [("tasks/zz.py", "Field(1)", "Field(2)")],
    ),
    "singledispatch": (
        {
            "lib/show.py": "import functools\n@functools.singledispatch\ndef show(x):\n"
            "    return 1\n",
            "tasks/zz.py": "from lib.show import show\n@show.register(int)\ndef _(x):\n"
            "    return 2\n@show.register\ndef _(x: str):\n    return 3\n",
            OWN: task('[show(1), show("")]', "from lib.show import show"),
        },
        [("tasks/zz.py", "return 2", "return 5"), ("tasks/zz.py", "return 3", "return 6")],
    ),
    "a foreign class is patched": (
        {
            "tasks/zz.py": "import json\ndef f(x):\n    return 1\njson.dumps_ = f\n",
            OWN: task("json.dumps_(1)", "import json"),
        },
        [("tasks/zz.py", "return 1", "return 2")],
    ),
    "the method of a task is replaced": (
        {
            "tasks/zz.py": "import tasks\ndef f(self):\n    return 1\ntasks.T.number = f\n",
            OWN: task("self.number()"),
        },
        [("tasks/zz.py", "return 1", "return 2")],
    ),
    # Another task as an object.
    "static method, constant and alias on another task": (
        {
            "tasks/other.py": HEAD
            + """
class Other(RunTask):
    LIMIT = 11
    limit = property(lambda self: 3)

    @staticmethod
    def scale(x):
        return x * 21

    def run(self):
        return 31
""",
            OWN: task(
                "(Alias.LIMIT, scale(1))",
                "from tasks import other\nAlias = other.Other\nscale = other.Other.scale\n",
            ),
        },
        [("tasks/other.py", "LIMIT = 11", "LIMIT = 12"), ("tasks/other.py", "x * 21", "x * 22")],
    ),
    "a required task whose helper is used": (
        {
            OWN: HEAD
            + """
class A(RunTask):
    outputs = {"a": "a.txt"}
    @staticmethod
    def scale(x):
        return x * 21
    def run(self):
        self.outputs["a"].write_text("a")

class B(A):
    pass

TASKS = [A, B]

class T(RunTask):
    outputs = {"out": "out.txt"}
    def requires(self):
        return [one() for one in TASKS]
    def run(self):
        self.outputs["out"].write_text(str([one.scale(1) for one in TASKS]))
"""
        },
        [(OWN, "x * 21", "x * 22")],
    ),
    "a decorator that takes something from another task": (
        {
            "lib/deco.py": "def borrow(other):\n    def deco(cls):\n"
            "        cls.scale = staticmethod(other.scale)\n        return cls\n    return deco\n",
            OWN: HEAD
            + """
from lib.deco import borrow
class A(RunTask):
    @staticmethod
    def scale(x):
        return x * 21

@borrow(A)
class T(RunTask):
    outputs = {"out": "out.txt"}
    def run(self):
        self.outputs["out"].write_text(str(self.scale(1)))
""",
        },
        [(OWN, "x * 21", "x * 22")],
    ),
    "a class of a task given as a parameter": (
        {
            OWN: task(
                "self.which.scale(2)",
                "class A(RunTask):\n    @staticmethod\n    def scale(x):\n        return x * 21\n",
                body='which = luigi.TaskParameter(default="A")\n',
            ).replace('default="A"', "default=luigi.task_register.Register.get_task_cls('A')")
        },
        [(OWN, "x * 21", "x * 22")],
    ),
    # How modules are reached.
    "an object named as its module": (
        {
            "lib/__init__.py": "from .model import model",
            "lib/model.py": "def model():\n    return 1\n",
            OWN: task("model()", "from lib import model"),
        },
        [("lib/model.py", "return 1", "return 2")],
    ),
    "an object named as its module, by dots": (
        {
            "lib/__init__.py": "from .model import model",
            "lib/model.py": "def model():\n    return 1\n",
            OWN: task("lib.model()", "import lib"),
        },
        [("lib/model.py", "return 1", "return 2")],
    ),
    "a package as a value": (
        {
            "lib/__init__.py": "",
            "lib/sub.py": "def f():\n    return 1\n",
            OWN: task("use(lib)", "import lib.sub\ndef use(module):\n    return module.sub.f()\n"),
        },
        [("lib/sub.py", "return 1", "return 2")],
    ),
    "a package asked by getattr": (
        {
            "lib/__init__.py": "",
            "lib/sub.py": "def f():\n    return 1\n",
            OWN: task('getattr(lib, "su" + "b").f()', "import lib.sub\n"),
        },
        [("lib/sub.py", "return 1", "return 2")],
    ),
    "a package with a star as a value": (
        {
            "lib/__init__.py": "from .sub import *",
            "lib/sub.py": "def f():\n    return 1\n",
            OWN: task('getattr(lib, "".join("f"))()', "import lib\n"),
        },
        [("lib/sub.py", "return 1", "return 2")],
    ),
    "a module imported in a class": (
        {
            "lib/sub.py": "def f():\n    return 1\n",
            OWN: task("self.sub.f()", body="import lib.sub as sub\n"),
        },
        [("lib/sub.py", "return 1", "return 2")],
    ),
    "a module imported in a function": (
        {
            "lib/sub.py": "def f():\n    return 1\n",
            OWN: task("go()", "def go():\n    import lib.sub\n    return lib.sub.f()\n"),
        },
        [("lib/sub.py", "return 1", "return 2")],
    ),
    "a folder without __init__": (
        {
            "lib/deep/sub.py": "def f():\n    return 1\n",
            OWN: task("lib.deep.sub.f()", "import lib.deep.sub\n"),
        },
        [("lib/deep/sub.py", "return 1", "return 2")],
    ),
    "import_module": (
        {
            "lib/sub.py": "def f():\n    return 1\n",
            OWN: task(
                'importlib.import_module("lib." + "sub").f()', "import importlib\nimport lib.sub\n"
            ),
        },
        [("lib/sub.py", "return 1", "return 2")],
    ),
    "import_module by another name": (
        {
            "lib/sub.py": "def f():\n    return 1\n",
            OWN: task(
                'load("lib." + "sub").f()',
                "from importlib import import_module as load\nimport lib.sub\n",
            ),
        },
        [("lib/sub.py", "return 1", "return 2")],
    ),
    "sys.modules by another name": (
        {
            "lib/sub.py": "def f():\n    return 1\n",
            OWN: task(
                'mods["lib." + "sub"].f()',
                "from sys import modules as mods\nimport lib.sub\n",
            ),
        },
        [("lib/sub.py", "return 1", "return 2")],
    ),
    "resolve_name": (
        {
            "lib/sub.py": "def f():\n    return 1\n",
            OWN: task('pkgutil.resolve_name("lib.sub:f")()', "import pkgutil\n"),
        },
        [("lib/sub.py", "return 1", "return 2")],
    ),
    "globals": (
        {
            "lib/sub.py": "def f():\n    return 1\n",
            OWN: task('globals()["su" + "b"].f()', "from lib import sub\n"),
        },
        [("lib/sub.py", "return 1", "return 2")],
    ),
    "the docstring is used": (
        {OWN: task("f.__doc__", "def f():\n    'one'\n")},
        [(OWN, "'one'", "'two'")],
    ),
    "the source is used": (
        {OWN: task("inspect.getsource(f)", "import inspect\ndef f():\n    return 1  # one\n")},
        [(OWN, "# one", "# two")],
    ),
}


@pytest.mark.parametrize("name", CODE)
def test_code(auto: Auto, name: str) -> None:
    files, edits = CODE[name]
    auto.lay(files).counts(*edits)


# The older form.

OLDER = (
    HEAD
    + """
class A(RunTask):
    def build_input_output_path_dicts(self):
        return {}, {"a": self.path_config["A"] + "a.txt"}
    def run(self):
        Path(self.output_paths_dict["a"]).write_text("a1")
        (Path(self.output_paths_dict["a"]).parent / "extra.csv").write_text("extra1")

@requires(A)
class B(RunTask):
    def build_input_output_path_dicts(self):
        return {"a": self.path_config["A"] + "a.txt"}, {"b": self.path_config["B"] + "b.txt"}
    def run(self):
        Path(self.output_paths_dict["b"]).write_text("b")

@requires(B)
class T(RunTask):
    def build_input_output_path_dicts(self):
        return {INPUTS}, {"out": self.path_config["T"] + "out.txt"}
    def run(self):
        Path(self.output_paths_dict["out"]).write_text(READ)
"""
)
OLDER_READS = {
    "declared, of a task above": (
        '{"a": self.path_config["A"] + "a.txt"}',
        'Path(self.input_paths_dict["a"]).read_text()',
        "a1",
    ),
    "declared, an extra file of a task above": (
        '{"a": self.path_config["A"] + "extra.csv"}',
        'Path(self.input_paths_dict["a"]).read_text()',
        "extra1",
    ),
    "not declared, of a task above": (
        "{}",
        'Path(self.path_config["A"] + "extra.csv").read_text()',
        "extra1",
    ),
    "by way of the tasks themselves": (
        "{}",
        'Path(self.requires().requires().output()["a"].path).read_text()',
        "a1",
    ),
}


@pytest.mark.parametrize("name", OLDER_READS)
def test_the_older_form_reads_of_tasks(auto: Auto, name: str) -> None:
    inputs, read, text = OLDER_READS[name]
    auto.lay(OLDER.replace("{INPUTS}", inputs).replace("READ", read))
    auto.settled()
    auto.edit(OWN, f'"{text}"', f'"{text[:-1]}2"')
    found = auto.run()
    assert (found["A"], found["B"]) == ("ran", "ran")
    assert auto.text() == f"{text[:-1]}2"
    assert_reused(auto.plan())


@pytest.mark.parametrize(
    "read",
    [
        'self.path_config["input"] + "extra.csv"',
        'str(self.run_context.config.path("input") / "extra.csv")',
        'self.path_config.get("input") + "extra.csv"',
        "here(self)",
    ],
)
def test_an_undeclared_file_beside_an_input(auto: Auto, read: str) -> None:
    older = OLDER.replace("{INPUTS}", "{}").replace("READ", f"Path({read}).read_text()")
    here = 'def here(task):\n    return task.path_config["input"] + "extra.csv"\n'
    auto.lay(older.replace("class A(", here + "\nclass A("))
    auto.data("extra.csv", "one")
    auto.settled()
    auto.data("extra.csv", "two")
    assert auto.plan()["T"] == "to run"
    auto.run()
    assert auto.text() == "two"


def test_two_inputs_of_one_name(auto: Auto) -> None:
    """A source, an input of the older form and a required task may be called the same."""
    auto.lay(
        HEAD
        + """
class A(RunTask):
    outputs = {"a": "a.txt"}
    def run(self):
        self.outputs["a"].write_text("a")

@requires(A)
class T(RunTask):
    sources = {"A": "a.txt", "b": "b.txt"}
    def build_input_output_path_dicts(self):
        return {"b": self.path_config["other"] + "b.txt"}, {"out": self.path_config["T"] + "o.txt"}
    def run(self):
        Path(self.output_paths_dict["out"]).write_text(Path("data/a.txt").read_text())
""",
        '[PathConfig]\ninput = "data"\nother = "other"\n',
    )
    auto.data("a.txt", "1")
    auto.data("b.txt", "1")
    other = auto.project.write("other/b.txt", "1")
    auto.settled()
    for path in (auto.root / "data/a.txt", auto.root / "data/b.txt", other):
        path.write_text("2")
        assert auto.plan()["T"] == "to run", path
        path.write_text("1")


def test_a_path_that_is_only_a_text(auto: Auto) -> None:
    auto.lay(task('self.path_config["label"]'), '[PathConfig]\ninput = "data"\nlabel = "label-1"\n')
    auto.counts_in_config("PathConfig.label=label-2")


# Parameters and configs.


@pytest.mark.parametrize("visibility", ["PUBLIC", "HIDDEN", "PRIVATE"])
def test_parameters(auto: Auto, visibility: str) -> None:
    auto.lay(
        task(
            "self.n",
            "from luigi.parameter import ParameterVisibility\n",
            body=f"n = luigi.Parameter(default='a', visibility=ParameterVisibility.{visibility})\n",
        )
    )
    auto.counts_in_config("T.n=b")
    auto.run("T.n=b")
    assert auto.text() == "b"


SETTINGS = "class Settings(luigi.Config):\n    x = luigi.IntParameter(default=1)\n"
CONFIG_READS = {
    "a luigi.Config": ("Settings().x", SETTINGS, "Settings.x=2"),
    "a luigi.Config in a function": (
        "ask()",
        SETTINGS + "def ask():\n    return Settings().x\n",
        "Settings.x=2",
    ),
    "get_config": (
        'luigi.configuration.get_config().get("Other", "x", "1")',
        "class Other(RunTask):\n    x = luigi.Parameter('1')\n",
        "Other.x=2",
    ),
    "get_config by another name": (
        'ask().get("Other", "x", "1")',
        "from luigi.configuration import get_config as ask\n"
        "class Other(RunTask):\n    x = luigi.Parameter('1')\n",
        "Other.x=2",
    ),
    "the run's config": (
        'self.run_context.config.section("Other").get("x")',
        "class Other(RunTask):\n    x = luigi.Parameter('1')\n",
        "Other.x=2",
    ),
    "the run's config without a task": (
        'current().config.section("Other").get("x")',
        "from runner.context import current\nclass Other(RunTask):\n    x = luigi.Parameter('1')\n",
        "Other.x=2",
    ),
    "RunConfig": (
        "self.run_context.config.run.experiment_name",
        "",
        "RunConfig.experiment_name=other",
    ),
    "its own section": ('self.config.get("y")', "", "T.y=2"),
    "an instance of another task": (
        "Other().x",
        "class Other(RunTask):\n    x = luigi.IntParameter(1)\n",
        "Other.x=2",
    ),
}


@pytest.mark.parametrize("name", CONFIG_READS)
def test_sections_of_the_config(auto: Auto, name: str) -> None:
    value, above, override = CONFIG_READS[name]
    auto.lay(task(value, above)).counts_in_config(override)


def test_hidden_and_excluded_fields_of_a_config(
    auto: Auto, monkeypatch: pytest.MonkeyPatch
) -> None:
    auto.lay(
        task(
            "self.config",
            """
            from pydantic import Field, SecretStr
            class Inner(TaskConfig):
                z: int = Field(1, exclude=True)
            class Cfg(TaskConfig):
                token: SecretStr = SecretStr("a")
                x: int = Field(1, exclude=True)
                y: int = Field(1, repr=False)
                text: str = ""
                inner: Inner = Inner()
            """,
            body="config: Cfg\n",
        ),
        '[T]\ntext = "${SOMEWHERE}"\n',
    )
    monkeypatch.setenv("SOMEWHERE", "a")
    auto.counts_in_config("T.token=b", "T.x=2", "T.y=2", "T.inner.z=2")
    monkeypatch.setenv("SOMEWHERE", "b")
    assert auto.plan()["T"] == "to run"


def test_a_variable_in_a_path(auto: Auto, monkeypatch: pytest.MonkeyPatch) -> None:
    auto.lay(
        task('self.inputs["raw"].read_text()', body='sources = {"raw": "raw.txt"}\n'),
        '[PathConfig]\ninput = "data/${WHICH}"\n',
    )
    auto.data("a/raw.txt", "1")
    auto.data("b/raw.txt", "2")
    monkeypatch.setenv("WHICH", "a")
    auto.settled()
    monkeypatch.setenv("WHICH", "b")
    assert auto.plan()["T"] == "to run"


@pytest.mark.parametrize("annotation", ["Cfg", '"Cfg"', '"cfg.Cfg"', "later Cfg"])
def test_a_config_whose_class_does_something(auto: Auto, annotation: str) -> None:
    future = "from __future__ import annotations\n" if annotation.startswith("later") else ""
    annotation = annotation.removeprefix("later ")
    cfg = (
        HEAD
        + """
class Above(TaskConfig):
    def scale(self):
        return 11
class Cfg(Above):
    x: int = 21
"""
    )
    code = task("self.config.scale() * self.config.x", body=f"config: {annotation}\n")
    imports = "from lib.cfg import Cfg\nfrom lib import cfg\n"
    auto.lay({"lib/cfg.py": cfg, OWN: future + imports + code})
    auto.counts(("lib/cfg.py", "11", "12"), ("lib/cfg.py", "21", "22"))


DIGEST = """
from dataclasses import dataclass
from enum import Enum
from runner import TaskConfig
from runner.artifacts.fingerprint import digest_of

class Kind(Enum):
    A = "a"
    B = "b"

class Cfg(TaskConfig):
    names: frozenset[str] = frozenset("abcdefgh")
    more: set[tuple[str, int]] = {("a", 1), ("b", 2), ("c", 3)}
    kinds: dict[str, set[Kind]] = {"x": set(Kind), "y": {Kind.B}}

print(digest_of(Cfg()), digest_of({"b": {"c", "d"}, "a": frozenset(range(50))}))
"""


def test_sets_have_one_digest_whatever_their_order(tmp_path: Path) -> None:
    found = set()
    for seed in ("0", "1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**clean_environment(), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
        found.add(done.stdout)
    assert len(found) == 1 and found.pop().count("blake3-value:") == 2


# What is asked of required tasks beside their files.

UPSTREAM = (
    HEAD
    + """
class AConfig(TaskConfig):
    x: int = 1
    def twice(self):
        return self.x * 11

class A(RunTask):
    config: AConfig
    n = luigi.IntParameter(default=1)
    outputs = {"one": "one.txt", "two": "two.txt"}

    def helper(self):
        return 21

    def run(self):
        for path in self.outputs.values():
            path.write_text("same")

@requires(A)
class T(RunTask):
    outputs = {"out": "out.txt"}
    def run(self):
        self.outputs["out"].write_text(str(VALUE))
"""
)
ASKED = {
    "a parameter": ("self.requires().n", ["A.n=2"], []),
    "a config": ("self.requires().config.x", ["A.x=2"], []),
    "by getattr": ('getattr(self, "requires")().config["x"]', ["A.x=2"], []),
    "by deps": ("self.deps()[0].n", ["A.n=2"], []),
    "a method": ("self.requires().helper()", [], [(OWN, "return 21", "return 22")]),
    "a method of its config": ("self.requires().config.twice()", [], [(OWN, "* 11", "* 12")]),
    "in a function": ("peek(self)", ["A.n=2"], []),
    "the name of a file": ('self.inputs["one"].name', [], [(OWN, '"one.txt"', '"uno.txt"')]),
    "names swapped": (
        'self.inputs["one"].name',
        [],
        [(OWN, '"one": "one.txt", "two": "two.txt"', '"two": "one.txt", "one": "two.txt"')],
    ),
}


@pytest.mark.parametrize("name", ASKED)
def test_what_is_asked_of_a_required_task(auto: Auto, name: str) -> None:
    value, overrides, edits = ASKED[name]
    peek = "def peek(task):\n    return task.requires().n\n\nclass AConfig"
    auto.lay(UPSTREAM.replace("VALUE", value).replace("class AConfig", peek))
    auto.settled()
    before = auto.run("RunConfig.reuse=pinned") and auto.text()
    for override in overrides:
        assert auto.run(override)["T"] == "ran"
        assert auto.text() != before
    for edit in edits:
        with auto.edited(*edit):
            assert auto.run()["T"] == "ran"
            assert auto.text() != before
    assert_reused(auto.plan())


@pytest.mark.parametrize(
    ("value", "override", "edit"),
    [
        ("self.clone_parent().config.x", "A.x=2", None),
        ("self.clone_parent().helper()", "", (OWN, "return 21", "return 22")),
    ],
)
def test_luigis_own_decorator_leads_to_what_is_required(
    auto: Auto, value: str, override: str, edit: Edit | None
) -> None:
    luigis = "from luigi.util import requires as needs\n\nclass AConfig"
    code = UPSTREAM.replace("VALUE", value).replace("class AConfig", luigis)
    auto.lay(code.replace("@requires(A)", "@needs(A)"))
    auto.settled()
    if override:
        assert auto.run(override)["T"] == "ran"
    if edit:
        auto.edit(*edit)
        assert auto.run()["T"] == "ran"


PLAIN = (
    HEAD
    + """
class P(luigi.Task):
    def output(self):
        return {"a": luigi.LocalTarget("a.txt"), "b": luigi.LocalTarget("b.txt")}
    def run(self):
        for target in self.output().values():
            with target.open("w") as file:
                file.write(target.path[0])

@requires(P)
class T(RunTask):
    outputs = {"out": "out.txt"}
    def run(self):
        self.outputs["out"].write_text(VALUE)
"""
)


def test_outputs_of_a_plain_task_that_swap_their_names(auto: Auto) -> None:
    auto.lay(PLAIN.replace("VALUE", 'Path(self.input()["a"].path).read_text()'))
    auto.settled()
    auto.edit(OWN, '"a": luigi', '"c": luigi')
    auto.edit(OWN, '"b": luigi', '"a": luigi')
    assert auto.run()["T"] == "ran"
    assert auto.text() == "b"


def test_a_file_of_a_plain_task_that_is_renamed(auto: Auto) -> None:
    auto.lay(PLAIN.replace("VALUE", 'Path(self.input()["a"].path).name'))
    auto.settled()
    auto.edit(OWN, '"a.txt"', '"aa.txt"')
    assert auto.run()["T"] == "ran"
    assert auto.text() == "aa.txt"


def test_a_file_of_a_plain_task_that_changes(auto: Auto) -> None:
    auto.lay(PLAIN.replace("VALUE", 'Path(self.input()["a"].path).read_text()'))
    auto.settled()
    (auto.root / "a.txt").write_text("X")
    assert auto.plan()["T"] == "to run"
    auto.run()
    assert auto.text() == "X"
    (auto.root / "a.txt").unlink()
    auto.run()
    assert auto.text() == "a"


ORDER = (
    HEAD
    + """
class A(RunTask):
    n = luigi.IntParameter(default=0)
    outputs = {"a": "a.txt"}
    def run(self):
        self.outputs["a"].write_text(str(self.n))

class T(RunTask):
    order = luigi.ListParameter(default=[1, 2], significant=False)
    outputs = {"out": "out.txt"}
    def requires(self):
        return REQUIRED
    def run(self):
        found = self.input()
        found = found.values() if isinstance(found, dict) else found
        self.outputs["out"].write_text(" ".join(Path(a["a"].path).read_text() for a in found))
"""
)


@pytest.mark.parametrize(
    "required",
    ["[A(n=n) for n in self.order]", '{f"k{i}": A(n=n) for i, n in enumerate(self.order)}'],
)
def test_order_and_number_of_required_tasks(auto: Auto, required: str) -> None:
    auto.lay(ORDER.replace("REQUIRED", required))
    auto.run()
    texts = set()
    for order in ([1, 2], [2, 1], [1], [1, 1], [1, 1, 2]):
        auto.run(f"T.order={order}", record=True)
        texts.add(auto.text())
    assert texts == {"1 2", "2 1", "1", "1 1", "1 1 2"}
    assert_reused(auto.plan("T.order=[2, 1]"))


@pytest.mark.parametrize("required", ["(A(n=n) for n in [1, 2])", "map(A, [1, 2])"])
def test_required_tasks_that_come_one_by_one(auto: Auto, required: str) -> None:
    auto.lay(ORDER.replace("REQUIRED", required))
    auto.settled()
    auto.edit(OWN, "str(self.n)", "str(self.n + 1)")
    auto.run()
    assert auto.text() == "2 3"
    auto.edit(OWN, "[1, 2]", "[2, 1]")
    auto.run()
    assert auto.text() == "3 2"


def test_required_tasks_that_are_yielded(auto: Auto) -> None:
    auto.lay(ORDER.replace("return REQUIRED", "yield A(n=1)\n        yield A(n=2)"))
    auto.settled()
    auto.edit(OWN, "str(self.n)", "str(self.n + 1)")
    auto.run()
    assert auto.text() == "2 3"


def test_required_tasks_that_depend_on_a_file(auto: Auto) -> None:
    auto.lay(ORDER.replace("REQUIRED", "[A(n=int(p.name)) for p in Path('data').iterdir()]"))
    auto.data("1", "")
    auto.settled()
    auto.data("1", "").rename(auto.root / "data/2")
    assert auto.plan()["T"] == "to run"
    auto.run()
    assert auto.text() == "2"


def test_keys_of_required_tasks(auto: Auto) -> None:
    auto.lay(
        ORDER.replace("REQUIRED", "{KEYS[n]: A(n=n) for n in self.order}").replace(
            "class A(", "KEYS = ['zero', 'one', 'two']\n\nclass A("
        )
    )
    auto.counts((OWN, "'one'", "'uno'"))


# Files from outside.

READS = 'str(sorted((p.name, p.read_text()) for p in self.inputs["raw"]))'


@pytest.mark.parametrize("pattern", ["raw/**/*.txt", "*/deep/*.txt", "*/*/*.txt"])
def test_files_of_a_glob_that_move(auto: Auto, pattern: str) -> None:
    auto.lay(task(READS, body=f'sources = {{"raw": "{pattern}"}}\n'))
    auto.data("raw/deep/a.txt", "1")
    auto.data("raw/deep/b.txt", "2")
    auto.settled()
    (auto.root / "data/raw/deep/b.txt").rename(auto.root / "data/raw/deep/c.txt")
    assert auto.plan()["T"] == "to run"
    (auto.root / "data/raw/deep/c.txt").rename(auto.root / "data/raw/deep/b.txt")
    assert_reused(auto.plan())
    if pattern != "*/deep/*.txt":
        (auto.root / "data/raw/deep").rename(auto.root / "data/raw/other")
    else:
        (auto.root / "data/raw").rename(auto.root / "data/crude")
    assert auto.plan()["T"] == "to run"


def test_a_source_that_is_named_in_the_config_and_renamed(auto: Auto) -> None:
    auto.lay(
        task('self.inputs["raw"].name', body='sources = {"raw": "which:"}\n'),
        '[PathConfig]\ninput = "data"\nwhich = "data/a-1.txt"\n',
    )
    auto.data("a-1.txt", "same")
    auto.data("a-2.txt", "same")
    auto.counts_in_config("PathConfig.which=data/a-2.txt")


def test_an_edit_that_keeps_size_and_time(auto: Auto) -> None:
    auto.lay(task('self.inputs["raw"].read_text()', body='sources = {"raw": "raw.txt"}\n'))
    raw = auto.data("raw.txt", "one")
    os.utime(raw, (1_600_000_000, 1_600_000_000))
    auto.settled()
    raw.write_text("two")
    os.utime(raw, (1_600_000_000, 1_600_000_000))
    assert auto.plan()["T"] == "to run"
    auto.run()
    assert auto.text() == "two"


FOLDER = (
    'str(sorted((str(p.relative_to(self.inputs["raw"])), p.is_dir() or p.read_text()) '
    'for p in self.inputs["raw"].rglob("*") if p.exists()))'
)


@pytest.fixture
def folder(auto: Auto) -> Auto:
    auto.lay(task(FOLDER, body='sources = {"raw": "raw"}\n'))
    auto.data("raw/a/x.txt", "1")
    auto.data("raw/b/x.txt", "2")
    (auto.root / "data/raw/empty/inside").mkdir(parents=True)
    return auto


def test_folders_in_a_folder(folder: Auto) -> None:
    folder.settled()
    raw = folder.root / "data/raw"
    (raw / "more").mkdir()
    assert folder.plan()["T"] == "to run"
    (raw / "more").rmdir()
    assert_reused(folder.plan())
    (raw / "empty/inside").rmdir()
    assert folder.plan()["T"] == "to run"
    (raw / "empty/inside").mkdir()
    (raw / "b").rename(raw / "c")
    assert folder.plan()["T"] == "to run"


def test_an_empty_folder_that_is_deleted_from_an_output(auto: Auto) -> None:
    auto.lay(
        HEAD
        + """
class T(RunTask):
    outputs = {"out": "out"}
    def run(self):
        (self.outputs["out"] / "empty" / "inside").mkdir(parents=True)
"""
    )
    auto.run()
    directory = auto.report.artifact_dir / "T"
    assert_reused(auto.plan())
    (directory / "out/empty/inside").rmdir()
    assert auto.plan()["T"] == "to run"


def test_a_pipe_in_a_folder_is_no_reason_to_wait(folder: Auto) -> None:
    folder.edit(OWN, "if p.exists()", "if p.is_file()")
    os.mkfifo(folder.root / "data/raw/pipe")
    assert folder.run()["T"] == "ran"
    assert folder.plan()["T"] == "to run"


def test_links_in_a_folder(folder: Auto) -> None:
    raw = folder.root / "data/raw"
    outside = folder.data("elsewhere/y.txt", "1")
    (raw / "loop").symlink_to(raw)
    (raw / "broken").symlink_to(raw / "nothing")
    (raw / "file").symlink_to(outside)
    (raw / "folder").symlink_to(outside.parent)
    folder.edit(OWN, "p.is_dir() or p.read_text()", "p.is_dir() or p.stat().st_size")
    folder.settled()
    outside.write_text("2")
    assert folder.plan()["T"] == "to run"
    outside.write_text("1")
    assert_reused(folder.plan())
    new = folder.data("elsewhere/z.txt", "1")
    assert folder.plan()["T"] == "to run"
    new.unlink()
    (raw / "nothing").write_text("there now")
    assert folder.plan()["T"] == "to run"
    (raw / "nothing").unlink()
    (raw / "broken").unlink()
    (raw / "broken").symlink_to(raw / "nothing else")
    assert folder.plan()["T"] == "to run"


def test_a_link_to_a_folder_that_another_link_leads_to_as_well(folder: Auto) -> None:
    raw = folder.root / "data/raw"
    one = folder.data("one/y.txt", "1").parent
    two = folder.data("two/y.txt", "2").parent
    for name, target in (("l1", one), ("l2", two), ("l3", one)):
        (raw / name).symlink_to(target)
    folder.settled()
    (raw / "l3").unlink()
    (raw / "l3").symlink_to(two)
    assert folder.plan()["T"] == "to run"


def test_a_source_that_is_compared_by_its_time(auto: Auto) -> None:
    head = "from runner import Source\n"
    body = 'sources = {"raw": Source("raw/*.txt", digest="stat")}\n'
    auto.lay(task(READS, head, body=body))
    raw = auto.data("raw/a.txt", "one")
    auto.data("raw/b.txt", "one")
    auto.settled()
    raw.write_text("two")
    os.utime(raw, (1_600_000_000, 1_600_000_000))
    assert auto.plan()["T"] == "to run"
    auto.run()
    assert "two" in auto.text()
    assert_reused(auto.plan())
    raw.rename(raw.with_name("c.txt"))
    assert auto.plan()["T"] == "to run"


# Tasks without outputs of their own.


@pytest.mark.parametrize("base", ["luigi.WrapperTask", "luigi.Task"])
def test_a_group_stands_for_what_it_requires(auto: Auto, base: str) -> None:
    body = "    pass\n"
    if base == "luigi.Task":
        body = "    def complete(self):\n        return self.requires().complete()\n"
    auto.lay(
        HEAD
        + f"""
class A(RunTask):
    outputs = {{"a": "a.txt"}}
    def run(self):
        self.outputs["a"].write_text("1")

@requires(A)
class Inner({base}):
{body}

@requires(Inner)
class Group({base}):
{body}

@requires(Group)
class T(RunTask):
    outputs = {{"out": "out.txt"}}
    def run(self):
        group = self.requires()
        a = group.requires().requires()
        self.outputs["out"].write_text(Path(a.output()["a"].path).read_text())
"""
    )
    assert auto.run()["T"] == "ran"
    assert auto.plan()["T"] == "reused"
    auto.edit(OWN, 'write_text("1")', 'write_text("2")')
    assert auto.plan()["T"] == "to run"
    auto.run()
    assert auto.text() == "2"
    assert auto.plan()["T"] == "reused"


# Damage.

PAIR = (
    HEAD
    + """
import random
class A(RunTask):
    outputs = {"a": "a.txt"}
    def run(self):
        self.outputs["a"].write_text("AAAA")

@requires(A)
class T(RunTask):
    outputs = {"out": "out.txt"}
    def run(self):
        self.outputs["out"].write_text(self.inputs["a"].read_text())
"""
)


def test_a_flipped_byte_in_an_output_is_noticed_when_asked_for(auto: Auto) -> None:
    auto.lay(PAIR).run()
    (auto.report.artifact_dir / "A/a.txt").write_text("BBBB")
    assert_reused(auto.plan())  # sizes alone are compared
    assert auto.plan(verify=True) == {"A": "to run", "T": "to run"}
    auto.run(verify=True)
    assert auto.text() == "AAAA"


def test_a_pin_that_was_changed(auto: Auto) -> None:
    auto.lay(PAIR).run()
    first = auto.report
    pin = f"PathConfig.A=run:{first.run_name}"
    assert_reused(auto.plan(pin))
    file = first.artifact_dir / "A/a.txt"
    file.write_text("BBBB")
    from runner.errors import MissingInputError

    with pytest.raises(MissingInputError, match="other bytes"):
        auto.plan(pin, verify=True)
    file.write_text("BBBBB")
    with pytest.raises(MissingInputError, match="5 bytes, not 4"):
        auto.plan(pin)


def test_a_pin_to_a_folder_of_ones_own(auto: Auto) -> None:
    auto.lay(PAIR)
    file = auto.project.write("mine/a.txt", "mine")
    pin = "PathConfig.A=mine"
    auto.settled(pin)
    file.write_text("ours")
    assert auto.plan(pin)["T"] == "to run"
    auto.run(pin)
    assert auto.text() == "ours"
    (file.parent / "more.txt").write_text("more")
    assert auto.plan(pin)["T"] == "to run"


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "empty", "other"])
def test_a_damaged_manifest_is_not_taken(auto: Auto, damage: str) -> None:
    auto.lay(PAIR).run()
    path = auto.report.artifact_dir / "A/manifest.json"
    text = path.read_text()
    if damage == "remove":
        path.unlink()
    elif damage == "flip":
        path.write_text(text.replace('"seconds"', '"secOnds"'))
    elif damage == "truncate":
        path.write_text(text[:-10])
    elif damage == "other":
        shutil.copyfile(auto.report.artifact_dir / "T/manifest.json", path)
    else:
        path.write_text("")
    assert auto.plan()["A"] == "to run"
    assert auto.run()["A"] == "ran"
    assert_reused(auto.plan())


# The index.


def entries(auto: Auto) -> list[Path]:
    index = auto.root / "mlruns/.reuse"
    return [p for p in index.rglob("*") if p.is_file() and "locks" not in p.parts]


@pytest.mark.parametrize("garbage", [b"", b"\xff\xfe\x00", b"{}", b"[1]", b"null", b"[" * 100_000])
def test_entries_of_garbage_are_nothing(auto: Auto, garbage: bytes) -> None:
    auto.lay(PAIR).run()
    found = entries(auto)
    assert len(found) == 2
    for path in found:
        path.write_bytes(garbage)
    assert auto.plan() == {"A": "to run", "T": "to run"}
    assert [path.read_bytes() for path in entries(auto)] == [garbage] * 2
    assert auto.run() == {"A": "ran", "T": "ran"}
    assert_reused(auto.plan())


def test_an_entry_that_is_put_under_another_fingerprint_is_not_taken(auto: Auto) -> None:
    auto.lay(PAIR).run()
    one, two = entries(auto)
    text = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(text)
    assert auto.run() == {"A": "ran", "T": "ran"}
    assert auto.text() == "AAAA"


def test_an_index_that_can_not_be_written(auto: Auto) -> None:
    (auto.root / "mlruns").mkdir()
    (auto.root / "mlruns/.reuse").write_text("a file in its place")
    assert auto.lay(PAIR).run() == {"A": "ran", "T": "ran"}
    assert auto.run() == {"A": "ran", "T": "ran"}


def test_locks_that_can_not_be_made(auto: Auto) -> None:
    (auto.root / "mlruns/.reuse").mkdir(parents=True)
    (auto.root / "mlruns/.reuse/locks").write_text("a file in its place")
    assert auto.lay(PAIR).run() == {"A": "ran", "T": "ran"}
    assert auto.report.status == "FINISHED"
    assert_reused(auto.plan())


def test_a_dry_run_leaves_everything_as_it_is(auto: Auto) -> None:
    auto.lay(PAIR).run()
    (auto.report.artifact_dir / "A/a.txt").write_text("damaged")

    def everything() -> dict[str, tuple[int, int]]:
        found = (p for p in auto.root.rglob("*") if "digests.db" not in p.name)
        return {str(p): (p.stat().st_mtime_ns, p.stat().st_size) for p in found}

    before = everything()
    assert auto.plan() == {"A": "to run", "T": "to run"}
    assert everything() == before


def test_another_artifact_root(auto: Auto) -> None:
    auto.lay(PAIR).settled()
    other = f"RunConfig.artifact_root={auto.root}/elsewhere"
    if auto.plan(other) != {"A": "to run", "T": "to run"}:
        assert auto.run(other, record=True)
        assert auto.text() == "AAAA"
    assert_reused(auto.plan())


def test_pinned_runs_record_fingerprints(auto: Auto) -> None:
    auto.lay(PAIR)
    assert auto.run("RunConfig.reuse=pinned") == {"A": "ran", "T": "ran"}
    assert auto.run("RunConfig.reuse=pinned") == {"A": "ran", "T": "ran"}
    assert_reused(auto.plan())


# What a class says of itself.


def test_packages(auto: Auto, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    auto.lay(task("1", body='fingerprint_packages = ["luigi"]\n'))
    auto.settled()
    version = importlib.metadata.version
    with monkeypatch.context() as patched:
        patched.setattr(importlib.metadata, "version", lambda n: f"{version(n)}.post1")
        assert auto.plan()["T"] == "to run"
    assert_reused(auto.plan())


def test_packages_are_a_list(auto: Auto) -> None:
    from runner.errors import ProjectCodeError

    auto.lay(task("1", body='fingerprint_packages = "luigi"\n'))
    with pytest.raises(ProjectCodeError, match="fingerprint_packages is a list of names"):
        auto.plan()


def test_a_version_and_a_refusal(auto: Auto) -> None:
    auto.lay(task("1", body="version = 1\n"))
    auto.counts((OWN, "version = 1", "version = 2"), (OWN, "version = 1", "reusable = False"))
    auto.edit(OWN, "version = 1", "reusable = False")
    assert auto.run()["T"] == auto.run()["T"] == "ran"


# What changes while a task runs.


def test_a_source_that_is_edited_by_the_task(auto: Auto) -> None:
    code = task('self.inputs["raw"].write_text("two")', body='sources = {"raw": "raw.txt"}\n')
    auto.lay(code)
    raw = auto.data("raw.txt", "one")
    auto.run()
    assert auto.plan()["T"] == "to run"
    raw.write_text("one")
    assert auto.plan()["T"] == "to run"


def test_a_source_that_is_edited_by_the_task_and_restored(auto: Auto) -> None:
    auto.lay(
        task(
            "swap(self.inputs['raw'])",
            """
            def swap(path):
                if Path("swap").exists():
                    path.write_text("two")
                found = path.read_text()
                path.write_text("one")
                return found
            """,
            body='sources = {"raw": "raw.txt"}\n',
        )
    )
    auto.data("raw.txt", "one")
    swap = auto.project.write("swap", "")
    auto.run()
    assert auto.text() == "two"
    swap.unlink()
    assert auto.plan()["T"] == "to run"


LAZY = {
    "lib/lazy.py": "def f():\n    return 'one'\n",
    OWN: HEAD
    + """
def swap():
    if Path("swap").exists():
        Path("src/lib/lazy.py").write_text(Path("swap").read_text())

class Part(RunTask):
    outputs = {"p": "p.txt"}
    def run(self):
        from lib.lazy import f
        self.outputs["p"].write_text(f())

class T(RunTask):
    outputs = {"out": "out.txt"}
    def run(self):
        swap()
        WHAT
        self.outputs["out"].write_text(found)
""",
}
AT_ONCE = "from lib.lazy import f\n        found = f()"
LATER = "import lib.lazy; part = yield Part(); found = Path(part['p'].path).read_text()"


@pytest.mark.parametrize("what", [AT_ONCE, LATER])
def test_a_module_that_is_edited_before_it_is_imported(auto: Auto, what: str) -> None:
    auto.lay({**LAZY, OWN: LAZY[OWN].replace("WHAT", what)})
    swap = auto.project.write("swap", "def f():\n    return 'two'\n")
    auto.run()
    assert auto.text() == "two"
    auto.edit("lib/lazy.py", "two", "one")
    swap.unlink()
    assert auto.plan()["T"] == "to run"
    auto.run()
    assert auto.text() == "one"


@pytest.mark.parametrize("by", ["write", "rename"])
def test_a_module_that_is_edited_after_it_was_imported(auto: Auto, by: str) -> None:
    """What a dynamic requirement is made of is read late."""
    auto.lay(
        {
            "lib/part.py": task("f()", "def f():\n    return 'one'\n", name="Part"),
            OWN: task("'x'").replace(
                'self.outputs["out"]',
                "part = yield make()\n        self.outputs['out']",
            )
            + f"""
def make():
    if Path("swap").exists():
        new = Path("swap")
        if {by == "write"}:
            Path("src/lib/part.py").write_text(new.read_text())
            new.unlink()
        else:
            os.replace(new, "src/lib/part.py")
    return luigi.task_register.Register.get_task_cls("Part")()
""",
            "tasks/zz.py": "import lib.part\n",
        }
    )
    new = (auto.root / "src/lib/part.py").read_text().replace("'one'", "'two'")
    swap = auto.project.write("swap", new)
    os.utime(swap, (1_600_000_000, 1_600_000_000))
    auto.run()
    part = next(iter(auto.root.glob("mlruns/*/*/artifacts/Part/out.txt")))
    assert part.read_text() == "one" and not swap.exists()
    auto.run(record=True)
    found = next(one for one in auto.report.tasks if one.name == "T")
    assert found.status == "ran"
    part = next(one for one in auto.report.tasks if one.name == "Part")
    assert part.directory and (part.directory / "out.txt").read_text() == "two"


def test_a_module_that_was_imported_before_the_run(auto: Auto) -> None:
    """As in a notebook: what runs is what was imported, not what is in the file by now."""
    import importlib

    auto.lay({"lib_n/part.py": "def f():\n    return 'one'\n", OWN: task("f()", IMPORT_N)})
    sys.path.insert(0, str(auto.root / "src"))
    importlib.invalidate_caches()
    importlib.import_module("lib_n.part")
    try:
        auto.edit("lib_n/part.py", "'one'", "'two'")
        auto.run()
        ran = auto.text()
    finally:
        del sys.modules["lib_n.part"], sys.modules["lib_n"]
    auto.run(record=True)
    assert auto.text() == "two", f"first {ran}"


IMPORT_N = "from lib_n.part import f\n"


def test_bytecode_that_is_older_than_its_source(
    auto: Auto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python takes a .pyc when size and second of the source are as before."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    auto.lay(
        {"lib/part.py": "def f():\n    return 'one'\n", OWN: task("f()", "from lib.part import f")}
    )
    path = auto.root / "src/lib/part.py"
    os.utime(path, (1_600_000_000, 1_600_000_000))
    auto.settled()
    auto.edit("lib/part.py", "'one'", "'two'")
    os.utime(path, (1_600_000_000, 1_600_000_000))
    auto.run()
    first = auto.text()
    shutil.rmtree(path.parent / "__pycache__")
    auto.run(record=True)
    assert auto.text() == "two", f"first {first}"


def test_outputs_of_different_origin_are_never_joined(auto: Auto) -> None:
    auto.lay(
        HEAD
        + """
import random
class A(RunTask):
    outputs = {"a": "a.txt"}
    def run(self):
        self.outputs["a"].write_text(f"{random.random():.17f}")

@requires(A)
class B(RunTask):
    outputs = {"b": "b.txt"}
    def run(self):
        self.outputs["b"].write_text(self.inputs["a"].read_text())

@requires(A, B)
class T(RunTask):
    outputs = {"out": "out.txt"}
    def run(self):
        self.outputs["out"].write_text(" ".join(p.read_text() for p in self.inputs.values()))
"""
    )
    for damage in ("missing", "other bytes", "forced"):
        auto.run(record=True)
        found = {one.name: one.directory for one in auto.report.tasks}
        path = found["A"] / "a.txt"
        if damage == "missing":
            path.unlink()
        elif damage == "other bytes":
            path.write_text("x" * 19)
        auto.run(verify=True, force=["A"] if damage == "forced" else [], record=True)
        texts = auto.text().split()
        assert len(texts) == 2 and len(set(texts)) == 1, damage
    found = auto.run(record=True)
    assert_reused(found)
    assert len(set(auto.text().split())) == 1


# Objects that travel in files.


@pytest.mark.parametrize("load", ["pickle.load(file)", "pickle.loads(file.read())", "load(file)"])
def test_a_class_that_comes_out_of_a_pickle(auto: Auto, load: str) -> None:
    """The pickle names the class; its code is not in it, nor is it named where it is loaded."""
    auto.lay(
        {
            "lib/model.py": "class Model:\n    def predict(self):\n        return 1\n",
            OWN: HEAD
            + f"""
import pickle
from pickle import load

class A(RunTask):
    outputs = {{"model": "model.pkl"}}
    def run(self):
        from lib.model import Model
        self.outputs["model"].write_bytes(pickle.dumps(Model()))

@requires(A)
class T(RunTask):
    outputs = {{"out": "out.txt"}}
    def run(self):
        with open(self.inputs["model"], "rb") as file:
            model = {load}
        self.outputs["out"].write_text(str(model.predict()))
""",
        }
    )
    auto.settled()
    auto.edit("lib/model.py", "return 1", "return 2")
    auto.run()
    assert auto.text() == "2"


def test_a_function_that_comes_out_of_a_pickle(auto: Auto) -> None:
    auto.lay(
        {
            "lib/model.py": "def f():\n    return 1\n",
            OWN: HEAD
            + """
import pickle
class A(RunTask):
    outputs = {"model": "model.pkl"}
    def run(self):
        import functools
        from lib.model import f
        self.outputs["model"].write_bytes(pickle.dumps(functools.partial(f)))

@requires(A)
class T(RunTask):
    outputs = {"out": "out.txt"}
    def run(self):
        model = pickle.loads(self.inputs["model"].read_bytes())
        self.outputs["out"].write_text(str(model()))
""",
        }
    )
    auto.settled()
    auto.edit("lib/model.py", "return 1", "return 2")
    auto.run()
    assert auto.text() == "2"


def test_a_class_that_comes_out_of_a_pickled_source(auto: Auto) -> None:
    auto.lay(
        {
            "lib_s.py": "class Model:\n    def predict(self):\n        return 1\n",
            OWN: task(
                "pickle.loads(self.inputs['raw'].read_bytes()).predict()",
                "import pickle\n",
                body='sources = {"raw": "model.pkl"}\n',
            ),
        }
    )
    auto.data("model.pkl", "(ilib_s\nModel\n.")  # an instance, in pickle's first protocol
    auto.settled()
    auto.edit("lib_s.py", "return 1", "return 2")
    assert auto.plan()["T"] == "to run"
    auto.run()
    assert auto.text() == "2"


def test_a_class_that_comes_out_of_an_array(auto: Auto) -> None:
    pytest.importorskip("numpy")
    auto.lay(
        {
            "lib/model.py": "class Model:\n    def predict(self):\n        return 1\n",
            OWN: HEAD
            + """
import numpy as np
class A(RunTask):
    outputs = {"model": "model.npy"}
    def run(self):
        from lib.model import Model
        np.save(self.outputs["model"], np.array([Model()], dtype=object))

@requires(A)
class T(RunTask):
    outputs = {"out": "out.txt"}
    def run(self):
        model = np.load(self.inputs["model"], allow_pickle=True)[0]
        self.outputs["out"].write_text(str(model.predict()))
""",
        }
    )
    auto.settled()
    auto.edit("lib/model.py", "return 1", "return 2")
    auto.run()
    assert auto.text() == "2"


def test_a_module_without_source(auto: Auto) -> None:
    import py_compile

    auto.lay({"lib/__init__.py": "", OWN: task("f()", "from lib.binary import f")})
    source = auto.project.write("binary.py", "def f():\n    return 1\n")
    target = auto.root / "src/lib/binary.pyc"
    py_compile.compile(str(source), cfile=str(target))
    auto.run()
    source.write_text("def f():\n    return 2\n")
    py_compile.compile(str(source), cfile=str(target))
    assert auto.plan()["T"] == "to run"


# Precision: what does not reach an output does not count.


def test_early_cut_off(auto: Auto) -> None:
    auto.lay(PAIR).settled()
    auto.edit(OWN, '"AAAA"', '"AA" + "AA"')
    assert auto.plan() == {"A": "to run", "T": "to run"}
    assert auto.run() == {"A": "ran", "T": "reused"}
    assert_reused(auto.plan())


PRECISE = {
    "lib/__init__.py": "'about the package'\n",
    "lib/helpers.py": """
    'about'
    from __future__ import annotations
    import logging
    from collections import namedtuple
    from dataclasses import dataclass, field
    from pathlib import Path
    from typing import TYPE_CHECKING, NamedTuple, TypeVar
    from enum import Enum
    import re
    try:
        import nowhere
    except ImportError:
        nowhere = None
    if TYPE_CHECKING:
        from lib.other import Nothing

    logger = logging.getLogger(__name__)
    logger_2 = logging.getLogger("two")
    T = TypeVar("T")
    LIMIT = 10
    UNUSED = 21
    FOLDER = Path(__file__).parent
    PATTERN = re.compile("a+")
    TABLE: dict[str, int] = {"a": 31}
    DERIVED = {name: n + UNUSED for name, n in TABLE.items()}
    Point = namedtuple("Point", "x y")
    __all__ = ["shout", "whisper"]

    @dataclass(frozen=True)
    class Data:
        x: int = 41
        y: list[int] = field(default_factory=list)

    class Kind(Enum):
        A = "a51"

    class Tuple(NamedTuple):
        x: int = 61

    class Held:
        value = 71

        @property
        def x(self):
            return self.value

        @x.setter
        def x(self, value):
            self.value = value

        @staticmethod
        def make():
            return Held()

    def shout(text):
        'doc'
        return text.upper()[:LIMIT]  # comment

    def whisper(text, kind=Kind.A):
        return text.lower() + str(81)
    """,
    "lib/other.py": "class Nothing:\n    x = 91\n",
    OWN: HEAD
    + """
from lib.helpers import shout, whisper

class AConfig(TaskConfig):
    x: int = 1

class A(RunTask):
    config: AConfig
    outputs = {"a": "a.txt"}
    def run(self):
        'doc'
        self.outputs["a"].write_text("abc")

@requires(A)
class T(RunTask):
    outputs = {"out": "out.txt"}
    def run(self):
        self.outputs["out"].write_text(shout(self.inputs["a"].read_text()))

class Unrelated(RunTask):
    outputs = {"out": "out.txt"}
    def run(self):
        self.outputs["out"].write_text(whisper("101"))
""",
}
IDLE: list[Edit] = [
    ("lib/helpers.py", "'doc'", "'dok'"),
    ("lib/helpers.py", "'about'", "'about it'"),
    ("lib/helpers.py", "  # comment", "  # remark"),
    ("lib/helpers.py", "return text.upper()[:LIMIT]", "return (text\n        .upper()[:LIMIT])"),
    ("lib/helpers.py", "UNUSED = 21", "UNUSED = 22"),
    ("lib/helpers.py", '"a": 31', '"a": 32'),
    ("lib/helpers.py", "x: int = 41", "x: int = 42"),
    ("lib/helpers.py", '"a51"', '"a52"'),
    ("lib/helpers.py", "x: int = 61", "x: int = 62"),
    ("lib/helpers.py", "value = 71", "value = 72"),
    ("lib/helpers.py", "self.value = value", "self.value = value + 1"),
    ("lib/helpers.py", "str(81)", "str(82)"),
    ("lib/helpers.py", '"a+"', '"b+"'),
    ("lib/helpers.py", '"x y"', '"x y z"'),
    ("lib/helpers.py", 'getLogger("two")', 'getLogger("three")'),
    ("lib/helpers.py", '"shout", "whisper"', '"shout"'),
    ("lib/helpers.py", "import re\n", "import re\nimport json\n"),
    ("lib/other.py", "x = 91", "x = 92"),
    ("lib/new.py", "", "x = 92\ndef f():\n    return 1\n"),
    (OWN, 'whisper("101")', 'whisper("102")'),
    (OWN, "    def run(self):\n        'doc'", "    def run(self):"),
    (OWN, "class Unrelated(RunTask):", "class Unrelated(RunTask):\n    version = 2"),
    (OWN, "import luigi", "import luigi\nimport json"),
    ("tasks/new.py", "", task("1", name="New")),
]


def test_what_does_not_count(auto: Auto) -> None:
    auto.lay(PRECISE)
    auto.settled()
    reran = []
    for edit in IDLE:
        with auto.edited(*edit):
            found = auto.plan()
            if set(found.values()) != {"reused"}:
                reran.append((edit, {one.name: one.reason for one in auto.report.tasks}))
    assert not reran


def test_what_counts_for_one_task_alone(auto: Auto) -> None:
    auto.lay(PRECISE)
    auto.settled()
    with auto.edited("lib/helpers.py", "LIMIT = 10", "LIMIT = 11"):
        assert auto.plan() == {"A": "reused", "T": "to run"}
    with auto.edited("lib/helpers.py", "text.upper()", "text.title()"):
        assert auto.plan() == {"A": "reused", "T": "to run"}
    assert auto.run("A.x=2") == {"A": "ran", "T": "reused"}
    assert auto.run("A.x=1", record=True) == {
        "A": "reused",
        "T": "reused",
    }


def test_a_module_that_knows_no_attribute_error(auto: Auto) -> None:
    """Modules are asked for `__path__`; what a user's `__getattr__` raises then is no matter."""
    auto.lay(
        {
            "lib/m.py": "T = {'a': 1}\ndef __getattr__(name):\n    return T[name]\n",
            OWN: task("m.a", "from lib import m"),
        }
    )
    try:
        auto.counts(("lib/m.py", "'a': 1", "'a': 2"))
    finally:
        sys.modules.pop("lib.m", None)
