"""`lineage.json`: where the outputs of a large run lie, as one table in place of hundreds of tags.

It has the format of `mlflow.log_table`, so that MLflow's pages show it and `mlflow.load_table`
reads it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from runner.tracking.store import errors_of

if TYPE_CHECKING:
    from runner.tracking.recording import Recorder

_log = logging.getLogger(__name__)

NAME = "lineage.json"
TAG = "runner.lineage"  # a run that has the table says so, with a few words of what is in it
_SHOWN_TABLES = "mlflow.loggedArtifacts"  # MLflow's list of the artifacts that are tables


@dataclass(frozen=True)
class Row:
    """One task; the names of the attributes are those of the columns.

    Attributes:
        task: the name of its directory: the family, or luigi's task id.
        status: what became of it, as in a report.
        origin_run_id: the run that computed it, where that is known and is another one.
        directory: where it lies: absolute, or inside of the run's artifact directory.
        bytes: of its outputs.
    """

    task: str
    status: str
    origin_run_id: str
    origin_name: str
    directory: str
    reason: str
    seconds: float | None
    bytes: int | None


def source(directory: Path, run_id: str, name: str) -> str:
    """The run to look into under the same name; the directory where that would not find it."""
    return run_id if directory.parts[-3:] == (run_id, "artifacts", name) else str(directory)


def log(recorder: Recorder, run_id: str, rows: Iterable[Row], said: str) -> None:
    """Writes the table as an artifact of the run, in place of an earlier one.

    Raises:
        TrackingError: the store refuses.
    """
    columns = [field.name for field in fields(Row)]
    table = {"columns": columns, "data": [astuple(row) for row in rows]}
    text = recorder.redactor.clean(json.dumps(table, ensure_ascii=False))
    with errors_of(recorder.location):
        recorder.client.log_text(run_id, text, NAME)
        tags = recorder.client.get_run(run_id).data.tags
    tables = json.loads(tags.get(_SHOWN_TABLES, "[]"))
    entry = {"path": NAME, "type": "table"}
    if entry not in tables:
        recorder.log(run_id, tags={_SHOWN_TABLES: json.dumps([*tables, entry])})
    recorder.log(run_id, tags={TAG: said})


def read(artifact_dir: Path, tags: Mapping[str, str]) -> dict[str, str]:
    """Task -> run id or directory, of the tasks that do not lie in the run itself.

    Args:
        artifact_dir: of the run.
        tags: of the run; they say whether it has the table.
    """
    if TAG not in tags:
        return {}
    try:
        table = json.loads((artifact_dir / NAME).read_bytes())
        rows = [Row(**dict(zip(table["columns"], row, strict=True))) for row in table["data"]]
        elsewhere = [row for row in rows if Path(row.directory).is_absolute()]
        return {
            row.task: source(Path(row.directory), row.origin_run_id, row.task) for row in elsewhere
        }
    except (OSError, ValueError, TypeError, KeyError) as error:
        _log.warning("%s can't be read: %s", artifact_dir / NAME, error)
        return {}
