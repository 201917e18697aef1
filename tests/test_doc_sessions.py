"""What the pages of docs/ tell one to type was typed, and printed what they say it prints."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from runner.reproduce import rerun
from tests import doc_session
from tests.conftest import Project
from tests.doc_session import ROOT, Session, Step, normal
from tests.same_process import Here

PAGES = sorted(page for page in ROOT.glob("docs/*.md") if doc_session.has_commands(page))


@pytest.fixture
def as_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment in which a reader types: this Python first, a name, no git config."""
    folder = os.path.dirname(sys.executable)
    monkeypatch.setenv("PATH", os.pathsep.join([folder, os.environ["PATH"]]))
    monkeypatch.setenv("LOGNAME", "ada")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "ada@example.org")
    monkeypatch.setattr(rerun, "subprocess", Here)  # processes are for test_reproduce.py


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_print_what_it_says(
    page: Path, tmp_path: Path, project: Project, empty_store: Path, as_reader: None
) -> None:
    for module in ("pandas", "sklearn"):
        pytest.importorskip(module)
    session = Session(tmp_path, empty_store)
    found: dict[Step, str] = {}
    for step in doc_session.steps(page):
        body = session.do(step)
        if step.verb == "show":
            found[step] = body
    if os.environ.get("DOCS_WRITE"):
        page.write_text(doc_session.written(page, found), encoding="utf-8")
        return
    for step, body in found.items():
        assert normal(body) == normal(step.body), f"{page.name}; DOCS_WRITE=1 writes it:\n{body}"


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/*.md")), ids=lambda page: page.name)
def test_no_command_of_the_runner_is_passed_over(page: Path) -> None:
    shown = re.findall(r"^ *\$ .*runner.*", page.read_text(encoding="utf-8"), re.MULTILINE)
    done = "".join(step.body for step in doc_session.steps(page))
    assert [line for line in shown if line.strip() not in done] == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("run calm-fox-12 in 1.9 s", "run old-owl-7 in 22.0 s", True),
        ("Trainer  ran   1.4  447.3 kB", "Trainer  ran   0.9  447.3 kB", True),
        ("Trainer  ran   1.4  447.3 kB", "Trainer  ran   1.4  447.4 kB", False),
        ("accuracy 0.8238", "accuracy 0.8239", False),
        ("accuracy 0.82381231", "accuracy 0.82381239", True),
        ("Trainer  ran", "Trainer  reused", False),
    ],
)
def test_only_what_varies_is_not_compared(one: str, other: str, same: bool) -> None:
    assert (normal(one) == normal(other)) is same
