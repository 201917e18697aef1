"""What a run leaves behind when it ends, however it ends."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from runner.report_page import page
from tests.conftest import Project
from tests.test_report_page import Page, asserted_harmless, png
from tests.test_signals import wait_for

READS = f"""
import mlflow
from pathlib import Path
from runner import RunTask, requires

class Clean(RunTask):
    sources = {{"one": "one.csv", "all": "*.csv"}}
    outputs = {{"text": "text.txt", "plots": "plots"}}
    def run(self):
        self.outputs["text"].write_text(self.inputs["one"].read_text())
        self.outputs["plots"].mkdir()
        (self.outputs["plots"] / "a.png").write_bytes(bytes.fromhex("{png().hex()}"))

@requires(Clean)
class Fit(RunTask):
    outputs = {{"model": "model.txt"}}
    def run(self):
        mlflow.log_metric("accuracy", 0.875)
        mlflow.log_text("<svg xmlns='http://www.w3.org/2000/svg'/>", "figures/curve.svg")
        if Path("fail").exists():
            raise ValueError("no <b>data</b> for " + str(2026))
        self.outputs["model"].write_text("m")
"""


def lay_readers(project: Project) -> Project:
    """Writes tasks that read files, show pictures and log."""
    project.pipeline(READS, task="Fit", config='reuse = "auto"\n[PathConfig]\ninput = "input"\n')
    project.write("input/one.csv", "a,b\n")
    project.write("input/two.csv", "c,d,e\n")
    return project


@pytest.fixture
def reading(project: Project) -> Project:
    return lay_readers(project)


def shown(report: Any) -> Page:
    found = Page((report.artifact_dir / page.NAME).read_text(encoding="utf-8"))
    asserted_harmless(found)
    return found


def test_a_run_leaves_a_page(reading: Project) -> None:
    before = time.time()
    report = reading.run_here()
    found = shown(report)
    expected = ["trial", "finished", "Clean", "first time", "0.875", "Clean → Fit", "luigi.toml"]
    expected += [report.run_name, report.run_id, "input/one.csv", "PathConfig"]
    for said in [*expected, "Clean/plots/a.png", "figures/curve.svg"]:
        assert said in found.text, said
    assert sum(tag == "img" for tag, _ in found.elements) == 2
    (span,) = report.tasks[0].spans
    assert before - 1 < span[0] <= span[1] < time.time() + 1
    assert report.tasks[0].seconds == pytest.approx(span[1] - span[0], abs=0.05)
    artifacts = [a.path for a in reading.client.list_artifacts(report.run_id)]
    assert page.NAME in artifacts and "lineage.json" not in artifacts


def test_reused_tasks_are_shown_with_their_origin(reading: Project) -> None:
    first = reading.run_here()
    second = reading.run_here("RunConfig.description=again", record=True)
    found = shown(second)
    assert f"from {first.run_name}" in found.text and first.run_id[:8] in found.text
    assert "2 reused" in found.text and "0.875" in found.text and "Timeline" not in found.text
    assert "Clean/plots/a.png" in found.text
    assert second.tasks[0].origin_id == first.run_id and second.tasks[0].spans == ()


def test_a_failed_run_leaves_a_page(reading: Project) -> None:
    (reading.root / "fail").touch()
    report = reading.run_here()
    assert report.status == "FAILED"
    found = shown(report)
    assert "Why it failed" in found.text and "ValueError: no <b>data</b> for 2026" in found.text
    assert 'raise ValueError("no <b>data</b> for " + str(2026))' in found.text
    assert "1 failed" in found.text and "1 ran" in found.text
    assert reading.client.get_run(report.run_id).info.status == "FAILED"


WAITS = """
import signal
from pathlib import Path
import mlflow
from runner import RunTask, requires

class Wait(RunTask):
    outputs = {"a": "a.txt"}
    def run(self):
        mlflow.log_metric("half", 0.5)
        Path("marker").touch()
        signal.pause()

@requires(Wait)
class Last(RunTask):
    outputs = {"a": "a.txt"}
    def run(self):
        self.outputs["a"].touch()
