"""What a config may hold: the values that TOML has, and no others."""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

DEEPEST = 50  # tables and lists inside one another
TOO_DEEP = "is nested too deeply"

_INTEGERS = range(-(2**63), 2**63)  # more than TOML promises, and than a database keeps
# The standard library's parser takes seconds for a key of many thousand parts.
_ENDLESS_KEY = re.compile(
    r"""(?<![\w.-])(?:(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){1000}"""
)
_AS_THEY_ARE = (bool, datetime.date, datetime.time)


def parse(text: str) -> dict[str, Any]:
    """A TOML document.

    Raises:
        ValueError: it is none, or is nested too deeply; the message is a sentence part.
    """
    if _ENDLESS_KEY.search(text):
        raise ValueError(TOO_DEEP)
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    except ValueError as error:
        raise ValueError(f"is not valid TOML: {error}") from None
    if _too_deep(table):
        raise ValueError(TOO_DEEP)
    return table


def plain(value: Any, depth: int = 0) -> Any:
    """A value as TOML would have given it: tuples as lists, paths as strings, numpy's numbers as
    Python's.

    Raises:
        ValueError: TOML has no such value; the message is a sentence part.
    """
    if depth > DEEPEST:
        raise ValueError(TOO_DEEP)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, _AS_THEY_ARE):
        return value
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        if value not in _INTEGERS:
            raise ValueError("is beyond 64 bits; write it as a string")
        return int(value)
    if isinstance(value, Mapping):
        return {_key(name): plain(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner, depth + 1) for inner in value]
    return plain(_of_a_library(value), depth + 1)


def _of_a_library(value: Any) -> Any:
    """What a program may have in place of a plain value: a path, or a number of numpy's."""
    if isinstance(value, PurePath):
        return str(value)
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        return value.item()
    if value is None:
        raise ValueError("TOML has no value for None; leave the key out")
    raise ValueError(f"TOML has no value for {type(value).__name__}")


def _too_deep(value: Any) -> bool:
    """Whether tables and lists stand inside one another more than `DEEPEST` times."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def _key(name: Any) -> str:
    if not isinstance(name, str):
        raise ValueError(f"the key {name!r} is no string")
    return _text(name)


def _text(value: str) -> str:
    try:
        return value.encode().decode()
    except UnicodeEncodeError:  # bytes of the command line that were not UTF-8
        raise ValueError("is not UTF-8 text") from None
