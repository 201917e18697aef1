"""`-o Task.key=value`, and the same as a mapping."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from tests.configs import BASE, Configs, configs

__all__ = ["configs"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        (" 1 ", 1),
        ("1 # a comment", 1),
        ("-1.5e3", -1500.0),
        ("1_000", 1000),
        ("0x10", 16),
        ("true", True),
        ("True", "True"),
        ("01", "01"),
        ('"1"', "1"),
        ("'1'", "1"),
        ("word", "word"),
        ("two words", "two words"),
        ("", ""),
        ("a=b", "a=b"),
        ("path#1", "path#1"),
        ("/data/x", "/data/x"),
        ("runs:/abc/Trainer", "runs:/abc/Trainer"),
        ("2024-02-29", datetime.date(2024, 2, 29)),
        ("07:30:00", datetime.time(7, 30)),
        ("[1, 'a', [2]]", [1, "a", [2]]),
        ("{a = 1, b = {c = 2}}", {"a": 1, "b": {"c": 2}}),
        ("[1,\n2]", [1, 2]),
        ('"""\ntwo\nlines"""', "two\nlines"),
        ("ümläut-日本", "ümläut-日本"),
        ("None", "None"),
    ],
)
def test_values(configs: Configs, text: str, value: Any) -> None:
    found = configs.load(BASE, [f"A.key={text}"]).section("A")["key"]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("A.b", ["A", "b"]),
        (" A . b ", ["A", "b"]),
        ("A.b.c.d", ["A", "b", "c", "d"]),
        ('A."two words".c', ["A", "two words", "c"]),
        ("A.'x.y'", ["A", "x.y"]),
        ('"ns.Task".x', ["ns.Task", "x"]),
        ('A."a=b"', ["A", "a=b"]),
        ('A."a=b"."c=d"', ["A", "a=b", "c=d"]),
        ("A.1.2", ["A", "1", "2"]),
        ("A.x-y_z", ["A", "x-y_z"]),
        ('A.""', ["A", ""]),
    ],
)
def test_keys(configs: Configs, key: str, path: list[str]) -> None:
    found: Any = configs.load(BASE, [f"{key}=5"]).written
    for name in path:
        found = found[name]
    assert found == 5


@pytest.mark.parametrize(
    "change",
    [
        *("", "=", "=1", "A", "A.b", "A=1", "A.=1", ".b=1", "A..b=1", "A.b]=1", "[A].b=1"),
        *("A b.c=1", "A.b\n=1", "A.b#=1", 'A."b=1', "A.b = 1\nA.c=2", "ä.b=1", 'A."\udc80"=1'),
        '"=' * 10_000,
        ".".join(["A"] * 100) + "=1",
        ".".join(["A"] * 50_000) + "=1",
    ],
)
def test_malformed(configs: Configs, change: str) -> None:
    (problem,) = configs.problems(BASE, [change])
    assert problem.startswith("command line: -o ")
    assert "expected Section.key=value" in problem or "more than one line" in problem


@pytest.mark.parametrize("value", ["[1,2", "{a=1", '"open', "'open", "[1]]", "{a=1}x"])
def test_a_value_that_is_meant_as_toml_is_never_a_word(configs: Configs, value: str) -> None:
    (problem,) = configs.problems(BASE, [f"A.b={value}"])
    assert problem.startswith("command line: -o ") and "is not valid TOML" in problem


def test_a_second_key_cannot_be_smuggled_in(configs: Configs) -> None:
    (problem,) = configs.problems(BASE, ["A.b=1\nc = 2"])
    assert "more than one line" in problem


def test_bytes_that_are_no_text(configs: Configs) -> None:
    assert configs.problems(BASE, ["A.b=x\udc80"]) == ["command line: [A] b: is not UTF-8 text"]


def test_later_ones_win_over_earlier_ones_and_all_over_files(configs: Configs) -> None:
    config = configs.load(BASE + "[A]\nx = 1\ny = 1\n", ["A.x=2", "A.x=3"])
    assert config.section("A") == {"x": 3, "y": 1}
    assert config.origins["A.x"] == "command line"
    assert config.origins["A.y"] == "luigi.toml"


def test_a_table_merges_into_the_one_that_is_there(configs: Configs) -> None:
    config = configs.load(BASE + "[A.t]\nx = 1\n", ["A.t={y = 2}", "A.t.z=3"])
    assert config.section("A") == {"t": {"x": 1, "y": 2, "z": 3}}


def test_a_key_below_a_value(configs: Configs) -> None:
    (problem,) = configs.problems(BASE + "[A]\nb = 1\n", ["A.b.c=2"])
    assert problem == "command line: [A] b.c: A.b is a value, not a table of keys"


def test_all_wrong_ones_at_once(configs: Configs) -> None:
    problems = configs.problems(BASE, ["A", "A.b=[", "RunConfig.reuse=x", "PathConfig.input=1"])
    assert len(problems) == 4


def test_sections_of_the_runner_can_be_overridden(configs: Configs) -> None:
    config = configs.load(BASE, ["RunConfig.task=Other", "RunConfig.tags.a=1", "PathConfig.x=/y/"])
    assert config.run.task == "Other"
    assert config.run.tags == {"a": 1}
    assert str(config.path("x")) == "/y"


def test_a_mapping_of_plain_values(configs: Configs) -> None:
    given = {"A.b": (1, [2]), "A.c": {"d": "1"}, "A.'x.y'": True, "A.word": "[not TOML"}
    config = configs.load(BASE, given)
    section = {"b": [1, [2]], "c": {"d": "1"}, "x.y": True, "word": "[not TOML"}
    assert config.section("A") == section


@pytest.mark.parametrize(
    "value", [None, object(), b"x", {1, 2}, 1j, {1: 2}, {"a": {None: 1}}, [None], 2**63, "\udc80"]
)
def test_a_mapping_of_other_values(configs: Configs, value: Any) -> None:
    (problem,) = configs.problems(BASE, {"A.b": value})
    assert problem.startswith("overrides: [A] b: ")


def test_a_mapping_with_other_keys(configs: Configs) -> None:
    assert len(configs.problems(BASE, {5: 1, "A": 2})) == 2


def test_a_list_that_holds_itself(configs: Configs) -> None:
    circle: list[Any] = []
    circle.append(circle)
    (problem,) = configs.problems(BASE, {"A.b": circle})
    assert "is nested too deeply" in problem