"""


def test_a_killed_run_leaves_a_page(project: Project) -> None:
    project.pipeline(WAITS, task="Last")
    process = project.fork()
    wait_for(project.root / "marker", process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 143
    (run,) = project.runs()
    assert run.info.status == "KILLED"
    found = Page(Path(run.info.artifact_uri, page.NAME).read_text(encoding="utf-8"))
    for said in ("killed", "stopped by SIGTERM", "1 stopped", "1 not run", "half", "Timeline"):
        assert said in found.text, said


def test_a_page_that_can_not_be_written_changes_nothing_else(
    reading: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> str:
        raise RecursionError("too deep")

    monkeypatch.setattr(page, "render", broken)
    report = reading.run_here()
    assert report.ok and reading.runs()[0].info.status == "FINISHED"
    assert not (report.artifact_dir / page.NAME).exists()
    log = (report.artifact_dir / "runner.log").read_text()
    assert "closed without report.html: RecursionError: too deep" in log
    assert len(reading.runs()[0].inputs.dataset_inputs) == 2


def test_secrets_are_not_on_the_page(project: Project) -> None:
    project.pipeline(
        """
        from runner import RunTask
        class Count(RunTask):
            outputs = {"a": "a.txt"}
            def run(self):
                raise ValueError("the key is " + self.config["key"])
        """,
        config='[Count]\nkey = "${API_KEY}"\n',
    )
    project.write(".env", 'API_KEY="s3cr<t-value&more"\n')
    report = project.run_here()
    html = (report.artifact_dir / page.NAME).read_text()
    assert "the key is ***" in html and "s3cr" not in html


def test_tasks_that_turn_up_on_the_way_are_in_the_picture(project: Project) -> None:
    project.pipeline(
        """
        import luigi
        from runner import RunTask
        class Part(RunTask):
            number = luigi.IntParameter()
            outputs = {"a": "a.txt"}
            def run(self):
                self.outputs["a"].touch()
        class All(luigi.WrapperTask):
            def requires(self):
                return [Part(number=1)]
        class Count(RunTask):
            outputs = {"a": "a.txt"}
            def requires(self):
                return All()
            def run(self):
                yield Part(number=2)
                self.outputs["a"].touch()
        """
    )
    report = project.run_here()
    found = shown(report)
    for said in ("Part(number=1) → All", "All → Count", "Part(number=2) → Count"):
        assert said in found.text, said
    count = next(task for task in report.tasks if task.name == "Count")
    assert len(count.spans) == 2 and count.spans[0][1] <= count.spans[1][0]


# dataset inputs


def datasets(project: Project) -> list[dict[str, Any]]:
    (run, *_) = project.runs()
    return [
        {
            **found.dataset.to_dictionary(),
            **{tag.key: tag.value for tag in found.tags},
        }
        for found in run.inputs.dataset_inputs
    ]


def test_what_a_run_read_from_outside_is_its_datasets(reading: Project) -> None:
    reading.run_here()
    found = {dataset["name"]: dataset for dataset in datasets(reading)}
    assert set(found) == {"Clean.one", "Clean.all"}
    one, every = found["Clean.one"], found["Clean.all"]
    assert one["source_type"] == "local" and json.loads(one["source"]) == {"uri": "input/one.csv"}
    assert json.loads(one["profile"]) == {"files": 1, "bytes": 4}
    assert json.loads(every["source"]) == {"uri": "input"}
    assert json.loads(every["profile"]) == {"files": 2, "bytes": 10}
    assert one["mlflow.data.context"] == every["mlflow.data.context"] == "Clean"
    assert re.fullmatch("[0-9a-f]{10}", one["digest"]) and one["digest"] != every["digest"]


def test_a_reused_task_has_the_datasets_that_it_was_computed_from(reading: Project) -> None:
    reading.run_here()
    first = sorted(datasets(reading), key=lambda dataset: str(dataset["name"]))
    reading.run_here(record=True)
    assert sorted(datasets(reading), key=lambda dataset: str(dataset["name"])) == first
    reading.write("input/one.csv", "a,b,changed\n")
    pin = f"PathConfig.Clean=run:{reading.runs()[0].info.run_name}"
    report = reading.run_here(pin, record=True)
    pinned = {dataset["name"]: dataset for dataset in datasets(reading)}
    assert pinned["Clean.one"]["digest"] == first[1]["digest"]
    assert json.loads(pinned["Clean.one"]["profile"])["bytes"] == 4
    assert "12 B" not in shown(report).text  # that is what lies there now


def test_the_same_input_of_many_tasks_of_a_class_is_one_dataset(project: Project) -> None:
    project.pipeline(
        """
        import luigi
        from runner import RunTask
        class Fold(RunTask):
            number = luigi.IntParameter()
            sources = {"data": "one.csv"}
            outputs = {"a": "a.txt"}
            def run(self):
                self.outputs["a"].touch()
        class Count(RunTask):
            sources = {"data": "one.csv"}
            outputs = {"a": "a.txt"}
            def requires(self):
                return [Fold(number=n) for n in range(3)]
            def run(self):
                self.outputs["a"].touch()
        """,
        config='reuse = "auto"\n[PathConfig]\ninput = "."\n',
    )
    project.write("one.csv", "a,b\n")
    assert project.run_here().ok
    assert sorted(dataset["name"] for dataset in datasets(project)) == ["Count.data", "Fold.data"]
