"""`report.html` and the rest of a run's lineage, in MLflow's own pages and a real browser."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner import lineage
from tests import browser
from tests.browser import Browser
from tests.conftest import Project
from tests.test_cli import free_port
from tests.test_cli_ui import wait_for
from tests.test_closing import READS

pytestmark = pytest.mark.skipif(bool(browser.missing()), reason=browser.missing())


@pytest.fixture
def window() -> Iterator[Browser]:
    with browser.browser() as found:
        yield found


@pytest.fixture
def reading(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(lineage, "MOST_TAGS", 1)
    project.pipeline(READS, task="Fit", config='reuse = "auto"\n[PathConfig]\ninput = "input"\n')
    project.write("input/one.csv", "a,b\n")
    project.write("input/two.csv", "c,d,e\n")
    return project


@pytest.fixture
def served(reading: Project) -> Iterator[str]:
    port = free_port()
    process = reading.start("ui", "--port", str(port), start_new_session=True)
    try:
        wait_for(process)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=120)


def run_page(project: Project, report: Any) -> str:
    experiment = project.client.get_run(report.run_id).info.experiment_id
    return f"#/experiments/{experiment}/runs/{report.run_id}"


def test_it_opens_in_mlflows_artifact_viewer_without_any_network(
    reading: Project, served: str, window: Browser
) -> None:
    first = reading.run_here()
    report = reading.run_here(record=True)
    window.open(f"{served}/{run_page(reading, report)}/artifacts/report.html")
    frame = window.find("iframe.mlflow-html-iframe")
    assert window.attribute(frame, "sandbox") == "allow-scripts"
    window.enter(frame)
    text = window.text()
    for said in (
        report.run_name,
        "Dependency graph",
        "2 reused",
        "0.875",
        f"from {first.run_name}",
    ):
        assert said in text, said
    shown = "return [...document.images].map(i => [i.alt, i.complete && i.naturalWidth > 0])"
    assert dict(window.run(shown)) == {"Clean/plots/a.png": True}
    boxes = "return [...document.querySelectorAll('.graph .box')].map(b => b.getBBox().width)"
    assert len(window.run(boxes)) == 2 and min(window.run(boxes)) > 80
    asked = window.requests()
    assert any("report.html" in url for url in asked)
    elsewhere = [url for url in asked if not url.startswith((served, "blob:", "data:"))]
    assert elsewhere == []


def test_the_page_shows_alone_in_light_dark_and_narrow(
    reading: Project, window: Browser, tmp_path: Path
) -> None:
    report = reading.run_here()
    window.open((report.artifact_dir / "report.html").as_uri())
    colours = "const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]"
    light = window.run(colours)
    window.dark()
    dark = window.run(colours)
    assert brightness(light[0]) > 200 and brightness(light[1]) < 100
    assert brightness(dark[0]) < 100 and brightness(dark[1]) > 200
    window.resize(420, 900)
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert window.run(wide) == 0, "only frames are scrolled sideways"
    assert all(url.startswith(("file:", "data:")) for url in window.requests())
    window.picture(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 10_000


def brightness(colour: str) -> float:
    parts = [int(number) for number in re.findall(r"\d+", colour)[:3]]
    return sum(parts) / 3


def test_values_of_users_run_nothing(project: Project, window: Browser) -> None:
    project.pipeline(
        """
        import mlflow
        from runner import RunTask
        EVIL = "<script>document.title='run'</script><img src=x onerror=document.title='run'>"
        SVG = "<svg xmlns='http://www.w3.org/2000/svg' onload='document.title=1'>" + EVIL + "</svg>"
        class Count(RunTask):
            outputs = {"a": "a.svg"}
            def run(self):
                self.outputs["a"].write_text(SVG)
                mlflow.set_tag("evil", EVIL)
                mlflow.log_param("evil", EVIL)
                raise ValueError(EVIL)
        """,
        config='description = "<script>document.title=1</script>"\n',
    )
    report = project.run_here()
    assert report.status == "FAILED"
    window.open((report.artifact_dir / "report.html").as_uri())
    assert window.run("return document.title") == f"{report.run_name} · trial"
    assert "<script>document.title='run'</script>" in window.text()
    assert window.run("return document.scripts.length") == 0


def test_mlflow_shows_datasets_and_the_table(
    reading: Project, served: str, window: Browser
) -> None:
    reading.run_here()
    report = reading.run_here(record=True)
    window.open(f"{served}/{run_page(reading, report)}")
    appears(window, "Clean.all", "+1")  # and the other one behind a button
    window.open(f"{served}/{run_page(reading, report)}/artifacts/lineage.json")
    appears(window, "origin_run_id", "nothing changed since")


def appears(window: Browser, *words: str) -> None:
    deadline = time.monotonic() + 100
    text = ""
    while not all(word in text for word in words):
        assert time.monotonic() < deadline, text
        text = str(window.run("return document.body.innerText"))
