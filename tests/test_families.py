"""Families of models: what a config may name, and what reruns when a family's code changes.

As in test_stale.py each test of reuse shows both sides: unedited, everything is reused; edited,
what used the family is to run, and nothing else is.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project
from tests.test_stale import Auto, assert_reused

TASKS = """
from runner import RunTask, requires
from runner.model import FamilyConfig, load

class FitConfig(FamilyConfig):
    model: str = "one"
    seed: int = 0

class Fit(RunTask):
    config: FitConfig
    outputs = {"model": "model", "other": "other.txt"}

    def run(self):
        family = self.config.family
        model = family.Model.build(self.config.parameters, None)
        trainer = family.Trainer(self.config.parameters)
        trainer.compile(model, self.config.seed)
        trainer.fit(model, [1, 2], [3, 4])
        family.save(model, self.outputs["model"])
        self.outputs["other"].write_text("x")

@requires(Fit)
class Ask(RunTask):
    outputs = {"out": "out.txt"}

    def run(self):
        self.outputs["out"].write_text(str(load(self.inputs["model"]).predict([1])))

@requires(Fit)
class Look(RunTask):
    outputs = {"out": "out.txt"}

    def run(self):
        self.outputs["out"].write_text(self.inputs["other"].read_text())

@requires(ask=Ask, look=Look)
class T(RunTask):
    outputs = {"out": "out.txt"}

    def run(self):
        self.outputs["out"].write_text(self.inputs["ask.out"].read_text())
"""

MODEL = """
from runner import TaskConfig

class Config(TaskConfig):
    size: int = 1

class Model:
    packages = ()

    def __init__(self, text):
        self.text = text

    @classmethod
    def build(cls, config, processor):
        return cls(f"NAME-{config.size}")

    def save(self, folder):
        (folder / "model.txt").write_text(self.text)

    @classmethod
    def load(cls, folder):
        return cls((folder / "model.txt").read_text())
"""
TRAINER = """
class Trainer:
    def __init__(self, config):
        pass
    def compile(self, model, seed):
        pass
    def fit(self, model, inputs, targets, held_out=None):
        pass
"""
API = """
from tasks.helping import shown

class ModelAPI:
    def __init__(self, model):
        self.model = model

    def predict(self, inputs):
        return shown(self.model.text) + "!"
"""
HELPING = "def shown(text):\n    return f'<{text}>'\ndef unused():\n    return 1\n"


def family(folder: str, name: str) -> dict[str, str]:
    return {
        f"{folder}/{name}/model.py": MODEL.replace("NAME", name),
        f"{folder}/{name}/trainer.py": TRAINER,
        f"{folder}/{name}/model_api.py": API,
    }


@pytest.fixture
def auto(project: Project, monkeypatch: pytest.MonkeyPatch) -> Auto:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    files = {"tasks/__init__.py": TASKS, "tasks/helping.py": HELPING}
    files |= family("tasks/models", "one") | family("tasks/models", "two")
    return Auto(project).lay(files)


TWO, DOTTED = "Fit.model=two", "Fit.model=lib.kinds.far"


def test_the_chosen_family_predicts(auto: Auto) -> None:
    auto.run()
    assert auto.text() == "<one-1>!"
    auto.run(TWO, "Fit.two.size=5")
    assert auto.text() == "<two-5>!"
    assert auto.text("Fit/model/tasks.models.two.family")


def test_edits_of_a_family(auto: Auto) -> None:
    auto.settled(TWO)  # so that switching back finds it
    auto.settled()
    for file, old, new in [
        ("tasks/models/one/model_api.py", '"!"', '"?"'),
        ("tasks/models/one/model.py", "size: int = 1", "size: int = 2"),
        ("tasks/models/one/trainer.py", "pass", "1"),
        ("tasks/models/one/extra.py", "", "X = 1"),
        ("tasks/helping.py", "<", "("),
    ]:
        with auto.edited(file, old, new):
            plan = auto.plan()
            assert plan["Fit"] == "to run", f"stale after {file}"
            if not file.endswith("helping.py"):
                assert_reused(auto.plan(TWO), file)
    with auto.edited("tasks/models/one/model_api.py", '"!"', '"?"'):
        found = auto.run()
        assert auto.text() == "<one-1>?"
        assert (found["Ask"], found["Look"]) == ("ran", "reused")  # the model is the same
    assert_reused(auto.plan(TWO), "another family")
    assert_reused(auto.plan(), "undone")


def test_what_is_no_change(auto: Auto) -> None:
    auto.settled()
    assert_reused(auto.plan("Fit.two.size=7"), "a table of another family")
    assert_reused(auto.plan("Fit.one.size=1"), "a default, written")
    auto.does_not_count(
        ("tasks/models/one/model.py", "class Model:", "# why\nclass Model:"),
        ("tasks/models/two/model.py", "packages = ()", "packages = ('x',)"),
        ("tasks/helping.py", "return 1", "return 2"),
        ("tasks/models/three/model.py", "", MODEL),
    )
    assert auto.plan("Fit.one.size=2")["Fit"] == "to run"
    assert auto.plan(TWO)["Fit"] == "to run"


def test_a_pinned_model_of_another_family(auto: Auto) -> None:
    """The config says one, but the model that is asked is two's."""
    auto.run(TWO)
    pin = f"PathConfig.Fit={json.dumps(f'runs:/{auto.report.run_id}/Fit')}"
    auto.run(pin)
    assert auto.text() == "<two-1>!"
    assert auto.plan(pin)["Ask"] == "reused"
    with auto.edited("tasks/models/two/model_api.py", '"!"', '"?"'):
        assert auto.plan(pin)["Ask"] == "to run"
    with auto.edited("tasks/models/one/model_api.py", '"!"', '"?"'):
        assert auto.plan(pin)["Ask"] == "reused"


