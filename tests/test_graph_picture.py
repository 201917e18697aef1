"""The picture of a dependency graph: what is in it, and what it is grouped by."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from runner.report_page.graph_picture import draw
from runner.report_page.grouping import Box, grouped

SVG = "{http://www.w3.org/2000/svg}"
EVIL = "<script>alert(1)</script>\"'&"


def box(name: str, status: str = "ran", family: str = "", **values: Any) -> Box:
    return Box(name, status, family or name, **values)


def parsed(boxes: dict[str, Box], edges: list[tuple[str, str]]) -> ElementTree.Element:
    picture = draw(boxes, edges)
    assert picture is not None
    svg = ElementTree.fromstring(picture.svg)
    assert float(svg.attrib["width"]) == pytest.approx(picture.width, abs=0.06)
    return svg


def words(svg: ElementTree.Element) -> list[str]:
    return [found.text or "" for found in svg.iter(f"{SVG}text")]


def count(svg: ElementTree.Element, name: str) -> int:
    return sum(name in found.get("class", "").split() for found in svg.iter())


def test_every_task_and_every_edge_is_in_it() -> None:
    boxes = {
        "a": box("Raw", "reused", detail="from first", hint="Raw: reused\nlong ago"),
        "b": box("Fit", "failed", detail="2.0 s"),
        "c": box("All", ""),
    }
    svg = parsed(boxes, [("a", "b"), ("b", "c"), ("a", "c"), ("a", "unknown")])
    assert words(svg) == ["Raw", "from first", "Fit", "2.0 s", "All"]
    assert count(svg, "box") == 3 and count(svg, "edge") == 3 and count(svg, "mark") == 2
    assert count(svg, "reused") >= 1 and count(svg, "failed") >= 1
    titles = [found.text for found in svg.iter(f"{SVG}title")]
    assert "Raw: reused\nlong ago" in titles and "Raw → Fit" in titles


@pytest.mark.parametrize("status", ["ran", "reused", "failed", "stopped", "not run", "to run"])
def test_each_status_has_a_sign_of_its_own(status: str) -> None:
    def sign(of: str) -> str:
        (found,) = (
            g for g in parsed({"a": box("A", of)}, []).iter() if "mark" in g.get("class", "")
        )
        return "".join(ElementTree.tostring(part, encoding="unicode") for part in found)

    others = {"ran", "reused", "failed", "stopped", "not run", "to run"} - {status}
    assert sign(status) not in {sign(other) for other in others}


def test_names_can_do_nothing_but_be_read() -> None:
    picture = draw({"a": box(EVIL, detail=EVIL, hint=EVIL), "b": box("B")}, [("a", "b")])
    assert picture is not None and "<script" not in picture.svg
    svg = ElementTree.fromstring(picture.svg)
    assert EVIL in [found.text for found in svg.iter(f"{SVG}title")]


def test_a_long_name_is_shortened_in_its_middle_and_whole_in_the_hint() -> None:
    name = "ATaskWithAVeryLongNameOfTheKindThatPeopleWrite(number=17)"
    svg = parsed({"a": box(name)}, [])
    (shown,) = words(svg)[:1]
    assert "…" in shown and shown.startswith("ATask") and shown.endswith("17)")
    assert name in [found.text for found in svg.iter(f"{SVG}title")]


def fan(folds: int, failed: int = 0) -> tuple[dict[str, Box], list[tuple[str, str]]]:
    """Chains beside one another: Raw -> Fold -> Score -> Mean."""
    boxes = {"raw": box("Raw"), "mean": box("Mean", "not run")}
    edges = []
    for n in range(folds):
        status = "failed" if n < failed else "ran"
        boxes[f"f{n}"] = box(f"Fold(n={n})", status, "Fold", seconds=1.0, hint=f"hint {n}")
        boxes[f"s{n}"] = box(f"Score(n={n})", "ran", "Score")
        edges += [("raw", f"f{n}"), (f"f{n}", f"s{n}"), (f"s{n}", "mean")]
    return boxes, edges


def test_tasks_that_stand_alike_are_one_box_with_a_cell_for_each() -> None:
    svg = parsed(*fan(60, failed=1))
    assert count(svg, "group") == 2 and count(svg, "cell") == 120
    assert count(svg, "edge") == 3
    assert "Fold \N{MULTIPLICATION SIGN}60" in words(svg)
    assert "59 ran, 1 failed · 1 min 00 s" in words(svg)
    titles = [found.text for found in svg.iter(f"{SVG}title")]
    assert all(f"hint {n}" in titles for n in range(60))


def test_a_few_are_drawn_one_by_one() -> None:
    svg = parsed(*fan(6))
    assert count(svg, "group") == 0 and count(svg, "box") == 14 and count(svg, "edge") == 18


def test_of_very_many_the_shares_are_drawn() -> None:
    svg = parsed(*fan(2000, failed=10))
    assert count(svg, "cell") == 0 and count(svg, "share") == 3
    assert "Fold \N{MULTIPLICATION SIGN}2000" in words(svg)


def test_a_chain_of_thousands_is_drawn_by_family() -> None:
    boxes = {str(n): box(f"Link(n={n})", "ran", "Link" if n else "First") for n in range(5000)}
    edges = [(str(n), str(n + 1)) for n in range(4999)]
    svg = parsed(boxes, edges)
    assert words(svg)[:2] == ["Link(n=0)", "Link \N{MULTIPLICATION SIGN}4999"]
    assert count(svg, "edge") == 1


def test_families_that_require_one_another_by_turns_make_no_circle() -> None:
    boxes = {str(n): box(f"T{n}", "ran", f"F{n % 2}") for n in range(400)}
    edges = [(str(n), str(n + 1)) for n in range(399)]
    drawn, kept = grouped(boxes, edges, 300)
    assert set(drawn) == {"F0", "F1"} and kept == {("F0", "F1")}


def test_what_can_not_be_drawn_is_not() -> None:
    assert draw({}, []) is None
    boxes = {str(n): box(f"T{n}") for n in range(301)}
    assert draw(boxes, []) is None
