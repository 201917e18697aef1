"""Equal ingredients have equal fingerprints, and nothing else has."""

from __future__ import annotations

import datetime
import enum
import math
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from runner.artifacts.code import Code
from runner.artifacts.fingerprint import Ingredients, digest_of
from runner.artifacts.manifest import InputRecord

BASE = Ingredients("T", "", {}, Code({}, "0"), {})

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.dates(), st.datetimes()
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)


def record(digest: str, kind: Any = "source", path: str = "p") -> InputRecord:
    return InputRecord(kind=kind, path=path, digest=digest)


@given(st.dictionaries(st.text(), VALUES))
def test_the_order_of_keys_does_not_count(config: dict[str, Any]) -> None:
    assert digest_of(config) == digest_of(dict(reversed(config.items())))


@given(VALUES, VALUES)
def test_values_of_different_look_have_different_digests(a: Any, b: Any) -> None:
    if repr(a) != repr(b) and not (isinstance(a, dict) and isinstance(b, dict)):
        assert digest_of(a) != digest_of(b)


@pytest.mark.parametrize(
    "values",
    [
        (1, 1.0, True, "1", [1], {"1": 1}, {1: 1}, None, b"1", Decimal(1), {1}),
        (0.0, -0.0, False, "", [], {}, "None", b"", set()),
        ([1, [2]], [[1], 2], [1, 2], ["1", "2"], {1, 2}),
        ({"a": {"b": 1}}, {"a.b": 1}, {"a": ["b", 1]}),
        (datetime.date(2020, 1, 1), "2020-01-01", datetime.datetime(2020, 1, 1)),
        (math.inf, -math.inf, math.nan, "inf", "nan"),
        (Path("a"), "a", ("a", "b"), "a,b"),
    ],
)
def test_what_looks_alike_is_told_apart(values: tuple[Any, ...]) -> None:
    assert len({digest_of(value) for value in values}) == len(values)


def test_equal_values_have_one_digest() -> None:
    pairs = [
        (math.nan, -math.nan),
        ({3, 1, 2}, {2, 3, 1}),
        (frozenset("abc"), frozenset("cba")),
        ([1, 2], (1, 2)),
    ]
    for a, b in pairs:
        assert digest_of(a) == digest_of(b)
    assert digest_of([1, 2]) != digest_of([2, 1])


class Kind(enum.Enum):
    A = 1
    B = 2


class Level(enum.IntEnum):
    LOW = 1


@dataclass
class Data:
    x: int = 1


class Inner(BaseModel):
    z: Any = Field(1, exclude=True)


class Cfg(BaseModel):
    model_config = ConfigDict(extra="allow")
    token: SecretStr = SecretStr("a")
    hidden: int = Field(1, repr=False, exclude=True)
    inner: Inner = Inner()
    any: Any = None


def test_each_field_of_a_model_counts() -> None:
    values: list[Any] = [
        {},
        {"token": "b"},
        {"hidden": 2},
        {"inner": {"z": 2}},
        {"extra": 1},
        {"any": Kind.A},
        {"any": Kind.B},
        {"any": Level.LOW},
        {"any": 1},
        {"any": Data()},
        {"any": Data(2)},
        {"any": {"x": 1}},
        {"any": Inner()},
        {"any": SecretStr("a")},
        {"any": "a"},
    ]
    assert len({digest_of(Cfg.model_validate(one)) for one in values}) == len(values)
    assert digest_of(Cfg()) == digest_of(Cfg(token=SecretStr("a"), hidden=1))


@pytest.mark.parametrize("value", [object(), [object()], {"a": print}, Cfg(any=lambda: 1), int])
def test_what_can_not_be_told_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="of which it can't be told whether it changed"):
        digest_of(value)


def test_each_ingredient_counts() -> None:
    one, two = record("1"), record("2")
    others = [
        replace(BASE, task="U"),
        replace(BASE, version="2"),
        replace(BASE, params={"a": "1"}),
        replace(BASE, code=Code({}, "1")),
        replace(BASE, packages={"a": "1"}),
        replace(BASE, beside={"a": "1"}),
        replace(BASE, inputs={"a": one}),
        replace(BASE, inputs={"a": two}),
        replace(BASE, inputs={"b": one}),
        replace(BASE, inputs={"a": record("1", "task")}),
        replace(BASE, inputs={"a": one, "b": two}),
        replace(BASE, inputs={"b": two, "a": one}),
    ]
    assert len({found.fingerprint for found in [BASE, *others]}) == len(others) + 1


def test_what_does_not_count() -> None:
    made = replace(BASE, inputs={"a": record("1")}, beside={"a": "1", "b": "2"})
    moved = replace(made, inputs={"a": record("1", path="elsewhere/p")})
    turned = replace(made, beside={"b": "2", "a": "1"})
    assert made.fingerprint == moved.fingerprint == turned.fingerprint


def test_a_fingerprint_stays_the_same_between_releases() -> None:
    """When this fails, all that is cached is lost: change `_FORMAT`, and say so in CHANGELOG."""
    made = Ingredients(
        "T",
        "1",
        {"n": "1"},
        Code({"f": "def f()"}, "ab"),
        {"i": record("b")},
        {"luigi": "3"},
        {"config": digest_of({"x": [1, 2.5, None]})},
    )
    assert made.fingerprint.startswith("83138d0f6e191a53c71943b5")
