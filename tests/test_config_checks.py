"""What a config may say: sections, keys, types, variables, and who wins."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from runner import TaskConfig
from runner.config import Config, load
from runner.config.model import absolute
from runner.errors import ConfigError, ProjectCodeError
from runner.settings import Settings
from tests.configs import BASE, Configs, configs, tasks

__all__ = ["configs"]


class Kind(Enum):
    BIG = "big"


class Deep(TaskConfig):
    depth: int = 1
    rate: float = 0.5


class TrainerConfig(TaskConfig):
    seed: int = 0
    rate: float = 0.1
    name: str = "x"
    fast: bool = False
    columns: list[str] = []
    path: Path = Path("a")
    pair: tuple[int, int] = (1, 2)
    kind: Kind = Kind.BIG
    mode: Literal["a", "b"] = "a"
    share: float = Field(default=0.5, ge=0, le=1)
    maybe: int | None = None
    deep: Deep = Deep()


class NeedsConfig(TaskConfig):
    seed: int
    folds: int


def typed(name: str, model: type[BaseModel]) -> Any:
    import runner.luigi_parser  # noqa: F401
    from runner import RunTask
    from runner.sections import check_section

    cls = type(name, (RunTask,), {"__annotations__": {"config": model}, "__module__": __name__})
    return tasks(**{name: check_section(cls)})


# RunConfig and PathConfig


def test_defaults(configs: Configs) -> None:
    run = configs.load(BASE).run
    assert run.modules == ["tasks"]
    assert run.reuse == "pinned"
    assert (run.run_name, run.tracking_uri, run.artifact_root) == (None, None, None)


def test_what_is_missing_is_named_with_the_file(configs: Configs) -> None:
    for text in ("", "[RunConfig]\n", "[Other]\nx = 1\n"):
        assert configs.problems(text) == [
            "luigi.toml: [RunConfig] experiment_name: is required and has no default",
            "luigi.toml: [RunConfig] task: is required and has no default",
        ]


@pytest.mark.parametrize("value", ["5", "5.7", "true", "nan", "[1]", "{a = 1}", "2024-01-01"])
@pytest.mark.parametrize(
    "key",
    "experiment_name task description modules reuse run_name tracking_uri artifact_root".split(),
)
def test_every_key_of_runconfig_with_a_wrong_type(configs: Configs, key: str, value: str) -> None:
    (problem,) = configs.problems(BASE, [f"RunConfig.{key}={value}"])
    assert problem.startswith(f"command line: [RunConfig] {key}")
    assert "expected" in problem and "got" in problem


@pytest.mark.parametrize(
    "change",
    [
        *('experiment_name=""', 'experiment_name=" "', 'experiment_name="a\\nb"', "task=''"),
        *(f"experiment_name={'x' * 501}", 'task="\\u001b[31m"', "run_name=''", "modules=[]"),
        *("modules=['a b']", "modules=['']", "modules=['--x']", "modules=['../x']", "reuse=all"),
        *("tags=5", "tags={a=[1]}", "tags={a={b=1}}", "artifact_root=''", "tracking_uri=' '"),
        'artifact_root="a\\u0000b"',
    ],
)
def test_values_that_runconfig_refuses(configs: Configs, change: str) -> None:
    (problem,) = configs.problems(BASE, [f"RunConfig.{change}"])
    assert problem.startswith(f"command line: [RunConfig] {change.partition('=')[0]}")


@pytest.mark.parametrize("value", ["5", "true", "5.7", "['a']", "{a = 1}", '""', "' '"])
def test_values_that_pathconfig_refuses(configs: Configs, value: str) -> None:
    (problem,) = configs.problems(BASE, [f"PathConfig.input={value}"])
    assert problem.startswith("command line: [PathConfig] input: expected a path")


def test_a_nul_in_a_path(configs: Configs) -> None:
    (problem,) = configs.problems(BASE, ['PathConfig.input="a\\u0000b"'])
    assert "NUL" in problem


def test_unknown_keys_with_the_nearest_known_one(configs: Configs) -> None:
    (problem,) = configs.problems(BASE + 'experiment = "x"\n')
    assert problem == (
        "luigi.toml: [RunConfig] experiment: unknown key; did you mean 'experiment_name'?"
    )
    (problem,) = configs.problems(BASE + "qqq = 1\n")
    assert problem == "luigi.toml: [RunConfig] qqq: unknown key"


def test_everything_wrong_is_said_at_once(configs: Configs) -> None:
    configs.write("[PathConfig]\ninput = 5\n[Trainr]\nx = '${NO_SUCH_VARIABLE}'\n", "two.toml")
    configs.write("[RunConfig]\ntask = 5\ntsk = 1\n")
    found = tasks("Trainer")
    problems = configs.problems(None, ["A"], files=["luigi.toml", "two.toml"], tasks=found)
    places = sorted(problem.partition(": ")[0] for problem in problems)
    assert places == ["command line", *["luigi.toml"] * 3, *["two.toml"] * 3]
    with pytest.raises(ConfigError, match=r"^7 problems in the config:\n  command line"):
        configs.load(None, ["A"], files=["luigi.toml", "two.toml"], tasks=found)


# sections


def test_misspelt_sections(configs: Configs) -> None:
    found = tasks("Trainer", "Preprocessor")
    assert configs.problems(BASE + "[Trainr]\nx = 1\n[pathconfig]\n[workr]\n", tasks=found) == [
        "luigi.toml: [Trainr]: unknown section; did you mean 'Trainer'?",
        "luigi.toml: [pathconfig]: unknown section; did you mean 'PathConfig'?",
        "luigi.toml: [workr]: unknown section; did you mean 'worker'?",
    ]


def test_without_tasks_only_the_runners_own_sections_are_judged(configs: Configs) -> None:
    assert configs.load(BASE + "[Anything]\nx = 1\n").section("Anything") == {"x": 1}
    (problem,) = configs.problems(BASE + "[RunConfg]\n")
    assert "did you mean 'RunConfig'?" in problem


def test_a_task_in_a_namespace_needs_quotes(configs: Configs) -> None:
    found = tasks("ns.Trainer")
    assert configs.load(BASE + '["ns.Trainer"]\nx = 1\n', tasks=found).section("ns.Trainer")
    (problem,) = configs.problems(BASE + "[ns.Trainer]\nx = 1\n", tasks=found)
    assert 'has its section as ["ns.Trainer"], with the quotes' in problem


def test_luigis_own_sections_are_free(configs: Configs) -> None:
    text = BASE + "[core]\nlog_level = 'INFO'\n[worker]\nkeep_alive = true\n[resources]\ngpu = 1\n"
    config = configs.load(text, tasks=tasks("Trainer"))
    assert config.section("resources") == {"gpu": 1}


def test_a_misspelt_pin(configs: Configs) -> None:
    found = tasks("Trainer", "Preprocessor")
    problems = configs.problems(BASE + "[PathConfig]\nPreprocesor = 'run:x'\n", tasks=found)
    assert problems == [
        "luigi.toml: [PathConfig] Preprocesor: neither a task nor a named input; "
        "did you mean 'Preprocessor'?"
    ]
    text = BASE + "[PathConfig]\ninput = 'a'\nlabels = 'b'\nTrainer = 'run:x'\n"
    assert configs.load(text, tasks=found).paths["labels"] == "b"


def test_modules_that_fail_are_no_news_beside_a_wrong_config(configs: Configs) -> None:
    def broken(modules: Any) -> Any:
        raise ProjectCodeError("no module")

    assert len(configs.problems("[RunConfig]\ntask = 5\n", tasks=broken)) == 2
    with pytest.raises(ProjectCodeError):
        configs.load(BASE, tasks=broken)


# typed sections


@pytest.mark.parametrize(
    "change",
    [
        *("seed=5.7", "seed=true", "seed=nan", "seed=inf", "seed=18446744073709551616", "seed=x"),
        *("seed='5'", "seed=[]", "seed=5.0", "rate=true", "rate=nan", "rate=-inf", "rate=x"),
        *("name=5", "name=true", "fast=1", "fast='true'", "columns=x", "columns=[1]", "path=5"),
        *("pair=[1]", "pair=[1, 'a']", "kind=small", "mode=c", "share=1.5", "maybe=5.7"),
        *("deep=1", "deep.depth=5.7", "deep.depth=true", "deep.rate=x", "seed=2024-01-01"),
        *("deep.rate=nan", "columns=['a', 5]"),
    ],
)
def test_wrong_types_in_a_typed_section(configs: Configs, change: str) -> None:
    found = typed("Trainer", TrainerConfig)
    problems = configs.problems(BASE, [f"Trainer.{change}"], tasks=found)
    key = change.partition("=")[0]
    assert all(p.startswith(f"command line: [Trainer] {key}") for p in problems), problems


@pytest.mark.parametrize(
    ("change", "name", "value"),
    [
        ("rate=1", "rate", 1.0),
        ("path=b/c", "path", Path("b/c")),
        ("pair=[3, 4]", "pair", (3, 4)),
        ("kind=big", "kind", Kind.BIG),
        ("maybe=3", "maybe", 3),
        ("deep.depth=3", "deep", Deep(depth=3)),
        ("seed=-9223372036854775808", "seed", -(2**63)),
    ],
)
def test_right_types_in_a_typed_section(
    configs: Configs, change: str, name: str, value: Any
) -> None:
    from runner.declared import typed as as_model

    config = configs.load(BASE, [f"Trainer.{change}"], tasks=typed("Trainer", TrainerConfig))
    assert getattr(as_model(TrainerConfig, config.section("Trainer")), name) == value


def test_unknown_keys_of_a_typed_section(configs: Configs) -> None:
    text = BASE + "[Trainer]\nsed = 1\n[Trainer.deep]\ndeph = 1\n"
    problems = configs.problems(text, tasks=typed("Trainer", TrainerConfig))
    assert sorted(problems) == [
        "luigi.toml: [Trainer] deep.deph: unknown key; did you mean 'depth'?",
        "luigi.toml: [Trainer] sed: unknown key; did you mean 'seed'?",
    ]


def test_missing_keys_of_a_typed_section(configs: Configs) -> None:
    (problem,) = configs.problems(BASE + "[Needs]\nseed = 1\n", tasks=typed("Needs", NeedsConfig))
    assert problem == "luigi.toml: [Needs] folds: is required and has no default"


@pytest.mark.parametrize("value", ["nan", "inf", "5.7", "[nan]", "{a = {b = [1]}}", "07:00:00"])
def test_the_section_of_a_task_without_a_typed_config_is_free(configs: Configs, value: str) -> None:
    config = configs.load(BASE, [f"Trainer.any={value}"], tasks=tasks("Trainer"))
    assert "any" in config.section("Trainer")


@pytest.mark.parametrize("number", [str(2**63), str(2**64), str(-(2**63) - 1), "0x" + "f" * 9000])
def test_integers_beyond_64_bits(configs: Configs, number: str) -> None:
    (problem,) = configs.problems(f"{BASE}[A]\nx = [{number}]\n")
    assert problem == "luigi.toml: [A] x: is beyond 64 bits; write it as a string"


# ${VAR}


def test_variables(configs: Configs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE", "there")
    text = BASE + "[A]\na = 'x${HERE}y${HERE}'\nb = ['${HERE}', 1]\nc.d = '${HERE}'\n"
    text += "e = '$${HERE} $HERE ${} ${1} $$ ${HERE'\n'${HERE}' = 1\n"
    config = configs.load(text + "[PathConfig]\ninput = '/${HERE}/'\n")
    assert config.section("A") == {
        "a": "xtherey" + "there",
        "b": ["there", 1],
        "c": {"d": "there"},
        "e": "${HERE} $HERE ${} ${1} $$ ${HERE",
        "${HERE}": 1,
    }
    assert str(config.path("input")) == "/there"
    assert config.written["A"]["a"] == "x${HERE}y${HERE}"
    assert config.written["A"]["e"].startswith("$${HERE}")


def test_variables_are_not_expanded_twice(
    configs: Configs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTER", "${INNER}")
    assert configs.load(BASE, ["A.x=${OUTER}"]).section("A") == {"x": "${INNER}"}


def test_unset_variables_are_all_named(configs: Configs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOPE", raising=False)
    monkeypatch.setenv("EMPTY", "")
    text = BASE + "[A]\nx = '${NOPE}'\ny = ['${NOPE}']\nz = '${EMPTY}'\n"
    problems = configs.problems(text, ["B.c.d=${NOPE}"])
    assert [p.partition(": the env")[0] for p in problems] == [
        *("luigi.toml: [A] x", "luigi.toml: [A] y", "command line: [B] c.d")
    ]
    assert all("no variable NOPE; set it, or put it into .env" in p for p in problems)


def test_variables_in_runconfig(configs: Configs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHO", "me")
    assert configs.load(BASE, ["RunConfig.experiment_name=of-${WHO}"]).run.experiment_name == (
        "of-me"
    )


# who wins


def test_precedence_of_the_tracking_uri(configs: Configs) -> None:
    text = BASE + "tracking_uri = 'sqlite:///file.db'\n"

    def found(*overrides: str, **settings: Any) -> tuple[str | None, str | None]:
        config: Config = configs.load(text, overrides, **settings)
        return config.run.tracking_uri, config.origins.get("RunConfig.tracking_uri")

    assert found() == ("sqlite:///file.db", "luigi.toml")
    env = {"tracking_uri": "sqlite:///env.db"}
    assert found(**env) == ("sqlite:///env.db", "environment")
    written = {**env, "origins": {"MLFLOW_TRACKING_URI": ".env"}}
    assert found(**written) == ("sqlite:///env.db", ".env")
    line = "RunConfig.tracking_uri=sqlite:///line.db"
    assert found(line, **written) == ("sqlite:///line.db", "command line")


def test_what_the_environment_says_is_neither_expanded_nor_written(configs: Configs) -> None:
    uri = "postgresql://me:${x}@db/mlflow"
    config = configs.load(BASE, tracking_uri=uri, artifact_root="/out/")
    assert config.run.tracking_uri == uri
    assert config.run.artifact_root == "/out/"
    assert "tracking_uri" not in config.written["RunConfig"]


# paths


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data", "/base/data"),
        ("data/", "/base/data"),
        ("./data//x/", "/base/data/x"),
        ("../data", "/data"),
        ("../../../data", "/data"),
        ("/abs/", "/abs"),
        ("file:///abs/x", "/abs/x"),
        ("a b%20#:é", "/base/a b%20#:é"),
    ],
)
def test_paths_are_relative_to_the_root_and_slashes_never_matter(text: str, expected: str) -> None:
    assert str(absolute(Path("/base"), text)) == expected


def test_a_path_of_an_unknown_user_is_taken_as_it_is_written() -> None:
    assert absolute(Path("/base"), "~nobody-of-that-name/x") == Path("/base/~nobody-of-that-name/x")


def test_load_takes_one_path_or_several(configs: Configs) -> None:
    path = configs.write(BASE)
    found = Settings(root=configs.root)
    assert load(path, settings=found) == load([str(path)], settings=found)


@pytest.mark.parametrize("name", ["a\0b", "~nobody-of-that-name/x.toml", ""])
def test_load_of_an_impossible_path(configs: Configs, name: str) -> None:
    with pytest.raises(ConfigError):
        load(name, settings=Settings(root=configs.root))
