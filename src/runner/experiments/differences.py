"""What differs between runs and config files: a row a key, a column a run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import zip_longest
from typing import Any, Literal

from runner.experiments import files
from runner.experiments.chance import Interval, near
from runner.experiments.records import Records, RunRecord
from runner.settings import Settings
from runner.tracking import recording, surroundings

Kind = Literal["parameter", "metric", "code", "input"]
Key = tuple[Kind, str]

_KINDS: tuple[Kind, ...] = ("parameter", "metric", "code", "input")
_PREFIXES = {"parameter": "", "metric": "metrics.", "code": "code.", "input": "inputs."}
_FIRST = ("RunConfig.", "PathConfig.")
_FILE = re.compile(rb'^diff --git (?:"a/.*" "b/(.*)"|a/.* b/(.*))$', re.MULTILINE)
COMMITTED = "as committed"


@dataclass(frozen=True)
class Column:
    """A run, or a config file.

    Attributes:
        name: of the run, or of the file as it was asked for.
        run_id: empty for a file.
        values: text by kind and key.
        intervals: of each metric that is a mean.
    """

    name: str
    run_id: str
    values: Mapping[Key, str] = field(repr=False)
    intervals: Mapping[str, Interval] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Row:
    """A key with different values.

    Attributes:
        name: the key, flat.
        values: one for each column; None where it is missing.
        inside: of a metric: for each column, that whose interval has the value in it; None where
            there is no such other one.
    """

    kind: Kind
    name: str
    values: tuple[str | None, ...]
    inside: tuple[int | None, ...] = ()

    @property
    def shown(self) -> str:
        """The key, with what kind it is of."""
        return f"{_PREFIXES[self.kind]}{self.name}"


@dataclass(frozen=True)
class Differences:
    """What differs.

    Attributes:
        columns: in the order in which they were asked for.
        rows: the keys that differ: parameters, then metrics, code, inputs.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    @property
    def titles(self) -> list[str]:
        """Names of the columns, with the beginning of the id where a name is not the only one."""
        counts = Counter(column.name for column in self.columns)
        return [
            f"{c.name} ({c.run_id[:8]})" if counts[c.name] > 1 and c.run_id else c.name
            for c in self.columns
        ]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; a missing one is None."""
        columns = [{"name": c.name, "run_id": c.run_id or None} for c in self.columns]
        rows = [
            {"kind": r.kind, "key": r.name, "values": list(r.values)}
            | ({"inside": list(r.inside)} if any(i is not None for i in r.inside) else {})
            for r in self.rows
        ]
        return {"columns": columns, "rows": rows}


def compare(
    asked: Sequence[str], records: Records, settings: Settings, *, everything: bool = False
) -> Differences:
    """Compares runs and config files, of which the defaults are filled in as in runs.

    Args:
        asked: ids, names, `latest` and so on, and files.
        everything: metrics, code and inputs too.

    Raises:
        UsageError: there is no such run.
        ConfigError, ProjectCodeError, GraphError: a file is no config of this project.
    """
    named = [name for name in asked if not files.is_file(name)]
    runs = dict(zip(named, records.named(named), strict=True)) if named else {}
    columns = tuple(
        of_run(runs[name], everything=everything)
        if name in runs
        else of_file(name, settings, everything=everything)
        for name in asked
    )
    return Differences(columns, tuple(differing(columns)))


def differing(columns: Sequence[Column]) -> Iterator[Row]:
    """A row for each key that has not the same value in all columns."""
    keys = {key for column in columns for key in column.values}
    edited = {key for key in keys if key[0] == "code" and key[1] != "commit"}
    for key in sorted(keys, key=_rank):
        absent = COMMITTED if key in edited else None
        values = tuple(
            c.values.get(key, absent if ("code", "commit") in c.values else None) for c in columns
        )
        if len(set(values)) > 1:
            yield Row(*key, values, _inside(key, values, columns))


def _inside(
    key: Key, values: Sequence[str | None], columns: Sequence[Column]
) -> tuple[int | None, ...]:
    kind, name = key
    found = [column.intervals.get(name) for column in columns]
    if kind != "metric" or not any(found):
        return ()
    numbers = [None if value is None else float(value) for value in values]
    return tuple(
        next(
            (
                at
                for at, interval in enumerate(found)
                if interval and at != of and near(number, found[of], numbers[at], interval)
            ),
            None,
        )
        for of, number in enumerate(numbers)
    )


def _rank(key: Key) -> tuple[int, int, str]:
    kind, name = key
    first = next((n for n, prefix in enumerate(_FIRST) if name.startswith(prefix)), len(_FIRST))
    return _KINDS.index(kind), first if name != "commit" else -1, name


def of_run(record: RunRecord, *, everything: bool = False) -> Column:
    """A run with its parameters, or with all that can be compared."""
    values: dict[Key, str] = {("parameter", key): text for key, text in record.values.items()}
    if everything:
        values |= {("metric", name): repr(value) for name, value in record.metrics.items()}
        values |= {("input", name): digest for name, digest in record.inputs.items()}
        code = {"commit": record.run.tags.get("mlflow.source.git.commit", "")}
        code |= changed_files(record)
        values |= {("code", name): text for name, text in code.items() if text}
    return Column(record.name, record.run.run_id, values, record.intervals)


def of_file(name: str, settings: Settings, *, everything: bool = False) -> Column:
    """A config file in the same way, as the run that it would make.

    Raises:
        ConfigError, ProjectCodeError, GraphError: such a run could not be started.
    """
    found = files.parameters(files.located(name, settings), settings)
    values: dict[Key, str] = {("parameter", key): text for key, text in found.items()}
    git = surroundings.git_state(settings.root) if everything else None
    if git is not None:
        code = {"commit": git.commit, **_changed(git.patch)}
        values |= {("code", name): text for name, text in code.items() if text}
    return Column(name, "", values)


def changed_files(record: RunRecord) -> dict[str, str]:
    """The files that differed from the commit, each with a digest of how."""
    if record.run.tags.get("runner.git.dirty") != "true":
        return {}
    record.run.fetch_own(recording.PATCH_NAME)
    path = record.run.artifact_dir / recording.PATCH_NAME
    return _changed(path.read_bytes() if path.is_file() else b"")


def _changed(patch: bytes) -> dict[str, str]:
    named: dict[str, str] = {}
    found = list(_FILE.finditer(patch))
    for match, following in zip_longest(found, found[1:]):
        name = (match[1] or match[2]).decode(errors="replace")
        end = following.start() if following else len(patch)
        digest = sha256(patch[match.end() : end]).hexdigest()[:8]
        named[name] = f"changed ({digest})"
    return named
