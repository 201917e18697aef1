"""The documentation as a site: `make docs` writes it to site/.

The source folder is the whole checkout, so that links between docs/ and the README, the changelog
and the guide for contributors hold on the site as they do in the repository. docs/index.md is the
map: its headings and the first link of each line are the navigation, so nothing is listed twice.
"""

import re
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = PROJECT["name"]
version = release = PROJECT["version"]
language = "en"

extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/*.md"]
exclude_patterns = [p.name for p in ROOT.iterdir() if p.is_dir() and p.name != "docs"]

myst_heading_anchors = 4  # as GitHub gives them, for links to `page.md#heading`
smartquotes = False  # options have two hyphens
highlight_language = "text"  # blocks without a language are mostly output

html_theme = "furo"
html_title = "luigi-mlflow-runner"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path = ["_root"]  # index.html at the top of the site, which leads to docs/index.html
html_copy_source = False
html_use_index = False
html_show_copyright = False
html_theme_options = {
    "navigation_with_keys": True,
    "light_css_variables": {
        "color-brand-primary": "#0b5e8a",
        "color-brand-content": "#0b5e8a",
        "color-brand-visited": "#0b5e8a",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7cc4ea",
        "color-brand-content": "#7cc4ea",
        "color-brand-visited": "#7cc4ea",
    },
}

# A link that shows the name of its file shows the title of the page on the site.
_FILE_NAME = re.compile(r"\[(?:docs/)?[\w-]+\.md\]\(([^)]+)\)")
_PART = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_ENTRY = re.compile(r"^- \[([^\]]+)\]\(([\w./-]+)\.md\)", re.MULTILINE)


def navigation(text: str) -> str:
    """Hidden tables of contents, one for each part of the map that lists pages."""
    parts = (
        (title, [f"{name} <{page}>" for name, page in _ENTRY.findall(body)])
        for title, body in _PART.findall(text)
    )
    trees = (
        "\n".join(["", "```{toctree}", ":hidden:", f":caption: {title}", "", *pages, "```", ""])
        for title, pages in parts
        if pages
    )
    return "".join(trees)


def _adapt(app: Sphinx, docname: str, source: list[str]) -> None:
    source[0] = _FILE_NAME.sub(r"[](\1)", source[0])
    if docname == root_doc:
        source[0] += navigation(source[0])


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _adapt)
