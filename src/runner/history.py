"""What a task will take, by what it took before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from runner.artifacts.manifest import Manifest
from runner.task import RunTask


@dataclass(frozen=True)
class Estimate:
    """What is expected of a task: seconds inside of `run()`, bytes of its outputs."""

    seconds: float
    size: int


class History:
    """Earlier computations of tasks.

    Args:
        earlier: manifests of a task's earlier computations by its family, newest first.
    """

    def __init__(self, earlier: Callable[[str], Iterable[Manifest]]) -> None:
        self._earlier = earlier
        self._known: dict[str, list[Manifest]] = {}

    def estimate(self, task: luigi.Task) -> Estimate | None:
        """As the newest with the same parameters and config took; else of the same parameters.

        Returns:
            None where nothing is known of the task, or it is a plain luigi task.
        """
        if not isinstance(task, RunTask):
            return None
        family = task.get_task_family()
        if family not in self._known:
            self._known[family] = list(self._earlier(family))
        params = task.to_str_params(only_significant=True, only_public=True)
        config = task.logged_config()
        found = min(self._known[family], key=lambda m: _distance(m, params, config), default=None)
        return None if found is None else Estimate(found.seconds, found.size)


def _distance(old: Manifest, params: dict[str, str], config: dict[str, Any]) -> int:
    return 2 * (old.params != params) + (old.config != config)
