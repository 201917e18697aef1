"""`report.html` in a real browser; tests/test_ui_server.py has it in MLflow's own pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runner import lineage
from tests import browser
from tests.browser import WINDOW, Browser
from tests.conftest import Project
from tests.test_closing import lay_readers

window = WINDOW

pytestmark = pytest.mark.skipif(bool(browser.missing()), reason=browser.missing())


@pytest.fixture
def reading(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(lineage, "MOST_TAGS", 1)
    return lay_readers(project)


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
