"""Writes the page: values into a template that escapes all of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from runner.report_page import marks, plots
from runner.report_page.content import Facts, cleaned, content

NAME = "report.html"

# What no page may hold, and what turns the direction of the text that follows it.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def render(facts: Facts, clean: Callable[[str], str]) -> str:
    """The page, as HTML.

    Args:
        clean: masks secrets; called with every text before it is escaped.
    """

    safe = safe_with(clean)
    images = plots.embedded(facts.images)
    report = replace(facts.report, tasks=())  # they are in the facts by their ids
    values = content(cleaned(replace(facts, report=report, images=()), safe))
    values["images"] = [(safe(name), uri) for name, uri in images.shown.items()]
    values["images_named"] = cleaned(images.named, safe)
    return str(_template().render(values))


def safe_with(clean: Callable[[str], str]) -> Callable[[str], str]:
    """What is done to every text before it is escaped."""
    return lambda text: _UNSAFE.sub("�", clean(text))


@cache
def _template() -> Any:
    text = (files(__package__) / "report.html.jinja").read_text(encoding="utf-8")
    return environment().from_string(text)


@cache
def environment() -> Any:
    """Makes templates that escape all values, with `style` for the pages of runs."""
    from jinja2 import Environment, StrictUndefined

    found = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = (files(__package__) / "report.css").read_text(encoding="utf-8")
    found.globals["style"] = f"{marks.COLOURS}{marks.STYLE}\n{style}"
    return found
