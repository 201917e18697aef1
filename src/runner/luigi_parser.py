"""Fills luigi's own config parser, before luigi reads any file by itself.

luigi, when imported, parses a ``luigi.toml`` of the working directory (and LUIGI_CONFIG_PATH) with
the `toml` package, which reads some broken files without a word. So every module here that needs
luigi imports this one first: it puts an empty parser in luigi's place, and `fill` hands over what
`runner.config` has read and checked. It also keeps `requests` away, which luigi imports for a
central scheduler, and which takes half as long to import as luigi itself.
"""

from __future__ import annotations

import datetime
import importlib
import importlib.util
import json
import os
import sys
import threading
import types
from collections.abc import Mapping
from typing import Any

from runner.config.schema import LUIGI_SECTIONS

_QUIET = {"core": {"autoload_range": False}}  # luigi warns when this is left unsaid
_CENTRAL = ("scheduler_url", "default_scheduler_url", "scheduler_host")  # keys of [core]


def fill(sections: Mapping[str, Mapping[str, Any]]) -> None:
    """Hands plain sections to luigi: its own as they are, a task's as luigi parameters parse them.

    Lists and tables become JSON and dates ISO 8601, because luigi's parameters parse strings.
    """
    data: dict[str, Any] = {name: dict(table) for name, table in _QUIET.items()}
    for name, table in sections.items():
        if name in LUIGI_SECTIONS:
            data.setdefault(name, {}).update(table)
        else:
            data[name] = {key: as_parameter(value) for key, value in table.items()}
    _parser().data = data
    if any(data["core"].get(key) for key in _CENTRAL):
        _with_requests()


def as_parameter(value: Any) -> Any:
    """A TOML value in the form that luigi's parameters parse."""
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, list | dict):
        return json.dumps(value, default=str)
    return value


def _parser() -> Any:
    """luigi's TOML parser, the only instance, which no longer reads files."""
    os.environ["LUIGI_CONFIG_PARSER"] = "toml"  # luigi asks at each look-up, in children too
    if "luigi" in sys.modules:
        module = importlib.import_module("luigi.configuration.toml_parser")
    else:
        module = _import_parser_alone()
    parser = module.LuigiTomlParser
    parser._config_paths = []
    return parser.instance()


def _import_parser_alone() -> types.ModuleType:
    """Imports luigi's parser without luigi, whose import would read files at once."""
    spec = importlib.util.find_spec("luigi")
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError("luigi is not installed", name="luigi")
    stand_in = types.ModuleType("luigi")
    stand_in.__path__ = list(spec.submodule_search_locations)
    path = os.environ.pop("LUIGI_CONFIG_PATH", None)
    sys.modules["luigi"] = stand_in
    try:
        return importlib.import_module("luigi.configuration.toml_parser")
    finally:
        del sys.modules["luigi"]
        if path is not None:
            os.environ["LUIGI_CONFIG_PATH"] = path


def _import_luigi() -> None:
    """Imports luigi, and `requests` only where that would be another thread's loss, or no gain."""
    alone = threading.active_count() == 1
    if alone and "requests" not in sys.modules and not _is_there("requests_unixsocket"):
        sys.modules["requests"] = None  # type: ignore[assignment]  # luigi takes it as absent
        try:
            importlib.import_module("luigi")
        finally:
            del sys.modules["requests"]
    else:
        importlib.import_module("luigi")


def _with_requests() -> None:
    """Lets luigi speak to a central scheduler as it does where nobody kept `requests` away."""
    rpc: Any = importlib.import_module("luigi.rpc")
    if not rpc.HAS_REQUESTS and _is_there("requests"):
        rpc.requests, rpc.HAS_REQUESTS = importlib.import_module("requests"), True


def _is_there(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


fill({})
_import_luigi()
