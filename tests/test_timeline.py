"""The timeline of a run, as a picture."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.report_page.timeline import Row, draw, left_out

SVG = "{http://www.w3.org/2000/svg}"
START = 1_700_000_000.0


def bars(svg: str) -> list[tuple[float, float]]:
    """Start and length of each bar, in per cent of the width."""
    found = [e for e in ElementTree.fromstring(svg).iter(f"{SVG}line") if e.get("class") == "bar"]
    ends = [(float(e.attrib["x1"][:-1]), float(e.attrib["x2"][:-1])) for e in found]
    return [(start, end - start) for start, end in ends]


def words(svg: str) -> list[str]:
    parts = [
        e for e in ElementTree.fromstring(svg).iter() if e.tag in (f"{SVG}text", f"{SVG}tspan")
    ]
    return [part.text or "" for part in parts]


def test_bars_stand_where_tasks_ran() -> None:
    rows = [
        Row("Second", "failed", ((START + 5, START + 10),)),
        Row("First", "ran", ((START, START + 2), (START + 4, START + 5)), hint="<b>"),
        Row("None", "not run", ()),
    ]
    svg = draw(rows, START, START + 10)
    (a, b, c) = bars(svg)
    assert a[0] < b[0] < c[0]
    assert a[1] == pytest.approx(2 * b[1], rel=0.02) and c[1] == pytest.approx(5 * b[1], rel=0.02)
    assert c[0] == pytest.approx(b[0] + b[1], abs=0.2)
    said = words(svg)
    assert said.index("First") < said.index("Second") and "None" not in said
    assert "5.0 s" in said and "3.0 s" in said and "<b>" not in svg


def test_a_run_in_which_nothing_ran_has_none() -> None:
    assert draw([Row("A", "reused", ())], START, START + 1) == ""


def test_of_very_many_the_longest_are_drawn() -> None:
    rows = [Row(f"T{n}", "ran", ((START + n, START + n + n / 100),)) for n in range(1, 81)]
    svg = draw(rows, START, START + 100)
    assert "T80" in words(svg) and "T41" in words(svg) and "T40" not in words(svg)
    assert left_out(rows) == 40 and left_out(rows[:20]) == 0


@given(st.floats(1e-4, 1e9))
def test_a_scale_has_a_few_round_numbers(length: float) -> None:
    svg = draw([Row("A", "ran", ((START, START + length),))], START, START + length)
    lines = [e for e in ElementTree.fromstring(svg).iter(f"{SVG}line") if e.get("class") == "grid"]
    assert 2 <= len(lines) <= 10
    said = [word for word in words(svg)[: len(lines)] if word != "A"]
    assert len(said) >= len(lines) - 1 and len(set(said)) == len(said), "no number stands twice"
