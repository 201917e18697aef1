"""What a run leaves behind when its tasks are done: lineage, dataset inputs, `report.html`.

None of it may change how a run ended: what can't be written is a warning.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runner.artifacts import manifest as manifests
from runner.artifacts.manifest import InputRecord, Manifest
from runner.context import RunContext
from runner.lineage import LineageLog
from runner.redaction import hide_password
from runner.report import Report, TaskReport
from runner.report_page import page, plots
from runner.report_page.content import Facts
from runner.report_page.plots import Image
from runner.tracking import datasets
from runner.tracking.datasets import Dataset
from runner.tracking.recording import Recorder
from runner.tracking.store import errors_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ending:
    """A run whose tasks are done, and which is still open in MLflow.

    Attributes:
        tasks: task id -> what became of it.
        families: task id -> family, of luigi's wrappers too.
        edges: (id of what is required, id of what requires it).
    """

    report: Report
    tasks: Mapping[str, TaskReport]
    families: Mapping[str, str]
    edges: Collection[tuple[str, str]]


def leave(
    recorder: Recorder,
    context: RunContext,
    lineage: LineageLog,
    ending: Callable[[], Ending],
) -> None:
    """Writes all that a run leaves behind; a mistake in one part does not keep the next away."""
    with _best_effort("its lineage"):
        lineage.write_table()
    with _best_effort(page.NAME):
        ended = ending()
        found, images = _made(ended.tasks, context)
        with _best_effort("its dataset inputs"):
            datasets.log(recorder, context.run_id, found)
        _write_page(recorder, context, ended, found, images)


@contextmanager
def _best_effort(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        _log.warning("the run is closed without %s: %s: %s", what, type(error).__name__, error)
        _log.debug("closing the run", exc_info=True)


def _write_page(
    recorder: Recorder,
    context: RunContext,
    ended: Ending,
    found: Sequence[Dataset],
    images: Sequence[Image],
) -> None:
    with errors_of(recorder.location):
        run = recorder.client.get_run(context.run_id)
    outputs = {place.directory.name for place in context.places.values()}
    facts = Facts(
        report=ended.report,
        tasks=ended.tasks,
        families=ended.families,
        edges=ended.edges,
        started=run.info.start_time / 1000,
        ended=time.time(),
        tags=run.data.tags,
        params=run.data.params,
        metrics=run.data.metrics,
        config_files=[_below(path, context.config.root) for path in context.config.files],
        inputs=found,
        images=[*images, *plots.logged(context.artifact_dir, outputs)],
    )
    text = page.render(facts, lambda said: recorder.redactor.clean(hide_password(said)))
    (context.artifact_dir / page.NAME).write_text(text, encoding="utf-8")


def _made(
    tasks: Mapping[str, TaskReport], context: RunContext
) -> tuple[list[Dataset], list[Image]]:
    """What the tasks of a run read from outside, and the images that they published."""
    found: dict[tuple[str, str], Dataset] = {}
    images: list[Image] = []
    for task_id, task in tasks.items():
        complete = task.status in ("ran", "reused") and task.directory is not None
        manifest = manifests.read(task.directory) if complete and task.directory else None
        if manifest is None or task.directory is None:
            continue
        # What a pinned task read may have changed since; of others that was looked at.
        known = not context.places[task_id].pinned
        for dataset in _read(manifest, context.config.root if known else None):
            found.setdefault((dataset.name, dataset.digest), dataset)
        for file in manifest.files:
            if plots.is_image(file.path):
                images.append(
                    Image(f"{task.name}/{file.path}", task.directory / file.path, file.size)
                )
    return list(found.values()), images


def _read(manifest: Manifest, root: Path | None) -> Iterator[Dataset]:
    for name, record in manifest.inputs.items():
        if record.kind == "source":
            yield Dataset(
                name=f"{manifest.task}.{name}",
                context=manifest.task,
                path=record.path,
                digest=record.digest,
                files=len(record.files) or 1,
                size=_size(record, root),
            )


def _size(record: InputRecord, root: Path | None) -> int | None:
    """Bytes of an input; of a single file the manifest does not have them."""
    if record.files:
        return sum(file.size for file in record.files)
    try:
        return os.stat(root / record.path).st_size if root else None
    except OSError:
        return None


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
