"""`renamed`: configs of earlier days, whose keys have other names by now."""

from __future__ import annotations

import tomllib
from typing import Any, ClassVar

import pytest

import runner
from runner import TaskConfig
from runner.config import RunConfig
from runner.errors import ProjectCodeError
from runner.sections import check_section
from runner.task import RunTask
from tests.configs import BASE, Configs, configs, tasks
from tests.conftest import PIPELINE, Project

__all__ = ["configs"]


class Boosting(TaskConfig):
    renamed = {"trees": "n_estimators", "tree_method": None}

    n_estimators: int = 100
    depth: int = 3


class TrainerConfig(TaskConfig):
    renamed = {"gbm": "boosting", "max_depth": "boosting.depth", "random_state": "seed"}

    seed: int = 0
    boosting: Boosting = Boosting()
    second: Boosting | None = None


class Trainer(RunTask):
    config: TrainerConfig


class Named(TaskConfig):
    renamed = {"label": "name"}
    name: str = ""


class Labelled(RunTask):
    config: Named


KNOWN = tasks(Trainer=check_section(Trainer))


def load(configs: Configs, text: str, *overrides: str, **more: Any) -> Any:
    return configs.load(BASE + text, overrides, tasks=KNOWN, **more)


@pytest.mark.parametrize(
    ("text", "values", "notes"),
    [
        ("[Trainer]\nseed = 1", {"seed": 1}, []),
        (
            "[Trainer]\nrandom_state = 1",
            {"seed": 1},
            ["Trainer.random_state is now Trainer.seed"],
        ),
        (
            "[Trainer.boosting]\ntrees = 5\ntree_method = 'hist'",
            {"boosting": {"n_estimators": 5}},
            [
                "Trainer.boosting.trees is now Trainer.boosting.n_estimators",
                "Trainer.boosting.tree_method is gone, and has no effect",
            ],
        ),
        (
            "[Trainer]\nmax_depth = 7\n[Trainer.gbm]\ntrees = 5",
            {"boosting": {"n_estimators": 5, "depth": 7}},
            [
                "Trainer.gbm is now Trainer.boosting",
                "Trainer.max_depth is now Trainer.boosting.depth",
                "Trainer.boosting.trees is now Trainer.boosting.n_estimators",
            ],
        ),
        (
            "[Trainer.second]\ntrees = 5",
            {"second": {"n_estimators": 5}},
            ["Trainer.second.trees is now Trainer.second.n_estimators"],
        ),
        ("[Trainer.gbm]", {}, []),
    ],
)
def test_old_names_are_taken_for_todays(
    configs: Configs, text: str, values: dict[str, Any], notes: list[str]
) -> None:
    found = load(configs, text)
    assert found.section("Trainer") == found.written.get("Trainer", {}) == values
    assert list(found.notes) == notes
    assert all(origin == "luigi.toml" for origin in found.origins.values())


def test_a_sweep_varies_the_key_of_today(configs: Configs) -> None:
    space = '"Trainer.random_state" = [1, 2]\nTrainer.max_depth = {low = 3, high = 4}'
    sweep = 'method = "grid"\nmetric = "m"\ndirection = "minimize"\n'
    found = load(configs, f"[Trainer]\nrandom_state = 1\n[Sweep]\n{sweep}[Sweep.space]\n{space}")
    assert found.sweep is not None
    assert set(found.sweep.space) == {"Trainer.seed", "Trainer.boosting.depth"}


def test_of_both_names_the_later_layer_wins(configs: Configs) -> None:
    old, new = "[Trainer]\nrandom_state = 1", "[Trainer]\nseed = 2"
    for text, override, seed in ((old, "seed=2", 2), (new, "random_state=1", 1)):
        found = load(configs, text, f"Trainer.{override}")
        assert found.section("Trainer") == {"seed": seed}
        assert found.origins["Trainer.seed"] == "command line"
    configs.write(old, "b.toml")
    found = load(configs, new, files=("luigi.toml", "b.toml"))
    assert found.section("Trainer") == {"seed": 1} and found.origins["Trainer.seed"] == "b.toml"
    found = load(configs, old + "\n" + "boosting.depth = 4", "Trainer.max_depth=5")
    assert found.section("Trainer") == {"seed": 1, "boosting": {"depth": 5}}


def test_both_names_in_one_place_are_an_error(configs: Configs) -> None:
    text = "[Trainer]\nrandom_state = 1\nseed = 2"
    (problem,) = configs.problems(BASE + text, tasks=KNOWN)
    assert problem == (
        "luigi.toml: [Trainer] random_state: is now seed, which is given as well; "
        "take one of them out"
    )
    changes = ["Trainer.boosting.trees=1", "Trainer.boosting.n_estimators=2"]
    (problem,) = configs.problems(BASE, changes, tasks=KNOWN)
    assert "command line: [Trainer] boosting.trees: is now boosting.n_estimators" in problem


