"""`runner graph`: the tasks of a config, and what they require."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.experiments import graphs
from runner.report_page.grouping import Box
from tests.conftest import Project
from tests.experiments import project_with_runs, with_runs

__all__ = ["project_with_runs", "with_runs"]

SVG = "{http://www.w3.org/2000/svg}"
FAN = """
import luigi
from runner import RunTask

class Raw(RunTask):
    outputs = {"out": "out.txt"}

class Fold(RunTask):
    n = luigi.IntParameter()
    say = luigi.Parameter(default='a "b" [c]; #d')
    outputs = {"out": "out.txt"}
    def requires(self):
        return Raw()

class All(luigi.WrapperTask):
    def requires(self):
        return [Raw(), *(Fold(n=n) for n in range(%d))]
"""


def said(out: str) -> list[list[str]]:
    return [re.split(r"  +", line.strip()) for line in out.splitlines()]


def test_the_tree_says_what_would_become_of_each_task(project_with_runs: Project) -> None:
    done = project_with_runs.command("graph", "-o", "Write.text=new")
    assert [line[:2] for line in said(done.out)] == [["Count", "to run"], ["└ Write", "to run"]]
    reused = said(project_with_runs.command("graph").out)
    assert reused == [["Count", "reused", "from one"], ["└ Write", "reused", "from one"]]
    pinned = project_with_runs.command("graph", "-o", "PathConfig.Write=run:two").out
    assert said(pinned)[1] == ["└ Write", "reused", "pinned, from two"]
    alone = project_with_runs.command("graph", "Write").out
    assert said(alone) == [["Write", "reused", "from one"]]


def test_nothing_is_written(project_with_runs: Project) -> None:
    before = len(project_with_runs.runs())
    project_with_runs.command("graph", "--json", "-o", "Write.text=new")
    assert len(project_with_runs.runs()) == before


def test_every_task_is_in_the_document(project_with_runs: Project) -> None:
    document = json.loads(project_with_runs.command("graph", "--json").out)
    by_name = {task["name"]: task for task in document["tasks"]}
    assert document["root"] == by_name["Count"]["id"]
    assert by_name["Count"]["requires"] == [by_name["Write"]["id"]]
    assert by_name["Write"]["status"] == "reused" and by_name["Write"]["reason"]


def test_what_stands_above_is_not_repeated_and_what_is_alike_is_one(bare_project: Project) -> None:
    bare_project.pipeline(FAN % 3, task="All")
    few = said(bare_project.command("graph").out)
    assert few[0] == ["All"] and len(few) == 8
    assert few[1] == ["├ Raw", "to run"] and few[2][0].startswith("├ Fold(n=0")
    bare_project.pipeline(FAN % 300, task="All")
    many = said(bare_project.command("graph").out)
    assert many == [
        ["All"],
        ["├ Raw", "to run"],
        ["└ Fold \N{MULTIPLICATION SIGN}300", "to run"],
        ["└ Raw", "to run"],
    ]
    for name in ("g.svg", "g.png"):
        bare_project.command("graph", "--out", name)
    assert "Fold \N{MULTIPLICATION SIGN}300" in (bare_project.root / "g.svg").read_text()


def test_mermaid_takes_no_name_for_more_than_text(bare_project: Project) -> None:
    bare_project.pipeline(FAN % 2, task="All")
    out = bare_project.command("graph", "--format", "mermaid").out
    lines = out.splitlines()
    assert lines[0] == "flowchart LR"
    shown = [line for line in lines if "[" in line]
    assert len(shown) == 4
    for line in shown:
        assert re.fullmatch(r' {4}t\d+\["[^"\[\]`;{}]*(#\d+;[^"\[\]`;{}]*)*"\]:::\w+', line)
    assert "#34;b#34; #91;c#93;#59; #35;d" in out
    assert sum("-->" in line for line in lines) == 5
    bare_project.command("graph", "--out", "g.mmd")
    assert (bare_project.root / "g.mmd").read_text() == out


@given(st.text(max_size=20))
def test_what_is_escaped_can_be_read_back(text: str) -> None:
    escaped = graphs._escaped(text)
    assert not set(escaped) & set('"[]{}()<>`&%:\\\n')
    assert re.sub(r"#(\d+);", lambda found: chr(int(found[1])), escaped) == text


def test_the_picture_stands_by_itself(project_with_runs: Project) -> None:
    out = project_with_runs.command("graph", "--format", "svg").out
    svg = ElementTree.fromstring(out)
    assert {"Count", "Write"} <= {e.text for e in svg.iter(f"{SVG}text")}
    assert "var(" not in out and "prefers-color-scheme" not in out
    project_with_runs.command("graph", "--out", "g.svg")
    assert (project_with_runs.root / "g.svg").read_text() + "\n" == out


def test_the_png_has_the_colours_of_the_svg(project_with_runs: Project) -> None:
    from PIL import Image

    changes = ("-o", "PathConfig.Write=run:two", "-o", "RunConfig.reuse=pinned")
    project_with_runs.command("graph", "--out", "g.png", *changes)
    with Image.open(project_with_runs.root / "g.png") as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(100_000) or []}
    tints = {tuple(bytes.fromhex(tint)) for tint in ("e7f0fc", "f6f7f9", "ffffff")}
    assert tints <= colours


def chain(length: int) -> graphs.Graph:
    boxes = {str(n): Box(f"T{n}", "to run", f"F{n}") for n in range(length)}
    requires = {str(n): [str(n - 1)] if n else [] for n in range(length)}
    return graphs.Graph(str(length - 1), boxes, requires, {})


def test_a_long_chain_stays_on_the_page() -> None:
    lines = list(graphs.lines(chain(200)))
    assert lines[-1].name == "… 175 more" and len(lines) == 26
    assert max(len(line.branch) for line in lines) <= 50


def test_a_graph_of_too_many_families_is_said(project_with_runs: Project) -> None:
    with pytest.raises(graphs.UsageError, match="too many for a picture"):
        graphs.svg(chain(400))


@pytest.mark.parametrize(
    ("args", "wrong"),
    [
        (["--format", "png"], "say into which file"),
        (["--out", "g.gif"], "its ending says nothing"),
        (["--format", "svg", "--out", "g.png"], "should end in .svg"),
        (["--out", "no/g.svg"], "there is no folder no"),
        (["Cuont"], "did you mean 'Count'?"),
    ],
)
def test_a_mistake_is_one_line(project_with_runs: Project, args: list[str], wrong: str) -> None:
    done = project_with_runs.command("graph", *args, code=2)
    assert wrong in done.err and "Traceback" not in done.err
