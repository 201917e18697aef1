"""What one task can see of its run: little enough to be sent with every call."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from runner.context import RunContext
from runner.engine.call import View
from runner.task import RunTask

_FURTHER = 64  # tasks beyond those that it requires itself
_SEVERAL = "…"  # stands for the other tasks of a family


def view(
    task: luigi.Task,
    yielded: Iterable[luigi.Task],
    context: RunContext,
    tasks: Mapping[str, luigi.Task],
    requires: Mapping[str, Iterable[str]],
) -> View:
    """The view of a task: itself, what it requires, what it yielded, and what has a name.

    Args:
        tasks: those of the run, by id.
        requires: task id -> ids of what it requires.
    """
    yielded = list(yielded)
    ids = dict.fromkeys(_near([task.task_id, *(t.task_id for t in yielded)], tasks, requires))
    ids |= dict.fromkeys(i[0] for i in context.families.values() if len(i) == 1)
    places = {i: context.places[i] for i in ids if i in context.places}
    families = {f: i if len(i) == 1 else [_SEVERAL, _SEVERAL] for f, i in context.families.items()}
    for task_id in places:
        family = tasks[task_id].get_task_family()
        if len(context.families[family]) > 1:
            families[family].append(task_id)
    there = frozenset(one.task_id for one in yielded if one.complete())
    complete = frozenset(i for i in ids if i in context.finished)
    return View(places, families, complete | there, there)


def _near(
    start: list[str], tasks: Mapping[str, luigi.Task], requires: Mapping[str, Iterable[str]]
) -> Iterator[str]:
    """Ids around a task: what it may read, all of it, and some of what lies beyond."""
    seen: set[str] = set()
    waiting = deque([*start, *requires.get(start[0], ())])
    beyond: list[str] = []
    while waiting:
        task_id = waiting.popleft()
        if task_id in seen:
            continue
        seen.add(task_id)
        yield task_id
        # What has no place of its own stands for what it requires.
        group = not isinstance(tasks.get(task_id), RunTask)
        (waiting if group else beyond).extend(requires.get(task_id, ()))
    waiting.extend(i for i in beyond if i not in seen)
    left = _FURTHER
    while waiting and left:
        task_id = waiting.popleft()
        if task_id not in seen:
            seen.add(task_id)
            yield task_id
            left -= 1
            waiting.extend(requires.get(task_id, ()))
