"""How long reading runs back takes beyond importing MLflow: 5,000 runs, 40 compared and drawn.

    python benchmarks/experiments.py [--runs 5000]

A store is filled with runs of 50 parameters, 15 tags and 10 metrics each. Then commands are timed,
each as a process of its own, in turn with one that imports MLflow's client and opens the store.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CONFIG = """
[RunConfig]
experiment_name = "many"
task = "Trainer"
"""
# As the command does it: no garbage is collected, and nothing is torn down at the end.
FLOOR = """
import gc, os
gc.disable()
from runner import config, settings
from runner.tracking import store
found = settings.load()
store.connect(store.locate(config.load("luigi.toml", settings=found)))
os._exit(0)
"""
COMPARED = 40
BATCH = 500
STEPS = 1_000
ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5_000)
    count = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ids = fill(folder, count)
        curves = ids[-COMPARED:]
        learn(folder, curves)
        compared = ids[:: max(1, count // COMPARED)][:COMPARED]
        runner = [sys.executable, "-m", "runner"]
        commands = {
            "import MLflow, open the store": [sys.executable, "-c", FLOOR],
            "runs": [*runner, "runs"],
            "runs --where, --sort": [
                *(*runner, "runs", "--where", "metrics.metric_1 > 0.5", "--sort", "-metric_1"),
            ],
            "runs --sort": [*runner, "runs", "--sort", "-metric_1"],
            "show latest": [*runner, "show", "latest"],
            f"show {ids[count // 2][:8]}": [*runner, "show", ids[count // 2][:8]],
            f"diff of {len(compared)} runs by id": [*runner, "diff", *compared],
            f"diff --all of {len(compared)} runs by id": [*runner, "diff", "--all", *compared],
            f"diff of {len(compared)} runs, latest~N": [
                *(*runner, "diff", *(f"latest~{number}" for number in range(len(compared)))),
            ],
            f"plot of {len(curves)} runs with {STEPS:,} steps": [
                *(*runner, "plot", *curves, "--metric", "loss", "--smooth", "0.9"),
                *("--out", "losses.png"),
            ],
            f"plot of {len(curves)} runs on the terminal": [
                *(*runner, "plot", *curves, "--metric", "loss"),
            ],
            f"tree of {len(compared)} runs": [*runner, "tree", *compared, "--out", "tree.png"],
            "clone luigi.toml": [*runner, "clone", "luigi.toml"],
        }
        times: dict[str, list[float]] = {title: [] for title in commands}
        for _ in range(ROUNDS):
            for title, command in commands.items():
                times[title].append(timed(command, folder))
        floor = min(next(iter(times.values())))
        for title, found in times.items():
            print(f"{title:40} {min(found):6.2f} s   {min(found) - floor:+.2f} s")


def timed(command: list[str], folder: Path) -> float:
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[2:6])}: exit code {done.returncode}\n{done.stderr}")
    return time.perf_counter() - begun


def fill(folder: Path, count: int) -> list[str]:
    """Makes the project; the ids of its runs, oldest first."""
    (folder / "luigi.toml").write_text(CONFIG, encoding="utf-8")
    from runner import config, settings
    from runner.tracking import store

    found = config.load(folder / "luigi.toml", settings=settings.load(folder))
    location = store.locate(found)
    experiment = store.connect(location).create_experiment("many")

    import sqlalchemy
    from mlflow.store.tracking.dbmodels import models

    engine = sqlalchemy.create_engine(location.uri)
    ids = [f"{number * 2654435761 % 2**32:08x}{number:024x}" for number in range(count)]
    for start in range(0, count, BATCH):
        rows = [rows_of(n, ids[n], experiment, folder) for n in range(count)[start : start + BATCH]]
        with engine.begin() as connection:
            for table in ("SqlRun", "SqlParam", "SqlTag", "SqlMetric", "SqlLatestMetric"):
                model = getattr(models, table)
                values = [row for found in rows for row in found[table]]
                connection.execute(sqlalchemy.insert(model), values)
    engine.dispose()
    return ids


def learn(folder: Path, ids: list[str]) -> None:
    """Gives runs a loss at each of many steps."""
    import random

    import sqlalchemy
    from mlflow.store.tracking.dbmodels import models

    engine = sqlalchemy.create_engine(f"sqlite:///{folder}/mlflow.db")
    chance = random.Random(0)
    for number, run_id in enumerate(ids, start=1):
        rows = [
            {"run_uuid": run_id, "key": "loss", "timestamp": step, "step": step, "is_nan": False}
            | {"value": 0.1 + chance.random() * 0.3 + (1 - number / 5_000) ** step}
            for step in range(STEPS)
        ]
        with engine.begin() as connection:
            connection.execute(sqlalchemy.insert(models.SqlMetric), rows)
            connection.execute(sqlalchemy.insert(models.SqlLatestMetric), rows[-1:])
    engine.dispose()


def rows_of(number: int, run_id: str, experiment: str, folder: Path) -> dict[str, list[Any]]:
    begun = 1_750_000_000_000 + number * 60_000
    owner = {"run_uuid": run_id}
    params = {f"Trainer.key_{key}": str(key) for key in range(50)}
    params["Trainer.seed"] = str(number % 7)
    tags = {f"runner.tag_{key}": "some words of text" for key in range(12)}
    tags |= {"runner.task": "Trainer", "mlflow.runName": f"run-{number}", "runner.host": "one"}
    metrics = [
        {**owner, "key": f"metric_{key}", "value": (number * key % 101) / 100, "timestamp": begun}
        | {"step": 0, "is_nan": False}
        for key in range(10)
    ]
    run = {
        **owner,
        "name": f"run-{number}",
        "experiment_id": int(experiment),
        "status": "FINISHED",
        "start_time": begun,
        "end_time": begun + 5_000,
        "lifecycle_stage": "active",
        "source_type": "LOCAL",
        "user_id": "somebody",
        "artifact_uri": f"{folder}/mlruns/{experiment}/{run_id}/artifacts",
    }
    return {
        "SqlRun": [run],
        "SqlParam": [{**owner, "key": key, "value": value} for key, value in params.items()],
        "SqlTag": [{**owner, "key": key, "value": value} for key, value in tags.items()],
        "SqlMetric": metrics,
        "SqlLatestMetric": metrics,
    }


if __name__ == "__main__":
    main()
