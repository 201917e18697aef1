"""Equal ingredients have equal fingerprints, and nothing else has."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.artifacts.fingerprint import Ingredients

BASE = Ingredients("T", "", {}, {}, {}, {})

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.dates(), st.datetimes()
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)


def of(config: Any) -> str:
    return replace(BASE, config={"value": config}).fingerprint()


@given(st.dictionaries(st.text(), VALUES))
def test_the_order_of_keys_does_not_count(config: dict[str, Any]) -> None:
    turned = dict(reversed(config.items()))
    assert replace(BASE, config=config).fingerprint() == replace(BASE, config=turned).fingerprint()


@given(VALUES, VALUES)
def test_values_of_different_look_have_different_fingerprints(a: Any, b: Any) -> None:
    if repr(a) != repr(b) and not (isinstance(a, dict) and isinstance(b, dict)):
        assert of(a) != of(b)


@pytest.mark.parametrize(
    "values",
    [
        (1, 1.0, True, "1", [1], {"1": 1}, None),
        (0.0, -0.0, False, "", [], {}, "None"),
        ([1, [2]], [[1], 2], [1, 2], ["1", "2"]),
        ({"a": {"b": 1}}, {"a.b": 1}, {"a": ["b", 1]}),
        (datetime.date(2020, 1, 1), "2020-01-01", datetime.datetime(2020, 1, 1)),
    ],
)
def test_what_looks_alike_is_told_apart(values: tuple[Any, ...]) -> None:
    assert len({of(value) for value in values}) == len(values)


def test_each_ingredient_counts() -> None:
    others = [
        replace(BASE, task="U"),
        replace(BASE, version="2"),
        replace(BASE, params={"a": "1"}),
        replace(BASE, config={"a": "1"}),
        replace(BASE, code={"a": "1"}),
        replace(BASE, inputs={"a": "1"}),
        replace(BASE, packages={"a": "1"}),
    ]
    assert len({one.fingerprint() for one in [BASE, *others]}) == 8


def test_a_fingerprint_stays_the_same_between_releases() -> None:
    """When this fails, all that is cached is lost: change `_FORMAT`, and say so in CHANGELOG."""
    made = Ingredients("T", "1", {"n": "1"}, {"x": [1, 2.5, None]}, {"f": "def f()"}, {"i": "b"})
    assert made.fingerprint().startswith("82d542ec217676511db0d65e")
