"""`runner diff`: what differs between runs, and config files."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.cli import spreadsheet
from runner.experiments import differences
from tests.conftest import Project
from tests.experiments import LONG, project_with_runs, run_id, unsafe_run, with_runs

__all__ = ["project_with_runs", "unsafe_run", "with_runs"]


def rows(project: Project, *args: str) -> dict[str, list[Any]]:
    """The values of each key that differs."""
    document = json.loads(project.command("diff", *args, "--json").out)
    return {row["key"]: row["values"] for row in document["rows"]}


def test_only_what_differs_is_shown(project_with_runs: Project) -> None:
    assert rows(project_with_runs, "one", "two") == {
        "RunConfig.run_name": ["one", "two"],
        "Write.text": ["hello", "hi"],
    }


def test_a_default_is_the_same_as_the_value_written(project_with_runs: Project) -> None:
    assert "Write.text" not in rows(project_with_runs, "one", "three")


def test_a_file_is_compared_as_the_run_that_it_would_make(project_with_runs: Project) -> None:
    same = rows(project_with_runs, "luigi.toml", "one")
    assert same == {"RunConfig.run_name": [None, "one"]}
    found = rows(project_with_runs, "default.toml", "two", "latest")
    assert found["Write.text"] == ["hello", "hi", "hello"]
    assert found["RunConfig.reuse"] == [None, "auto", None]


def test_what_is_missing_is_no_value(project_with_runs: Project) -> None:
    for name, text in {"empty": "", "said": "(missing)", "none": "None"}.items():
        config = (project_with_runs.root / "luigi.toml").read_text().replace("hello", text)
        project_with_runs.write(f"{name}.toml", config)
    done = project_with_runs.command("diff", "plain", "empty.toml", "said.toml", "none.toml")
    lines = {line[0]: line[1:] for line in csv.reader(io.StringIO(done.out, newline=""))}
    assert lines["Write.text"] == ["(missing)", '""', '"(missing)"', "None"]
    assert lines["rate"] == ["0.5", *["(missing)"] * 3]


def test_a_run_of_plain_mlflow_can_be_read(project_with_runs: Project) -> None:
    found = rows(project_with_runs, "plain", "one", "--all")
    assert found["rate"] == ["0.5", None]
    assert found["counted"] == ["7.0", "5.0"]


def test_all_adds_metrics_and_code(project_with_runs: Project) -> None:
    found = rows(project_with_runs, "one", "two", "--all")
    assert found["written"] == ["5.0", "2.0"]


def test_the_code_of_runs_is_told_by_commit_and_changed_file(project_with_runs: Project) -> None:
    root, client = project_with_runs.root, project_with_runs.client
    patch = "diff --git a/src/a.py b/src/a.py\n+1\ndiff --git a/src/b.py b/src/b.py\n+2\n"
    tags = {"mlflow.source.git.commit": "c" * 40, "runner.git.dirty": "true"}
    experiment = client.get_experiment_by_name("elsewhere").experiment_id
    ids = []
    for text in (patch, patch.replace("+2", "+3"), None):
        run = client.create_run(experiment, tags=tags if text else {**tags, "runner.git.dirty": ""})
        ids.append(run.info.run_id)
        if text:
            client.log_text(run.info.run_id, text, "git.patch")
    found = rows(project_with_runs, *ids, "--all")
    assert list(found) == ["src/a.py", "src/b.py"]
    assert found["src/a.py"][0] == found["src/a.py"][1] != found["src/a.py"][2]
    assert len(set(found["src/b.py"])) == 3 and found["src/b.py"][2] == differences.COMMITTED
    for run_id_ in ids:
        client.delete_run(run_id_)
    assert root.is_dir()


def test_inputs_are_told_by_their_digest(project: Project) -> None:
    project.pipeline(
        """
        from runner import RunTask

        class Read(RunTask):
            sources = {"words": "words.txt"}
            outputs = {"out": "out.txt"}
            def run(self):
                self.outputs["out"].write_text(self.inputs["words"].read_text())
        """.replace("\n        ", "\n"),
        task="Read",
        config='[PathConfig]\ninput = "."\n',
    )
    for words in ("a", "b"):
        project.write("words.txt", words)
        project.run_here(f"RunConfig.run_name={words}")
    (found,) = (v for k, v in rows(project, "a", "b", "--all").items() if k == "Read.words")
    assert len(set(found)) == 2


def test_a_value_that_mlflow_cut_is_compared_whole(project: Project) -> None:
    project.pipeline(config=f'[Write]\ntext = "{LONG}1"\n')
    project.run_here("RunConfig.run_name=a")
    project.run_here("RunConfig.run_name=b", f"Write.text={LONG}2")
    assert rows(project, "a", "b")["Write.text"] == [f"{LONG}1", f"{LONG}2"]
    assert "Write.text" not in rows(project, "luigi.toml", "a")


def test_a_table_on_a_terminal_and_csv_elsewhere(
    project_with_runs: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = project_with_runs.command("diff", "one", "two").out
    assert elsewhere == "key,one,two\r\nRunConfig.run_name,one,two\r\nWrite.text,hello,hi\r\n"
    table = project_with_runs.command("diff", "one", "two", "--table").out
    assert [line.split() for line in table.splitlines()][2] == ["Write.text", "hello", "hi"]
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes it for a terminal
    assert "key,one" not in project_with_runs.command("diff", "one", "two").out
    assert project_with_runs.command("diff", "one", "two", "--csv").out == elsewhere


def test_many_columns_go_below_one_another(project_with_runs: Project) -> None:
    out = project_with_runs.command("diff", "--table", *["one", "two"] * 20).out
    assert max(map(len, out.splitlines())) <= 100
    assert out.count("Write.text") > 1 and out.count("hello") == out.count(" hi") == 20


def test_runs_of_one_name_are_told_apart(project_with_runs: Project) -> None:
    one = run_id(project_with_runs, "one")
    head = project_with_runs.command("diff", "one", one).out.splitlines()[0]
    assert head == f"key,one ({one[:8]}),one ({one[:8]})"


def test_nothing_differs(project_with_runs: Project) -> None:
    assert project_with_runs.command("diff", "one", "one", "--table").out == "nothing differs\n"
    assert len(project_with_runs.command("diff", "one", "one").out.splitlines()) == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "diff compares two or more"),
        (["one"], "diff compares two or more"),
        (["one", "two", "--csv", "--json"], "choose one"),
        (["one", "nosuch.toml"], "nosuch.toml: there is no such file"),
        (["one", "broken.toml"], "broken.toml: is not valid TOML"),
        (["one", "wrong.toml"], "did you mean 'text'?"),
    ],
)
def test_a_mistake_is_one_line(project_with_runs: Project, args: list[str], said: str) -> None:
    project_with_runs.write("broken.toml", "a = [1,2")
    config = (project_with_runs.root / "luigi.toml").read_text()
    project_with_runs.write("wrong.toml", config.replace("text =", "texd ="))
    done = project_with_runs.command("diff", *args, code=2)
    assert said in done.err and "Traceback" not in done.err


def test_secrets_and_unsafe_names_are_not_shown(
    project_with_runs: Project, unsafe_run: str
) -> None:
    for form in ("--table", "--csv", "--json"):
        out = project_with_runs.command("diff", unsafe_run, "one", form).out
        assert "hunter2" not in out and "***" in out and "\x1b" not in out


CELLS = st.text("=+-@\uff1d,;\"'\r\n\t a1.e\u00e9", max_size=8)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=3))
def test_csv_is_read_back_and_holds_no_formula(table: list[list[str]]) -> None:
    text = spreadsheet.text(table)
    back = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    for row, again in zip(table, back, strict=True):
        for cell, found in zip(row, again, strict=True):
            assert found in (cell, f"'{cell}")
            if found.lstrip()[:1] in ("=", "@"):
                raise AssertionError(found)
            if found.lstrip()[:1] in ("+", "-"):
                float(found)


@pytest.mark.parametrize("number", ["-5", "+1.5", "-1e-3", "-.5", "1"])
def test_numbers_stay_numbers(number: str) -> None:
    assert spreadsheet.text([[number, "x"]]) == f"{number},x\r\n"


def test_reading_runs_loads_no_code_of_the_project(project_with_runs: Project) -> None:
    before = {name for name in sys.modules if name.startswith("tasks")}
    source = Path("src/tasks/__init__.py")
    kept = source.read_text()
    source.write_text("raise SystemExit(7)")
    try:
        assert rows(project_with_runs, "one", "two")
    finally:
        source.write_text(kept)
    assert {name for name in sys.modules if name.startswith("tasks")} == before
