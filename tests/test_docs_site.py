"""The site that `make docs` writes: pages in the map, links that hold, nothing from outside."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests import browser
from tests.browser import Browser

ROOT = Path(__file__).parents[1]
PAGES = sorted(page.stem for page in ROOT.glob("docs/*.md"))
# What a page loads by itself; a link in it is followed only by whoever clicks it.
_LOADS = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}
_OUTSIDE = re.compile(r"(?:https?:)?//[a-z]", re.IGNORECASE)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sphinx")
    pytest.importorskip("furo")
    folder = tmp_path_factory.mktemp("site")
    options = ["--fail-on-warning", "--keep-going", "-q", "-c", "docs", "-d", str(folder / "cache")]
    command = [sys.executable, "-m", "sphinx", *options, ".", str(folder / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "site"


class Loads(HTMLParser):
    """The addresses of what a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get(_LOADS.get(tag, ""))
        if address:
            self.found.append(address)


def loaded(page: Path) -> list[str]:
    parser = Loads()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser.found


def test_the_command_of_the_makefile_is_the_one_tested() -> None:
    line = "python -m sphinx --fail-on-warning --keep-going -q -c docs -d build/doctrees . site"
    assert line in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_every_page_is_in_the_navigation(site: Path) -> None:
    front = (site / "docs/index.html").read_text(encoding="utf-8")
    navigation = front[front.index("sidebar-tree") : front.index("<article")]
    found = set(re.findall(r'href="([\w-]+)\.html"', navigation))
    assert found | {"index"} == set(PAGES)
    assert [c for c in ("Learn", "Do", "Look up", "Project") if f">{c}<" not in navigation] == []


def test_the_site_opens_at_its_top(site: Path) -> None:
    assert 'url=docs/index.html"' in (site / "index.html").read_text(encoding="utf-8")


def test_pages_load_what_is_there_and_nothing_from_outside(site: Path) -> None:
    for page in site.rglob("*.html"):
        for address in loaded(page):
            assert not _OUTSIDE.match(address), f"{page.name} loads {address}"
            assert (page.parent / address.partition("?")[0].partition("#")[0]).exists()
    for style in site.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", text), style.name


@pytest.fixture
def window() -> Iterator[Browser]:
    if reason := browser.missing():
        pytest.skip(reason)
    with browser.browser() as window:
        yield window


def test_a_browser_asks_for_local_files_only_and_nothing_overflows(
    site: Path, window: Browser
) -> None:
    window.resize(500, 900)
    for page in PAGES:
        window.open((site / "docs" / f"{page}.html").as_uri())
        wide = "return document.documentElement.scrollWidth - window.innerWidth"
        assert window.run(wide) <= 0, f"{page} is wider than a phone"
    asked = window.requests()
    assert len(asked) > len(PAGES)
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_the_search_finds_a_word(site: Path, window: Browser) -> None:
    window.open((site / "search.html").as_uri() + "?q=fingerprint")
    assert window.find('#search-results a[href*="reuse.html"]')  # they come one after the other
