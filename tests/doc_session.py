"""What a page of the documentation tells one to do, done: its files, its commands, their output.

A page is one session in one project folder, from top to bottom. Blocks with lines that begin with
``$`` are executed and their output is compared; comments, which no reader sees, say the rest:

    <!-- project: demo -->           start anew, with a copy of the demo (without it: empty)
    <!-- file: luigi.toml -->        the next block is this file
    <!-- append: luigi.toml -->      the next block is added to this file
    <!-- edit: luigi.toml: a -> b -->    in this file the text a becomes b
    <!-- run: cp a b -->             a command that the page does not show; $CHECKOUT is the
                                     folder of this checkout
    <!-- not run: why -->            the next block is not executed

`DOCS_WRITE=1` writes what the commands print today into the page.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import Project, clean_environment

ROOT = Path(__file__).parents[1]

_TOKEN = re.compile(
    r"<!-- (?P<verb>[a-z ]+): (?P<text>.*?) -->"
    r"|^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
_COMMAND = re.compile(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
_RUNNER = re.compile(r"python -m runner(?: (.*))?")
_WRITERS = ("file", "append", "not run")
_PROGRESS = re.compile(r"^\d\d:\d\d:\d\d .*\n", re.MULTILINE)  # a terminal has a live view instead
# What no two runs have in common, and what a number becomes on another processor.
_VARYING = (
    (re.compile(r"\b[0-9a-f]{32}\b"), "ID"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{8}\b"), "ID"),
    (re.compile(r"\b[a-z]+-[a-z]+-\d+\b"), "NAME"),
    (re.compile(r"\b(?:just now|\d+ \w+ ago)\b"), "WHEN"),
    (re.compile(r"\b\d+ min(?: \d+ s)?\b"), "SECONDS"),
    (re.compile(r"\b\d+\.\d+ ?s\b|(?<=in )\d+ ms\b"), "SECONDS"),
    (re.compile(r"(?<= )\d+\.\d(?= |$)(?! [kMG]?B)", re.MULTILINE), "SECONDS"),
    (re.compile(r"(\d\.\d{4})\d+"), r"\1"),
    (re.compile(r"^ *[~^]+$", re.MULTILINE), ""),  # Python 3.13 draws them otherwise
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True)
class Step:
    """One comment or fenced block of a page."""

    verb: str
    text: str
    body: str
    start: int
    end: int


def steps(page: Path) -> Iterator[Step]:
    """What there is to do, in order; a comment that speaks of a block comes with that block.

    Raises:
        ValueError: such a comment has no block.
    """
    pending: re.Match[str] | None = None
    for found in _TOKEN.finditer(page.read_text(encoding="utf-8")):
        if found["verb"] in _WRITERS:
            pending = found
        elif found["verb"]:
            yield Step(found["verb"], found["text"], "", *found.span())
        else:
            body = textwrap.dedent(found["body"])
            if pending is not None:
                yield Step(pending["verb"], pending["text"], body, *found.span("body"))
            elif _COMMAND.search(body):
                yield Step("show", found["indent"], body, *found.span("body"))
            pending = None
    if pending is not None:
        raise ValueError(f"{page.name}: no block follows {pending[0]}")


def has_commands(page: Path) -> bool:
    return any(step.verb == "show" for step in steps(page))


def normal(output: str) -> str:
    """Output without what no two runs have in common."""
    for varying, constant in _VARYING:
        output = varying.sub(constant, output)
    return output.strip()


def copy_demo(root: Path) -> None:
    for name in ("src/tasks", "input"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "luigi.toml", root / "luigi.toml")


class Session:
    """What is done, in one project folder after another.

    Args:
        folder: where they are.
        store: a new MLflow database, which each of them begins with.
    """

    def __init__(self, folder: Path, store: Path) -> None:
        self._folder = folder
        self._store = store
        self._path = list(sys.path)
        self._start("empty")

    def do(self, step: Step) -> str:
        """Does it; of a block with commands returns what the block should be."""
        match step.verb:
            case "project":
                self._start(step.text)
            case "file":
                self._project.write(step.text, step.body)
            case "append":
                path = self._root / step.text
                path.write_text(f"{path.read_text(encoding='utf-8')}\n{step.body}", "utf-8")
            case "edit":
                self._edit(*step.text.split(": ", 1))
            case "run":
                self._run(step.text, check=True)
            case "show":
                return _COMMAND.sub(lambda m: f"$ {m[1]}\n{self._run(m[1])}", step.body)
            case "not run":
                pass
            case unknown:
                raise ValueError(f"no such instruction: {unknown}")
        return step.body

    def _start(self, kind: str) -> None:
        self._root = self._folder / f"project{len(list(self._folder.glob('project*'))) + 1}"
        self._root.mkdir()
        shutil.copyfile(self._store, self._root / "mlflow.db")
        if kind == "demo":
            copy_demo(self._root)
        self._project = Project(self._root)
        sys.path[:] = self._path
        os.chdir(self._root)

    def _edit(self, name: str, change: str) -> None:
        old, new = change.split(" -> ")
        path = self._root / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{name} has {text.count(old)} times {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def _run(self, command: str, *, check: bool = False) -> str:
        runner = _RUNNER.fullmatch(command)
        if runner:
            done = self._project.command(*shlex.split(runner[1] or ""), code=0 if check else None)
            output = _PROGRESS.sub("", done.err) + done.out
        else:
            ran = subprocess.run(
                ["bash", "-c", command],
                cwd=self._root,
                env={**clean_environment(), "CHECKOUT": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=check,
                timeout=240,
            )
            output = ran.stdout
        output = output.replace(str(self._root), "…").replace(sys.executable, "python")
        return "".join(f"{line.rstrip()}\n" for line in output.splitlines())


def written(page: Path, blocks: dict[Step, str]) -> str:
    """A page with other bodies of blocks."""
    text = page.read_text(encoding="utf-8")
    for step, body in sorted(blocks.items(), key=lambda item: -item[0].start):
        text = text[: step.start] + textwrap.indent(body, step.text) + text[step.end :]
    return text
