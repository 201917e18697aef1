"""Where each value of a run's config came from, as a tag of the run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

TAG = "runner.origins"

_ALL = "*"  # stands for every key that is not listed; else a large config would not fit into a tag


def told(keys: Iterable[str], origins: Mapping[str, str]) -> str:
    """The tag's text: keys by the file or layer that set them last."""
    found: dict[str, list[str]] = {}
    for key in keys:
        found.setdefault(origins.get(key, "config"), []).append(key)
    if not found:
        return ""
    most = max(found, key=lambda origin: len(found[origin]))
    return json.dumps({**found, most: _ALL}, ensure_ascii=False)


def read(tags: Mapping[str, str], written: Iterable[str]) -> dict[str, str]:
    """The origin of each key that a config has; `config` where that was not recorded."""
    keys = list(written)
    try:
        found = json.loads(tags.get(TAG, "{}"))
        listed = {key: origin for origin, of in found.items() if of != _ALL for key in of}
    except (ValueError, TypeError, AttributeError):  # cut, because it was too long for a tag
        return dict.fromkeys(keys, "config")
    other = next((origin for origin, of in found.items() if of == _ALL), "config")
    return {key: listed.get(key, other) for key in keys}
