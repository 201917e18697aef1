"""A config as MLflow's parameters: flat, as text, and within MLflow's limits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from runner.redaction import Redactor, hide_password

LONGEST = 6000  # characters of a parameter; these three are MLflow's limits
LONGEST_TAG = 8000
_LONGEST_KEY = 250
_BAD_IN_KEY = re.compile(r"[^\w\-. :/]")


def parameters(sections: Mapping[str, Any], redactor: Redactor) -> dict[str, str]:
    """Every value as MLflow's parameters have it, but for their limit: name -> text."""
    return {key(name): redactor.clean(hide_password(value)) for name, value in flatten(sections)}


def is_cut(text: str) -> bool:
    """Whether the value of a parameter may have been too long for MLflow."""
    return len(text) >= LONGEST and text.endswith("…")


def flatten(sections: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every value as (`Section.key.…`, text); strings as they are, lists as JSON."""
    for section, values in sections.items():
        waiting = [(section, values)]
        while waiting:
            key, value = waiting.pop()
            if isinstance(value, Mapping) and value:
                waiting.extend((f"{key}.{name}", inner) for name, inner in value.items())
            elif key != section:
                text = json.dumps(value, default=str, ensure_ascii=False)
                yield key, value if isinstance(value, str) else text


def key(name: str) -> str:
    """A name as MLflow takes it for a parameter or tag."""
    return _BAD_IN_KEY.sub("_", name)[:_LONGEST_KEY]


def shortened(text: str, most: int) -> str:
    """The text, cut to so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
