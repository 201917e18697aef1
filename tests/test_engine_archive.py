"""The project's modules as one value."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from runner.engine import archive
from runner.errors import UsageError
from tests.conftest import Project


@pytest.fixture
def packed(bare_project: Project, monkeypatch: pytest.MonkeyPatch) -> bytes:
    bare_project.write("src/packed/__init__.py", "from packed import inner")
    bare_project.write("src/packed/inner/__init__.py", "WORD = 'here'")
    bare_project.write("src/packed/words.json", "{}")
    bare_project.write("src/packed/.hidden", "x")
    bare_project.write("single_module.py", "X = 1")
    bare_project.write("data/big.csv", "1")
    monkeypatch.syspath_prepend(bare_project.root / "src")
    monkeypatch.syspath_prepend(bare_project.root)
    __import__("packed.inner")
    __import__("single_module")
    names = ["packed", "packed.inner", "single_module"]
    try:
        first = archive.pack(bare_project.root, names)
        assert first == archive.pack(bare_project.root, reversed(names))
    finally:
        for name in names:
            del sys.modules[name]
    return first


def test_the_project_itself_is_taken_where_it_is_the_same(
    bare_project: Project, packed: bytes, tmp_path: Path
) -> None:
    assert archive.folder_for(packed, bare_project.root, tmp_path / "copies") == bare_project.root
    (bare_project.root / "src/packed/words.json").write_text("[]")
    folder = archive.folder_for(packed, bare_project.root, tmp_path / "copies")
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    inside = {"__init__.py", "inner/__init__.py", "words.json"}
    assert found == {f"src/packed/{name}" for name in inside} | {"single_module.py"}
    assert (folder / "src/packed/words.json").read_text() == "{}"


def test_too_much_is_refused(bare_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_LARGEST", 10)
    bare_project.write("single_module.py", "X = 'more than ten bytes'")
    monkeypatch.syspath_prepend(bare_project.root)
    __import__("single_module")
    try:
        with pytest.raises(UsageError, match="keep data elsewhere"):
            archive.pack(bare_project.root, ["single_module"])
    finally:
        del sys.modules["single_module"]
