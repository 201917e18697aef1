"""The demo: what is in `src/tasks`, `luigi.toml` and `luigi.full.toml`, run as it is shipped."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import shutil
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

import runner
from runner.config import RunConfig
from tests.conftest import Done, Project, clean_environment
from tests.servers import free_port, started

pytest.importorskip("sklearn")

ROOT = Path(__file__).parents[1]
PICTURES = ["confusion_matrix.png", "roc_curve.png"]


class Demo:
    """A project that is a copy of the demo, with a run of it, and then one of `Evaluation`."""

    def __init__(self, project: Project) -> None:
        self.project = project
        for name in ("src/tasks", "input"):
            shutil.copytree(
                ROOT / name, project.root / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        for name in ("luigi.toml", "luigi.full.toml"):
            shutil.copyfile(ROOT / name, project.root / name)
        self.first = project.run("--run-name", "first")
        second = project.fork("Evaluation", "--run-name", "second")
        out, err = second.communicate(timeout=240)
        assert second.returncode == 0, err
        self.second = Done(second.returncode, out, err)

    def run(self, name: str) -> Any:
        return next(run for run in self.project.runs() if run.info.run_name == name)

    def artifacts(self, name: str) -> Path:
        return Path(self.run(name).info.artifact_uri)

    def asked(self, folder: Path, passengers: Any) -> list[float]:
        """What a saved model says, asked in this process."""
        from runner.model import load
        from runner.project_code import ProjectTasks, unload

        unload()
        ProjectTasks(self.project.root).sections(["tasks"])
        try:
            return [float(found) for found in load(folder).predict(passengers)]
        finally:
            unload()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Demo:
    root = tmp_path_factory.mktemp("demo") / "project"
    root.mkdir()
    shutil.copyfile(empty_store, root / "mlflow.db")
    return Demo(Project(root))


@pytest.fixture
def here(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The demo's project, for commands in this process, which are quicker."""
    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(demo.project.root)
    return demo.project


