"""The record of an experiment: TOML files, read, merged, overridden, checked and written back.

``load`` is the way in. Later wins: default < files in order < `.env` < environment < command line,
and `Config.origins` says which of them each value came from.
"""

from runner.config.document import OVERRIDES, Overrides
from runner.config.loading import ConfigSource, load, sources_of
from runner.config.model import Config, SectionCheck
from runner.config.schema import RunConfig
from runner.config.snapshot import to_toml

__all__ = [
    "OVERRIDES",
    "Config",
    "ConfigSource",
    "Overrides",
    "RunConfig",
    "SectionCheck",
    "load",
    "sources_of",
    "to_toml",
]
