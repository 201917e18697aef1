"""A config written back as TOML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomlkit


def to_toml(sections: Mapping[str, Any]) -> str:
    """The sections as a TOML document; ``tomllib.loads`` of it gives the same values back."""
    return tomlkit.dumps({name: dict(table) for name, table in sections.items()})
