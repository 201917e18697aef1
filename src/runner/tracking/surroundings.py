"""What a result depends on beside its config: code, machine, Python, packages."""

from __future__ import annotations

import functools
import getpass
import importlib.metadata
import json
import logging
import os
import platform
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_log = logging.getLogger(__name__)

_TIMEOUT = 30.0  # seconds for one git command
_LARGEST_SOURCE = 2**20  # bytes; an untracked file above that is data, whatever its name says
_LARGEST_PATCH = 100 * 2**20  # bytes
# What a user's own config of git may change about a diff, so that it can't be applied any more.
_PLAIN = (
    *("--no-color", "--no-ext-diff", "--no-textconv", "--submodule=short", "--no-relative"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--unified=3"),
)
_NAME = re.compile("^Name:(.*)$", re.MULTILINE | re.IGNORECASE)
_VERSION = re.compile("^Version:(.*)$", re.MULTILINE | re.IGNORECASE)
_MODULES = {  # packages whose module has another name
    "scikit-learn": "sklearn",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "opencv-python": "cv2",
}
_SOURCES = frozenset(
    ".py .pyi .pyx .ipynb .toml .cfg .ini .yaml .yml .json .sql .sh .r .md .rst .txt "
    ".c .h .cpp .rs .js .css .html".split()
)


@dataclass(frozen=True)
class GitState:
    """The checkout that a project is in.

    Attributes:
        commit: the hash of HEAD; empty before the first commit.
        branch: empty on a detached HEAD.
        dirty: whether anything differs from HEAD, untracked files included.
        patch: ``git apply`` of it on the commit gives the project's files as they were, untracked
            source files included.
    """

    commit: str
    branch: str
    dirty: bool
    patch: bytes


def git_state(root: Path) -> GitState | None:
    """The git state of a folder; None when it is in no checkout, or git is not installed."""
    if shutil.which("git") is None:
        return None
    status = _git(root, "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all")
    if status is None:
        return None
    entries = status.decode(errors="surrogateescape").split("\0")
    head = dict(e[2:].split(" ", 1) for e in entries if e.startswith("# ") and " " in e[2:])
    commit = head.get("branch.oid", "")
    commit = "" if commit == "(initial)" else commit
    branch = head.get("branch.head", "")
    changed = [e for e in entries if e and not e.startswith("# ")]
    untracked = [e[2:] for e in changed if e.startswith("? ")]
    patch = _patch(root, commit, untracked) if changed else b""
    return GitState(commit, "" if branch == "(detached)" else branch, bool(changed), patch)


def host_tags() -> dict[str, str]:
    """Who and what computes: user, host, Python, platform, and the packages that matter most."""
    return {
        "mlflow.user": user(),
        "mlflow.source.type": "LOCAL",
        "runner.host": socket.gethostname(),
        "runner.user": user(),
        "runner.python": platform.python_version(),
        "runner.platform": platform.platform(),
        **_versions_at_work(),
    }


@functools.cache  # they are imported: what is installed meanwhile changes nothing about them
def _versions_at_work() -> dict[str, str]:
    return {
        "runner.version": version("luigi-mlflow-runner"),
        "runner.luigi": version("luigi"),
        "runner.mlflow": version("mlflow"),
    }


def user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in some containers
        return str(os.getuid())


def version(package: str) -> str:
    """The version that is installed at this moment; empty where there is none."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def command_line() -> str:
    """The command that started the process, as one would type it."""
    program = Path(sys.argv[0])
    start = ["python", "-m", "runner"] if program.name == "__main__.py" else [program.name]
    return shlex.join([*start, *sys.argv[1:]])


def packages() -> str:
    """Every installed package in the form of ``pip freeze``, sorted."""
    return "".join(f"{line}\n" for line in sorted(set(_frozen()), key=str.casefold))


def imported_packages() -> str:
    """``name==version`` of the packages that this process has imported, the ones that matter."""
    found = []
    for line in _frozen():
        name = line.partition("==")[0]
        if _MODULES.get(name.lower(), name.lower().replace("-", "_")) in sys.modules:
            found.append(line)
    return ", ".join(sorted(set(found), key=str.casefold))


@functools.cache
def _frozen() -> tuple[str, ...]:
    lines = (_frozen_line(found) for found in importlib.metadata.distributions())
    return tuple(line for line in lines if line)


def _frozen_line(found: importlib.metadata.Distribution) -> str:
    # `found.metadata` parses the long description too, which takes ten times as long.
    text = found.read_text("METADATA") or found.read_text("PKG-INFO") or ""
    name, version = _first(_NAME, text), _first(_VERSION, text)
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    if not name or "vcs_info" not in origin:
        return f"{name}=={version}" if name else ""
    vcs = origin["vcs_info"]
    return f"{name} @ {vcs['vcs']}+{origin['url']}@{vcs['commit_id']}"


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1].strip() if found else ""


def _patch(root: Path, commit: str, untracked: Iterable[str]) -> bytes:
    """The difference to HEAD; untracked files enter through a copy of the index."""
    top = _git(root, "rev-parse", "--show-toplevel", "--absolute-git-dir")
    if top is None:
        return b""
    checkout, git_dir = (Path(p) for p in os.fsdecode(top).splitlines())
    base = commit or os.fsdecode(_git(root, "hash-object", "-t", "tree", os.devnull) or b"").strip()
    sources = [name for name in untracked if _is_source(checkout / name)]
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder, "index")
        if (git_dir / "index").exists():
            shutil.copyfile(git_dir / "index", index)
        env = {"GIT_INDEX_FILE": str(index)}
        if sources:
            names = b"\0".join(os.fsencode(name) for name in sources)
            add = ("add", "--intent-to-add", "--pathspec-from-file=-", "--pathspec-file-nul")
            _git(checkout, *add, env=env, given=names)
        diff = (*_PLAIN, base, "--", ".", ":(exclude)*.env")
        patch = _git(checkout, "diff", "--binary", *diff, env=env) or b""
        if len(patch) > _LARGEST_PATCH:
            _log.warning("git.patch: changed binary files are left out, they are too large")
            patch = _git(checkout, "diff", *diff, env=env) or b""
    return patch


def _is_source(path: Path) -> bool:
    if path.suffix.lower() not in _SOURCES and path.name not in ("Makefile", "Dockerfile"):
        return False
    try:
        return path.is_file() and path.stat().st_size <= _LARGEST_SOURCE
    except OSError:
        return False


def _git(
    root: Path, *args: str, env: dict[str, str] | None = None, given: bytes | None = None
) -> bytes | None:
    command = ["git", "-C", str(root), "-c", "core.quotepath=off", "-c", "core.fsmonitor=", *args]
    try:
        done = subprocess.run(
            command,
            input=given or b"",
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", **(env or {})},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _log.warning("git %s: %s", args[0], error)
        return None
    if done.returncode:
        _log.debug("git %s: %s", args[0], done.stderr.decode(errors="replace").strip())
        return None
    return done.stdout
