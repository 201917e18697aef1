"""Git state, patch and packages, as a run records them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from runner.tracking import surroundings
from tests.conftest import Project


def git(root: Path, *args: str) -> str:
    command = ["git", "-C", str(root), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    return subprocess.run([*command, *args], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    root.mkdir()
    git(root, "init", "-q", "-b", "trunk")
    (root / "old.py").write_text("one = 1\n")
    (root / "data.bin").write_bytes(b"\0\1")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    return root


def test_no_checkout_is_no_error(tmp_path: Path) -> None:
    assert surroundings.git_state(tmp_path) is None


def test_a_clean_checkout(checkout: Path) -> None:
    state = surroundings.git_state(checkout)
    assert state is not None
    assert (state.branch, state.dirty, state.patch) == ("trunk", False, b"")
    assert state.commit == git(checkout, "rev-parse", "HEAD").strip()


def test_the_patch_brings_everything_back(checkout: Path, tmp_path: Path) -> None:
    (checkout / "old.py").write_text("one = 2\n")
    (checkout / "data.bin").write_bytes(b"\0\2")
    (checkout / "src").mkdir()
    (checkout / "src" / "new file ü.py").write_text("new = True\n")
    (checkout / "big.csv").write_text("data\n")
    (checkout / ".env").write_text("TOKEN=canary\n")
    before = git(checkout, "status", "--porcelain")
    state = surroundings.git_state(checkout / "src")
    assert state is not None and state.dirty
    assert b"canary" not in state.patch and b"big.csv" not in state.patch
    assert git(checkout, "status", "--porcelain") == before
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(checkout), str(clone))
    (tmp_path / "patch").write_bytes(state.patch)
    git(clone, "apply", str(tmp_path / "patch"))
    assert (clone / "old.py").read_text() == "one = 2\n"
    assert (clone / "data.bin").read_bytes() == b"\0\2"
    assert (clone / "src" / "new file ü.py").read_text() == "new = True\n"


def test_the_patch_can_be_applied_whatever_the_user_tells_git(
    checkout: Path, tmp_path: Path
) -> None:
    settings = {
        "diff.noprefix": "true",
        "diff.context": "0",
        "color.ui": "always",
        "diff.external": "/bin/false",
        "diff.shout.textconv": "tr a-z A-Z <",
    }
    (checkout / ".gitattributes").write_text("*.py diff=shout\n")
    for name, value in settings.items():
        git(checkout, "config", name, value)
    (checkout / "old.py").write_text("one = 2\n")
    state = surroundings.git_state(checkout)
    assert state is not None
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(checkout), str(clone))
    (tmp_path / "patch").write_bytes(state.patch)
    git(clone, "apply", str(tmp_path / "patch"))
    assert (clone / "old.py").read_text() == "one = 2\n"


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "trunk")
    (tmp_path / "a.py").write_text("a = 1\n")
    state = surroundings.git_state(tmp_path)
    assert state is not None
    assert (state.commit, state.branch, state.dirty) == ("", "trunk", True)
    assert b"+a = 1" in state.patch


def test_packages_are_listed_with_versions() -> None:
    lines = surroundings.packages().splitlines()
    assert any(line.startswith("mlflow==") for line in lines)
    assert lines == sorted(lines, key=str.casefold)


def test_a_dirty_checkout_is_on_the_run(project: Project) -> None:
    project.pipeline()
    git(project.root, "init", "-q", "-b", "trunk")
    project.write(".gitignore", "ml*\n__pycache__/\n")
    git(project.root, "add", ".")
    git(project.root, "commit", "-qm", "first")
    clean = project.run_here()
    assert not (clean.artifact_dir / "git.patch").exists()
    project.write("src/tasks/more.py", "MORE = 1\n")
    dirty = project.run_here()
    tags = project.client.get_run(dirty.run_id).data.tags
    assert tags["runner.git.dirty"] == "true" and tags["runner.git.branch"] == "trunk"
    assert tags["mlflow.source.git.commit"] == git(project.root, "rev-parse", "HEAD").strip()
    assert "+MORE = 1" in (dirty.artifact_dir / "git.patch").read_text()