LOADERS = {
    "Named": "from runner.model import load",
    "Module": "from runner import model\nload = model.load",
    "Dotted": "import runner.model\ndef load(folder):\n    return runner.model.load(folder)",
    "Renamed": "from tasks.reading import get as load",
    "Everything": "from tasks.star import *",
}
LOADER = """
from runner import RunTask
{load}
class {name}(RunTask):
    sources = {{"model": "kept"}}
    outputs = {{"out": "out.txt"}}
    def run(self):
        self.outputs["out"].write_text(load(self.inputs["model"]).predict([]))
"""


def test_models_that_come_from_outside(auto: Auto) -> None:
    """What loads a model counts its family, whatever `load` is called there."""
    files = {f"tasks/{n.lower()}.py": LOADER.format(load=LOADERS[n], name=n) for n in LOADERS}
    imports = "".join(f"from tasks.{name.lower()} import {name}\n" for name in LOADERS)
    root = f"@requires({', '.join(LOADERS)})\nclass T(RunTask):\n    outputs = {{'out': 'o.txt'}}\n"
    auto.lay(
        {
            **files,
            "tasks/reading.py": "from runner.model import load as get",
            "tasks/star.py": "from runner.model import *",
            "tasks/__init__.py": f"from runner import RunTask, requires\n{imports}{root}"
            "    def run(self):\n        self.outputs['out'].touch()\n",
        }
    )
    auto.data("kept/model.txt", "kept")
    auto.data("kept/tasks.models.two.family", "")
    auto.does_not_count(("tasks/models/one/model_api.py", '"!"', '"?"'))
    with auto.edited("tasks/models/two/model_api.py", '"!"', '"?"'):
        plan = auto.plan()
        assert {name for name in LOADERS if plan[name] == "to run"} == set(LOADERS)


YIELDS = """
class Ask(RunTask):
    outputs = {"out": "out.txt"}

    def run(self):
        fit = yield Fit()
        folder = Path(fit["model"].path)
        self.outputs["out"].write_text(str(load(folder).predict([1])))
"""


def test_a_model_of_a_task_that_is_yielded(auto: Auto) -> None:
    fit = TASKS.partition("@requires")[0]
    auto.lay(f"from pathlib import Path\n{fit}{YIELDS}", task="Ask")
    auto.run(TWO)
    pin = f"PathConfig.Fit={json.dumps(f'runs:/{auto.report.run_id}/Fit')}"
    auto.settled(pin)
    with auto.edited("tasks/models/two/model_api.py", '"!"', '"?"'):
        assert auto.plan(pin)["Ask"] == "to run"


def test_a_family_elsewhere_by_its_dotted_name(auto: Auto) -> None:
    for name, text in family("lib/kinds", "far").items():
        auto.project.write(f"src/{name}", text)
    auto.settled(DOTTED, "Fit.far.size=3")
    assert auto.text() == "<far-3>!"
    with auto.edited("lib/kinds/far/model_api.py", '"!"', '"?"'):
        plan = auto.plan(DOTTED, "Fit.far.size=3")
        assert (plan["Fit"], plan["Ask"]) == ("to run", "to run")


def test_workers_and_an_edit_between(auto: Auto) -> None:
    auto.run(TWO, "RunConfig.engine=processes", "RunConfig.workers=1")
    assert auto.text() == "<two-1>!"
    assert_reused(auto.plan(TWO))
    auto.edit("tasks/models/two/model_api.py", '"!"', '"?"')
    auto.run(TWO, "RunConfig.engine=processes", "RunConfig.workers=1")
    assert auto.text() == "<two-1>?"


