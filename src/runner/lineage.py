"""What a run says of outputs that do not lie in it: metrics carried over, and where they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from runner.artifacts import manifest as manifests
from runner.context import RunContext
from runner.errors import MissingInputError
from runner.report import TaskReport
from runner.tracking import lineage_table
from runner.tracking.lineage_table import Row
from runner.tracking.lookup import PLACED_TAG, REUSED_TAG
from runner.tracking.recording import Recorder

MOST_TAGS = 100  # a run with more tasks that lie elsewhere has one table instead


@dataclass
class Lineage:
    """Metrics and tags for the MLflow run.

    Attributes:
        metrics: last values that reused tasks logged when they were computed.
        tags: ``reused.<Task>`` and ``placed.<Task>`` -> run id, or directory outside of any run.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


class LineageLog:
    """Writes down where the outputs of a run lie: as tags, or as a table where they are many.

    Args:
        context: the run.
        reports: what became of each task so far, by task id.
    """

    def __init__(
        self,
        recorder: Recorder,
        context: RunContext,
        reports: Callable[[], Mapping[str, TaskReport]],
    ) -> None:
        self._recorder = recorder
        self._context = context
        self._reports = reports
        self._elsewhere: set[str] = set()

    def add(self, tasks: Iterable[luigi.Task]) -> None:
        """Tells of tasks that are placed; a run shows all metrics of its result."""
        tasks = list(tasks)
        found = of(tasks, self._context)
        few_before = not self._as_table
        self._elsewhere.update(found.tags)
        tags = {} if self._as_table else found.tags
        self._recorder.log(self._context.run_id, metrics=found.metrics, tags=tags)
        if few_before:
            self.write_table()
        check(tasks, self._context)  # `gc` has seen this, or has been here before

    def write_table(self) -> None:
        """Writes the table as it stands now; a run with few tags needs none."""
        if not self._as_table:
            return
        rows = list(_rows(self._reports(), self._context))
        counts = Counter(row.status for row in rows).items()
        said = ", ".join(f"{count} {status}" for status, count in sorted(counts))
        lineage_table.log(self._recorder, self._context.run_id, rows, said)

    @property
    def _as_table(self) -> bool:
        return len(self._elsewhere) > MOST_TAGS


def of(tasks: Iterable[luigi.Task], context: RunContext) -> Lineage:
    """The lineage of those of the tasks whose outputs lie elsewhere."""
    found = Lineage()
    for task in tasks:
        place = context.places.get(task.task_id)
        if place is None:
            continue
        family = task.get_task_family()
        name = family if len(context.families[family]) == 1 else task.task_id
        if place.decision == "reused":
            found.metrics |= place.metrics
            origin = place.origin.run_id if place.origin else ""
            source = lineage_table.source(place.directory, origin, name)
            found.tags[f"{REUSED_TAG}{name}"] = source
        elif not place.directory.is_relative_to(context.artifact_dir):
            found.tags[f"{PLACED_TAG}{name}"] = str(place.directory)
    return found


def check(tasks: Iterable[luigi.Task], context: RunContext) -> None:
    """Looks again for what is reused, now that it is written down who reuses it.

    Raises:
        MissingInputError: it was freed since it was found.
    """
    for task in tasks:
        place = context.places.get(task.task_id)
        if place is None or place.decision == "new" or place.origin is None:
            continue
        if not (place.directory / manifests.NAME).exists():
            text = f"{place.directory} was freed at this very moment"
            raise MissingInputError(text, "start the run again: it will be computed")


def _rows(reports: Mapping[str, TaskReport], context: RunContext) -> Iterator[Row]:
    names = {  # of the directories in which tasks are placed in a run
        task_id: family if len(ids) == 1 else task_id
        for family, ids in context.families.items()
        for task_id in ids
    }
    for task_id, report in reports.items():
        place = context.places.get(task_id)
        if place is None:  # a plain luigi task
            continue
        inside = place.directory.is_relative_to(context.artifact_dir)
        directory = place.directory.relative_to(context.artifact_dir) if inside else place.directory
        yield Row(
            task=names[task_id],
            status=report.status,
            origin_run_id=report.origin_id,
            origin_name=report.origin,
            directory=str(directory),
            reason=report.reason,
            seconds=report.seconds,
            bytes=report.size,
        )
