"""CSV that opens in a spreadsheet, and in which nothing is executed there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r]")
_QUOTED = re.compile(r'[",;\t\r\n]|^\s|\s$')


def text(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV (RFC 4180); a cell that a spreadsheet would compute gets a `'` in front."""
    return "".join(",".join(map(_cell, row)) + "\r\n" for row in rows)


def _cell(value: str) -> str:
    if _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        value = f"'{value}"
    # Some spreadsheets part cells at `;` or tabs, where another formula could begin.
    return '"' + value.replace('"', '""') + '"' if _QUOTED.search(value) else value
