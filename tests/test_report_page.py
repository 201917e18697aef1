"""`report.html`: what stands on the page, escaped, without secrets and without any network."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from runner.redaction import Redactor
from runner.report import Report, TaskReport
from runner.report_page import page
from runner.report_page.content import Facts
from runner.report_page.plots import Image, logged
from runner.tracking.datasets import Dataset

EVIL = "<script>alert('1')</script>\"&<img src=x onerror=alert(1)>"
START = 1_700_000_000.0


def png(size: int = 0) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"tEXt", b"\0" * size) + chunk(b"IEND", b"")


def facts(*tasks: TaskReport, status: Any = "FINISHED", **values: Any) -> Facts:
    by_id = {f"{task.name}_1": task for task in tasks}
    given = {name: values.pop(name) for name in ("error", "traceback", "notes") if name in values}
    report = Report(status, "trial", tuple(tasks), run_id="0123abcd", run_name="first", **given)
    ids = list(by_id)
    edges = list(pairwise(ids))
    families = {task_id: task_id.removesuffix("_1") for task_id in ids}
    return Facts(report, by_id, families, edges, START, START + 10, **values)


class Page(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said.append(data.strip())

    @property
    def text(self) -> str:
        return "\n".join(filter(None, self.said))


def rendered(given: Facts, *secrets: str) -> Page:
    return Page(page.render(given, Redactor(secrets).clean))


def asserted_harmless(found: Page) -> None:
    """Nothing on the page runs, and nothing comes from elsewhere."""
    for tag, attributes in found.elements:
        assert tag not in ("script", "iframe", "object", "embed", "link", "base", "form", "a")
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "xlink:href", "srcset", "data", "action", "poster"):
                assert tag == "img" and (value or "").startswith("data:image/"), (tag, value)
    style = "".join(found.said)
    assert "@import" not in style and "url(" not in style


RAN = TaskReport(
    "Fit",
    "ran",
    "seed 0 → 1",
    Path("/x/Fit"),
    seconds=2.5,
    spans=((START + 1, START + 3.5),),
    size=447_300,
    metrics={"accuracy": 0.8238, "loss": float("nan")},
)
REUSED = TaskReport(
    "Raw", "reused", "nothing changed since early", origin="early", origin_id="feedbeef" * 4
)


def test_a_run_is_told_in_full() -> None:
    tags = {
        "runner.task": "Fit",
        "runner.user": "ada",
        "runner.host": "engine",
        "runner.git.commit": "a" * 40,
        "runner.git.branch": "main",
        "runner.git.dirty": "true",
        "runner.command": "python -m runner Fit",
        "mlflow.note.content": "a note",
        "purpose": "try",
        "reused.Raw": "hidden",
    }
    found = rendered(
        facts(
            REUSED,
            RAN,
            tags=tags,
            params={"Fit.seed": "1", "Fit.deep.er": "2", "loose": "3"},
            metrics={"accuracy": 0.8238, "loss": float("nan"), "elsewhere": 7.0},
            config_files=["luigi.toml", "more.toml"],
            inputs=[Dataset("Raw.train", "Raw", "input/t.csv", "blake3:" + "0f" * 32, 3, 1500)],
        )
    )
    for said in (
        "first", "trial", "finished", "a note", "ada on engine", "aaaaaaaaaa on main, with changes",
        "python -m runner Fit", "luigi.toml, more.toml", "purpose = try", "seed 0 → 1", "2.5 s",
        "447.3 kB", "from early", "feedbeef", "0.8238", "nan", "elsewhere", "the run", "deep.er",
        "Raw.train", "input/t.csv", "0f0f0f0f0f", "1.5 kB",
    ):  # fmt: skip
        assert said in found.text, said
    assert "hidden" not in found.text
    asserted_harmless(found)
    tags_found = [tag for tag, _ in found.elements]
    assert tags_found.count("svg") >= 3 and "img" not in tags_found


def test_a_failure_is_told_with_its_traceback() -> None:
    failed = replace(RAN, status="failed", error="ValueError: no", kept=Path("/x/.Fit.partial"))
    text = 'Traceback:\n  File "fit.py", line 3\nValueError: no'
    given = facts(REUSED, failed, status="FAILED", error="Fit: ValueError: no", traceback=text)
    found = rendered(given)
    assert "Why it failed" in found.text and text in found.text
    assert "unfinished files in .Fit.partial" in found.text
    stopped = rendered(facts(failed, status="KILLED", error="stopped by SIGTERM"))
    assert "Why it stopped" in stopped.text and "killed" in stopped.text


def test_every_value_is_escaped(tmp_path: Path) -> None:
    path = tmp_path / "evil.png"
    path.write_bytes(png())
    evil = TaskReport(
        EVIL,
        "failed",
        EVIL,
        Path(EVIL),
        origin=EVIL,
        origin_id=EVIL,
        seconds=1.0,
        spans=((START, START + 1),),
        metrics={EVIL: 1.0},
        error=EVIL,
        kept=Path("x", EVIL.replace("/", "")),
    )
    given = facts(
        evil,
        replace(evil, name=f"{EVIL} 2", status="reused"),
        status="FAILED",
        error=EVIL,
        traceback=EVIL,
        notes=(EVIL,),
        tags={EVIL: EVIL, "mlflow.note.content": EVIL, "runner.command": EVIL},
        params={f"Section.{EVIL}": EVIL, EVIL: EVIL},
        metrics={f"{EVIL} 3": 2.0},
        config_files=[EVIL],
        inputs=[Dataset(EVIL, EVIL, EVIL, EVIL, 1, None)],
        images=[Image(EVIL, path, 100), Image(f"{EVIL} 4", tmp_path / "none.png", 10**9)],
    )
    given = replace(given, report=replace(given.report, run_name=EVIL, experiment=EVIL))
    found = rendered(given)
    asserted_harmless(found)
    assert found.text.count("<script>alert('1')</script>") > 15


def test_secrets_are_masked_before_they_are_escaped_or_shortened() -> None:
    secret = "p&ss<word>'12345"
    long = f"{'x' * 990}{secret}"
    task = replace(RAN, name=f"Fit({secret})", reason=secret, error=secret, metrics={secret: 1.0})
    given = facts(task, error=long, status="FAILED", params={"Fit.key": long}, tags={"a": secret})
    html = page.render(given, Redactor([secret]).clean)
    assert "p&amp;ss" not in html and "&lt;word&gt;" not in html and "***" in html
    assert page.render(given, str).count("p&amp;ss") > 5


def test_characters_that_no_page_may_hold_are_replaced() -> None:
    odd = "a\x00b\x1b[31m\ud800\u202e"
    html = page.render(facts(replace(RAN, name=odd, reason=odd), params={"A.b": odd}), str)
    assert html.encode() and not re.search("[\x00\x1b\u202e\ud800]", html) and "a�b" in html


def test_plots_are_embedded_and_large_ones_named(tmp_path: Path) -> None:
    contents = {
        "a.png": png(),
        "b.JPG": b"\xff\xd8\xff jpeg",
        "c.gif": b"GIF89a gif",
        "d.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "large.png": png(7 * 2**20),
        "none.png": b"no image",
    }
    images = []
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        images.append(Image(f"Fit/{name}", tmp_path / name, len(content)))
    found = rendered(facts(RAN, images=images))
    asserted_harmless(found)
    shown = {a["alt"]: a["src"] or "" for tag, a in found.elements if tag == "img"}
    assert list(shown) == ["Fit/a.png", "Fit/b.JPG", "Fit/c.gif", "Fit/d.svg"]
    assert [uri.partition(";")[0] for uri in shown.values()] == [
        "data:image/png", "data:image/jpeg", "data:image/gif", "data:image/svg+xml",
    ]  # fmt: skip
    assert "Fit/large.png, 7.3 MB: not shown here" in found.text
    assert "Fit/none.png, 8 B: not shown here" in found.text


def test_so_many_plots_are_shown_as_a_page_can_hold(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    images = [Image(f"{n}.png", tmp_path / "a.png", 100) for n in range(300)]
    found = rendered(facts(RAN, images=images))
    assert sum(tag == "img" for tag, _ in found.elements) == 60
    assert "and 40 more" in found.text


def test_images_that_were_logged_to_the_run_are_found(tmp_path: Path) -> None:
    kept = ["figures/b.png", "images/a@1.png", "z.svg"]
    for name in [*kept, "Fit/out.png", ".Fit.partial/half.png", "notes.txt", "figures/Fit/c.png"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png())
    (tmp_path / "link.png").symlink_to("/etc/passwd")
    assert sorted(i.name for i in logged(tmp_path, {"Fit"})) == ["figures/Fit/c.png", *kept]


def test_a_run_of_thousands_is_cut_short_and_says_so() -> None:
    tasks = [replace(RAN, name=f"T{n}", metrics={f"m{n}": n}, spans=()) for n in range(3000)]
    tasks[-1] = replace(tasks[-1], status="failed", error="it broke")
    given = facts(*tasks, params={f"A.p{n}": "x" * 5000 for n in range(1500)})
    html = page.render(given, str)
    assert len(html) < 4_000_000
    found = Page(html)
    assert "2000 more tasks are not in this table." in found.text and "it broke" in found.text
    assert "2500 more metrics" in found.text and "500 more parameters" in found.text
    assert "too many tasks of too many kinds" in found.text


def test_a_circle_of_tasks_is_told_without_a_picture() -> None:
    given = facts(REUSED, RAN)
    found = rendered(replace(given, edges=[*given.edges, ("Fit_1", "Raw_1")]))
    assert "or a circle of them" in found.text and "447.3 kB" in found.text


def test_nothing_is_said_where_nothing_is_known() -> None:
    found = rendered(facts(replace(REUSED, origin="", origin_id="", reason="")))
    for heading in ("Timeline", "Metrics", "Plots", "Inputs", "Parameters", "Why it failed"):
        assert heading not in found.text
    assert "Origin" not in found.text


def test_only_what_is_made_here_is_taken_as_markup() -> None:
    template = (files("runner.report_page") / "report.html.jinja").read_text()
    marked = set(re.findall(r"\{\{\s*([^}]*?)\s*\|\s*safe\s*\}\}", template))
    assert marked == {
        "style",
        "sign(state)",
        "sign(status)",
        "sign(task.status)",
        "graph.svg",
        "timeline",
    }
    assert "autoescape" not in template and template.count("| safe") == 6


@pytest.mark.parametrize("count", [3, 60])
def test_it_is_written_in_a_moment(count: int) -> None:
    import time

    tasks = [replace(RAN, name=f"T{n}") for n in range(count)]
    page.render(facts(RAN), str)
    before = time.process_time()
    page.render(facts(*tasks), str)
    assert time.process_time() - before < 1
