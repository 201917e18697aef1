"""`runner tree`: which configs are alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.experiments import dendrogram
from runner.experiments.clusters import Join, Leaf, Tree, distances
from runner.experiments.differences import Row
from tests.conftest import Project
from tests.experiments import project_with_runs, unsafe_run, with_runs

__all__ = ["project_with_runs", "unsafe_run", "with_runs"]


@pytest.fixture(scope="module")
def grown(with_runs: Project) -> Project:
    """Runs of two models, whose rates are far apart in one of them."""
    client = with_runs.client
    experiment = client.create_experiment("forest")
    for name, (model, rate) in {
        "r1": ("ridge", 1),
        "r2": ("ridge", 1),
        "r3": ("ridge", 1000),
        "m": ("net", 1),
    }.items():
        run = client.create_run(experiment, run_name=name).info.run_id
        client.log_param(run, "Fit.model", model)
        client.log_param(run, "Fit.rate", rate)
        client.log_metric(run, "accuracy", rate / 1000)
    return with_runs


@pytest.fixture
def forest(grown: Project, project_with_runs: Project) -> Iterator[Project]:
    yield project_with_runs


def grow(project: Project, *args: str) -> dict[str, Any]:
    return dict(json.loads(project.command("tree", *args, "--json").out))


def test_what_is_alike_is_joined_first(forest: Project) -> None:
    found = grow(forest, "m", "r3", "r1", "r2", "--metric", "accuracy")
    assert found["parameters"] == ["Fit.model", "Fit.rate"]
    names = [leaf["name"] for leaf in found["leaves"]]
    assert [join["height"] for join in found["joins"]] == pytest.approx([0.0, 0.5, 2 / 3])
    first = found["joins"][0]
    assert {names[first["left"]], names[first["right"]]} == {"r1", "r2"}
    assert {leaf["name"]: leaf["metric"] for leaf in found["leaves"]}["r3"] == 1.0


def test_a_tree_in_text_has_a_leaf_a_line(forest: Project) -> None:
    out = forest.command("tree", "m", "r1", "r3", "--metric", "accuracy").out
    lines = {line.split()[-4]: line for line in out.splitlines() if "model=" in line}
    assert set(lines) == {"m", "r1", "r3"}
    assert lines["r3"].split()[-3:] == ["1", "model=ridge,", "rate=1000"]
    assert all(line[0] in "┌└│├ " for line in lines.values())


def test_a_picture_names_leaves_and_their_metric(forest: Project) -> None:
    done = forest.command("tree", "m", "r1", "r3", "--metric", "accuracy", "--out", "t.svg")
    assert done.out == "wrote  t.svg\n"
    svg = ElementTree.parse(forest.root / "t.svg").getroot()
    shown = {e.text for e in svg.iter("{http://www.w3.org/2000/svg}text")}
    assert {"m", "r1", "r3", "accuracy", "0.001", "model=ridge, rate=1000"} <= shown
    forest.command("tree", "m", "r1", "--out", "t.png")
    assert (forest.root / "t.png").read_bytes().startswith(b"\x89PNG")


def test_config_files_are_leaves_too(forest: Project) -> None:
    found = grow(forest, "luigi.toml", "one", "two", "--metric", "written")
    heights = [join["height"] for join in found["joins"]]
    assert heights == [0.0, 1.0] and found["parameters"] == ["Write.text"]
    (file,) = (leaf for leaf in found["leaves"] if leaf["name"] == "luigi.toml")
    assert file["run_id"] is None and file["metric"] is None


def test_equal_configs_make_a_tree_of_no_height(forest: Project) -> None:
    assert [join["height"] for join in grow(forest, "r1", "r2")["joins"]] == [0.0]
    assert "r1" in forest.command("tree", "r1", "r2").out
    forest.command("tree", "r1", "r2", "--out", "t.svg")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["one"], "a tree is of two or more"),
        (["one", "one"], "a tree is of two or more"),
        (["one", "two", "--metric", "writen"], "did you mean 'written'?"),
        (["one", "two", "--out", "t.jpg"], "a picture ends in .png or .svg"),
        (["one", "nosuch.toml"], "nosuch.toml: there is no such file"),
    ],
)
def test_a_mistake_is_one_line(forest: Project, args: list[str], said: str) -> None:
    done = forest.command("tree", *args, code=2)
    assert said in done.err and "Traceback" not in done.err


def test_secrets_and_unsafe_names_are_not_shown(forest: Project, unsafe_run: str) -> None:
    forest.command("tree", unsafe_run, "one", "plain", "--out", "t.svg")
    args = ("tree", unsafe_run, "one", "plain")
    shown = Path("t.svg").read_text()
    for out in (forest.command(*args).out, forest.command(*args, "--json").out, shown):
        assert "hunter2" not in out and "***" in out and "\x1b" not in out


def row(*values: str | None) -> Row:
    return Row("parameter", "key", values)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("1", "2", "5"), [0.25, 1.0, 0.75]),
        (("1", "10", "100"), [0.5, 1.0, 0.5]),
        (("-1", "10", "100"), [11 / 101, 1.0, 90 / 101]),
        (("a", "b", "a"), [1.0, 0.0, 1.0]),
        (("1", "2", "a"), [1.0, 1.0, 1.0]),
        (("1", None, "2"), [1.0, 1.0, 1.0]),
        ((None, None, "2"), [0.0, 1.0, 1.0]),
    ],
)
def test_how_far_values_are_apart(values: tuple[str | None, ...], expected: list[float]) -> None:
    assert distances([row(*values)], 3) == pytest.approx(expected)


VALUES = st.sampled_from(["1", "2.5", "1e-3", "1000", "-4", "text", "", None])


@given(st.lists(st.lists(VALUES, min_size=4, max_size=4), max_size=4))
def test_distances_lie_between_0_and_1_and_are_0_for_equals(table: list[list[str | None]]) -> None:
    rows = [row(*values[:3], values[0]) for values in table]
    found = distances(rows, 4)
    assert all(0 <= distance <= 1 for distance in found) and found[2] == 0.0
    assert found[:2] == pytest.approx([found[4], found[5]])  # to the last one as to the first


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    count = draw(st.integers(2, 12))
    groups = list(range(count))
    joins: list[Join] = []
    height = 0.0
    while len(groups) > 1:
        at = draw(st.integers(0, len(groups) - 2))
        height = min(1.0, height + draw(st.sampled_from([0.0, 0.01, 0.2])))
        joins.append(Join(groups[at], groups[at + 1], height))
        groups[at : at + 2] = [count + len(joins) - 1]
    leaves = tuple(Leaf(str(n), "", None, "") for n in range(count))
    return Tree(leaves, tuple(joins), "", ())


@given(trees(), st.integers(5, 40))
def test_every_leaf_hangs_on_the_tree(tree: Tree, width: int) -> None:
    lines = dendrogram.text(tree, width)
    assert len(lines) == len(tree.leaves)
    assert all(len(line) == width and line[-1] in "─┬┴┐┘┤" for line in lines)
    right = {c: c in "─┌└┬┴├┼" for c in "─│┌└┬┴├┤┼┐┘ "}
    down = {c: c in "│┌┬├┤┼┐" for c in right}
    for line in lines:
        assert all(right[a] == (b in "─┬┴┤┼┐┘") for a, b in pairwise(line))
    for above, below in pairwise(lines):
        assert all(down[a] == (b in "│└┴├┤┼┘") for a, b in zip(above, below, strict=True))
    assert sum(line.count(c) for line in lines for c in "┌├┬┼┤┐") >= 1
