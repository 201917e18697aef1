"""Takes what was computed before: finds it by fingerprint, or says why it has to be computed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from luigi.task_register import Register
from runner.artifacts import reasons
from runner.artifacts.entry import Found
from runner.artifacts.fingerprint import Ingredients
from runner.artifacts.index import ReuseIndex
from runner.artifacts.manifest import DynamicRecord, Manifest
from runner.context import Origin, Placement
from runner.errors import MissingInputError, RunnerError
from runner.ingredients import Kitchen
from runner.input_records import Unsettled
from runner.task import RunTask

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Explanation:
    """Why a task runs, or does not.

    Attributes:
        reason: one phrase.
        compared_with: the run of the nearest earlier computation; empty when there is none.
        differences: to that computation, one phrase each.
        code: a unified diff of the pieces of code that changed.
    """

    reason: str
    compared_with: str = ""
    differences: tuple[str, ...] = ()
    code: str = ""


class Reuse:
    """Fingerprints and their index, for one run.

    Args:
        kitchen: collects ingredients.
        index: where fingerprints were computed; None when artifacts are not in a local folder.
        automatic: whether outputs are taken by fingerprint, or fingerprints only recorded.

    Attributes:
        place: gives tasks that turn up while tasks run their places; set by who plans.
    """

    def __init__(self, kitchen: Kitchen, index: ReuseIndex | None, *, automatic: bool) -> None:
        self._kitchen = kitchen
        self._index = index
        self._known: dict[str, list[Manifest]] = {}
        self.automatic = automatic and index is not None
        self.place: Callable[[Iterable[luigi.Task]], object] = list

    def settle(self, task: RunTask) -> Placement:
        """Where a task lies: in an earlier run, or as planned, and then with the reason."""
        place = task.placement
        try:
            ingredients = self._kitchen.ingredients(task)
        except Unsettled as why:
            return replace(place, reason=str(why))
        except (MissingInputError, OSError):  # said better when inputs are checked
            return place
        found = self.find(task, ingredients)
        return found or replace(place, reason=self._reason(task, ingredients))

    def explain(self, task: RunTask) -> Explanation:
        """What `settle` decides on, in full."""
        place = task.placement
        if self._index is None or place.pinned or place.decision == "reused":
            return Explanation(place.reason)
        try:
            ingredients = self._kitchen.ingredients(task)
        except Unsettled as why:
            return Explanation(str(why))
        earlier = self.earlier(task.get_task_family())
        nearest = reasons.nearest(ingredients, task.logged_config(), earlier)
        if nearest is None:
            return Explanation(place.reason)
        old, differences = nearest
        code = reasons.code_diff(ingredients.code.pieces, old.code)
        return Explanation(place.reason, old.made_by.run_name, tuple(differences), code)

    def ingredients(self, task: RunTask) -> Ingredients | None:
        """What a task depends on, where that can be told now."""
        try:
            return self._kitchen.ingredients(task)
        except (Unsettled, MissingInputError, OSError) as why:
            _log.info("%s has no fingerprint: %s", task, why)
            return None

    def reads_the_same(self, task: RunTask, before: Ingredients) -> bool:
        """Whether what a task reads is still what its ingredients say."""
        try:
            return self._kitchen.read(task) == before.inputs
        except (Unsettled, MissingInputError, OSError) as why:
            _log.info("%s: %s", task, why)
            return False

    def find(
        self, task: RunTask, ingredients: Ingredients, *, discard: bool = False
    ) -> Placement | None:
        """The placement in an earlier run that computed the same; see `ReuseIndex.find`."""
        if self._index is None:
            return None
        family, fingerprint = task.get_task_family(), ingredients.fingerprint
        found = self._index.find(family, fingerprint, discard=discard)
        if found is None or dict(found.entry.outputs) != task.declared_outputs():
            return None
        if not all(self._as_it_was(record) for record in found.entry.records()):
            return None
        return _placement(found)

    def computing(
        self, ingredients: Ingredients, task: str, run: str
    ) -> AbstractContextManager[None]:
        """A lock under which one process computes, where others may want to compute the same."""
        if self._index is None:
            return nullcontext()
        return self._index.computing(ingredients.fingerprint, task, run)

    def offer(self, directory: Path, manifest: Manifest) -> None:
        """Makes a published directory known to this run and to later ones."""
        self._kitchen.records.published(directory, manifest)
        if self._index is not None and manifest.fingerprint is not None:
            self._index.add(manifest.fingerprint, directory, manifest)

    def dynamic(self, tasks: Iterable[luigi.Task]) -> tuple[DynamicRecord, ...] | None:
        """Records of tasks that `run()` asked for; None when one can't be made again from text."""
        records = []
        for task in tasks:
            params = task.to_str_params()
            if set(params) != set(task.param_kwargs):
                return None
            try:
                digest = self._kitchen.records.content(task)
            except (Unsettled, OSError):
                return None
            record = DynamicRecord(task=task.get_task_family(), params=params, digest=digest)
            records.append(record)
        return tuple(records)

    def _as_it_was(self, record: DynamicRecord) -> bool:
        """Whether a task that was asked for dynamically is complete and has the same content."""
        try:
            task = Register.get_task_cls(record.task).from_str_params(record.params)
            self.place([task])
            return self._kitchen.records.content(task) == record.digest
        except Unsettled:
            return False
        except (RunnerError, luigi.parameter.ParameterException, OSError, ValueError) as error:
            _log.info("%s, asked for dynamically, can't be made again: %s", record.task, error)
            return False
        except luigi.task_register.TaskClassException:
            return False

    def earlier(self, task: str) -> Iterable[Manifest]:
        """What was computed of a task before, newest first."""
        if task not in self._known:
            self._known[task] = [] if self._index is None else list(self._index.earlier(task))
        return self._known[task]

    def _reason(self, task: RunTask, ingredients: Ingredients) -> str:
        if self._index is None:
            return task.placement.reason
        damage = self._index.damaged.get(ingredients.fingerprint)
        if damage:
            return damage
        earlier = self.earlier(task.get_task_family())
        if not earlier:
            return "first time"
        nearest = reasons.nearest(ingredients, task.logged_config(), earlier)
        return reasons.phrase(nearest[1]) if nearest else "first time"


def _placement(found: Found) -> Placement:
    made = found.entry
    return Placement(
        directory=found.directory,
        decision="reused",
        reason=f"nothing changed since {made.run_name or made.run_id}",
        origin=Origin(made.run_id, made.run_name, datetime.fromisoformat(made.created), made.user),
        metrics=made.metrics,
        size=made.size,
        content=made.content,
    )
