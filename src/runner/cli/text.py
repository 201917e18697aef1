"""Text of others (names, messages, tracebacks), made safe for a terminal."""

from __future__ import annotations

import re

# Control characters, and those that turn the direction of what follows; tabs and line ends stay.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def safe(text: str) -> str:
    """The text with a visible ``�`` for every character that a terminal would act upon."""
    return _UNSAFE.sub("�", text.replace("\r\n", "\n"))


def safe_line(text: str) -> str:
    """The same, on one line."""
    return safe(text).replace("\n", "�").replace("\t", " ")
