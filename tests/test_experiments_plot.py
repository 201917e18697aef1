"""`runner plot`: metrics of many runs in one picture."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.experiments import histories, labels
from runner.experiments.curves import smoothed
from runner.experiments.differences import Column
from tests.conftest import Project
from tests.experiments import project_with_runs, unsafe_run, with_runs

__all__ = ["project_with_runs", "unsafe_run", "with_runs"]

LOSSES = {0.1: (1.0, 0.9, 0.8), 1.0: (1.0, 0.5, 0.25), 10.0: (1.0, math.inf, math.nan)}


def add(
    client: Any,
    name: str,
    params: Mapping[str, Any],
    metrics: Mapping[str, list[tuple[float, int]]],
    **tags: str,
) -> str:
    """A run; of each metric (value, step) in the order in which they were logged."""
    from mlflow.entities import Metric, Param

    experiment = client.get_experiment_by_name("curves")
    of = experiment.experiment_id if experiment else client.create_experiment("curves")
    run: str = client.create_run(of, run_name=name, tags=tags).info.run_id
    logged = [
        Metric(key, value, when, step)
        for key, points in metrics.items()
        for when, (value, step) in enumerate(points, start=1)
    ]
    given = [Param(key, str(value)) for key, value in params.items()]
    client.log_batch(run, params=given, metrics=logged)
    client.set_terminated(run, "FAILED" if name == "c" else "FINISHED")
    return run


@pytest.fixture(scope="module")
def curves(with_runs: Project) -> Project:
    """a, b and c with alpha and a loss a step; sweep, with them inside; r and m of other models;
    repeated and unordered."""
    client = with_runs.client
    parent = add(client, "sweep", {}, {})
    inside = {"mlflow.parentRunId": parent}
    for name, (alpha, losses) in zip("abc", LOSSES.items(), strict=True):
        points = [(value, step) for step, value in enumerate(losses)]
        metrics = {"loss": points, "accuracy": [(alpha / 10, 0)]}
        add(client, name, {"Trainer.alpha": alpha, "Trainer.seed": 1}, metrics, **inside)
    for name, accuracy in {"r1": 0.2, "r2": 0.4, "m": 0.9}.items():
        add(client, name, {"Trainer.model": name[0]}, {"accuracy": [(accuracy, 0)]})
    add(client, "repeated", {}, {"loss": [(3.0, 0), (2.0, 1), (1.0, 1)]})
    add(client, "unordered", {}, {"loss": [(3.0, 0), (1.0, 0), (2.0, 0)]})
    return with_runs


@pytest.fixture
def plotted(curves: Project, project_with_runs: Project) -> Iterator[Project]:
    yield project_with_runs


def panel(project: Project, *args: str) -> dict[str, Any]:
    """The only panel of what is drawn."""
    document = json.loads(project.command("plot", *args, "--json").out)
    (found,) = document["panels"]
    return dict(found)


def texts(path: Path) -> list[str]:
    svg = ElementTree.parse(path).getroot()
    return ["".join(e.itertext()).strip() for e in svg.iter("{http://www.w3.org/2000/svg}text")]


def test_a_curve_a_run_is_called_by_what_differs(plotted: Project) -> None:
    done = plotted.command("plot", "b", "a", "--metric", "loss", "--out", "losses.svg")
    assert done.out == "wrote  losses.svg\n"
    shown = texts(plotted.root / "losses.svg")
    assert [text for text in shown if "=" in text] == ["alpha=0.1", "alpha=1.0"]
    assert {"loss", "step"} <= set(shown)


def test_a_png_is_written_over_the_last_one(plotted: Project) -> None:
    from PIL import Image

    sizes = []
    for metrics in (["loss"], ["loss", "accuracy"]):
        named = [word for metric in metrics for word in ("--metric", metric)]
        plotted.command("plot", "a", "b", *named, "--out", "losses.png")
        with Image.open(plotted.root / "losses.png") as image:
            sizes.append(image.size)
    assert sizes[1][0] > sizes[0][0] > 500
    assert [path.name for path in plotted.root.glob("*losses*")] == ["losses.png"]


def test_without_a_file_it_is_a_quick_look(plotted: Project) -> None:
    out = plotted.command("plot", "a", "b", "--metric", "loss").out
    assert any("\u2801" <= character <= "\u28ff" for character in out)
    assert max(map(len, out.splitlines())) <= 100
    (line,) = (line for line in out.splitlines() if "alpha=1.0" in line)
    assert line.split()[2:] == ["0.25", "0.25", "2", "1", "0"]


def test_smoothing_is_that_of_tensorboard(plotted: Project) -> None:
    (series,) = panel(plotted, "b", "--metric", "loss", "--smooth", "0.5")["series"]
    assert series["y"] == [1.0, 0.5, 0.25]
    expected = [1.0, (0.25 + 0.25) / 0.75, (0.125 + 0.125 + 0.125) / 0.875]
    assert series["smooth"] == pytest.approx(expected)


@given(st.floats(-1e6, 1e6), st.floats(0, 0.999), st.integers(1, 50))
def test_what_does_not_change_is_not_changed_by_smoothing(
    value: float, weight: float, count: int
) -> None:
    found = list(smoothed([value] * count, weight))
    assert found == pytest.approx([value] * count)


def test_what_is_no_number_is_passed_over(plotted: Project) -> None:
    done = plotted.command("plot", "c", "b", "--metric", "loss", "--smooth", "0.9", "--json")
    document = json.loads(done.out)
    assert document["notes"] == ["loss: 2 of 6 values are NaN or infinite, not drawn"]
    failed = document["panels"][0]["series"][1]
    assert failed["y"] == [1.0, "Infinity", "NaN"] == failed["smooth"]
    assert failed["label"] == "alpha=10.0, failed"
    plotted.command("plot", "c", "b", "--metric", "loss", "--out", "x.png")
    assert plotted.command("plot", "c", "--metric", "loss").out


def test_of_a_step_the_last_value_counts_and_without_steps_the_order(plotted: Project) -> None:
    (twice,) = panel(plotted, "repeated", "--metric", "loss")["series"]
    assert (twice["x"], twice["y"]) == ([0, 1], [3, 1])
    (none,) = panel(plotted, "unordered", "--metric", "loss")["series"]
    assert (none["x"], none["y"]) == ([0, 1, 2], [3, 1, 2])


def test_log_axes_leave_out_what_is_not_above_0(plotted: Project) -> None:
    args = ("plot", "a", "b", "--metric", "loss", "--log-x", "--log-y")
    note = "note: loss: 2 of 6 points are not above 0, not drawn"
    assert note in plotted.command(*args).out
    assert note in plotted.command(*args, "--out", "x.svg").out


def test_final_values_are_points_over_the_only_number_that_differs(plotted: Project) -> None:
    found = panel(plotted, "c", "a", "b", "--metric", "accuracy")
    assert (found["kind"], found["x"]) == ("points", "Trainer.alpha")
    (series,) = found["series"]
    assert (series["x"], series["y"]) == ([0.1, 1.0, 10.0], [0.01, 0.1, 1.0])
    plotted.command("plot", "c", "a", "b", "--metric", "accuracy", "--out", "x.svg")
    assert "Trainer.alpha" in texts(plotted.root / "x.svg")
    assert "Trainer.alpha" in plotted.command("plot", "a", "b", "--metric", "accuracy").out


def test_final_values_are_a_bar_for_each_of_what_is_no_number(plotted: Project) -> None:
    found = panel(plotted, "r1", "m", "r2", "--metric", "accuracy")
    assert (found["kind"], found["x"]) == ("bars", "Trainer.model")
    assert {s["label"]: s["y"] for s in found["series"]} == {"r": [0.2, 0.4], "m": [0.9]}
    plotted.command("plot", "r1", "m", "r2", "--metric", "accuracy", "--out", "x.svg")
    assert {"r", "m", "0.3", "0.9"} <= set(texts(plotted.root / "x.svg"))
    assert "0.3  ━" in plotted.command("plot", "r1", "m", "r2", "--metric", "accuracy").out


def test_a_bar_a_run_where_nothing_else_can_be_told(plotted: Project) -> None:
    found = panel(plotted, "r1", "r2", "a", "--metric", "accuracy")
    assert found["kind"] == "bars" and found["x"] == ""
    assert [s["label"] for s in found["series"]][:2] == ["model=r (r1)", "model=r (r2)"]


def test_the_parameter_can_be_named(plotted: Project) -> None:
    found = panel(plotted, "a", "b", "--metric", "loss", "--against", "Trainer.seed")
    assert found["x"] == "Trainer.seed"
    (series,) = found["series"]
    assert (series["x"], series["y"]) == ([1.0, 1.0], [0.8, 0.25])


def test_a_run_without_the_metric_stands_for_those_inside_of_it(plotted: Project) -> None:
    of_parent = panel(plotted, "sweep", "--metric", "loss")
    assert of_parent == panel(plotted, "a", "b", "c", "--metric", "loss")
    assert of_parent == panel(plotted, "sweep", "--metric", "loss", "--children")
    assert "no runs inside" in plotted.command("plot", "a", "--children", code=2).err


def test_a_run_without_the_metric_is_named(plotted: Project) -> None:
    out = plotted.command("plot", "a", "r1", "--metric", "loss").out
    assert "note: without loss: r1" in out


def test_a_config_file_stands_for_the_newest_run_of_its_parameters(plotted: Project) -> None:
    config = (plotted.root / "luigi.toml").read_text()
    plotted.write("two.toml", config.replace('"hello"', '"hi"').replace('"auto"', '"pinned"'))
    plotted.write("none.toml", config.replace('"hello"', '"nobody said this"'))
    (series,) = panel(plotted, "two.toml", "--metric", "written")["series"]
    assert series["y"] == [2.0]
    done = plotted.command("plot", "none.toml", "--metric", "written", code=2)
    assert "none.toml has no metrics: no finished run has these parameters" in done.err


def test_what_a_reused_task_logged_is_taken_from_the_run_that_computed_it(
    project: Project,
) -> None:
    project.pipeline(
        """
        import mlflow
        from runner import RunTask, TaskConfig, requires

        class Fit(RunTask):
            outputs = {"out": "out.txt"}
            def run(self):
                for step in range(3):
                    mlflow.log_metric("loss", 1 / (step + 1), step=step)
                self.outputs["out"].write_text("")

        class TestConfig(TaskConfig):
            size: int = 1

        @requires(Fit)
        class Test(RunTask):
            config: TestConfig
            outputs = {"out": "out.txt"}
            def run(self):
                self.outputs["out"].write_text("")
        """.replace("\n        ", "\n"),
        task="Test",
        config='reuse = "auto"\n',
    )
    project.run_here("RunConfig.run_name=first")
    project.run_here("RunConfig.run_name=second", "Test.size=2")
    found = panel(project, "first", "second", "--metric", "loss")
    assert [s["label"] for s in found["series"]] == ["size=1", "size=2"]
    assert [s["y"] for s in found["series"]] == [[1.0, 0.5, 1 / 3]] * 2


def test_a_server_is_asked_for_the_same(plotted: Project) -> None:
    from runner import settings
    from runner.experiments.records import Records

    records = Records([plotted.root / "luigi.toml"], settings.load(plotted.root))
    runs = records.named(["a", "b", "c", "plain"])
    server: Any = SimpleNamespace(
        location=SimpleNamespace(uri="http://server", shown=""), client=records.client
    )
    metrics = ("loss", "counted")
    own = histories.read(runs, metrics, records)
    asked = histories.read(runs, metrics, server)
    assert {k: v.steps for k, v in own.items()} == {k: v.steps for k, v in asked.items()}
    for key, history in own.items():
        assert history.values == pytest.approx(asked[key].values, nan_ok=True)
    assert len(own) == 4


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["a", "--metric", "los"], "has no metric 'los'; did you mean 'loss'?"),
        (["a", "b", "--metric", "lost"], "none of these 2 runs has a metric 'lost'"),
        (["a"], "name a metric: --metric NAME\n  there are: accuracy, loss"),
        (["a", "--metric", "loss", "--out", "x.pdf"], "a picture ends in .png or .svg"),
        (["a", "--metric", "loss", "--out", "no/x.png"], "there is no folder no"),
        (
            ["a", "--metric", "loss", "--against", "Trainer.alpa"],
            "no such parameter; did you mean 'Trainer.alpha'?",
        ),
        (["nobody", "--metric", "loss"], "'nobody'"),
        (["a", "--metric", "loss", "--smooth", "1"], "0<=x<1"),
    ],
)
def test_a_mistake_is_one_line(plotted: Project, args: list[str], said: str) -> None:
    done = plotted.command("plot", *args, code=2)
    assert said in done.err and "Traceback" not in done.err and not done.out


def test_a_folder_in_the_way_is_said(plotted: Project) -> None:
    (plotted.root / "x.png").mkdir()
    done = plotted.command("plot", "a", "--metric", "loss", "--out", "x.png", code=2)
    assert "x.png: can't be written" in done.err
    assert not [path for path in plotted.root.iterdir() if path.name.startswith(".x.png")]


def test_secrets_and_unsafe_names_are_not_shown(plotted: Project, unsafe_run: str) -> None:
    plotted.client.log_metric(unsafe_run, "cost", 1.0)
    other = add(plotted.client, "_$x_{2}$", {}, {"cost": [(2.0, 0)]})
    args = ("plot", unsafe_run, other, "--metric", "cost")
    plotted.command(*args, "--out", "x.svg")
    shown = (plotted.root / "x.svg").read_text()
    for out in (plotted.command(*args).out, plotted.command(*args, "--json").out, shown):
        assert "hunter2" not in out and "***" in out and "\x1b" not in out
    plotted.command(*args, "--against", "key", "--out", "x.svg")
    assert {"***", "(missing)"} <= set(texts(plotted.root / "x.svg"))
    plotted.command("plot", other, other, "--metric", "cost", "--out", "x.svg")
    assert "_$x_{2}$" in texts(plotted.root / "x.svg")


def test_forty_runs_are_told_apart(plotted: Project) -> None:
    columns = [
        Column(f"run-{n}", f"{n:032}", {("parameter", "Trainer.alpha"): str(1.1**n)})
        for n in range(40)
    ]
    names = labels.labels(columns, labels.telling(columns))
    assert len(set(names)) == 40 and max(map(len, names)) < 20


KEYS = st.sampled_from(["A.x", "B.x", "A.y", "A.z", "RunConfig.reuse"])


@given(st.lists(st.dictionaries(KEYS, st.sampled_from(["1", "2", "text"])), min_size=2, max_size=5))
def test_labels_differ_and_say_what_does(configs: list[dict[str, str]]) -> None:
    columns = [
        Column(f"n{at}", "", {("parameter", key): value for key, value in config.items()})
        for at, config in enumerate(configs)
    ]
    rows = labels.telling(columns)
    found = labels.labels(columns, rows)
    assert len(set(found)) == len(found)
    for (one, first), (other, second) in combinations(zip(configs, found, strict=True), 2):
        if len(rows) <= 3 and {row.name: one.get(row.name) for row in rows} != {
            row.name: other.get(row.name) for row in rows
        }:
            assert first.partition(" (")[0] != second.partition(" (")[0]