def test_what_a_run_says_of_its_config(auto: Auto) -> None:
    auto.run("Fit.two.size=7", "Fit.one.size=4", "RunConfig.reuse=pinned")
    params = auto.project.runs()[0].data.params
    assert {k: v for k, v in params.items() if k.startswith("Fit.")} == {
        "Fit.model": "one",
        "Fit.seed": "0",
        "Fit.one.size": "4",
    }
    manifest = json.loads((auto.report.artifact_dir / "Fit/manifest.json").read_text())
    assert manifest["config"] == {"model": "one", "seed": 0, "one": {"size": 4}}
    assert "[Fit.two]" in (auto.report.artifact_dir / "luigi.toml").read_text()


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["Fit.model=tow"], "[Fit] model: expected one, two or the dotted name of a family of the "
         "project; did you mean 'two'?, got 'tow' (str)"),
        (["Fit.model=1"], "[Fit] model: expected a valid string, got 1 (int)"),
        (["Fit.tow.size=1"], "[Fit] tow: unknown key; did you mean 'two'?"),
        (["Fit.two.sise=1"], "[Fit] two.sise: unknown key; did you mean 'size'?"),
        (["Fit.two.size=a"], "[Fit] two.size: expected a valid integer, got 'a' (str)"),
        (["Fit.one=3"], "[Fit] one: expected an object, got 3 (int)"),
        (["Fit.model=json.tool"], "or the dotted name of a family of the project, got"),
        (["Fit.model=sklearn.linear_model"], "or the dotted name of a family of the project, got"),
        (["Fit.model=runner.model"], "or the dotted name of a family of the project, got"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)  # fmt: skip
def test_slips_in_a_config(auto: Auto, overrides: list[str], said: str) -> None:
    options = [part for value in overrides for part in ("-o", value)]
    done = auto.project.command("--dry-run", *options, code=2)
    assert said in done.err
    assert len(done.err.splitlines()) == 1
    assert "json.tool" not in sys.modules


def test_a_default_that_is_no_family(auto: Auto) -> None:
    auto.edit("tasks/__init__.py", 'model: str = "one"', 'model: str = "won"')
    done = auto.project.command("--dry-run", code=2)
    assert "[Fit] model: expected one, two or the dotted name" in done.err


def test_a_family_that_can_not_be_imported(auto: Auto) -> None:
    auto.edit(
        "tasks/models/two/model.py", "class Model:", "import nothing_of_this_name\nclass Model:"
    )
    auto.run()  # which does not name it
    done = auto.project.command("--dry-run", "-o", TWO, code=2)
    assert "tasks.models.two.model can't be imported: ModuleNotFoundError" in done.err
    auto.edit("tasks/models/two/model.py", "import nothing_of_this_name\n", "")
    auto.edit("tasks/models/two/trainer.py", "class Trainer", "class Trainee")
    done = auto.project.command("-o", TWO, code=1)
    assert "tasks.models.two.trainer has no class Trainer" in done.err + done.out


def test_a_family_that_is_called_like_a_key(auto: Auto) -> None:
    for name, text in family("tasks/models", "seed").items():
        auto.project.write(f"src/{name}", text)
    done = auto.project.command("--dry-run", "-o", "Fit.model=seed", code=2)
    assert "FitConfig has a key 'seed', and tasks.models.seed is called so too" in done.err


def test_a_folder_that_is_no_model(project: Project, tmp_path: Path) -> None:
    from runner.errors import MissingInputError, ProjectCodeError
    from runner.model import load

    with pytest.raises(MissingInputError, match="holds no model"):
        load(tmp_path)
    (tmp_path / "json.tool.family").touch()
    with pytest.raises(ProjectCodeError, match="family of the project"):
        load(tmp_path)


def test_a_config_without_a_run(auto: Auto) -> None:
    """As in a test of a project's own, or in a notebook; and on its way to a worker."""
    from runner.declared import config_class, typed
    from runner.project_code import ProjectTasks, unload

    unload()
    found = ProjectTasks(auto.root)
    found.sections(["tasks"])
    try:
        cls = config_class(found.classes["Fit"])
        assert cls is not None
        config: Any = typed(cls, {"model": "two", "two": {"size": 3}, "one": {"size": 9}})
        assert (config.family.module, config.parameters.size) == ("tasks.models.two", 3)
        assert config.model_dump() == {"model": "two", "seed": 0, "two": {"size": 3}}
        assert pickle.loads(pickle.dumps(config)).model_dump() == config.model_dump()
    finally:
        unload()
