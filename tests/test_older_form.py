"""Three tasks as an older luigi and MLflow project has them run as they are."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from runner.errors import GraphError, MissingInputError
from tests.conftest import Project

OLDER = """
import csv
import os
import pickle

import mlflow
from luigi.util import requires

from runner import RunTask


def count(name):
    with open("count.log", "a") as file:
        file.write(name + "\\n")


class Preprocessor(RunTask):
    def build_input_output_path_dicts(self):
        input_paths_dict = {"train": self.path_config["input"] + "train.csv"}
        output_paths_dict = {
            "train": self.path_config["Preprocessor"] + "train.csv",
            "columns": self.path_config["Preprocessor"] + "columns.txt",
        }
        return input_paths_dict, output_paths_dict

    def run(self):
        count("Preprocessor")
        with open(self.input_paths_dict["train"]) as file:
            rows = list(csv.DictReader(file))
        rows = [row for row in rows if row["Age"]]
        with open(self.output_paths_dict["train"], "w") as file:
            writer = csv.DictWriter(file, ["Sex", "Age", "Survived"], extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        with self.output()["columns"].open("w") as file:
            file.write("Sex,Age")
        mlflow.log_metric("rows", len(rows))


@requires(Preprocessor)
class Trainer(RunTask):
    def build_input_output_path_dicts(self):
        input_paths_dict = {"train": self.path_config["Preprocessor"] + "train.csv"}
        output_paths_dict = {"model": self.path_config["Trainer"] + "model.pkl"}
        return input_paths_dict, output_paths_dict

    def run(self):
        count("Trainer")
        with open(self.input_paths_dict["train"]) as file:
            rows = list(csv.DictReader(file))
        with self.input()["columns"].open() as file:
            assert file.read() == "Sex,Age"
        survivors = {row["Sex"] for row in rows if row["Survived"] == "1"}
        with open(self.output_paths_dict["model"], "wb") as file:
            pickle.dump({"sexes": survivors, "seed": self.config["seed"]}, file)
        right = sum((row["Sex"] in survivors) == (row["Survived"] == "1") for row in rows)
        mlflow.log_metric("accuracy", right / len(rows))


@requires(Preprocessor, Trainer)
class Prediction(RunTask):
    def build_input_output_path_dicts(self):
        input_paths_dict = {
            "test": self.path_config["input"] + "test.csv",
            "model": self.path_config["Trainer"] + "model.pkl",
            "columns": self.path_config["Preprocessor"] + "columns.txt",
        }
        output_paths_dict = {"submission": self.path_config["Prediction"] + "submission.csv"}
        return input_paths_dict, output_paths_dict

    def run(self):
        count("Prediction")
        assert self.artifacts_uri_path.endswith("/")
        preprocessed, trained = self.input()
        assert os.path.samefile(trained["model"].path, self.input_paths_dict["model"])
        with open(self.input_paths_dict["model"], "rb") as file:
            model = pickle.load(file)
        with open(self.input_paths_dict["test"]) as file:
            rows = list(csv.DictReader(file))
        with open(self.output_paths_dict["submission"], "w") as file:
            file.write("PassengerId,Survived\\n")
            for row in rows:
                file.write(f"{row['PassengerId']},{int(row['Sex'] in model['sexes'])}\\n")
        mlflow.log_metric("predicted", len(rows))
"""

OWN_OUTPUT = """class Trainer(RunTask):
    def output(self):
        return luigi.LocalTarget(self.output_paths_dict["model"])
"""
PARAMETER = """class Trainer(RunTask):
    seed = luigi.IntParameter(default=3)
"""

TRAIN = """
PassengerId,Survived,Pclass,Name,Sex,Age
1,0,3,"Braund, Mr. Owen",male,22
2,1,1,"Cumings, Mrs. John",female,38
3,1,3,"Heikkinen, Miss. Laina",female,26
4,0,3,"Moran, Mr. James",male,
5,1,1,"Sloper, Mr. William",male,28
"""
TEST = """
PassengerId,Pclass,Name,Sex,Age
6,3,"Kelly, Mr. James",male,34.5
7,3,"Wilkes, Mrs. James",female,47
"""
CONFIG = """
[PathConfig]
input = "data/titanic"
[Trainer]
seed = 7
"""
MAKES_DIRECTORIES = """count("Trainer")
        os.makedirs(os.path.dirname(self.output_paths_dict["model"]), exist_ok=True)
        os.makedirs(self.artifacts_uri_path + "Trainer", exist_ok=True)
"""
VARIANTS = {
    "as it is": lambda code: code,
    "below artifacts_uri_path": lambda code: code.replace(
        'self.path_config["Trainer"] + "model.pkl"',
        'self.artifacts_uri_path + "/Trainer/model.pkl"',
    ),
    "os.path.join": lambda code: code.replace(
        'self.path_config["Trainer"] + "model.pkl"',
        'os.path.join(self.artifacts_uri_path, "Trainer", "model.pkl")',
    ),
    "makes its directory": lambda code: code.replace('count("Trainer")\n', MAKES_DIRECTORIES),
    "writes by its own path": lambda code: code.replace(
        'open(self.output_paths_dict["model"], "wb")',
        'open(self.build_input_output_path_dicts()[1]["model"], "wb")',
    ),
}
SUBMISSION = "PassengerId,Survived\n6,1\n7,1\n"


def older_project(project: Project, code: str = OLDER, config: str = CONFIG) -> Project:
    project.pipeline(code, task="Prediction", config=config)
    project.write("data/titanic/train.csv", TRAIN)
    project.write("data/titanic/test.csv", TEST)
    return project


def counted(project: Project) -> list[str]:
    """Which tasks have run since the last look."""
    path = project.root / "count.log"
    names = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return names


def statuses(report: Any) -> dict[str, str]:
    return {task.name: task.status for task in report.tasks}


PINS = {
    "absolute": "{dir}/{task}",
    "absolute with a slash": "{dir}/{task}/",
    "relative": "mlruns/{experiment}/{id}/artifacts/{task}",
    "relative with a slash": "./mlruns/{experiment}/{id}/artifacts/{task}//",
    "file URI": "file://{dir}/{task}",
    "runs URI": "runs:/{id}/{task}",
    "runs URI of the run": "runs:/{id}",
    "prefix of the id": "run:{prefix}",
    "name": "run:{name}",
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_runs_fresh_and_again_with_pins(project: Project, variant: str) -> None:
    older_project(project, VARIANTS[variant](OLDER))
    first = project.run_here()
    assert first.ok, first.traceback
    assert counted(project) == ["Preprocessor", "Trainer", "Prediction"]
    assert (first.artifact_dir / "Prediction" / "submission.csv").read_text() == SUBMISSION
    pins = [
        f"PathConfig.{task}={first.artifact_dir}/{task}" for task in ("Preprocessor", "Trainer")
    ]
    second = project.run_here(*pins)
    assert second.ok, second.traceback
    assert counted(project) == ["Prediction"]
    assert (second.artifact_dir / "Prediction" / "submission.csv").read_text() == SUBMISSION
    assert not (second.artifact_dir / "Trainer").exists()


@pytest.mark.parametrize("form", PINS)
def test_every_form_of_a_pin(project: Project, form: str) -> None:
    older_project(project)
    first = project.run_here()
    counted(project)
    (run,) = project.runs()
    pins = [
        f"PathConfig.{task}="
        + PINS[form].format(
            dir=first.artifact_dir,
            task=task,
            id=first.run_id,
            prefix=first.run_id[:10],
            name=first.run_name,
            experiment=run.info.experiment_id,
        )
        for task in ("Preprocessor", "Trainer")
    ]
    second = project.run_here(*pins)
    assert second.ok, second.traceback
    assert counted(project) == ["Prediction"]
    assert statuses(second) == {"Preprocessor": "reused", "Trainer": "reused", "Prediction": "ran"}
    assert {task.origin for task in second.tasks} == {first.run_name, ""}
    newest = project.client.get_run(second.run_id)
    assert newest.data.metrics == project.client.get_run(first.run_id).data.metrics
    assert newest.data.metrics == {"rows": 4, "accuracy": 0.75, "predicted": 2}
    assert newest.data.tags["reused.Preprocessor"] == first.run_id
    assert newest.data.tags["reused.Trainer"] == first.run_id
    assert newest.data.params["Trainer.seed"] == "7"


def test_it_may_be_started_from_anywhere(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older_project(project)
    monkeypatch.chdir(tmp_path)
    assert project.run_here("PathConfig.input=data/titanic/").ok


def test_a_missing_input_stops_it_before_anything_runs(project: Project) -> None:
    older_project(project)
    (project.root / "data/titanic/test.csv").unlink()
    with pytest.raises(
        MissingInputError, match=r"Prediction: its input 'test' is not there: .*test\.csv"
    ):
        project.run_here()
    assert not counted(project) and not project.runs()


def test_a_pipe_as_input_is_refused_without_blocking(project: Project) -> None:
    older_project(project)
    (project.root / "data/titanic/train.csv").unlink()
    os.mkfifo(project.root / "data/titanic/train.csv")
    with pytest.raises(MissingInputError, match="neither a file nor a folder"):
        project.run_here()


def test_an_input_that_a_pinned_directory_lacks_is_missed_at_once(project: Project) -> None:
    code = OLDER.replace(
        'path_config["Preprocessor"] + "columns.txt",\n        }\n        output',
        'path_config["Preprocessor"] + "gone.txt",\n        }\n        output',
    )
    older_project(project)
    first = project.run_here()
    older_project(project, code)
    with pytest.raises(MissingInputError, match=r"'columns' is not there: .*gone\.txt"):
        project.run_here(f"PathConfig.Preprocessor=run:{first.run_name}")


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        (
            'path_config["Trainer"] + "model.pkl"}\n        return',
            'path_config["input"] + "m"}\n        return',
            "outside of the task's own",
        ),
        (
            'self.path_config["Trainer"] + "model.pkl"}\n        return',
            '"../model.pkl"}\n        return',
            "outside of the task's own",
        ),
        (
            'path_config["Trainer"] + "model.pkl"}\n        return',
            'path_config["Trainr"] + "m"}\n        return',
            "did you mean 'Trainer'",
        ),
        (
            '{"model": self.path_config["Trainer"] + "model.pkl"}\n        return input_',
            "{}\n        return None, input_",
            "must return two dicts",
        ),
        (
            '"model.pkl"}\n        return',
            "f\"{self.config['sed']}\"}\n        return",
            "has no key 'sed'",
        ),
    ],
)
def test_mistakes_in_the_dicts_are_said_before_anything_runs(
    project: Project, old: str, new: str, shown: str
) -> None:
    assert OLDER.count(old) == 1
    older_project(project, OLDER.replace(old, new))
    with pytest.raises(GraphError, match="Trainer") as caught:
        project.run_here()
    assert shown in str(caught.value)
    assert not counted(project)


def test_luigi_parameters_are_in_config_too_and_a_hidden_one_is_said(project: Project) -> None:
    code = OLDER.replace("class Trainer(RunTask):", PARAMETER)
    older_project(project, "import luigi\n" + code)
    report = project.run_here()
    assert report.ok, report.traceback
    with open(report.artifact_dir / "Trainer" / "model.pkl", "rb") as file:
        assert pickle.load(file)["seed"] == 3
    assert report.notes == ("[Trainer] seed = 7 is not used: it is required with 3",)
    assert project.client.get_run(report.run_id).data.params["Trainer.seed"] == "3"


def test_own_output_methods_may_stand_beside_the_dicts(project: Project) -> None:
    code = OLDER.replace("class Trainer(RunTask):", OWN_OUTPUT).replace(
        'trained["model"].path', "trained.path"
    )
    older_project(project, "import luigi\n" + code)
    report = project.run_here()
    assert report.ok, report.traceback
    again = project.run_here(f"PathConfig.Trainer=run:{report.run_name}")
    assert again.ok, again.traceback
