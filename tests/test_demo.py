"""The demo: what is in `src/tasks`, `luigi.toml` and `luigi.full.toml`, run as it is shipped."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from runner.config import RunConfig
from tests.conftest import Project, clean_environment

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
        self.second = project.run("Evaluation", "--run-name", "second")

    def run(self, name: str) -> Any:
        return next(run for run in self.project.runs() if run.info.run_name == name)

    def artifacts(self, name: str) -> Path:
        return Path(self.run(name).info.artifact_uri)


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
    found = {file.name: file.read_bytes() for file in folder.iterdir()}
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


LOAD = """
import sys
import mlflow, pandas as pd

uri, test = sys.argv[1:]
table = pd.read_csv(test, index_col="PassengerId")
for flavour in (mlflow.sklearn, mlflow.pyfunc):
    print(*flavour.load_model(uri).predict(table))
row = {"Age": None, "Fare": 8.05, "FamilySize": 1, "Pclass": 3, "Sex": "male", "Title": "Mr"}
print(*mlflow.pyfunc.load_model(uri).predict(pd.DataFrame([{**row, "Embarked": None}])))
"""


def test_the_logged_model_predicts_in_another_process(demo: Demo) -> None:
    (logged,) = demo.run("first").outputs.model_outputs
    uri, artifacts = f"models:/{logged.model_id}", demo.artifacts("first")
    done = subprocess.run(
        [sys.executable, "-c", LOAD, uri, str(artifacts / "Preprocessor/test.csv")],
        cwd=demo.project.root,
        env={
            **clean_environment(),
            "MLFLOW_TRACKING_URI": f"sqlite:///{demo.project.root}/mlflow.db",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    by_sklearn, by_pyfunc, of_a_row = done.stdout.splitlines()
    lines = (artifacts / "Prediction/submission.csv").read_text().split()[1:]
    assert by_sklearn == by_pyfunc == " ".join(line.partition(",")[2] for line in lines)
    assert of_a_row == "0"


def test_the_logged_model_says_what_it_takes_and_needs(demo: Demo) -> None:
    (logged,) = demo.run("first").outputs.model_outputs
    model = demo.project.client.get_logged_model(logged.model_id)
    folder = Path(model.artifact_location.removeprefix("file://"))
    described = (folder / "MLmodel").read_text()
    assert (model.name, model.status) == ("survival", "READY")
    assert {m.key for m in model.metrics} >= {"cv_accuracy", "cv_accuracy_std"}
    assert "serialization_format: skops" in described and "signature:" in described
    example = json.loads((folder / "input_example.json").read_text())
    assert example["columns"][:3] == ["Age", "Fare", "FamilySize"]
    needed = {line.partition("==")[0] for line in (folder / "requirements.txt").read_text().split()}
    assert needed == {"mlflow", "scikit-learn", "skops"}


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


# luigi.full.toml

FULL = (ROOT / "luigi.full.toml").read_text()
SHOWN = tomllib.loads(FULL)
NAMED = tomllib.loads(re.sub(r"^# (\w+ = )", r"\1", FULL, flags=re.MULTILINE))


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
        assert SHOWN[name] == manifest["config"]
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
