"""`[Sweep]` of a config: what it takes, and what is said of what it does not take."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.config.sweep import Range, check_sweep, listed

HEAD = 'metric = "score"\ndirection = "maximize"\nmethod = "grid"\n'


def problems(text: str) -> list[tuple[str, str]]:
    return check_sweep(tomllib.loads(text))[1]


def test_keys_may_be_dotted_or_nested() -> None:
    for space in ('"A.b.c" = [1]', "A.b.c = [1]", "A = {b = {c = [1]}}", '"A.b" = {c = [1]}'):
        found, wrong = check_sweep(tomllib.loads(f"{HEAD}[space]\n{space}"))
        assert found is not None and not wrong
        assert found.space == {"A.b.c": [1]}


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("[space]\nA.b = 3", "space.A.b", "expected a list of values, or a range"),
        ("[space]\nA.b = []", "space.A.b", "expected at least one value"),
        ("[space]\nA.b = [1, 2, 1]", "space.A.b", "a value is listed twice"),
        ("[space]\nA.b = {low = 3, high = 1}", "space.A.b", "low = 3 is above high = 1"),
        ("[space]\nA.b = {low = 1.0, high = 3.0}", "space.A.b", "a grid needs a list"),
        ("[space]\nA.b = {low = 1, high = 3, step = 0}", "space.A.b", "a step above 0"),
        ("[space]\nA.b = {low = 0, high = 3, log = true}", "space.A.b", "above 0"),
        ("[space]\nA.b = {low = 1, high = 3, log = true, step = 1}", "space.A.b", "exclude"),
        ('[space]\nA.b = {low = "a", high = 3}', "space.A.b.low", "expected a finite number"),
        ("[space]\nA.b = {low = nan, high = 3}", "space.A.b.low", "expected a finite number"),
        ("[space]\nA.b = {low = true, high = 3}", "space.A.b.low", "expected a finite number"),
        ("[space]\nA.b = {low = 1, hihg = 3}", "space.A.b.high", "is required"),
        ("[space]\nseed = [1]", "space.seed", "expected Task.key"),
        ("[space]\nRunConfig.task = ['a']", "space.RunConfig.task", "expected Task.key"),
        ("[space]", "space", "expected at least one key"),
        ("", "space", "is required"),
        ("trails = 3\n[space]\nA.b = [1]", "trails", "did you mean 'trials'"),
        ("trials = 0\n[space]\nA.b = [1]", "trials", "greater than or equal to 1"),
        ("parallel = 0\n[space]\nA.b = [1]", "parallel", "greater than or equal to 1"),
        ('storage = "sqlite:///a.db"\n[space]\nA.b = [1]', "storage", "SQLite does not keep"),
        ("time_limit = 0\n[space]\nA.b = [1]", "time_limit", "greater than 0"),
        ('[space]\nA.b = [1]\n[pruning]\nmethod = "best"', "pruning.method", "'median'"),
        ("[space]\nA.b = {low = 1, high = 9999}\nA.c = {low = 1, high = 99}", "space", "points"),
    ],
)
def test_what_is_wrong(text: str, key: str, said: str) -> None:
    found = problems(HEAD + text)
    assert any(where == key and said in what for where, what in found), found


def test_what_is_not_a_grid_needs_a_number_of_trials() -> None:
    text = 'metric = "score"\ndirection = "minimize"\n[space]\nA.b = [1]'
    assert problems(text) == [("trials", 'is required: how many runs method = "tpe" makes')]


NUMBERS = st.integers(-1000, 1000) | st.floats(-1000, 1000).map(lambda value: round(value, 3))


@given(NUMBERS, st.integers(0, 200), st.integers(1, 20) | st.sampled_from([0.1, 0.25, 0.001]))
def test_the_points_of_a_range(low: float, count: int, step: float) -> None:
    found = Range(low=low, high=low + count * step, step=step)
    points = found.points()
    assert (points is not None and len(points) == count + 1) or count == 0
    assert points[0] == low and abs(points[-1] - found.high) < 1e-6
    assert all(isinstance(point, int) for point in points) == found.whole
    assert listed(found) == points


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
KEYS = st.sampled_from("method metric direction space trials seed parallel pruning x".split())


@given(st.dictionaries(KEYS, ANYTHING) | ANYTHING)
def test_whatever_stands_there_is_judged(table: Any) -> None:
    found, wrong = check_sweep(table)
    assert (found is None) == bool(wrong)
