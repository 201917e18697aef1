"""What a config may say: the runner's own sections, luigi's, and one a task."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from runner.errors import did_you_mean

RUN, PATHS, SWEEP = "RunConfig", "PathConfig", "Sweep"

#: Sections that belong to luigi itself and its contrib modules; their keys are luigi's affair.
LUIGI_SECTIONS = frozenset(
    """
    core worker scheduler resources retcode execution_summary email smtp sendgrid sns
    batch_notifier task_history logging metrics cors hadoop hdfs hive s3 spark mysql postgres
    redshift kubernetes webhdfs azureblob bigquery dropbox ecs elasticsearch gcs dataproc
    mrrunner pyspark_runner salesforce simulate sge lsf scalding target_templates
    """.split()
)

_LONGEST_NAME = 500  # MLflow's limit for the names of experiments
_SHOWN = 60


class RunConfig(BaseModel):
    """`[RunConfig]`: what is run, and where it is recorded."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    renamed: ClassVar[Mapping[str, str | None]] = {}  # of earlier versions, as in a TaskConfig

    experiment_name: str = Field(min_length=1, max_length=_LONGEST_NAME)
    task: str = Field(min_length=1)
    description: str = ""
    modules: list[str] = Field(default=["tasks"], min_length=1)
    reuse: Literal["pinned", "auto"] = "pinned"
    fingerprint_packages: list[str] = []
    tags: dict[str, Any] = {}
    engine: str = "inline"
    workers: int = Field(default=0, ge=0, le=10_000)
    engine_address: str | None = None
    run_name: str | None = None
    tracking_uri: str | None = None
    artifact_root: str | None = None

    @field_validator("experiment_name", "task", "run_name")
    @classmethod
    def _printable(cls, value: str | None) -> str | None:
        if value is not None and (not value.isprintable() or not value.strip()):
            raise ValueError("expected printable characters on one line")
        return value

    @field_validator("tracking_uri", "artifact_root")
    @classmethod
    def _place(cls, value: str | None) -> str | None:
        if value is not None and (not value.isprintable() or not value.strip()):
            raise ValueError("expected a path or URI")
        return value

    @field_validator("engine")
    @classmethod
    def _engine(cls, value: str) -> str:
        known = ("inline", "processes", "dask")
        dotted = "." in value and all(part.isidentifier() for part in value.split("."))
        if value not in known and not dotted:
            near = did_you_mean(value, known)
            raise ValueError(f"expected {', '.join(known)} or the dotted name of a callable{near}")
        return value

    @field_validator("tags")
    @classmethod
    def _flat(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name, tag in value.items():
            if not isinstance(tag, str | int | float):
                raise ValueError(f"expected a string, number or boolean for {name!r}")
        return value

    @field_validator("modules")
    @classmethod
    def _importable(cls, value: list[str]) -> list[str]:
        for name in value:
            if not all(part.isidentifier() for part in name.split(".")):
                raise ValueError(f"{name!r} is not the dotted name of a module")
        return value


def explain(error: ValidationError, model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Turns pydantic's findings into (dotted key, sentence) pairs."""
    for found in error.errors(include_url=False):
        names = [str(part) for part in found["loc"]]
        key = ".".join(names)
        if found["type"] == "missing":
            yield key, "is required and has no default"
        elif found["type"] == "extra_forbidden":
            yield key, f"unknown key{did_you_mean(names[-1], _fields_at(model, names[:-1]))}"
        else:
            expected = found["msg"].removeprefix("Value error, ")
            expected = expected.replace("Input should be", "expected", 1)
            expected = re.sub(r"^expected (greater|less)", r"expected a value \1", expected)
            yield key, f"{expected[:1].lower()}{expected[1:]}, got {shown(found['input'])}"


def shown(value: Any) -> str:
    """A value as messages show it: its literal, cut when long, and its type."""
    text = repr(value)
    text = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return f"{text} ({type(value).__name__})"


def check_paths(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Finds what is wrong with the values of `[PathConfig]`."""
    for name, value in values.items():
        if not isinstance(value, str):
            yield name, f"expected a path as a string, got {shown(value)}"
        elif not value.strip():
            yield name, "expected a path, got an empty string"
        elif "\0" in value:
            yield name, "a path can't hold a NUL character"


def _fields_at(model: type[BaseModel], names: list[str]) -> list[str]:
    for name in names:
        inner = model.model_fields.get(name)
        if inner is None or not isinstance(inner.annotation, type):
            return []
        if not issubclass(inner.annotation, BaseModel):
            return []
        model = inner.annotation
    return [*model.model_fields, *getattr(model, "_tables", ())]
