"""Which code a task is made of: what it names in the project, and nothing else."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.artifacts.code import CodeReader

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
    def run(self):
        return unused()

class Mine(Base):
    config: Config
    needs = Other

    def run(self):
        from pack.late import later
        return used(), tidy(1), h.shared(), pack.deep.dive(), constants, starred(), later()
"""

FILES = {
    "helpers.py": "DEFAULT = 3\ndef shared():\n    return DEFAULT\ndef private():\n    return 1\n",
    "pack/__init__.py": "",
    "pack/deep.py": "from .tools import clean\n\ndef dive():\n    return clean(2)\n",
    "pack/constants.py": "'about'\nA = 1\nB = 2\nB += 1\nprint\nlen\n",
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
    yield tmp_path
    forget()


def forget() -> None:
    for name in [n for n in sys.modules if n.split(".")[0] in ("mytask", "helpers", "pack")]:
        del sys.modules[name]
    importlib.invalidate_caches()


def read(folder: Path) -> dict[str, str]:
    forget()
    cls = importlib.import_module("mytask").Mine
    pieces = CodeReader(folder, lambda module, name: name == "Other").of(cls)
    assert pieces is not None
    return pieces


def edit(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))


def test_exactly_what_is_named_counts(folder: Path) -> None:
    assert set(read(folder)) == {
        "helpers.DEFAULT",
        "helpers.shared",
        "mytask.Base",
        "mytask.Base.below",
        "mytask.Config",
        "mytask.FLAG",
        "mytask.Mine",
        "mytask.Mine.run",
        "mytask.Other",
        "mytask.inner",
        "mytask.used",
        "pack.constants.*",
        "pack.constants.A",
        "pack.constants.B",
        "pack.deep.dive",
        "pack.late.later",
        "pack.stars.starred",
        "pack.tools.LIMIT",
        "pack.tools.clean",
    }


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("mytask.py", "  # a comment", ""),
        ("mytask.py", "a docstring", "another"),
        ("mytask.py", "    return inner()", "    return (\n        inner()\n    )"),
        ("mytask.py", "    return 0", "    return 5"),
        ("mytask.py", "        return unused()", "        return 17"),
        ("helpers.py", "    return 1", "    return 2"),
        ("pack/constants.py", "'about'", "'about it'"),
        ("pack/tools.py", "def dirty(x):\n    return x", "def dirty(x):\n    return -x"),
        ("pack/late.py", "def never():\n    return 1", "def never():\n    return 2"),
    ],
)
def test_edits_that_do_not_count(folder: Path, file: str, old: str, new: str) -> None:
    before = read(folder)
    edit(folder, file, old, new)
    assert read(folder) == before


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("mytask.py", "return LIMIT", "return LIMIT + 1", "mytask.inner"),
        ("mytask.py", "FLAG = 2", "FLAG = 3", "mytask.FLAG"),
        ("mytask.py", "return FLAG", "return -FLAG", "mytask.Base.below"),
        ("mytask.py", "value: int", "value: float", "mytask.Config"),
        ("helpers.py", "DEFAULT = 3", "DEFAULT = 4", "helpers.DEFAULT"),
        ("pack/tools.py", "LIMIT = 10", "LIMIT = 11", "pack.tools.LIMIT"),
        ("pack/tools.py", "(x):\n    return x", "(x):\n    return -x", "pack.tools.clean"),
        ("pack/constants.py", "B = 2", "B = 3", "pack.constants.B"),
        ("pack/constants.py", "B += 1", "B += 2", "pack.constants.B"),
        ("pack/constants.py", "print", "max", "pack.constants.*"),
        ("pack/stars.py", "return 1", "return 2", "pack.stars.starred"),
        ("pack/late.py", "return 1", "return 2", "pack.late.later"),
    ],
)
def test_edits_that_count(folder: Path, file: str, old: str, new: str, changed: str) -> None:
    before = read(folder)
    edit(folder, file, old, new)
    after = read(folder)
    assert {name for name in after if after[name] != before.get(name)} == {changed}


def test_a_class_without_a_file_has_no_code(tmp_path: Path) -> None:
    cls = type("FromNotebook", (), {"__module__": "__nowhere__"})
    assert CodeReader(tmp_path, lambda module, name: False).of(cls) is None
