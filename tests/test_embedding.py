"""`runner.run`: runs of a program, which leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import random
import shutil
import signal
import sqlite3
import sys
import threading
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomlkit

import runner
from runner import config as configs
from runner import settings
from runner.errors import ConfigError, Interrupted, MissingInputError, UsageError
from tests.conftest import PIPELINE, Project

#: A task that leaves behind what a careless one may.
CARELESS = (
    PIPELINE
    + """
import logging, os, random, sys, warnings
import luigi, matplotlib, numpy

luigi.namespace("left", scope=__name__)

@luigi.Task.event_handler(luigi.Event.SUCCESS)
def seen(task):
    pass

class Careless(RunTask):
    outputs = {"x": "x.txt"}

    def run(self) -> None:
        os.environ["LEFT_BEHIND"] = "1"
        os.environ.pop("GIVEN", None)
        os.chdir("/")
        sys.path.append("/nowhere")
        logging.basicConfig(level="DEBUG")
        logging.getLogger("of.the.caller").setLevel("ERROR")
        warnings.simplefilter("ignore")
        random.seed(1)
        numpy.random.seed(1)
        matplotlib.rcParams["lines.linewidth"] = 9.0
        mlflow.set_registry_uri("sqlite:///elsewhere.db")
        mlflow.end_run()
        mlflow.start_run()
        mlflow.start_run(nested=True)
        self.outputs["x"].write_text("x")
        if self.config.get("fails"):
            raise ValueError("careless")
        if number := self.config.get("signal"):
            os.kill(os.getpid(), number)
