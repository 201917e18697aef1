"""The fingerprint of a task: one hash over all that its outputs depend on.

Two tasks of one fingerprint have the same name, parameters, effective config, code and input
bytes, so that the outputs of one can stand for the outputs of the other.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cached_property
from pathlib import PurePath
from typing import Any
from uuid import UUID

from blake3 import blake3
from pydantic import BaseModel, SecretBytes, SecretStr

from runner.artifacts.code import Code
from runner.artifacts.manifest import InputRecord

_FORMAT = "runner-fingerprint-3"  # a change of what is hashed, or how, must change this
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_WRITTEN = (PurePath, Decimal, UUID, timedelta, complex)  # types whose `str` says all


@dataclass(frozen=True)
class Ingredients:
    """All that the outputs of a task depend on.

    Attributes:
        task: the family.
        version: what the class says of itself, to force new outputs without a change of code.
        params: significant luigi parameters that may be shown, serialised.
        code: what it is made of.
        inputs: name -> what is read, in order; digests alone count.
        packages: name -> version of the packages that the task says it depends on.
        beside: name -> digest of what is not written down: the effective config with `${VAR}`
            expanded, private parameters, other sections that the code reads.
    """

    task: str
    version: str
    params: Mapping[str, str]
    code: Code
    inputs: Mapping[str, InputRecord]
    packages: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def fingerprint(self) -> str:
        """64 hex digits."""
        record = (
            _FORMAT,
            self.task,
            self.version,
            sorted(self.params.items()),
            self.code.digest,
            [(name, found.kind, *_said(found)) for name, found in self.inputs.items()],
            sorted(self.packages.items()),
            sorted(self.beside.items()),
        )
        return _hashed(record)


def _said(found: InputRecord) -> tuple[str, str]:
    """A file is known to the task by its name as well, a folder by the names in it."""
    name = "" if found.files or found.kind == "task" else PurePath(found.path).name
    return found.digest, name


def digest_of(value: Any) -> str:
    """A digest over plain values and pydantic models: 1, 1.0, true and "1" are four things.

    Raises:
        TypeError: something is of a type of which it is not known what says all of it.
    """
    return f"blake3-value:{_hashed(_tagged(value))}"


def _hashed(record: Any) -> str:
    return blake3(_ENCODER.encode(record).encode()).hexdigest()


def _tagged(value: Any) -> list[Any]:
    """A value with the name of its type; what has no order is sorted."""
    kind = type(value).__name__
    match value:
        case BaseModel():
            extra = value.model_extra or {}
            named = {name: getattr(value, name) for name in type(value).model_fields}
            return ["model", kind, _tagged({**named, **extra})]
        case Mapping():
            pairs = [[_tagged(name), _tagged(inner)] for name, inner in value.items()]
            return ["map", sorted(pairs, key=json.dumps)]
        case list() | tuple():
            return ["list", [_tagged(inner) for inner in value]]
        case set() | frozenset():
            return ["set", sorted((_tagged(inner) for inner in value), key=json.dumps)]
        case Enum():
            return ["enum", kind, value.name]
        case float():
            return ["float", "nan" if math.isnan(value) else value.hex()]
        case None | bool() | int() | str():
            return [kind, str(value)]
        case bytes():
            return [kind, value.hex()]
        case SecretStr() | SecretBytes():
            return [kind, _tagged(value.get_secret_value())]
        case datetime() | date() | time():
            return [kind, value.isoformat()]
    return _tagged_otherwise(value, kind)


def _tagged_otherwise(value: Any, kind: str) -> list[Any]:
    if isinstance(value, _WRITTEN):
        return [kind, str(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = {part.name: getattr(value, part.name) for part in dataclasses.fields(value)}
        return ["dataclass", kind, _tagged(named)]
    raise TypeError(f"holds a {kind}, of which it can't be told whether it changed")
