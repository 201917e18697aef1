"""The fingerprint of a task: one hash over all that its outputs depend on.

Two tasks of one fingerprint have the same name, parameters, effective config, code and input
bytes, so that the outputs of one can stand for the outputs of the other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from blake3 import blake3

from runner.artifacts.manifest import InputRecord

_FORMAT = "runner-fingerprint-1"  # a change of what is hashed, or how, must change this


@dataclass(frozen=True)
class Ingredients:
    """All that the outputs of a task depend on.

    Attributes:
        task: the family.
        version: what the class says of itself, to force new outputs without a change of code.
        params: significant luigi parameters, serialised.
        config: the effective config, `${VAR}` expanded, defaults written out.
        code: dotted name -> normalised source.
        inputs: name -> what is read; its digest alone counts.
        packages: name -> version of the packages that the task says it depends on.
    """

    task: str
    version: str
    params: Mapping[str, str]
    config: Mapping[str, Any]
    code: Mapping[str, str]
    inputs: Mapping[str, InputRecord]
    packages: Mapping[str, str] = field(default_factory=dict)

    def fingerprint(self) -> str:
        """64 hex digits."""
        digests = {name: found.digest for name, found in self.inputs.items()}
        values = {**vars(self), "inputs": digests}
        record = [_FORMAT, *(_tagged(value) for value in values.values())]
        text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return blake3(text.encode()).hexdigest()


def _tagged(value: Any) -> list[Any]:
    """A value with the name of its type, so that 1, 1.0, true and "1" are four things."""
    if isinstance(value, Mapping):
        return ["map", sorted([str(name), _tagged(inner)] for name, inner in value.items())]
    if isinstance(value, list | tuple):
        return ["list", [_tagged(inner) for inner in value]]
    if isinstance(value, float):
        return ["float", "nan" if math.isnan(value) else value.hex()]
    if value is None or isinstance(value, bool | int | str):
        return [type(value).__name__, str(value)]
    if hasattr(value, "isoformat"):
        return [type(value).__name__, value.isoformat()]
    raise TypeError(f"a config can't hold a {type(value).__name__}")
