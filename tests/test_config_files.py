"""Config files: which of them wins, what they extend, and what is wrong with them."""

from __future__ import annotations

import os
import tomllib

import pytest

from tests.configs import BASE, Configs, configs

__all__ = ["configs"]


def test_later_files_win_and_tables_merge_deeply(configs: Configs) -> None:
    configs.write(BASE + "[A]\nx = 1\n[A.in]\na = 1\nb = [1, 2]\n[A.in.deep]\nz = 1\n", "one.toml")
    configs.write("[A]\ny = 2\n[A.in]\nb = [3]\n[A.in.deep]\nq = 2\n", "two.toml")
    config = configs.load(files=["one.toml", "two.toml"])
    deep = {"a": 1, "b": [3], "deep": {"z": 1, "q": 2}}
    assert config.section("A") == {"x": 1, "y": 2, "in": deep}
    assert config.origins["A.in.a"] == "one.toml"
    assert config.origins["A.in.b"] == "two.toml"


@pytest.mark.parametrize(("one", "two"), [("t = 1", "[A.t]\na = 1"), ("[A.t]\na = 1", "t = 1")])
def test_a_value_and_a_table_replace_one_another(configs: Configs, one: str, two: str) -> None:
    configs.write(f"{BASE}[A]\n{one}\n", "one.toml")
    configs.write(f"[A]\n{two}\n", "two.toml")
    config = configs.load(files=["one.toml", "two.toml"])
    assert config.section("A") == tomllib.loads(two).get("A", tomllib.loads(two))
    assert {v for k, v in config.origins.items() if k.startswith("A.")} == {"two.toml"}


def test_extends_is_relative_to_the_file_and_below_it(configs: Configs) -> None:
    configs.write(BASE + "[A]\nx = 1\ny = 1\n", "conf/base.toml")
    configs.write('extends = ["../base.toml"]\n[A]\nx = 2\n', "conf/more/mine.toml")
    config = configs.load(files=["conf/more/mine.toml"])
    assert config.section("A") == {"x": 2, "y": 1}
    assert config.origins["A.y"] == "conf/base.toml"
    assert "extends" not in config.written


def test_extends_may_be_one_name_and_several_later_ones_win(configs: Configs) -> None:
    configs.write(BASE + "[A]\nx = 1\ny = 1\n", "a.toml")
    configs.write("[A]\nx = 2\n", "b.toml")
    assert configs.load('extends = "a.toml"').section("A") == {"x": 1, "y": 1}
    assert configs.load('extends = ["a.toml", "b.toml"]').section("A") == {"x": 2, "y": 1}


def test_a_file_that_two_others_extend_undoes_neither(configs: Configs) -> None:
    configs.write(BASE + "[A]\nseed = 0\n", "base.toml")
    configs.write('extends = "base.toml"\n[A]\nseed = 1\n', "left.toml")
    configs.write('extends = "base.toml"\n[A]\nother = 2\n', "right.toml")
    config = configs.load('extends = ["left.toml", "right.toml"]')
    assert config.section("A") == {"seed": 1, "other": 2}


def test_a_file_that_is_named_again_wins_again(configs: Configs) -> None:
    configs.write(BASE + "[A]\nseed = 0\n", "base.toml")
    configs.write('extends = "base.toml"\n[A]\nseed = 1\n', "mine.toml")
    assert configs.load(files=["mine.toml", "base.toml"]).section("A") == {"seed": 0}


def test_files_that_extend_others_twice_are_read_once(configs: Configs) -> None:
    for n in range(40):
        configs.write(f'extends = ["{n + 1}.toml", "{n + 1}.toml"]\n[A]\nk{n} = 1\n', f"{n}.toml")
    configs.write(BASE, "40.toml")
    assert len(configs.load(files=["0.toml"]).section("A")) == 40


def test_a_chain_that_is_too_long(configs: Configs) -> None:
    for n in range(60):
        configs.write(f'extends = ["{n + 1}.toml"]\n', f"{n}.toml")
    (problem,) = configs.problems(files=["0.toml"])
    assert problem.endswith("more than 50 files extend one another")


def test_a_circle_names_its_files(configs: Configs) -> None:
    configs.write('extends = "b.toml"\n', "a.toml")
    configs.write('extends = "c.toml"\n', "b.toml")
    configs.write('extends = "a.toml"\n', "c.toml")
    (problem,) = configs.problems(files=["a.toml"])
    assert "in a circle: a.toml -> b.toml -> c.toml -> a.toml" in problem
    (problem,) = configs.problems('extends = "luigi.toml"\n')
    assert "in a circle: luigi.toml -> luigi.toml" in problem