"""
)


def surroundings() -> dict[str, Any]:
    """All that is global, and that a run may have to do with."""
    import matplotlib
    import mlflow
    from mlflow.tracking import fluent
    from mlflow.tracking._model_registry import utils as registry
    from mlflow.tracking._tracking_service import utils as tracking

    import luigi
    from luigi.task_register import Register

    parser = luigi.configuration.get_config("toml")
    active = mlflow.active_run()
    loggers = ["", "mlflow", "luigi-interface", "luigi.scheduler", "matplotlib", "of.the.caller"]
    found = [logging.getLogger(name) for name in loggers]
    project = ("tasks", "others")
    return {
        "path": list(sys.path),
        "cwd": os.getcwd(),
        "environ": dict(os.environ),
        "lent": settings.lent(),
        "signals": [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
        "loggers": [(g.level, g.handlers[:], g.propagate, g.disabled) for g in found],
        "warnings": (warnings.filters[:], warnings.showwarning),
        "random": random.getstate(),
        "numpy": np.random.get_state()[1].tolist(),  # type: ignore[index, union-attr]
        "modules": sorted(n for n in sys.modules if n.partition(".")[0] in project),
        "luigi": {k: v for k, v in vars(parser).items() if not k.startswith("_")},
        "register": [cls for cls in Register._reg if cls.__module__ in project],
        "namespaces": dict(Register._default_namespace_dict),
        "instances": list(Register._Register__instance_cache),  # type: ignore[attr-defined]
        "events": {cls: dict(of) for cls, of in luigi.Task._event_callbacks.items()},
        "mlflow": (active and active.info.run_id, fluent._active_experiment_id),
        "last": fluent._last_active_run_id.get(),
        "uris": (tracking._tracking_uri, registry._registry_uri),
        "matplotlib": dict(matplotlib.rcParams),
        "threads": threading.active_count(),
    }


@contextlib.contextmanager
def nothing_left() -> Iterator[None]:
    before = surroundings()
    yield
    after = surroundings()
    for name, value in before.items():
        assert after[name] == value, name


CONFIG: dict[str, Any] = {
    "RunConfig": {"experiment_name": "trial", "task": "Count"},
    "Write": {"text": "seven!!"},
}


def test_a_file_with_changes_over_it_is_run(project: Project) -> None:
    project.pipeline()
    report = runner.run("luigi.toml", overrides={"Write.text": "four"}, tags={"of": "a program"})
    assert report.ok and report.status == "FINISHED"
    assert report.metrics == {"written": 4, "counted": 4}
    assert report["Count"].outputs["count"].read_text() == "4"
    assert report["Count"].outputs["count"].parent == report["Count"].directory
    run = project.client.get_run(report.run_id)
    assert run.data.tags["of"] == "a program"
    assert '"overrides": ["Write.text"]' in run.data.tags["runner.origins"]


def test_a_config_of_the_program_is_recorded_like_a_file(project: Project) -> None:
    project.pipeline()
    forms = {
        "mapping": CONFIG,
        "tomlkit": tomlkit.parse(configs.to_toml(CONFIG)),
        "loaded": configs.load(CONFIG, settings=settings.load(project.root)),
        "several": ["luigi.toml", {"Write": {"text": "seven!!"}}],
    }
    for form in forms.values():
        planned = runner.run(form, dry_run=True)
        assert [task.status for task in planned.tasks] == ["to run", "to run"]
    report = runner.run(CONFIG)
    assert report.metrics["counted"] == 7
    assert report.artifact_dir is not None
    snapshot = tomllib.loads((report.artifact_dir / "luigi.toml").read_text())
    assert snapshot == CONFIG
    shown = project.command("show", report.run_id).out
    assert [line.split() for line in shown.splitlines() if "Write.text" in line] == [
        ["Write.text", "seven!!", "program"]
    ]
    os.chdir("/")
    again = runner.run(report.artifact_dir / "luigi.toml", reuse="auto")
    assert again.status == "UNCHANGED" and again["Count"].outputs == report["Count"].outputs


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.float64(0.1), 0.1),
        (Path("data/x"), "data/x"),
        ((1, np.int8(2)), [1, 2]),
    ],
)
def test_values_of_libraries_are_taken_as_plain_ones(
    project: Project, value: Any, found: Any
) -> None:
    said = {**CONFIG, "Count": {"key": value}}
    for config in (
        configs.load(said, settings=settings.load(project.root)),
        configs.load(CONFIG, {"Count.key": value}, settings=settings.load(project.root)),
    ):
        taken = config.written["Count"]["key"]
        assert taken == found and type(taken) is type(found)
        assert tomllib.loads(configs.to_toml(config.written))["Count"]["key"] == found


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"Write": {"text": None}}, "program: [Write] text: TOML has no value for None"),
        ({"Write": {"text": np.zeros(3)}}, "program: [Write] text: TOML has no value for ndarray"),
        ({"Write": {"txt": "x"}}, "program: [Write] txt: unknown key; did you mean 'text'?"),
        ({"Write": {3: "x"}}, "program: [Write] 3: the key 3 is no string"),
        ({3: {"text": "x"}}, "program: [3]: the key 3 is no string"),
        ({"Write": "x"}, "program: 'Write' stands outside of any [Section]"),
        ({"Write": {"text": 5}}, "program: [Write] text: expected a valid string, got 5 (int)"),
        ({"extends": "none.toml"}, "none.toml: there is no such file"),
    ],
)
def test_what_is_wrong_with_a_mapping_is_said(project: Project, changed: Any, said: str) -> None:
    project.pipeline()
    with pytest.raises(ConfigError) as raised:
        runner.run({**CONFIG, **changed}, dry_run=True)
    assert said in str(raised.value)


def test_what_is_wrong_with_overrides_is_said(project: Project) -> None:
    project.pipeline()
    with pytest.raises(ConfigError) as raised:
        runner.run(CONFIG, overrides={"Write.text": 5, "Write": 1, "Count.x": None}, dry_run=True)
    assert "overrides: 'Write': expected Section.key" in str(raised.value)
    assert "overrides: [Count] x: TOML has no value for None" in str(raised.value)
    with pytest.raises(ConfigError, match=r"command line: \[Write\] text"):
        runner.run(CONFIG, overrides="Write.text=5", dry_run=True)


def test_a_task_and_a_folder_are_told_apart_from_the_config(
    project: Project,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project.pipeline()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "pyproject.toml").touch()  # a project of its own
    monkeypatch.chdir(elsewhere)
    file = project.root / "luigi.toml"
    (project.root.parent / ".git").mkdir()  # what the project lies in is a project, too
    for plan in (
        runner.run(file, dry_run=True, task="Write"),
        runner.run(CONFIG, project=project.root, dry_run=True, task="Write"),
        runner.run("luigi.toml", project=project.root, dry_run=True, task="Write"),
        runner.run([file], dry_run=True, task="Write", force="Write"),
    ):
        assert [task.name for task in plan.tasks] == ["Write"]
        assert str(project.root) in plan.tracking_uri
    quick = tmp_path_factory.mktemp("alone") / "quick.toml"  # belongs to no project
    quick.write_text(configs.to_toml(CONFIG))
    monkeypatch.chdir(project.root / "src")
    assert str(project.root) in runner.run(quick, dry_run=True).tracking_uri
    monkeypatch.setenv("PROJECT_ROOT", str(project.root))
    monkeypatch.chdir(elsewhere)
    assert str(project.root) in runner.run(quick, dry_run=True).tracking_uri
    with pytest.raises(UsageError, match="is not a folder"):
        runner.run(CONFIG, project="nowhere")
    with pytest.raises(ConfigError, match="there is no such file"):
        runner.run("nowhere.toml")
    with pytest.raises(UsageError, match="no config was given"):
        runner.run([])


def other(root: Path) -> Path:
    """A second project, whose module has the name of the first one's."""
    there = Project(root / "other")
    there.pipeline(PIPELINE.replace("len(self.inputs", "100 * len(self.inputs"))
    (there.root / ".env").write_text("OTHER_TOKEN=abcdefgh\n")
    return there.root / "luigi.toml"


