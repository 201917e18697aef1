"""`runner ui` at work: one server, for this host alone, that shows the runs of a moved project.

It is started once for all of these tests: each start takes twelve seconds of a core.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runner import lineage
from tests import browser
from tests.browser import WINDOW, Browser
from tests.conftest import Project, entered
from tests.servers import free_port
from tests.test_closing import lay_readers

window = WINDOW

PATIENCE = 120.0


@dataclass(frozen=True)
class Shown:
    """A project that is shown.

    Attributes:
        url: where it is.
        moved_from: where the project was when it was run.
        first, second: the reports of its runs; the second one reused all of the first.
        page: the address of the second run.
        said: what the command wrote to stderr before the server was ready.
    """

    url: str
    moved_from: Path
    first: Any
    second: Any
    page: str
    said: str


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("shown")
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        entered(folder / "before", monkeypatch) as before,
    ):
        shutil.copyfile(empty_store, before.root / "mlflow.db")
        lay_readers(before)
        monkeypatch.setattr(lineage, "MOST_TAGS", 1)
        first, second = before.run_here(), before.run_here(record=True)
    experiment = before.client.get_run(second.run_id).info.experiment_id
    moved = Project(before.root.rename(folder / "we ird'\"#q%20;? 漢字"))
    url = f"http://127.0.0.1:{(port := free_port())}"
    page = f"{url}/#/experiments/{experiment}/runs/{second.run_id}"
    process = moved.start("ui", "--port", str(port), start_new_session=True)
    try:
        yield Shown(url, before.root, first, second, page, said_before_ready(process))
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=PATIENCE)


def said_before_ready(process: Any) -> str:
    said = []
    for line in process.stderr:
        if "running on http" in line:
            return "".join(said)
        said.append(line)
    raise AssertionError("".join(said))


def status(port: int, path: str, host: str | None = None, origin: str | None = None) -> int:
    headers = {"Host": host} if host else {}
    headers |= {"Origin": origin} if origin else {}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_it_serves_this_host_and_refuses_foreign_names(shown: Shown) -> None:
    port = int(shown.url.rpartition(":")[2])
    assert status(port, "/health") == 200
    assert status(port, "/api/2.0/mlflow/experiments/get?experiment_id=0") == 200
    foreign = ["evil.example", f"127.0.0.1.evil.example:{port}", f"localhost.evil:{port}"]
    for host in foreign:
        path = "/api/2.0/mlflow/experiments/get?experiment_id=0"
        assert status(port, path, host) == 403, host
        assert status(port, "/", host) == 403, host
    assert status(port, "/", f"localhost:{port}") == 200


def test_runs_from_before_the_project_was_moved(shown: Shown) -> None:
    assert f"was moved from {shown.moved_from}" in shown.said
    asked = urllib.parse.urlencode({"run_uuid": shown.first.run_id, "path": "Clean/text.txt"})
    with urllib.request.urlopen(f"{shown.url}/get-artifact?{asked}") as answer:
        assert answer.read() == b"a,b\n"
    asked = urllib.parse.urlencode({"run_id": shown.first.run_id, "path": "Fit"})
    listing = f"{shown.url}/api/2.0/mlflow/artifacts/list?{asked}"
    with urllib.request.urlopen(listing) as answer:
        files = {file["path"] for file in json.load(answer)["files"]}
    assert files == {"Fit/model.txt", "Fit/manifest.json"}


def test_a_run_on_a_tracking_server(project: Project, shown: Shown) -> None:
    from mlflow import MlflowClient

    project.pipeline()
    on_it = (f"RunConfig.tracking_uri={shown.url}", "RunConfig.experiment_name=on a server")
    report = project.run_here(*on_it)
    assert report.ok and report.tracking_uri == shown.url
    client = MlflowClient(shown.url)
    experiment = client.get_experiment_by_name("on a server")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED" and run.data.metrics == {"written": 5, "counted": 5}
    kept = Path(urllib.parse.unquote(run.info.artifact_uri))
    assert (kept / "Count" / "count.txt").read_text() == "5"
    assert project.runs() == []
    given = [*on_it, f"PathConfig.Write=run:{report.run_name}"]
    pinned = project.run(*(word for value in given for word in ("-o", value)))
    assert "Write  reused" in pinned.out and f"  look   {shown.url}\n" in pinned.out
    assert "View run" not in pinned.out + pinned.err, "said once is enough"


needs_browser = pytest.mark.skipif(bool(browser.missing()), reason=browser.missing())


@needs_browser
def test_the_page_opens_in_mlflows_artifact_viewer_without_any_network(
    shown: Shown, window: Browser
) -> None:
    window.open(f"{shown.page}/artifacts/report.html")
    frame = window.find("iframe.mlflow-html-iframe")
    assert window.attribute(frame, "sandbox") == "allow-scripts"
    window.enter(frame)
    text = window.text()
    for said in (
        shown.second.run_name,
        "Dependency graph",
        "2 reused",
        "0.875",
        f"from {shown.first.run_name}",
    ):
        assert said in text, said
    images = "return [...document.images].map(i => [i.alt, i.complete && i.naturalWidth > 0])"
    assert dict(window.run(images)) == {"Clean/plots/a.png": True}
    boxes = "return [...document.querySelectorAll('.graph .box')].map(b => b.getBBox().width)"
    assert len(window.run(boxes)) == 2 and min(window.run(boxes)) > 80
    asked = window.requests()
    assert any("report.html" in url for url in asked)
    elsewhere = [url for url in asked if not url.startswith((shown.url, "blob:", "data:"))]
    assert elsewhere == []


@needs_browser
def test_mlflow_shows_datasets_and_the_table(shown: Shown, window: Browser) -> None:
    window.open(shown.page)
    appears(window, "Clean.all", "+1")  # and the other one behind a button
    window.open(f"{shown.page}/artifacts/lineage.json")
    appears(window, "origin_run_id", "nothing changed since")


def appears(window: Browser, *words: str) -> None:
    deadline = time.monotonic() + 100
    text = ""
    while not all(word in text for word in words):
        assert time.monotonic() < deadline, text
        text = str(window.run("return document.body.innerText"))
