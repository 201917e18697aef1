"""The first runs by a metric, found by the database."""

from __future__ import annotations

import json
import math

import pytest

from tests.conftest import Project


@pytest.mark.parametrize("sort", ["score", "-score"])
def test_it_is_what_mlflow_says(project: Project, sort: str) -> None:
    project.pipeline()
    client = project.client
    experiment = client.create_experiment("trial")
    values = [*(n * 7 % 23 / 10 for n in range(24)), math.nan, math.inf, -math.inf, 0.7, 0.7]
    for number, value in enumerate(values):
        run = client.create_run(experiment, run_name=f"run-{number}").info.run_id
        client.log_metric(run, "score", value + 1)
        client.log_metric(run, "score", value)  # the last value counts
    parent = run
    client.create_run(experiment)  # has no score
    child = client.create_run(experiment, tags={"mlflow.parentRunId": parent}).info.run_id
    client.log_metric(child, "score", 0.71)
    gone = client.create_run(experiment).info.run_id
    client.log_metric(gone, "score", 0.71)
    client.delete_run(gone)

    way = "DESC" if sort.startswith("-") else "ASC"
    said = client.search_runs([experiment], order_by=[f"metrics.score {way}"])
    expected = [r.info.run_id for r in said if "mlflow.parentRunId" not in r.data.tags][:20]
    listed = json.loads(project.command("runs", f"--sort={sort}", "--json").out)["runs"]
    assert [run["run_id"] for run in listed] == expected
