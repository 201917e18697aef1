"""A temporary git worktree with the files that a run was started from."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from runner.errors import MissingInputError
from runner.signals import Signals

# A command that git itself started, such as a hook, has these, and they mean its own checkout.
_BOUND = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX")


@dataclass(frozen=True)
class Repository:
    """The checkout that a project lies in.

    Attributes:
        top: its uppermost folder, absolute.
        inside: the project's folder, relative to that.
    """

    top: Path
    inside: Path

    @classmethod
    def of(cls, root: Path) -> Repository:
        """Raises MissingInputError when the folder is in no checkout."""
        try:
            top, inside = _git(root, "rev-parse", "--show-toplevel", "--show-prefix").split("\n")
        except _Refused as refused:
            text = f"the project's folder {root} is no git checkout: {refused}"
            raise MissingInputError(text, "start it in the repository of the run") from None
        return cls(Path(top), Path(inside))

    def check_commit(self, commit: str) -> None:
        """Raises MissingInputError when the repository does not have a commit."""
        try:
            _git(self.top, "cat-file", "-e", f"{commit}^{{commit}}")
        except _Refused:
            text = f"the commit {commit} of the run is not in {self.top}"
            hint = "fetch it from where it was pushed to: git fetch --all"
            raise MissingInputError(text, hint) from None


@dataclass(frozen=True)
class Worktree:
    """What `checked_out` makes.

    Attributes:
        repository: where it is from.
        folder: temporary; holds the worktree, and has room for other files.
        top: the uppermost folder of the worktree.
    """

    repository: Repository
    folder: Path
    top: Path

    @property
    def project(self) -> Path:
        """The project's folder in the worktree."""
        return self.top / self.repository.inside

    def mapped(self, path: Path) -> Path | None:
        """The place in the worktree of a path of the checkout; None for any other path."""
        top = self.repository.top
        for found in (path, Path(os.path.realpath(path.parent), path.name)):
            if found.is_relative_to(top):
                return self.top / found.relative_to(top)
        return None


@contextmanager
def checked_out(
    repository: Repository, commit: str, patch: bytes, received: Signals, *, keep: bool
) -> Iterator[Worktree]:
    """A worktree of a commit with a patch applied; it goes at the end, whatever happens.

    Args:
        received: signals are held back while it is removed.
        keep: leave it where it is.

    Raises:
        MissingInputError: git refuses the commit or the patch, or the project is not in it.
    """
    repository.check_commit(commit)
    folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="runner-reproduce-")))
    tree = Worktree(repository, folder, folder / (repository.top.name or "checkout"))
    try:
        _fill(tree, commit, patch)
        yield tree
    finally:
        received.hold()
        if not keep:
            _remove(tree)


def _fill(tree: Worktree, commit: str, patch: bytes) -> None:
    try:
        _git(tree.repository.top, "worktree", "add", "--detach", "--quiet", str(tree.top), commit)
    except _Refused as refused:
        raise MissingInputError(f"git can't check out {commit}: {refused}") from None
    try:
        if patch.strip():
            _git(tree.top, "apply", "--whitespace=nowarn", "-", given=patch)
    except _Refused as refused:
        text = f"the recorded git.patch does not apply to {commit}: {refused}"
        raise MissingInputError(text, "was it changed, or a secret in it masked?") from None
    if not tree.project.is_dir():
        text = f"the commit {commit} has no folder {tree.repository.inside}"
        raise MissingInputError(text, "was the project moved inside of its repository since?")


def _remove(tree: Worktree) -> None:
    with suppress(_Refused):
        _git(tree.repository.top, "worktree", "remove", "--force", str(tree.top))
    shutil.rmtree(tree.folder, ignore_errors=True)
    with suppress(_Refused):  # where the removal was refused, for the entry in the repository
        _git(tree.repository.top, "worktree", "prune")


class _Refused(Exception):
    """A git command failed; the message is the last line that git said."""


def unbound(environment: dict[str, str]) -> dict[str, str]:
    """An environment in which git finds the checkout by the folder that it is started in."""
    return {name: value for name, value in environment.items() if name not in _BOUND}


def _git(where: Path, *args: str, given: bytes = b"") -> str:
    # No hooks: what they do is meant for a checkout that somebody works in.
    command = ["git", "-C", str(where), "-c", f"core.hooksPath={os.devnull}", *args]
    environment = unbound(dict(os.environ))
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, check=False, env=environment
        )
    except FileNotFoundError:
        raise _Refused("git is not installed") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise _Refused(said[-1] if said else f"git {args[0]} failed")
    return os.fsdecode(done.stdout).removesuffix("\n")