def test_an_old_value_is_judged_like_a_new_one(configs: Configs) -> None:
    (problem,) = configs.problems(f"{BASE}[Trainer]\nrandom_state = 'x'", tasks=KNOWN)
    assert problem == "luigi.toml: [Trainer] seed: expected a valid integer, got 'x' (str)"
    (problem,) = configs.problems(f"{BASE}[Trainer]\nrandom_stat = 1", tasks=KNOWN)
    assert "random_stat: unknown key" in problem


def test_variables_stay_unexpanded_in_what_is_written(
    configs: Configs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABEL", "deep")
    known = tasks(Trainer=check_section(Labelled))
    found = configs.load(f'{BASE}[Trainer]\nlabel = "${{LABEL}}"', tasks=known)
    assert found.section("Trainer") == {"name": "deep"}
    assert found.written["Trainer"] == {"name": "${LABEL}"}


def test_the_runners_own_keys_have_it_too(
    configs: Configs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunConfig, "renamed", {"experiment": "experiment_name", "pool": None})
    text = '[RunConfig]\nexperiment = "old"\ntask = "Trainer"\npool = 3\n'
    found = configs.load(text)
    assert found.run.experiment_name == "old"
    assert found.notes == (
        "RunConfig.experiment is now RunConfig.experiment_name",
        "RunConfig.pool is gone, and has no effect",
    )


def test_a_slip_in_renamed_is_said_when_the_class_is_made() -> None:
    with pytest.raises(TypeError, match="renamed has 'seed', which is a key of today"):

        class Old(TaskConfig):
            renamed: ClassVar = {"seed": None}
            seed: int = 0

    with pytest.raises(TypeError, match="'sed', which is no key; did you mean 'seed'"):

        class New(TaskConfig):
            renamed: ClassVar = {"random_state": "sed"}
            seed: int = 0


RENAMED = PIPELINE.replace("text: str", 'renamed = {"words": "text", "size": None}\n    text: str')


def test_the_snapshot_of_an_earlier_run_is_run_by_todays_code(project: Project) -> None:
    older = PIPELINE.replace("text: str", "words: str").replace("config.text", "config.words")
    project.pipeline(older.replace("words: str", "size: int = 1\n    words: str"))
    first = runner.run(overrides={"Write.words": "older", "Write.size": 2})
    assert first.artifact_dir is not None
    project.pipeline(RENAMED)
    report = runner.run(first.artifact_dir / "luigi.toml")
    assert report.metrics == first.metrics
    assert report.notes == (
        "Write.words is now Write.text",
        "Write.size is gone, and has no effect",
    )
    assert report.artifact_dir is not None
    snapshot = tomllib.loads((report.artifact_dir / "luigi.toml").read_text())
    assert snapshot["Write"] == {"text": "older"}
    params = project.client.get_run(report.run_id).data.params
    assert params["Write.text"] == "older" and "Write.words" not in params
    again = runner.run(overrides={"Write.text": "older"}, reuse="auto")
    assert again.status == "UNCHANGED"  # the new names count

    clone = project.command("clone", first.run_id, "-o", "Write.words=younger")
    assert "luigia.toml" in clone.out
    done = project.command("-c", "luigia.toml")
    assert "note: Write.words is now Write.text" in done.out
    project.pipeline(RENAMED.replace('"words": "text"', '"words": "txt"'))
    with pytest.raises(ProjectCodeError, match="renamed has 'words': 'txt', which is no key"):
        runner.run()


def test_a_key_may_have_gone_into_the_table_of_a_family(project: Project) -> None:
    project.write("src/tasks/__init__.py", FAMILIES)
    project.write("luigi.toml", BASE)
    project.command("new-model", "small")
    (file,) = project.root.glob("src/**/small/model.py")
    keys = 'renamed = {"deep": "depth"}\n    depth: int = 1\n    width: int = 1\n'
    text = file.read_text()
    file.write_text(
        text.replace("class Config(TaskConfig):\n", f"class Config(TaskConfig):\n    {keys}")
    )
    project.write("luigi.toml", BASE + "[Trainer]\nwidth = 7\n[Trainer.small]\ndeep = 2\n")
    report = runner.run(dry_run=True)
    assert report.notes == (
        "Trainer.width is now Trainer.small.width",
        "Trainer.small.deep is now Trainer.small.depth",
    )


FAMILIES = """
from runner import RunTask
from runner.model import FamilyConfig

class TrainerConfig(FamilyConfig):
    renamed = {"width": "small.width"}
    model: str = "small"

class Trainer(RunTask):
    config: TrainerConfig
"""
