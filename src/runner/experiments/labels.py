"""What runs are called in a picture: by the parameters in which they differ."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from runner.experiments import differences
from runner.experiments.differences import Column, Differences, Row
from runner.experiments.records import RunRecord

Clean = Callable[[str], str]

_MOST = 3  # parameters of one label
_LONG = 24  # characters of a value
_NEVER = ("RunConfig.run_name", "RunConfig.description")
_OF_RUNS = ("RunConfig.", "PathConfig.")
_UNFINISHED = {"FAILED": "failed", "KILLED": "killed", "RUNNING": "running"}


def column(found: Column, clean: Clean) -> Column:
    """A column that can be shown: without secrets, and without what a terminal obeys."""
    values = {key: clean(text) for key, text in found.values.items()}
    return replace(found, name=clean(found.name), values=values)


def columns(runs: Sequence[RunRecord], clean: Clean) -> list[Column]:
    """Runs as columns that can be shown."""
    return [column(differences.of_run(run), clean) for run in runs]


def telling(found: Sequence[Column]) -> list[Row]:
    """The parameters that differ: those of tasks, or else those that say where and how to run."""
    rows = [row for row in differences.differing(found) if row.name not in _NEVER]
    return [row for row in rows if not row.name.startswith(_OF_RUNS)] or rows


def labels(
    found: Sequence[Column], rows: Sequence[Row], statuses: Mapping[str, str] | None = None
) -> list[str]:
    """What each column is called: ``alpha=0.1, depth=3``, or its name where nothing differs.

    Args:
        rows: what differs. Of many those are taken that tell most of the columns apart.
        statuses: of runs, by id; one that did not finish is called so.
    """
    most = sorted(rows, key=lambda row: -len(set(row.values)))[:_MOST]
    said = described(found, [row for row in rows if row in most])
    titles = Differences(tuple(found), ()).titles
    counts = Counter(said)
    both = (
        title if not label else label if counts[label] == 1 else f"{label} ({title})"
        for label, title in zip(said, titles, strict=True)
    )
    ends = [_UNFINISHED.get((statuses or {}).get(column.run_id, ""), "") for column in found]
    return [f"{label}, {end}" if end else label for label, end in zip(both, ends, strict=True)]


def described(found: Sequence[Column], rows: Sequence[Row]) -> list[str]:
    """What each column has for some rows: ``alpha=0.1, depth=3``; what it lacks is left out."""
    shorts = short_names(rows)
    return [
        ", ".join(
            f"{short}={brief(value)}"
            for row, short in zip(rows, shorts, strict=True)
            if (value := row.values[at]) is not None
        )
        for at in range(len(found))
    ]


def short_names(rows: Sequence[Row]) -> list[str]:
    """The last part of each key, or as many as tell it from the others."""
    parts = [row.name.split(".") for row in rows]
    names = []
    for own in parts:
        size = 1
        while size < len(own) and sum(other[-size:] == own[-size:] for other in parts) > 1:
            size += 1
        names.append(".".join(own[-size:]))
    return names


def brief(text: str) -> str:
    """A value that fits a label: few digits, and a long text without its end."""
    value = number(text)
    if value is not None and len(text) > 6:
        return f"{value:.4g}"
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


def number(text: str | None) -> float | None:
    """The number that a parameter is; None for anything else."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in str(text) else None


def numbers(row: Row) -> list[float] | None:
    """The value of each column where all of them are numbers."""
    found = [number(value) for value in row.values]
    known = [value for value in found if value is not None]
    return known if len(known) == len(found) else None
