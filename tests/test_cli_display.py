"""What a person sees of a run."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from runner import quantities
from runner.cli import display as module
from runner.cli.display import Display
from runner.cli.text import safe, safe_line
from runner.redaction import Redactor
from runner.report import Report, TaskReport

NOW = datetime(2026, 1, 31, tzinfo=UTC)
HOSTILE = "a\x1b[31mb[red]c[/]\nd\x07:smile:\u202e\x9b31m"


@dataclass
class Shown:
    """A display that writes into memory."""

    display: Display
    err: io.StringIO
    out: io.StringIO


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(*, quiet: bool = False, terminal: bool = False, **more: Any) -> Shown:
        err, out = io.StringIO(), io.StringIO()
        display = Display(quiet=quiet, **more)
        options: dict[str, Any] = {"highlight": False, "width": 100, "force_terminal": terminal}
        display._err = Console(file=err, **options)
        monkeypatch.setattr(module, "stdout", lambda: Console(file=out, **options))
        return Shown(display, err, out)

    return make


def context(name: str = "funny-name") -> Any:
    return SimpleNamespace(run_name=name)


def outcome(status: str = "done", seconds: float = 1.25) -> Any:
    return SimpleNamespace(status=status, seconds=seconds)


def report(**changes: Any) -> Report:
    tasks = (
        TaskReport("Read", "reused", origin="older-run", size=1234, metrics={"rows": 891}),
        TaskReport("Fit", "ran", seconds=61.5, size=12, metrics={"acc": 0.81234, "n": 3}),
        TaskReport("Plain", "ran", seconds=0.01),
    )
    values = {"status": "FINISHED", "experiment": "x", "tasks": tasks, "run_id": "abc123"}
    values |= {"run_name": "funny-name", "artifact_dir": Path("/p/mlruns/1/abc123/artifacts")}
    return Report(**(values | {"seconds": 75.0} | changes))


def test_plain_lines_when_not_a_terminal(shown: Any) -> None:
    s = shown()
    with s.display as display:
        display.opened(context(), ["Read", "Fit"])
        display.started("Read")
        display.ended("Read", outcome())
        display.started("Fit")
        display.ended("Fit", outcome("running"))
        display.ended("Fit", outcome("failed", 0.04))
    lines = [line.partition(" ")[2] for line in s.err.getvalue().splitlines()]
    assert lines == [
        "run funny-name: 2 tasks to run",
        "Read started",
        "Read done, 1.2 s",
        "Fit started",
        "Fit waits for what it requires, 1.2 s",
        "Fit FAILED, 0.0 s",
    ]


def test_a_live_view_on_a_terminal(shown: Any) -> None:
    s = shown(terminal=True)
    names = [f"T{number}" for number in range(12)]
    with s.display as display:
        display.opened(context("[red]x[/]"), names)
        display.started("T0")
        display.ended("T0", outcome())
        display.started("T1")
        console = Console(file=io.StringIO(), width=200)
        console.print(display._draw())
        drawn = console.file.getvalue()  # type: ignore[attr-defined]
        display.log_line("a line of the log")
    assert "run [red]x[/]: 1 of 12 tasks done" in drawn
    assert "▶ T1  0.0 s" in drawn
    assert "then T2, T3, T4, T5, T6, T7, T8, T9 and 2 more" in drawn
    assert "a line of the log" in s.err.getvalue()


def test_the_view_is_taken_down_when_a_run_breaks_off(shown: Any) -> None:
    s = shown(terminal=True)
    with pytest.raises(KeyboardInterrupt), s.display as display:
        display.opened(context(), ["A"])
        raise KeyboardInterrupt
    assert display._live is None
    assert s.err.getvalue().endswith("\x1b[?25h") or "\x1b[?25h" in s.err.getvalue()


def test_the_table_and_what_to_do_next(shown: Any) -> None:
    s = shown()
    s.display.report(report(notes=("[Fit] a is not used",)), "again")
    text = s.out.getvalue()
    lines = text.splitlines()
    assert lines[0] == "note: [Fit] a is not used"
    assert lines[2].split() == ["Read", "reused", "from", "older-run", "1.2", "kB", "rows", "891"]
    assert lines[3].split() == ["Fit", "ran", "61.5", "12", "B", "acc", "0.8123,", "n", "3"]
    assert lines[4].split() == ["Plain", "ran", "0.0"]
    assert "run funny-name (abc123) finished in 1 min 15 s" in text
    assert "files  /p/mlruns/1/abc123/artifacts" in text
    assert text.rstrip().endswith("-m runner ui")
    assert s.err.getvalue() == ""


def test_a_failure(shown: Any) -> None:
    failed = TaskReport("Fit", "failed", error="ValueError: no", kept=Path("/p/kept"))
    changes = {"status": "FAILED", "tasks": (failed,), "error": "Fit: ValueError: no"}
    s = shown()
    s.display.report(
        report(**changes, traceback="Traceback\n  x\nValueError: no\n"), "go on -o 'a b'"
    )
    assert s.err.getvalue() == "Traceback\n  x\nValueError: no\n"
    for line in (
        "run funny-name (abc123) FAILED in 1 min 15 s",
        "  Fit: ValueError: no",
        "  Fit left unfinished files in /p/kept",
        "  log       /p/mlruns/1/abc123/artifacts/runner.log",
        "  continue  go on -o 'a b'",
    ):
        assert line in s.out.getvalue().splitlines()


def test_quiet(shown: Any) -> None:
    s = shown(quiet=True)
    with s.display as display:
        display.opened(context(), ["A"])
        display.started("A")
        display.ended("A", outcome())
    s.display.report(report(), "again")
    assert (s.out.getvalue(), s.err.getvalue()) == ("", "")
    s.display.report(report(status="FAILED", error="A: no", traceback="T\n"), "again")
    assert s.out.getvalue() == ""
    assert s.err.getvalue().startswith("T\n")
    assert "A: no" in s.err.getvalue() and "continue  again" in s.err.getvalue()


def test_a_plan(shown: Any) -> None:
    tasks = (TaskReport("A", "to run", reason="new"), TaskReport("B", "not needed", reason="r"))
    s = shown()
    s.display.report(report(status="PLANNED", tasks=tasks, run_id=""), "again")
    lines = [line.split() for line in s.out.getvalue().splitlines()]
    head = ["task", "why", "seconds", "size"]
    assert lines[:3] == [head, ["A", "to", "run", "new", "?", "?"], ["B", "not", "needed", "r"]]
    assert "dry run: nothing was written" in s.out.getvalue()


def test_names_and_messages_are_shown_as_text(shown: Any) -> None:
    task = TaskReport(HOSTILE, "reused", reason=HOSTILE, origin=HOSTILE, metrics={HOSTILE: 1.0})
    task = replace(task, computed=NOW, user=HOSTILE, origin_id=HOSTILE)
    failed = TaskReport(HOSTILE, "failed", kept=Path(HOSTILE))
    s = shown()
    with s.display as display:
        display.opened(context(HOSTILE), [HOSTILE])
        display.started(HOSTILE)
        display.log_line(HOSTILE)
        display.ended(HOSTILE, outcome())
        for status in ("FINISHED", "FAILED", "PLANNED", "UNCHANGED"):
            changes = {"tasks": (task, failed), "run_name": HOSTILE, "error": HOSTILE}
            changes["results"] = (HOSTILE,)
            display.report(
                report(status=status, notes=(HOSTILE,), traceback=HOSTILE, **changes), HOSTILE
            )
        display._live = None
        display.started(HOSTILE)
        console = Console(file=s.out, width=200)
        console.print(display._draw())
    text = s.out.getvalue() + s.err.getvalue()
    assert not set("\x1b\x07\u202e\x9b").intersection(text)
    assert "a�[31mb[red]c[/]" in text and ":smile:" in text


def test_secrets_in_what_tasks_say_are_masked(shown: Any) -> None:
    s = shown(redactor=Redactor(["hunter22"]))
    failed = report(status="FAILED", error="E: hunter22", traceback="hunter22", notes=("hunter22",))
    s.display.report(failed, "again")
    assert "hunter22" not in s.out.getvalue() + s.err.getvalue()


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_500_000, "1.5 MB"),
        (2 * 10**9, "2.0 GB"),
        (3 * 10**12, "3.0 TB"),
        (4 * 10**15, "4000.0 TB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert quantities.size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.9, "59.9 s"), (61, "1 min 01 s"), (7260, "2 h 01 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert quantities.duration(seconds) == text


@pytest.mark.parametrize(
    ("past", "text"),
    [
        (-30, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7199, "1 hour ago"),
        (7200, "2 hours ago"),
        (86400 * 40, "40 days ago"),
    ],
)
def test_ages(past: float, text: str) -> None:
    assert quantities.age(NOW - timedelta(seconds=past), NOW) == text


def planned(**expected: Any) -> TaskReport:
    return TaskReport("A", "to run", reason="first time", **expected)


@pytest.mark.parametrize(
    ("tasks", "total"),
    [
        ((), "0 to run; 0 reused"),
        ((planned(),), "1 to run: time and size unknown; 0 reused"),
        (
            (planned(expected_seconds=61, expected_size=5_000),),
            "1 to run: about 1 min 01 s, 5.0 kB; 0 reused",
        ),
        (
            (planned(expected_seconds=2, expected_size=5), planned(), TaskReport("B", "reused")),
            "2 to run: ≥ 2.0 s, 5 B, 1 unknown; 1 reused",
        ),
    ],
)
def test_what_a_plan_will_take(shown: Any, tasks: tuple[TaskReport, ...], total: str) -> None:
    s = shown()
    s.display.report(report(status="PLANNED", tasks=tasks), "again")
    assert total in s.out.getvalue().splitlines()


def test_a_plan_says_when_and_by_whom_a_reused_task_was_computed(shown: Any) -> None:
    then = datetime.now(UTC) - timedelta(hours=3, minutes=5)
    reused = TaskReport("A", "reused", reason="nothing changed since x", computed=then, user="eve")
    s = shown()
    tasks = (reused, planned(expected_seconds=2, expected_size=5), planned())
    s.display.report(report(status="PLANNED", tasks=tasks), "again")
    lines = [line.split() for line in s.out.getvalue().splitlines()]
    why = "nothing changed since x (3 hours ago, by eve)"
    assert lines[0] == ["task", "why", "seconds", "size"]
    assert lines[1] == ["A", "reused", *why.split()]
    assert lines[2][-4:] == ["time", "2.0", "5", "B"]
    assert lines[3][-2:] == ["?", "?"]


def test_of_very_many_tasks_those_are_shown_of_which_there_is_something_to_say(shown: Any) -> None:
    reused = [TaskReport(f"R{number}", "reused") for number in range(1000)]
    s = shown()
    s.display.report(report(status="PLANNED", tasks=(*reused, planned(), planned())), "again")
    text = s.out.getvalue()
    rows = [line.split()[1:2] for line in text.splitlines()[1:201]]
    assert rows.count(["reused"]) == 198 and text.count("to run  ") == 2
    assert "… and 802 tasks more; --json has them all" in text
    assert "2 to run: time and size unknown; 1000 reused" in text


def test_nothing_to_do_says_where_each_result_is(shown: Any) -> None:
    then = datetime.now(UTC) - timedelta(days=2, minutes=5)
    tasks = tuple(
        TaskReport(f"R{n}", "reused", directory=Path(f"/p/R{n}"), origin="owl", origin_id="ab" * 16)
        for n in range(7)
    )
    tasks = (replace(tasks[0], computed=then, user="eve"), *tasks[1:])
    s = shown()
    names = tuple(f"R{n}" for n in range(7))
    s.display.report(report(status="UNCHANGED", tasks=tasks, results=names), "again")
    lines = s.out.getvalue().splitlines()
    assert "nothing to do: R0 is from run owl (abababab), 2 days ago, by eve" in lines
    assert "nothing to do: R1 is there" in lines
    assert "  files   /p/R0" in lines
    assert "  and 2 more, as the table has them" in lines


@given(st.text())
def test_safe_text_has_nothing_that_a_terminal_acts_upon(text: str) -> None:
    cleaned = safe_line(text)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in cleaned)
    cleaned.encode()
    assert safe(text).count("\n") == text.count("\n")


@pytest.mark.parametrize("text", ["é 日本 🚀 👩‍🚀", "a\u00a0b", "x\ty\nz"])
def test_safe_text_keeps_what_people_write(text: str) -> None:
    assert safe(text) == text


def test_a_reader_that_has_gone_does_not_end_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    duplicated = []
    monkeypatch.setattr(module.os, "dup2", lambda one, two: duplicated.append(two))

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    out = module._Out(file=Gone())
    out.print("x")
    out.print("y")
    assert len(duplicated) == 1