def contents(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    found = {str(file.relative_to(folder)): file.read_bytes() for file in files}
    del found["manifest.json"]  # it has the time and the run
    return found


def test_the_terminal_shows_the_tasks_and_no_warning(demo: Demo) -> None:
    lines = [*demo.first.err.splitlines(), *demo.second.err.splitlines()]
    assert [line for line in lines if not re.match(r"\d\d:\d\d:\d\d [\w ]+", line)] == []
    assert "warn" not in (demo.first.err + demo.second.err).casefold()
    assert re.search(
        r"Trainer +ran .* cv_accuracy 0\.8238, cv_accuracy_std 0\.01314", demo.first.out
    )


def test_the_scores_are_those_of_cross_validation(demo: Demo) -> None:
    metrics = demo.run("first").data.metrics
    assert metrics["cv_accuracy"] == pytest.approx(0.8237900947837549, abs=1e-12)
    assert metrics["cv_accuracy_std"] == pytest.approx(0.013142355603753058, abs=1e-12)


def test_what_the_pictures_show_was_predicted_for_passengers_left_out(demo: Demo) -> None:
    import pandas as pd

    table = pd.read_csv(demo.artifacts("first") / "Trainer/cross_validated.csv")
    right = ((table["Probability"] >= 0.5) == table["Survived"]).mean()
    assert len(table) == 891
    assert right == pytest.approx(demo.run("first").data.metrics["cv_accuracy"], abs=2e-3)


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("run", ["first", "second"])
def test_pictures_are_outputs_and_on_the_page_of_a_run_that_reuses_them(
    demo: Demo, run: str, name: str
) -> None:
    from matplotlib.image import imread

    path = demo.artifacts("first") / "Trainer" / name
    picture = imread(path)
    assert min(picture.shape[:2]) > 500 and picture.std() > 0.1
    page = (demo.artifacts(run) / "report.html").read_text()
    assert base64.b64encode(path.read_bytes()).decode() in page
    assert f"Trainer/{name}" in page


SHIM = f"""#!/bin/sh
exec {shlex.quote(sys.executable)} -m uvicorn "$@"
"""


def elsewhere(demo: Demo, folder: Path) -> dict[str, str]:
    """The environment of someone who has the runner, and not the project."""
    (folder / "uvicorn").write_text(SHIM)  # MLflow looks for it on the path
    (folder / "uvicorn").chmod(0o755)
    return {
        **clean_environment(),
        "MLFLOW_TRACKING_URI": f"sqlite:///{demo.project.root}/mlflow.db",
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
    }


def test_the_logged_model_is_served(demo: Demo, tmp_path: Path) -> None:
    """By MLflow, in a folder from which the project is not to be seen."""
    import pandas as pd

    port, artifacts = free_port(), demo.artifacts("first")
    uri = f"runs:/{demo.run('first').info.run_id}/survival"
    command = (sys.executable, "-m", "mlflow", "models", "serve", "-m", uri)
    place = ("--env-manager", "local", "-h", "127.0.0.1", "-p", str(port))
    url = f"http://127.0.0.1:{port}"
    known = {"Fare": 8.05, "FamilySize": 1, "Pclass": 3, "Title": "Mr", "Sex": "male"}
    rows = [
        {**known, "Age": None, "Embarked": None},
        {**known, "Age": 30, "Embarked": "no port that training saw"},
        {**known, "Age": 30, "Embarked": "S", "Title": "Miss", "Sex": "female", "Pclass": 1},
    ]
    table = pd.read_csv(artifacts / "Preprocessor/test.csv", index_col="PassengerId")

    def ask(**passengers: Any) -> list[float]:
        head = {"Content-Type": "application/json"}
        body = json.dumps(passengers).encode()
        with urlopen(Request(f"{url}/invocations", body, head)) as response:
            return [one["Probability"] for one in json.load(response)["predictions"]]

    env = elsewhere(demo, tmp_path)
    with started(*command, *place, ready=f"{url}/ping", cwd=tmp_path, env=env):
        answers = ask(dataframe_records=rows)
        of_test = ask(dataframe_split=json.loads(table.to_json(orient="split")))
        with pytest.raises(HTTPError) as refused:
            ask(dataframe_records=[{"Age": 1}])
        assert b"missing inputs ['Fare'" in refused.value.read()
    assert answers == pytest.approx(demo.asked(artifacts / "Trainer/model", rows))
    assert answers[0] < 0.5 and answers[1] < 0.5 < answers[2]
    lines = (artifacts / "Prediction/submission.csv").read_text().split()[1:]
    assert [line[-1] == "1" for line in lines] == [one >= 0.5 for one in of_test]


def test_the_logged_model_says_what_it_takes_and_needs(demo: Demo) -> None:
    (logged,) = demo.run("first").outputs.model_outputs
    model = demo.project.client.get_logged_model(logged.model_id)
    folder = Path(model.artifact_location.removeprefix("file://"))
    described = (folder / "MLmodel").read_text()
    assert (model.name, model.status) == ("survival", "READY")
    assert {m.key for m in model.metrics} >= {"cv_accuracy", "cv_accuracy_std"}
    assert "loader_module: runner.model" in described and "signature:" in described
    assert not [path for path in folder.rglob("*") if path.suffix in (".pkl", ".pickle")]
    example = json.loads((folder / "input_example.json").read_text())
    assert example["columns"][:3] == ["Age", "Fare", "FamilySize"]
    needed = {line.partition("==")[0] for line in (folder / "requirements.txt").read_text().split()}
    assert needed == {"mlflow", "luigi-mlflow-runner", "scikit-learn", "skops"}


def test_a_file_with_other_types_than_the_family_trusts_is_refused(
    demo: Demo, tmp_path: Path
) -> None:
    from skops.io.exceptions import UntrustedTypesFoundException

    trees = demo.artifacts("first") / "Trainer/model/pipeline.skops"
    shutil.copyfile(trees, tmp_path / trees.name)
    (tmp_path / "tasks.models.ridge.family").touch()
    with pytest.raises(UntrustedTypesFoundException, match=r"HalfBinomialLoss|Tree"):
        demo.asked(tmp_path, {})


@pytest.mark.parametrize("family", ["ridge", "net"])
def test_another_family(demo: Demo, here: Project, family: str) -> None:
    """One key of the config; the same bytes again, which reuse and reproducing rest on."""
    for name in (family, f"{family}-again"):
        changes = (f"Trainer.model={family}", "Trainer.folds=2", "Trainer.net.epochs=12")
        options = [part for value in changes for part in ("-o", value)]
        done = here.command(*options, "--no-reuse", "--run-name", name)
    assert re.search(r"Prediction +ran ", done.out)
    assert demo.run(family).data.metrics["cv_accuracy"] > 0.75
    first, again = demo.artifacts(family), demo.artifacts(f"{family}-again")
    for task in ("Trainer", "Prediction"):
        assert contents(first / task) == contents(again / task)
    kept = {path.name for path in (first / "Trainer/model").iterdir()}
    assert kept == {"pipeline.skops", f"tasks.models.{family}.family"}
    params = demo.run(family).data.params
    tables = {name.split(".")[1] for name in params if name.startswith("Trainer.")}
    assert tables == {"model", "seed", "folds", family}
    row = {"Fare": 8.05, "FamilySize": 1, "Pclass": 3, "Title": "Mr", "Sex": "male", "Age": 30.0}
    (alone,) = demo.asked(first / "Trainer/model", {**row, "Embarked": "S"})
    assert 0 <= alone < 0.5
    histories = {"ridge": [], "net": list(range(12))}
    for metric in ("loss", "accuracy"):
        history = demo.project.client.get_metric_history(demo.run(family).info.run_id, metric)
        assert [one.step for one in history] == histories[family]
        first_value, *_, last_value = [one.value for one in history] or [1, 2]
        assert first_value != last_value


class Page(HTMLParser):
    """The text of a page's cells, and what it refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.sources: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th") and self.rows:
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1] and data.strip():
            self.rows[-1][-1] += data.strip()


def test_the_evaluation_counts_each_group(demo: Demo) -> None:
    assert re.search(r"Trainer +reused from first", demo.second.out)
    text = (demo.artifacts("second") / "Evaluation/evaluation.html").read_text()
    page = Page(text)
    rows = {row[0]: row[1:5] for row in page.rows}
    assert rows["female"] == ["305", "70.8%", "70.8%", "77.7%"]
    assert rows["Mr"] == ["515", "15.1%", "2.3%", "85.2%"]
    assert {"1", "2", "3", "C", "S", "Q", "Other"} < set(rows)
    assert len(page.sources) == 2
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert "://" not in text and "url(" not in text
    shares = [float(row[4].rstrip("%")) / 100 for row in page.rows if row[1].isdigit()]
    assert demo.run("second").data.metrics["worst_group"] == pytest.approx(min(shares), abs=1e-3)


def test_the_evaluation_escapes_what_is_data(demo: Demo, here: Project) -> None:
    hostile = "<script>alert('S')</script>"
    shutil.copytree(here.root / "input", here.root / "hostile")
    for name in ("train.csv", "test.csv"):
        file = here.root / "hostile" / name
        file.write_text(re.sub(r",S$", f",{hostile}", file.read_text(), flags=re.MULTILINE))
    fast = ("Trainer.folds=2", "Trainer.boosting.n_estimators=2", "PathConfig.input=hostile")
    options = [part for value in (*fast, "Evaluation.smallest=400") for part in ("-o", value)]

    here.command("Evaluation", "--run-name", "hostile", *options)

    page = Page((demo.artifacts("hostile") / "Evaluation/evaluation.html").read_text())
    assert "script" not in page.tags
    assert hostile in {row[0] for row in page.rows}
    assert "female" not in {row[0] for row in page.rows}  # of whom there are fewer than 400


def test_the_same_code_and_input_give_the_same_bytes(demo: Demo, here: Project) -> None:
    here.command("Evaluation", "--no-reuse", "--run-name", "again")
    again, first = demo.artifacts("again"), demo.artifacts("first")
    for then, now in (
        (first / "Preprocessor", again / "Preprocessor"),
        (first / "Trainer", again / "Trainer"),
        (demo.artifacts("second") / "Evaluation", again / "Evaluation"),
    ):
        assert contents(now) == contents(then)


# Configs of earlier versions

RELEASED = sorted((ROOT / "tests/released").iterdir())


def test_every_released_version_has_its_config_and_results() -> None:
    versions = re.findall(r"^## \[(\d.*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions and [folder.name for folder in RELEASED] == sorted(versions)


@pytest.mark.parametrize("version", RELEASED, ids=lambda folder: folder.name)
def test_the_config_of_a_released_version_gives_the_same_today(
    demo: Demo, here: Project, version: Path
) -> None:
    report = runner.run(version / "luigi.toml", project=here.root)  # what is the same is reused
    assert report.ok, report.error
    metrics = json.loads((version / "metrics.json").read_text())
    assert {name: report.metrics.get(name) for name in metrics} == pytest.approx(metrics, rel=1e-6)
    submission = report["Prediction"].outputs["submission"]
    assert submission.read_text() == (version / "submission.csv").read_text()


# luigi.full.toml

FULL = (ROOT / "luigi.full.toml").read_text()
SHOWN = tomllib.loads(FULL)
NAMED = tomllib.loads(re.sub(r"^# (\w+ = )", r"\1", FULL, flags=re.MULTILINE))


@pytest.mark.parametrize("family", ["boosting", "ridge", "net"])
def test_the_full_config_has_every_key_of_each_family_with_its_default(
    demo: Demo, here: Project, family: str
) -> None:
    from runner.families import Family
    from runner.project_code import ProjectTasks, unload

    unload()
    ProjectTasks(here.root).sections(["tasks"])
    defaults = Family(f"tasks.models.{family}").Config().model_dump(mode="json")
    unload()
    assert SHOWN["Trainer"][family] == defaults


def test_the_full_config_can_be_run(here: Project) -> None:
    done = here.command("-c", "luigi.full.toml", "--dry-run")
    assert re.search(r"Prediction +to run", done.out)  # it pins nothing, and reuses nothing else


def test_the_full_config_has_every_key_of_the_run_with_its_default() -> None:
    shown, fields = SHOWN["RunConfig"], RunConfig.model_fields
    assert set(NAMED["RunConfig"]) == set(fields)
    assert set(NAMED["RunConfig"]) - set(shown) == {
        n for n, f in fields.items() if f.default is None
    }
    defaults = {name: field.default for name, field in fields.items() if not field.is_required()}
    assert {n: v for n, v in shown.items() if n in defaults} == {
        n: defaults[n] for n in defaults if n in shown
    }
    assert RunConfig.model_validate(NAMED["RunConfig"])


def test_the_full_config_has_every_key_of_the_demos_tasks_with_its_default(
    demo: Demo, here: Project
) -> None:
    for name, run in {"Preprocessor": "first", "Trainer": "first", "Evaluation": "second"}.items():
        manifest = json.loads((demo.artifacts(run) / name / "manifest.json").read_text())
        others = {"ridge", "net"} if name == "Trainer" else set()  # which `model` does not name
        assert {k: v for k, v in SHOWN[name].items() if k not in others} == manifest["config"]
    head = '[RunConfig]\nexperiment_name = "titanic"\ntask = "Evaluation"\nreuse = "auto"\n'
    here.write("bare.toml", f'{head}[PathConfig]\ninput = "input"\n')
    assert "0 to run; 3 reused" in here.command("-c", "bare.toml", "--dry-run").out


@pytest.mark.parametrize("section", ["core", "scheduler", "worker"])
def test_the_full_config_shows_luigis_own_defaults(section: str) -> None:
    import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
    from luigi import interface, scheduler, worker

    owner = {"core": interface.core, "scheduler": scheduler.scheduler, "worker": worker.worker}
    defaults = {name: parameter._default for name, parameter in owner[section].get_params()}
    shown = SHOWN[section]
    assert {name: defaults[name] for name in shown} == shown
    assert all(defaults[name] is None for name in set(NAMED[section]) - set(shown))


def test_the_full_config_names_what_the_shipped_one_does() -> None:
    shipped = (ROOT / "luigi.toml").read_text()
    named = tomllib.loads(re.sub(r"^# (\w+ = )", r"\1", shipped, flags=re.MULTILINE))
    for section, table in named.items():
        assert set(table) <= set(NAMED[section])
    assert "extends" in NAMED
