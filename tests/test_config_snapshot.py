"""A config written back, and texts that nobody would write."""

from __future__ import annotations

import datetime
import math
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.config import load, to_toml
from runner.errors import RunnerError
from runner.settings import Settings
from tests.configs import BASE

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
OFFSETS = st.integers(-23 * 60, 23 * 60).map(
    lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes))
)
VALUES = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(),
        TEXTS,
        st.dates(),
        st.times(),
        st.datetimes(min_value=datetime.datetime(1, 1, 3), timezones=st.none() | OFFSETS),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
SECTIONS = st.dictionaries(TEXTS, st.dictionaries(TEXTS, VALUES, max_size=4), max_size=4)


def same(one: Any, two: Any) -> bool:
    if type(one) is not type(two):
        return False
    if isinstance(one, dict):
        return list(one) == list(two) and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, float):
        return (math.isnan(one) and math.isnan(two)) or (
            one == two and math.copysign(1, one) == math.copysign(1, two)
        )
    return bool(one == two)


@given(SECTIONS)
@settings(max_examples=300, deadline=None)
@example({"A": {"x": [{"a": 1}, {"b": {"c": []}}], "y": 1}})
@example({"A": {"t": {"u": {}}, "x": 1}, "": {"": {"": ""}}})
@example({"A.b": {"c.d": 1}, "A": {"b": {"c": 2}}})
@example({"A": {"x": [[], [{}], [[1], ["a"]]]}})
def test_what_is_written_reads_back_the_same(sections: dict[str, Any]) -> None:
    assert same(sorted_keys(tomllib.loads(to_toml(sections))), sorted_keys(sections))


def sorted_keys(value: Any) -> Any:
    """Order within a table means nothing: values stand in front of tables in a file."""
    if isinstance(value, dict):
        return {key: sorted_keys(value[key]) for key in sorted(value)}
    return [sorted_keys(inner) for inner in value] if isinstance(value, list) else value


def loaded(text: bytes, overrides: list[str]) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        path = root / "luigi.toml"
        path.write_bytes(text)
        return load(path, overrides, settings=Settings(root=root))


def check(text: bytes, overrides: list[str]) -> None:
    """Either a config that can be written and read again, or an error of the runner's own."""
    try:
        config = loaded(text, overrides)
    except RunnerError as error:
        assert error.exit_code == 2
        assert str(error)
        return
    again = loaded(to_toml(config.written).encode(), [])
    assert same(sorted_keys(again.written), sorted_keys(config.written))


PIECES = st.sampled_from(
    "[ ] [[ ]] . = , { } \" ' \"\"\" ''' # \n \r\n \\ \\u0000 \\ud800 ${HOME} $${A} ${NO_SUCH} "
    "RunConfig PathConfig extends task modules tags A A.b x x.y 1 1.5 nan inf -0.0 0x1F 1e400 "
    "true false 2024-02-29 2024-02-30 07:00 2024-01-01T00:00:00Z 99999999999999999999 é 日".split(
        " "
    )
)
DOCUMENTS = st.one_of(
    st.lists(PIECES, max_size=30).map("".join),
    st.lists(PIECES, max_size=30).map(" ".join),
    SECTIONS.map(to_toml),
    TEXTS,
).map(lambda text: (BASE + text).encode())


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A document of which a few bytes were changed, lost or doubled."""
    text = bytearray(BASE.encode() + to_toml(draw(SECTIONS)).encode())
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 6)))
        text[start:end] = draw(st.binary(max_size=4) | st.just(bytes(text[start:end]) * 2))
    return bytes(text)


CHANGES = st.lists(
    st.one_of(
        st.lists(PIECES, max_size=8).map("".join),
        st.tuples(TEXTS, TEXTS).map("=".join),
        TEXTS.map("A.b={}".format),
        TEXTS.map(lambda text: f"A.b={text}"),
        st.text(max_size=10),
    ),
    max_size=3,
)


@given(DOCUMENTS | damaged(), CHANGES)
@settings(max_examples=400, deadline=None)
def test_no_text_and_no_override_raises_anything_else(text: bytes, changes: list[str]) -> None:
    check(text, changes)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_bytes_raise_anything_else(text: bytes) -> None:
    check(text, [])


def broken_in_two(text: bytes) -> Iterator[bytes]:
    for end in range(len(text)):
        yield text[:end]


def test_a_file_cut_off_anywhere() -> None:
    text = BASE + "[A]\nx = [1, {y = \"é\\u00e9\"}]\ny = '''\nz\n'''\n[A.b.\"c\"]\nd = 2024-02-29\n"
    for part in broken_in_two(text.encode()):
        check(part, [])
