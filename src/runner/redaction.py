"""Keeps secret values out of everything that is written."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus, unquote

MASK = "***"

_SHORTEST = 4
_PASSWORD = re.compile(r"(://[^/\s:@]*):[^/\s@]+@")
_LINE = 12  # characters of a line of a secret of several lines, such as a private key


class Redactor:
    """Replaces known secret values by ``***``, also quoted as in URLs, JSON and Python.

    Args:
        secrets: the values.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
        # The longest first, so that a secret inside another one does not split it.
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        self._found = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def clean(self, text: str) -> str:
        return self._found.sub(MASK, text) if self._found else text

    def json(self, values: dict[str, Any]) -> str:
        """Plain values as strict JSON, secrets masked in the strings."""
        return json.dumps(self._strict(values), default=str, allow_nan=False)

    def _strict(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self.clean(str(key)): self._strict(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._strict(inner) for inner in value]
        if isinstance(value, float) and not math.isfinite(value):  # strings, as in MLflow's JSON
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return self.clean(value) if isinstance(value, str) else value


def hide_password(text: str) -> str:
    """Any text with ``***`` for the passwords of the URLs in it."""
    return _PASSWORD.sub(rf"\1:{MASK}@", text)


def _forms(secret: str) -> Iterator[str]:
    plain = unquote(secret)
    yield from (secret, plain, quote(plain, safe=""), quote(plain), quote_plus(plain))
    for value in (secret, plain):
        yield from (repr(value)[1:-1], json.dumps(value)[1:-1])
        yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield from (line.strip() for line in secret.splitlines() if len(line.strip()) >= _LINE)
