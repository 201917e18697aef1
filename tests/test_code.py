"""Which code a task is made of: what it names in the project, and nothing else."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import runner
from runner.artifacts.code import Code, CodeReader, NoCode

TASK = """
from __future__ import annotations
import json as np
import helpers
import helpers as h
import pack.deep
from pack import constants
from pack.tools import clean as tidy, LIMIT
from pack.stars import *

def used():
    "a docstring"
    return inner()  # a comment

def inner():
    return LIMIT

def unused():
    return 0

if np:
    FLAG = 1
else:
    FLAG = 2

class Config:
    value: int = helpers.DEFAULT

class Base:
    def below(self):
        return FLAG

class Other:
    "stands for another task"
    is_task = True

    def run(self):
        return 31

class Required(Other):
    def run(self):
        return 41

class Settings:
    is_settings = True

class Mine(Base):
    config: Config

    def requires(self):
        return Required

    def run(self):
        from pack.late import later
        self.requires()
        return used(), tidy(1), h.shared(), pack.deep.dive(), constants, starred(), later()

    def more(self):
        return Other, Settings
"""

FILES = {
    "helpers.py": "DEFAULT = 3\ndef shared():\n    return DEFAULT\ndef private():\n    return 1\n",
    "pack/__init__.py": "",
    "pack/deep.py": "from .tools import clean\n\ndef dive():\n    return clean(2)\n",
    "pack/constants.py": "'about'\nA = 1\nB = 2\nB += 1\n",
    "pack/tools.py": "LIMIT = 10\n\ndef clean(x):\n    return x\n\ndef dirty(x):\n    return x\n",
    "pack/stars.py": "def starred():\n    return 1\n",
    "pack/late.py": "def later():\n    return 1\n\ndef never():\n    return 1\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in {**FILES, "mytask.py": TASK}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(runner, "IMPORTED", time.time_ns() + 10**12)
    yield tmp_path
    forget()


def forget() -> None:
    for name in [n for n in sys.modules if n.split(".")[0] in ("mytask", "helpers", "pack")]:
        del sys.modules[name]
    importlib.invalidate_caches()


def marked(name: str) -> Any:
    return lambda value: isinstance(value, type) and bool(getattr(value, name, False))


def reader(*loaded: str, begun: int | None = None) -> CodeReader:
    return CodeReader(marked("is_task"), marked("is_settings"), loaded, begun)


def code(*loaded: str) -> Code:
    forget()
    cls = importlib.import_module("mytask").Mine
    return reader(*loaded).of(cls)


def read(*loaded: str) -> dict[str, str]:
    return code(*loaded).pieces


def edit(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))


def test_exactly_what_is_named_counts(folder: Path) -> None:
    assert set(read()) == {
        "helpers.DEFAULT",
        "helpers.shared",
        "mytask.Base",
        "mytask.Base.below",
        "mytask.Config",
        "mytask.FLAG",
        "mytask.Mine",
        "mytask.Mine.more",
        "mytask.Mine.requires",
        "mytask.Mine.run",
        "mytask.Other",
        "mytask.Other.run",
        "mytask.Required",
        "mytask.Settings",
        "mytask.inner",
        "mytask.used",
        "pack.constants (on import)",
        "pack.constants (whole)",
        "pack.constants.A",
        "pack.constants.B",
        "pack.deep.dive",
        "pack.late.later",
        "pack.stars.starred",
        "pack.tools.LIMIT",
        "pack.tools.clean",
    }


def test_what_a_task_uses_as_objects(folder: Path) -> None:
    found = code()
    assert {cls.__name__ for cls in found.classes} == {"Other", "Settings"}
    assert "requires" in found.asks and "path_config" not in found.asks
    assert {path.name for path in found.later} == {"late.py"}
    assert found.as_read()
    edit(folder, "pack/late.py", "return 1", "return 2")
    assert not found.as_read()
    (folder / "pack/late.py").unlink()
    assert not found.as_read()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("mytask.py", "  # a comment", ""),
        ("mytask.py", "a docstring", "another"),
        ("mytask.py", "    return inner()", "    return (\n        inner()\n    )"),
        ("mytask.py", "    return 0", "    return 5"),
        ("mytask.py", "        return 41", "        return 42"),
        ("helpers.py", "    return 1", "    return 2"),
        ("pack/constants.py", "'about'", "'about it'"),
        ("pack/tools.py", "def dirty(x):\n    return x", "def dirty(x):\n    return -x"),
        ("pack/late.py", "def never():\n    return 1", "def never():\n    return 2"),
    ],
)
def test_edits_that_do_not_count(folder: Path, file: str, old: str, new: str) -> None:
    before = code()
    edit(folder, file, old, new)
    after = code()
    whole = "pack.constants (whole)"
    assert {**after.pieces, whole: ""} == {**before.pieces, whole: ""}
    assert after.digest == before.digest


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("mytask.py", "return LIMIT", "return LIMIT + 1", {"mytask.inner"}),
        ("mytask.py", "FLAG = 2", "FLAG = 3", {"mytask.FLAG"}),
        ("mytask.py", "return FLAG", "return -FLAG", {"mytask.Base.below"}),
        ("mytask.py", "value: int", "value: float", {"mytask.Config"}),
        ("mytask.py", "return 31", "return 32", {"mytask.Other.run"}),
        ("mytask.py", "return Required", "return [Required]", {"mytask.Mine.requires"}),
        ("helpers.py", "DEFAULT = 3", "DEFAULT = 4", {"helpers.DEFAULT"}),
        ("pack/tools.py", "LIMIT = 10", "LIMIT = 11", {"pack.tools.LIMIT"}),
        ("pack/tools.py", "return x", "return -x", {"pack.tools.clean"}),
        (
            "pack/constants.py",
            "B = 2",
            "B = 3",
            {"pack.constants.B", "pack.constants (whole)"},
        ),
        (
            "pack/constants.py",
            "B += 1",
            "B += 2",
            {"pack.constants.B", "pack.constants (whole)", "pack.constants (on import)"},
        ),
        ("pack/stars.py", "return 1", "return 2", {"pack.stars.starred"}),
        ("pack/late.py", "return 1", "return 2", {"pack.late.later"}),
    ],
)
def test_edits_that_count(folder: Path, file: str, old: str, new: str, changed: set[str]) -> None:
    before = code()
    edit(folder, file, old, new)
    after = code()
    names = {n for n in after.pieces if after.pieces[n] != before.pieces.get(n)}
    assert names == changed
    assert after.digest != before.digest


def test_what_an_import_does_counts_for_all(folder: Path) -> None:
    (folder / "pack/effects.py").write_text("import helpers\nhelpers.DEFAULT = 7\nother = 1\n")
    assert "pack.effects (on import)" not in read()
    pieces = read("pack.effects")
    assert pieces["pack.effects (on import)"] == "helpers.DEFAULT = 7"
    assert "pack.effects.other" not in pieces


def test_the_order_in_which_modules_were_imported_does_not_count(folder: Path) -> None:
    (folder / "pack/effects.py").write_text("print\n")
    forget()
    cls = importlib.import_module("mytask").Mine
    names = ["pack.effects", "pack.tools", "helpers"]
    assert reader(*names).of(cls).digest == reader(*reversed(names)).of(cls).digest


def test_a_class_without_a_file_has_no_code() -> None:
    cls = type("FromNotebook", (), {"__module__": "__nowhere__"})
    with pytest.raises(NoCode, match="in no file of the project"):
        reader().of(cls)


def test_a_class_made_in_a_function_has_no_code(folder: Path) -> None:
    text = "def make():\n    class Mine:\n        pass\n    return Mine\nMine = make()\n"
    (folder / "mytask.py").write_text(text)
    with pytest.raises(NoCode, match=r"make\.<locals>\.Mine is in no file"):
        code()


@pytest.mark.parametrize("text", ["def later(:\n", "x = '\0'\n", "x = " + "(" * 5000])
def test_a_module_that_can_not_be_read_is_no_code(folder: Path, text: str) -> None:
    (folder / "pack/late.py").write_text(text)
    with pytest.raises(NoCode, match="its code can't be read"):
        code()


@pytest.mark.parametrize("name", ["mytask.py", "pack/tools.py"])
def test_a_file_that_was_written_after_its_import_is_not_read(folder: Path, name: str) -> None:
    forget()
    cls = importlib.import_module("mytask").Mine
    begun = time.time_ns()
    loaded = ("mytask", "pack.tools")
    assert reader(*loaded, begun=begun).of(cls).pieces
    os.utime(folder / name, ns=(begun + 1, begun + 1))
    with pytest.raises(NoCode, match=f"{Path(name).name} was written after the run had begun"):
        reader(*loaded, begun=begun).of(cls)
