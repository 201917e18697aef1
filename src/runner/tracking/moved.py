"""A project that was moved or copied: its own SQLite store is led to the artifacts beside it.

MLflow keeps absolute paths. When those of an experiment lead to another artifact root than that
of the project, and the runs are found below the project's own, the paths are rewritten, in one
transaction. Of a copy whose original is still there, a run that was not copied along keeps its
path; new runs are never written into the original.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

_log = logging.getLogger(__name__)

_PATIENCE = 30.0  # seconds for another process that writes to the store
_FILE = "file://"
# Columns that hold paths, as MLflow writes them: `%` is `%25`. A table may not be there yet.
_QUOTED = (
    ("runs", "artifact_uri", ""),
    ("logged_models", "artifact_location", ""),
    ("model_versions", "source", ""),
    ("model_versions", "storage_location", ""),
    ("trace_tags", "value", "key = 'mlflow.artifactLocation'"),
)
_PLAIN = (("tags", "value", "key LIKE 'reused.%' OR key LIKE 'placed.%'"),)


@dataclass(frozen=True)
class _Move:
    """An artifact root that the store has, and the one that is meant.

    Attributes:
        old, new: as MLflow writes them.
        found: whether runs of the old root lie in the new one.
        known: whether the store has runs in the old root at all.
    """

    old: str
    new: str
    found: bool
    known: bool

    @property
    def gone(self) -> bool:
        return not os.path.exists(unquote(self.old))


def follow(database: Path, artifact_root: str, project: Path) -> None:
    """Leads a project's own store to its artifact root, and says so; usually nothing is to do.

    Args:
        database: the SQLite file.
        artifact_root: as MLflow is told of it, `%` as `%25`.
        project: the folder that both belong to.
    """
    real = os.path.realpath(database)
    if not os.path.isfile(real) or not Path(real).is_relative_to(os.path.realpath(project)):
        return
    new = artifact_root.removeprefix(_FILE)
    try:
        with closing(sqlite3.connect(real, timeout=_PATIENCE, isolation_level=None)) as store:
            if not list(_moves(store, new, project)):
                return
            store.execute("BEGIN IMMEDIATE")  # another process may have done it meanwhile
            moves = list(_moves(store, new, project))
            for move in moves:
                _rewrite(store, move)
            store.execute("COMMIT")
    except sqlite3.Error as error:
        _log.warning("%s can't be looked through for paths of a moved project: %s", real, error)
        return
    for move in moves:
        if move.known:
            verb = "was moved from" if move.gone else "is a copy of"
            text = "this project %s %s: its store now leads to %s"
            _log.warning(text, verb, _shown(move, project), unquote(new))


def _moves(store: sqlite3.Connection, new: str, project: Path) -> Iterator[_Move]:
    if not _has(store, "experiments", "artifact_location"):
        return
    rows = store.execute("SELECT experiment_id, artifact_location FROM experiments").fetchall()
    roots = {_root(location or "", f"/{number}") for number, location in rows}
    for old in sorted(roots - {"", new}):
        move = _judged(store, old, new, project)
        if move is not None:
            yield move


def _judged(store: sqlite3.Connection, old: str, new: str, project: Path) -> _Move | None:
    if os.path.realpath(unquote(old)) == os.path.realpath(unquote(new)):
        return None  # one place, by two names
    runs = [uri for _, uri in _rows_below(store, "runs", "artifact_uri", "", old)]
    found = any(os.path.exists(_path(_led(uri, old, new))) for uri in runs)
    move = _Move(old, new, found, known=bool(runs))
    inside = Path(unquote(new)).is_relative_to(project)
    tail = f"/{Path(unquote(new)).relative_to(project).as_posix()}" if inside else None
    was_alike = tail is not None and unquote(old).endswith(tail)
    return move if found or (was_alike and move.gone) else None


def _rewrite(store: sqlite3.Connection, move: _Move) -> None:
    for row, location in _rows_below(store, "experiments", "artifact_location", "", move.old):
        _set(store, "experiments", "artifact_location", row, _led(location, move.old, move.new))
    every = move.gone and move.found
    for columns, change in ((_QUOTED, str), (_PLAIN, unquote)):
        old, new = change(move.old), change(move.new)
        for table, column, condition in columns:
            for row, value in _rows_below(store, table, column, condition, old):
                led = _led(value, old, new)
                path = led if change is unquote else _path(led)
                if every or os.path.exists(path):
                    _set(store, table, column, row, led)


def _rows_below(
    store: sqlite3.Connection, table: str, column: str, condition: str, root: str
) -> list[tuple[int, str]]:
    """Row ids and values of a column that lie below a root, written as a path or as a URI."""
    if not _has(store, table, column):
        return []
    text = f"SELECT rowid, {column} FROM {table} WHERE substr({column}, 1, ?) = ?"
    text += f" AND ({condition})" if condition else ""
    found = []
    for start in (f"{root}/", f"{_FILE}{root}/"):
        found += store.execute(text, (len(start), start)).fetchall()
    return found


def _set(store: sqlite3.Connection, table: str, column: str, row: int, value: str) -> None:
    store.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, row))


def _has(store: sqlite3.Connection, table: str, column: str) -> bool:
    columns = store.execute("SELECT name FROM pragma_table_info(?)", (table,))
    return column in {name for (name,) in columns}


def _root(location: str, end: str) -> str:
    """The artifact root of an experiment's location; empty when it is in no such folder."""
    path = location.removeprefix(_FILE)
    return path.removesuffix(end) if path.startswith("/") and path.endswith(end) else ""


def _led(value: str, old: str, new: str) -> str:
    scheme = _FILE if value.startswith(_FILE) else ""
    return f"{scheme}{new}{value[len(scheme) + len(old) :]}"


def _path(location: str) -> str:
    return unquote(location.removeprefix(_FILE))


def _shown(move: _Move, project: Path) -> str:
    """The old place of the project, where that can be told, else of its artifacts."""
    old, new = unquote(move.old), unquote(move.new)
    tail = new.removeprefix(str(project))
    return old.removesuffix(tail) if tail != new else old