def test_a_missing_file_says_who_extends_it(configs: Configs) -> None:
    assert configs.problems('extends = "no.toml"\n') == [
        "no.toml: there is no such file (luigi.toml extends it)"
    ]


@pytest.mark.parametrize("value", ["5", "[1]", '[""]', "{a = 1}", "true"])
def test_extends_of_another_kind(configs: Configs, value: str) -> None:
    (problem,) = configs.problems(f"extends = {value}\n")
    assert problem == "luigi.toml: extends: expected a list of file names"


@pytest.mark.parametrize("name", ["a\\u0000b", "~nobody-of-that-name/x"])
def test_extends_of_an_impossible_path(configs: Configs, name: str) -> None:
    (problem,) = configs.problems(f'extends = ["{name}"]\n')
    assert problem.startswith("luigi.toml: extends: ") and "is no path of a file" in problem


def test_all_unreadable_files_at_once(configs: Configs) -> None:
    configs.write("x = \n", "bad.toml")
    configs.root.joinpath("folder.toml").mkdir()
    problems = configs.problems(files=["none.toml", "bad.toml", "folder.toml"])
    assert [p.partition(":")[0] for p in problems] == ["none.toml", "bad.toml", "folder.toml"]
    assert problems[0].endswith("there is no such file")
    assert "is not valid TOML: Invalid value (at line 1" in problems[1]
    assert problems[2].endswith("is a directory")


def test_a_fifo_does_not_block(configs: Configs) -> None:
    os.mkfifo(configs.root / "pipe.toml")
    assert configs.problems(files=["pipe.toml"]) == ["pipe.toml: is not a regular file"]


def test_a_device_is_refused(configs: Configs) -> None:
    assert configs.problems(files=["/dev/zero"]) == ["/dev/zero: is not a regular file"]


def test_links_in_a_circle(configs: Configs) -> None:
    (configs.root / "luigi.toml").symlink_to("luigi.toml")
    (problem,) = configs.problems()
    assert "luigi.toml" in problem


def test_not_utf8(configs: Configs) -> None:
    assert configs.problems(b"[A]\nx = '\xff'\n") == ["luigi.toml: is not UTF-8 text (byte 9)"]
    assert "is not UTF-8 text" in configs.problems(BASE.encode("utf-16"))[0]


def test_a_byte_order_mark_and_other_line_ends(configs: Configs) -> None:
    config = configs.load(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    assert config.run.experiment_name == "trial"


def test_syntax_errors_have_a_line(configs: Configs) -> None:
    (problem,) = configs.problems(BASE + "[A]\nx = [1,2\ny = 3\n")
    assert problem.startswith("luigi.toml: is not valid TOML:")
    assert "line 6" in problem


@pytest.mark.parametrize(
    "text",
    [
        "[A]\nx = " + "[" * 60 + "]" * 60,
        "[A]\nx = " + "[" * 100_000,
        "[A]\nx = " + "{a = " * 60 + "1" + "}" * 60,
        "[A]\n" + ".".join("a" * 60) + " = 1",
        "[A]\n" + ".".join("a" * 30_000) + " = 1",
        "[A]\n" + " . ".join(['"a"'] * 30_000) + " = 1",
        "[" + ".".join("a" * 30_000) + "]",
    ],
    ids=["arrays", "open arrays", "inline tables", "keys", "many keys", "quoted", "header"],
)
def test_deep_nesting(configs: Configs, text: str) -> None:
    assert configs.problems(BASE + text) == ["luigi.toml: is nested too deeply"]


def test_ten_thousand_keys(configs: Configs) -> None:
    lines = "".join(f"k{n} = {n}\n" for n in range(10_000))
    assert len(configs.load(f"{BASE}[A]\n{lines}").section("A")) == 10_000


@pytest.mark.parametrize("text", ["x = 1\n", "x = [1]\n"])
def test_a_key_outside_of_sections(configs: Configs, text: str) -> None:
    assert configs.problems(text + BASE) == ["luigi.toml: 'x' stands outside of any [Section]"]


def test_a_misspelt_extends(configs: Configs) -> None:
    (problem,) = configs.problems('extend = ["base.toml"]\n' + BASE)
    assert problem.endswith("stands outside of any [Section]; did you mean 'extends'?")


def test_a_section_written_as_a_list(configs: Configs) -> None:
    (problem,) = configs.problems(BASE + "[[A]]\nx = 1\n")
    assert problem == "luigi.toml: [A]: is written as [[…]]; a section is one table, […]"
