"""Values of parameters as people read them."""

from __future__ import annotations

import json

MISSING = "(missing)"


def shown(value: str | None) -> str:
    """A value, such that one that is missing differs from every text."""
    if value is None:
        return MISSING
    return value if value.strip() and value != MISSING else json.dumps(value)


def shortened(text: str, longest: int) -> str:
    """The text with its end cut off; whole when `longest`, in characters, is 0."""
    return text if not longest or len(text) <= longest else f"{text[: longest - 1]}…"


def number(value: float) -> str:
    """A number with the digits that people compare."""
    return f"{value:.4g}"