def test_nothing_global_is_left_behind(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.pipeline(CARELESS)
    second = other(project.root.parent)
    monkeypatch.setenv("GIVEN", "1")
    logging.captureWarnings(True)
    with nothing_left():
        report = runner.run("luigi.toml")
        assert runner.run(second).metrics["counted"] == 500
        again = runner.run("luigi.toml")
        assert again.metrics == report.metrics and again.run_name != report.run_name
        assert runner.run("luigi.toml", task="left.Careless").ok
        failed = runner.run(
            "luigi.toml", task="left.Careless", overrides=['"left.Careless".fails=1']
        )
        assert not failed.ok and "ValueError: careless" in failed.error
        with pytest.raises(ConfigError):
            runner.run("luigi.toml", overrides={"Write.txt": 1})
        with pytest.raises(MissingInputError):
            runner.run("luigi.toml", overrides={"PathConfig.Write": "run:nosuch"})
    logging.captureWarnings(False)


def test_ctrl_c_closes_the_run_and_goes_on_to_the_caller(project: Project) -> None:
    project.pipeline(CARELESS)
    stop = {"left.Careless": {"signal": int(signal.SIGINT)}}
    config = {**CONFIG, **stop}
    with nothing_left(), pytest.raises(KeyboardInterrupt) as raised:
        runner.run(config, task="left.Careless")
    assert isinstance(raised.value, Interrupted)
    assert raised.value.report.status == "KILLED"
    (run,) = [r for r in project.runs() if r.info.run_id == raised.value.report.run_id]
    assert run.info.status == "KILLED"


def test_inside_of_a_run_of_the_caller_it_is_a_run_of_its_own(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    project.pipeline(CARELESS)
    own = f"sqlite:///{project.root.parent}/own.db"
    for by_environment in (False, True):
        if by_environment:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", own)
        else:
            mlflow.set_tracking_uri(own)
        with mlflow.start_run(experiment_id="0") as mine:  # whatever was set before
            with nothing_left():
                report = runner.run("luigi.toml", task="left.Careless", overrides=PLACE)
            mlflow.log_metric("after", 1)
        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
        client = mlflow.MlflowClient(own)
        found = client.get_run(mine.info.run_id)
        assert found.data.metrics == {"after": 1} and found.info.status == "FINISHED"
        assert project.client.get_run(report.run_id).info.status == "FINISHED"
        assert "mlflow.parentRunId" not in project.client.get_run(report.run_id).data.tags
    assert {run.info.status for run in project.runs()} == {"FINISHED"}


PLACE = {"RunConfig.tracking_uri": "sqlite:///mlflow.db"}


def test_runs_are_started_from_threads_and_loops(project: Project) -> None:
    project.pipeline()

    async def main() -> list[Any]:
        calls = [asyncio.to_thread(runner.run, CONFIG) for _ in range(2)]
        return [runner.run(CONFIG), *await asyncio.gather(*calls)]

    reports = asyncio.run(main())
    assert [report.metrics["counted"] for report in reports] == [7, 7, 7]
    assert len({report.run_id for report in reports}) == 3


def test_a_task_can_not_start_a_run_in_its_own_process(project: Project) -> None:
    code = "self.outputs['text'].write_text(str(runner.run('luigi.toml')))"
    nested = PIPELINE.replace('self.outputs["text"].write_text(self.config.text)', code)
    project.pipeline(f"import runner\n{nested}")
    report = runner.run("luigi.toml")
    assert "a task can't call runner.run" in report.error


def test_a_report_says_what_there_is(project: Project) -> None:
    project.pipeline()
    report = runner.run(CONFIG)
    assert pickle.loads(pickle.dumps(report)) == report
    assert report.as_dict()["tasks"][1]["outputs"] == {
        "count": str(report["Count"].outputs["count"])
    }
    frame = report.frame()
    assert list(frame.index) == ["Write", "Count"] and frame.index.name == "task"
    assert frame.loc["Count", "metrics.counted"] == 7
    assert np.isnan(frame.loc["Write", "metrics.counted"])
    with pytest.raises(KeyError, match=r"no task 'Cuont'; did you mean 'Count'"):
        report["Cuont"]


def test_the_metric_of_the_task_that_ended_last_is_the_runs() -> None:
    from runner.report import Report, TaskReport

    tasks = (
        TaskReport("B", "ran", metrics={"a": 3.0}, spans=((5.0, 9.0),)),
        TaskReport("C(n=1)", "ran", metrics={"a": 2.0, "c": 2.0}, spans=((1.0, 2.0), (3.0, 4.0))),
        TaskReport("C(n=2)", "reused", metrics={"a": 1.0, "c": 1.0}),
    )
    report = Report("FINISHED", "trial", tasks)
    assert report.metrics == {"a": 3.0, "c": 2.0}
    with pytest.raises(KeyError, match=r"several of C: C\(n=1\), C\(n=2\)"):
        report["C"]
    assert Report("PLANNED", "trial", ()).frame().empty


def test_a_notebook_shows_a_table_and_the_report(project: Project) -> None:
    (project.root / ".env").write_text("A_TOKEN=abcdefgh\n")
    hostile = "<script>alert(1)</script> abcdefgh"
    project.pipeline(PIPELINE.replace("count = len", f'raise ValueError("{hostile}"); count = len'))
    report = runner.run({**CONFIG, "RunConfig": {**CONFIG["RunConfig"], "run_name": "<b>x"}})
    shown = report._repr_html_()
    assert "<script" not in shown and "&lt;script&gt;" in shown and "&lt;b&gt;x" in shown
    assert "abcdefgh" not in shown + report.error + report.traceback and "***" in shown
    assert "<td>Write</td><td>ran</td>" in shown and "<td>Count</td><td>failed</td>" in shown
    assert report.artifact_dir is not None
    assert (report.artifact_dir / "report.html").as_uri() in shown
    planned = runner.run(CONFIG, dry_run=True)._repr_html_()
    assert "nothing was run" in planned and "<td>new</td>" in planned


def test_progress_is_told_when_asked_for(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    project.pipeline()
    runner.run(CONFIG)
    assert capfd.readouterr() == ("", "")
    runner.run(CONFIG, progress=True)
    out, err = capfd.readouterr()
    assert out == "" and "Write started\n" in err and "Count done, " in err


ISOLATED = """
extends = "{project}/luigi.toml"

[RunConfig]
tracking_uri = "sqlite:///{out}/mlflow.db"
artifact_root = "{out}/mlruns"

[Write]
text = "{text}"
"""


def test_processes_with_a_config_and_an_output_folder_of_their_own_share_nothing(
    project: Project, tmp_path: Path, empty_store: Path
) -> None:
    project.pipeline(config='reuse = "auto"\n')
    before = contents(project.root)
    folders = [tmp_path / name for name in ("a", "bb")]
    commands = []
    for folder in folders:
        folder.mkdir()
        shutil.copyfile(empty_store, folder / "mlflow.db")
        text = ISOLATED.format(project=project.root, out=folder, text=folder.name)
        (folder / "luigi.toml").write_text(text)
        commands.append(["-c", str(folder / "luigi.toml"), "--json"])
    project.run_together(*commands)
    for folder in folders:
        (count,) = folder.glob("mlruns/*/*/artifacts/Count/count.txt")
        assert count.read_text() == str(len(folder.name))
        with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as store:
            assert store.execute("SELECT status FROM runs").fetchall() == [("FINISHED",)]
    assert contents(project.root) == before


def contents(root: Path) -> dict[str, bytes]:
    """What is in a folder, but for compiled modules."""
    files = (path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path): path.read_bytes() for path in files}
