"""What a run records, and where."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, cast

import pytest

from runner.errors import TrackingError
from runner.redaction import Redactor
from runner.tracking.params import flatten
from runner.tracking.recording import Recorder
from runner.tracking.roots import local_folder
from runner.tracking.store import StoreLocation
from tests.conftest import Project


def test_everything_that_the_config_says_is_a_parameter(project: Project) -> None:
    project.pipeline(
        config="""
        description = "a note"
        tags = {purpose = "try", size = 3}
        run_name = "given"

        [PathConfig]
        input = "somewhere"

        [Write]
        text = "x"
        """
    )
    report = project.run_here()
    run = project.client.get_run(report.run_id)
    assert run.data.params["RunConfig.description"] == "a note"
    assert run.data.params["PathConfig.input"] == "somewhere"
    assert run.data.params["Write.text"] == "x"
    assert run.info.run_name == report.run_name == "given"
    tags = run.data.tags
    assert tags["mlflow.note.content"] == "a note"
    assert (tags["purpose"], tags["size"]) == ("try", "3")
    for name in ("task", "host", "user", "python", "command", "luigi", "mlflow", "packages"):
        assert tags[f"runner.{name}"]
    assert "mlflow==" in (report.artifact_dir / "pip-freeze.txt").read_text()


def test_defaults_are_logged_as_if_they_were_written(project: Project) -> None:
    project.pipeline()
    report = project.run_here()
    assert project.client.get_run(report.run_id).data.params["Write.text"] == "hello"


def test_mlflow_finds_a_name_when_none_is_given(project: Project) -> None:
    project.pipeline()
    assert project.run_here().run_name


def test_what_is_too_long_or_oddly_named_is_shortened_and_kept_whole(project: Project) -> None:
    long = "word " * 3000
    project.pipeline(config=f'description = "{long}"\n["Free"]\n', task="Free")
    project.write(
        "src/tasks/__init__.py",
        """
        from runner import RunTask
        class Free(RunTask):
            outputs = {"x": "x.txt"}
            def run(self):
                self.outputs["x"].touch()
        """,
    )
    odd = 'Free."a key = with? %s"=1' % ("x" * 300)
    many = {f"Free.k{n}": n for n in range(350)}
    report = project.run_here(odd, *(f"{key}={value}" for key, value in many.items()))
    params = project.client.get_run(report.run_id).data.params
    assert len(params["RunConfig.description"]) == 6000
    assert {key: int(params[key]) for key in many} == many
    assert sum(key.startswith("Free.a key _ with_ _s") or "xxx" in key for key in params) == 1
    snapshot = (report.artifact_dir / "luigi.toml").read_text()
    assert long in snapshot and "x" * 300 in snapshot


def test_not_a_number_and_infinity_are_metrics_too(project: Project) -> None:
    project.pipeline(
        """
        import mlflow
        from runner import RunTask
        class Odd(RunTask):
            outputs = {"x": "x.txt"}
            def run(self):
                self.outputs["x"].touch()
                mlflow.log_metrics({"nan": float("nan"), "inf": float("inf")})
        """,
        task="Odd",
    )
    first = project.run_here()
    assert math.isnan(first.tasks[0].metrics["nan"])
    project.pipeline(
        (project.root / "src/tasks/__init__.py").read_text()
        + """
from runner import requires
@requires(Odd)
class After(RunTask):
    outputs = {"x": "x.txt"}
    def run(self):
        self.outputs["x"].touch()
""",
        task="After",
    )
    second = project.run_here(f"PathConfig.Odd=run:{first.run_id[:12]}")
    assert second.tasks[0].status == "reused"
    assert math.isinf(second.tasks[0].metrics["inf"])


def test_an_artifact_root_of_ones_own(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    project.pipeline()
    first = project.run_here("RunConfig.artifact_root=elsewhere/")
    assert first.artifact_dir.is_relative_to(project.root / "elsewhere")
    second = project.run_here("RunConfig.artifact_root=other")
    assert second.artifact_dir.is_relative_to(project.root / "elsewhere")
    assert "artifact_root is for new ones" in caplog.text


def test_artifacts_out_of_reach_are_named_and_leave_no_run(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # no credentials are anywhere
    project.pipeline()
    project.client.create_experiment("trial", artifact_location="s3://bucket/runs")
    with pytest.raises(TrackingError, match="s3://bucket/runs"):
        project.run_here()
    assert project.runs() == []


@pytest.mark.parametrize(
    ("uri", "path"),
    [("/a/b", "/a/b"), ("file:///a/b%20c", "/a/b c"), ("/a%2520b", "/a%20b")],
)
def test_local_folder(uri: str, path: str) -> None:
    assert local_folder(uri) == Path(path)


def test_flatten() -> None:
    values = {"A": {"b": {"c": [1, "x"]}, "d": True, "e": {}, "f": "text"}, "B": {}}
    assert dict(flatten(values)) == {
        "A.b.c": '[1, "x"]',
        "A.d": "true",
        "A.e": "{}",
        "A.f": "text",
    }


def test_metrics_and_tags_go_to_the_store_together() -> None:
    class Client:
        sent: list[tuple[int, int]] = []

        def log_batch(self, run_id: str, metrics: list[object], tags: list[object]) -> None:
            self.sent.append((len(metrics), len(tags)))

    location = StoreLocation("sqlite:///x.db", None)
    recorder = Recorder(cast(Any, Client()), location, Redactor())
    recorder.log("run", metrics={f"m{n}": 1.0 for n in range(950)}, tags={"a": "b"})
    assert Client.sent == [(900, 1), (50, 0)]
    recorder.log("run")
    assert len(Client.sent) == 2
