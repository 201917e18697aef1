"""`runner sweep`: many runs of one config."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

import runner
from runner.config.sweep import check_sweep, combinations
from runner.sweeps.study import Study
from tests.conftest import Project
from tests.sweeping import SWEEP, TASKS, ran, sweep, sweeping

TPE = """
[Sweep]
method = "{method}"
metric = "score"
direction = "minimize"
trials = 6

[Sweep.space.Train]
x = {{low = 0.001, high = 10.0, log = true}}
seed = {{low = 1, high = 3}}
"""


def test_a_grid_is_run_point_by_point_and_what_it_does_not_reach_once(project: Project) -> None:
    sweeping(project)
    found = sweep(project)
    assert ran(project) == ["Prepare", "Train 0.25 0", "Train 0.5 0", "Train 0.75 0"]
    assert {t["params"]["Train.x"]: t["value"] for t in found["trials"]} == {
        0.25: 0.25,
        0.5: 0.5,
        0.75: 0.75,
    }
    best = found["trials"][found["best"]]
    assert (found["status"], best["value"], best["state"]) == ("FINISHED", 0.75, "done")


def test_trials_are_child_runs_of_one_that_shows_the_best(project: Project) -> None:
    sweeping(project, config='description = "which x?"\n[Train]\nseed = 7')
    found = sweep(project, "--run-name", "tuning")
    runs = {run.info.run_name: run for run in project.runs()}
    parent = runs.pop("tuning")
    assert sorted(runs) == ["tuning-0", "tuning-1", "tuning-2"]
    for run in runs.values():
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id == found["run_id"]
        assert run.info.status == "FINISHED"
        assert "Sweep.method" not in run.data.params
    best = found["trials"][found["best"]]
    assert parent.data.params["Sweep.method"] == "grid"
    assert parent.data.params["Train.seed"] == "7"
    assert parent.data.metrics["score"] == 0.75
    assert parent.data.tags["best.run"] == best["run_name"]
    assert parent.data.tags["mlflow.note.content"].startswith("which x?\n\n**Best score: 0.75**")
    history = project.client.get_metric_history(parent.info.run_id, "score")
    assert [point.step for point in history] == [1, 2, 3]
    listed = json.loads(project.command("runs", "--json").out)["runs"]
    assert [run["name"] for run in listed] == ["tuning"]


def test_the_config_of_the_best_trial_is_an_artifact_that_runs(project: Project) -> None:
    sweeping(project, config="[Train]\nseed = 7")
    config = Path(sweep(project)["best_config"])
    assert tomllib.loads(config.read_text())["Train"] == {"seed": 7, "x": 0.75}
    report = project.run_here(files=(str(config),))
    assert report.status == "UNCHANGED"  # all of it was computed by the trial


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_the_seed_makes_the_trials(project: Project, method: str) -> None:
    sweeping(project, TPE.format(method=method))
    first, again = sweep(project), sweep(project)
    other = sweep(project, "-o", "Sweep.seed=1")
    values = [[trial["params"] for trial in found["trials"]] for found in (first, again, other)]
    assert values[0] == values[1] != values[2]
    for params in values[0]:
        assert 0.001 <= params["Train.x"] <= 10
        assert isinstance(params["Train.seed"], int) and 1 <= params["Train.seed"] <= 3
    assert min(t["value"] for t in first["trials"]) == first["trials"][first["best"]]["value"]
    assert len(ran(project)) <= 1 + 2 * 6  # the second sweep computed nothing


def test_a_grid_may_be_cut_short_and_steps_are_exact(project: Project) -> None:
    space = '[Sweep.space]\n"Train.x" = {low = 0.1, high = 0.7, step = 0.2}\n'
    sweeping(project, SWEEP.partition("[Sweep.space]")[0] + "trials = 3\n" + space)
    values = [trial["params"]["Train.x"] for trial in sweep(project)["trials"]]
    assert len(values) == len(set(values)) == 3
    assert set(values) < {0.1, 0.3, 0.5, 0.7}


def test_values_of_any_kind(project: Project) -> None:
    space = 'Train.shape = [[1, 2], {a = 1}, "text", true, 1, 1.0]\n'
    sweeping(project, SWEEP.replace("Train.x = [0.25, 0.5, 0.75]\n", space))
    found = sweep(project)
    said = [json.dumps(trial["params"]["Train.shape"]) for trial in found["trials"]]
    assert sorted(said) == sorted(["[1, 2]", '{"a": 1}', '"text"', "true", "1", "1.0"])
    logged = {run.data.params.get("Train.shape") for run in project.runs()}
    assert logged >= {"[1, 2]", "text", "true", "1"}


def test_keys_of_a_family_count_where_it_is_chosen(project: Project) -> None:
    """Seen from the space alone: the tables are called like values of `model`."""
    space = {"T.model": ["a", "pkg.b"], "T.a.x": [1, 2], "T.b.y": [3], "T.other.z": [4, 5]}
    found, _ = check_sweep(
        {"metric": "m", "direction": "minimize", "method": "grid", "space": space}
    )
    assert found is not None and found.count == 6
    keys = sorted(tuple(point) for point in combinations(found))
    assert keys == [("T.model", "T.a.x", "T.other.z")] * 4 + [("T.model", "T.b.y", "T.other.z")] * 2
    for method in ("random", "tpe"):
        sampled, _ = check_sweep(
            {"metric": "m", "direction": "minimize", "method": method, "trials": 8, "space": space}
        )
        assert sampled is not None
        study = Study(sampled, method, project.root / f"{method}.journal")
        study.fill()
        taken = [study.take() for _ in range(8)]
        assert study.take() is None
        for one in taken:
            assert one is not None
            family = one.values["T.model"].rpartition(".")[2]
            assert set(one.values) == {"T.model", "T.other.z", {"a": "T.a.x", "b": "T.b.y"}[family]}


def test_two_sweeps_of_a_name(project: Project) -> None:
    sweeping(project)
    sweep(project, "--run-name", "tuning")
    said = project.command("sweep", "--run-name", "tuning", code=2).err
    assert "there is a sweep called 'tuning' already" in said and "--resume tuning" in said
    assert len(project.runs()) == 4


def test_a_space_takes_the_place_of_the_one_that_it_extends(project: Project) -> None:
    sweeping(project)
    project.write("more.toml", 'extends = "luigi.toml"\n[Sweep.space]\nTrain.seed = [1, 2]\n')
    found = sweep(project, "-c", "more.toml")
    assert [trial["params"] for trial in found["trials"]] == [{"Train.seed": 1}, {"Train.seed": 2}]


def test_a_trial_that_fails_is_recorded_and_the_sweep_goes_on(project: Project) -> None:
    sweeping(project, config="[Train]\nbad = 0.5")
    done = project.command("sweep")
    assert "trial 0" in done.err or "trial 1" in done.err
    assert "failed: Train: ValueError: a bad value" in done.out
    statuses = sorted(run.info.status for run in project.runs())
    assert statuses == ["FAILED", "FINISHED", "FINISHED", "FINISHED"]


def test_a_sweep_of_which_no_trial_succeeds_has_failed(project: Project) -> None:
    sweeping(project, SWEEP.replace("[0.25, 0.5, 0.75]", "[0.5]"), "[Train]\nbad = 0.5")
    found = sweep(project, code=1)
    assert found["best"] is None and found["status"] == "FAILED"
    assert {run.info.status for run in project.runs()} == {"FAILED"}


def test_a_metric_that_nobody_logs_ends_it_at_once(project: Project) -> None:
    sweeping(project, SWEEP.replace('"score"', '"scores"'))
    done = project.command("sweep", code=2)
    assert "it has no metric 'scores'; did you mean 'score'?" in done.err
    assert len(ran(project)) == 2  # one trial, and what it requires
    parent = next(run for run in project.runs() if "runner.sweep" in run.data.tags)
    assert parent.info.status == "FAILED"


def test_a_metric_that_some_trials_lack_is_no_reason_to_end(project: Project) -> None:
    values = SWEEP.replace('"score"', '"rare"').replace("[0.25, 0.5, 0.75]", "[0.25, 0.3]")
    sweeping(project, values)
    found = sweep(project, "-o", "Sweep.seed=1")
    assert [t["params"]["Train.x"] for t in found["trials"]] == [0.25, 0.3]
    assert [t["state"] for t in found["trials"]] == ["done", "failed"]
    assert found["trials"][1]["error"] == "it has no metric 'rare'"


@pytest.mark.parametrize("engine", ["inline", "processes"])
def test_trials_that_promise_nothing_are_ended_early(project: Project, engine: str) -> None:
    values = "[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]"
    pruning = '[Sweep.pruning]\nmetric = "loss"\ndirection = "minimize"\nstartup_trials = 2\n'
    text = SWEEP.replace("[0.25, 0.5, 0.75]", values) + pruning
    sweeping(project, text, "[Train]\nepochs = 4")
    found = sweep(project, "-o", f"RunConfig.engine={engine}", "-o", "RunConfig.workers=1")
    pruned = [trial for trial in found["trials"] if trial["state"] == "pruned"]
    assert pruned and all(t["error"].startswith("pruned at step ") for t in pruned)
    runs = {run.info.run_id: run for run in project.runs()}
    for trial in pruned:
        run = runs[trial["run_id"]]
        assert run.info.status == "KILLED" and run.data.tags["runner.error"] == trial["error"]
        assert 1 <= len(project.client.get_metric_history(trial["run_id"], "loss")) < 4
        folder = Path(run.info.artifact_uri.removeprefix("file://"))
        assert not list(folder.glob("*Train*"))
    assert all(t["state"] in ("pruned", "done") for t in found["trials"])


def test_a_plain_run_takes_no_notice_of_the_sweep(project: Project) -> None:
    sweeping(project)
    report = project.run_here()
    (run,) = project.runs()
    assert report.ok and not any(key.startswith("Sweep") for key in run.data.params)
    snapshot = Path(report.artifact_dir) / "luigi.toml"
    assert tomllib.loads(snapshot.read_text())["Sweep"]["space"] == {
        "Train": {"x": [0.25, 0.5, 0.75]}
    }


def test_trials_do_not_see_what_becomes_of_the_config_meanwhile(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeping(project, config="[Train]\nseed = 7")
    monkeypatch.setenv("EDIT", "1")
    edit = 'RAN.parent.joinpath("luigi.toml").write_text("[RunConfig")\n        ran('
    project.pipeline(
        (project.root / "src/tasks/__init__.py").read_text().replace("ran(f", f"{edit}f", 1),
        task="Train",
        config=f"[Train]\nseed = 7\n{SWEEP}",
    )
    assert [t["state"] for t in sweep(project)["trials"]] == ["done"] * 3
    assert all(line.endswith(" 7") for line in ran(project) if "Train" in line)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--resume", "nosuch"], "called 'nosuch'"),
        (["--join", "plain"], "run plain"),
        (["--resume", "a", "--join", "b"], "name only the sweep"),
        (["--join", "a", "--parallel", "2"], "name only the sweep"),
        (["-o", "Sweep.space.Train.y=[1]"], "space.Train.y: 1 (int) does not fit: unknown key"),
        (["-o", "Sweep.space.Trian.x=[1]"], "no task of this project; did you mean 'Train'?"),
        (["-o", 'Sweep.space.Train.seed=[1, "x"]'], "'x' (str) does not fit: expected"),
        (["-o", "Sweep.storage=nosuch://x"], "[Sweep] storage = 'nosuch://x' can't be used"),
        (["Nothing"], "Nothing"),
    ],
)
def test_what_can_not_be_done_is_said_in_one_line(
    project: Project, args: list[str], said: str
) -> None:
    sweeping(project)
    if "--join" in args:
        project.run_here("RunConfig.run_name=plain")
    done = project.command("sweep", *args, code=None)
    assert done.code in (2, 4) and said in done.err
    assert "Traceback" not in done.err and done.err.startswith("runner: ")


def test_a_config_without_a_sweep(project: Project) -> None:
    project.pipeline()
    assert "the config has no [Sweep]" in project.command("sweep", code=2).err


def test_a_secret_in_the_config_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "hunter2hunter2")
    sweeping(project, config='[Train]\nshape = "hunter2hunter2"')
    done = project.command("sweep", code=2)
    assert "Train.shape holds a secret" in done.err and "${NAME}" in done.err
    sweeping(project, config='[Train]\nshape = "${MY_TOKEN}"')
    assert sweep(project)["status"] == "FINISHED"


def test_what_other_commands_make_of_a_sweep(project: Project) -> None:
    sweeping(project)
    one = project.run_here("RunConfig.run_name=one")
    found = sweep(project, "--run-name", "tuning")
    # The latest run of which there are outputs, and that can be resumed, is no sweep.
    assert runner.load("runs:/latest/Train/model") == one.artifact_dir / "Train" / "model.txt"
    assert "no run" in project.command("resume", code=2).err
    said = project.command("resume", "tuning", code=2).err
    assert f"is a sweep\n  go on with it: python -m runner sweep --resume {found['run_id']}" in said
    assert "one" in project.command("reproduce", "latest", "--json", code=None).out
    listed = json.loads(project.command("runs", "--json", "--children").out)["runs"]
    assert len(listed) == 5
    # What differs between trials is what the sweep tried.
    rows = json.loads(project.command("diff", "tuning-0", "tuning-1", "--json").out)["rows"]
    assert [row["key"] for row in rows] == ["Train.x"]


def test_values_from_the_environment_stay_where_they_are(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_A", "supersecretAAA111")
    monkeypatch.setenv("TOKEN_B", "supersecretBBB222")
    values = '["${TOKEN_A}", "${TOKEN_B}", "$${TOKEN_A}"]'
    code = SWEEP.replace("Train.x = [0.25, 0.5, 0.75]", f"Train.shape = {values}")
    sweeping(project, code)
    expanded = 'assert self.config.shape in ("${TOKEN_A}", *os.environ.values())'
    project.write("src/tasks/__init__.py", TASKS.replace('ran(f"Train', f'{expanded}; ran(f"Train'))
    found = sweep(project)
    assert {trial["state"] for trial in found["trials"]} == {"done"}
    for path in project.root.rglob("*"):
        if path.is_file() and path.suffix not in (".pyc",):
            assert b"supersecret" not in path.read_bytes(), path
    assert project.run_here(files=(found["best_config"],)).status == "UNCHANGED"


def test_a_table_that_is_tried_takes_the_place_of_the_one_that_is_there(project: Project) -> None:
    code = SWEEP.replace("Train.x = [0.25, 0.5, 0.75]", "Train.shape = [{a = 1}, {}, 3]")
    sweeping(project, code, "[Train.shape]\nc = 3")
    found = sweep(project)
    for trial in found["trials"]:
        (manifest,) = project.root.glob(f"mlruns/1/{trial['run_id']}/artifacts/Train/manifest.json")
        assert json.loads(manifest.read_text())["config"]["shape"] == trial["params"]["Train.shape"]


def test_a_thread_of_a_task_does_not_end_its_trial(project: Project) -> None:
    values = "[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]"
    pruning = '[Sweep.pruning]\nmetric = "loss"\ndirection = "minimize"\nstartup_trials = 1\n'
    sweeping(project, SWEEP.replace("[0.25, 0.5, 0.75]", values) + pruning, "[Train]\nepochs = 4")
    threaded = TASKS.replace(
        '            mlflow.log_metric("loss", self.config.x / (epoch + 1), step=epoch)',
        "            import threading\n"
        '            log = (mlflow.log_metric, "loss", self.config.x / (epoch + 1), epoch)\n'
        "            thread = threading.Thread(target=log[0], args=log[1:])\n"
        "            thread.start(); thread.join()",
    )
    project.write("src/tasks/__init__.py", threaded)
    found = sweep(project)
    assert {trial["state"] for trial in found["trials"]} == {"done"}
    for trial in found["trials"]:
        assert len(project.client.get_metric_history(trial["run_id"], "loss")) == 4


def test_a_finished_sweep_stays_as_it_is(project: Project) -> None:
    sweeping(project)
    found = sweep(project, "--run-name", "done")
    before = project.client.get_run(found["run_id"]).info.end_time
    for option in ("--resume", "--join"):
        again = sweep(project, option, "done")
        assert again["trials"] == found["trials"] and again["best"] == found["best"]
    assert project.client.get_run(found["run_id"]).info.end_time == before
