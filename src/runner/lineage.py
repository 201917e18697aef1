"""What a run says of outputs that do not lie in it: metrics carried over, and where they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from runner.context import Placement, RunContext
from runner.tracking.lookup import PLACED_TAG, REUSED_TAG


@dataclass
class Lineage:
    """Metrics and tags for the MLflow run.

    Attributes:
        metrics: last values that reused tasks logged when they were computed.
        tags: ``reused.<Task>`` and ``placed.<Task>`` -> run id, or directory outside of any run.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


def of(task_ids: Iterable[str], context: RunContext) -> Lineage:
    """The lineage of those of the tasks whose outputs lie elsewhere."""
    found = Lineage()
    families = {i: family for family, ids in context.families.items() for i in ids}
    for task_id in task_ids:
        place = context.places.get(task_id)
        if place is None:
            continue
        family = families[task_id]
        name = family if len(context.families[family]) == 1 else task_id
        if place.decision == "reused":
            found.metrics |= place.metrics
            found.tags[f"{REUSED_TAG}{name}"] = _source(place, name)
        elif not place.directory.is_relative_to(context.artifact_dir):
            found.tags[f"{PLACED_TAG}{name}"] = str(place.directory)
    return found


def _source(place: Placement, name: str) -> str:
    """The run to look into under the same name; the directory where that would not find it."""
    origin = place.origin.run_id if place.origin else ""
    inside = place.directory.parts[-3:] == (origin, "artifacts", name)
    return origin if inside else str(place.directory)
