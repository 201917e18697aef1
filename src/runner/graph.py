"""The tasks of a run and what they require, found without recursion."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from luigi.task import DynamicRequirements, flatten
from runner import context
from runner.errors import GraphError, RunnerError

_SHOWN = 20  # names of a circle that a message holds


@dataclass(frozen=True)
class TaskGraph:
    """Every task that the root reaches.

    Attributes:
        root: the task that was asked for.
        tasks: task id -> task; what a task requires comes before it.
        requires: task id -> ids of the tasks that it requires, in its own order.
    """

    root: luigi.Task
    tasks: dict[str, luigi.Task]
    requires: dict[str, list[str]]

    @classmethod
    def of(cls, root: luigi.Task) -> TaskGraph:
        """Walks from a task to all that it requires.

        Raises:
            GraphError: tasks require one another in a circle, two classes have one name, or
                `requires()` fails or returns something else than tasks.
        """
        tasks: dict[str, luigi.Task] = {}
        requires: dict[str, list[str]] = {}
        classes: dict[str, type] = {}
        path: dict[str, tuple[luigi.Task, Iterator[luigi.Task]]] = {}

        def enter(task: luigi.Task) -> None:
            found = _dependencies(task)
            requires[task.task_id] = [upstream.task_id for upstream in found]
            path[task.task_id] = (task, iter(found))

        _one_class_a_name(classes, root)
        enter(root)
        while path:
            task, upstream = path[next(reversed(path))]
            for following in upstream:
                _one_class_a_name(classes, following)
                if following.task_id in path:
                    raise GraphError(_circle([t for t, _ in path.values()], following))
                if following.task_id not in tasks:
                    enter(following)
                    break
            else:
                del path[task.task_id]
                tasks[task.task_id] = task
        return cls(root, tasks, requires)

    def edges(self) -> Iterator[tuple[str, str]]:
        """(id of what is required, id of what requires it)."""
        return ((up, down) for down, ups in self.requires.items() for up in ups)

    def needed(self, is_complete: Callable[[luigi.Task], bool]) -> list[str]:
        """Ids of the tasks that a run has to look at: below a complete task nothing is needed."""
        seen: set[str] = set()
        waiting = [self.root.task_id]
        while waiting:
            task_id = waiting.pop()
            if task_id in seen:
                continue
            seen.add(task_id)
            if not is_complete(self.tasks[task_id]):
                waiting.extend(self.requires[task_id])
        return [task_id for task_id in self.tasks if task_id in seen]


def tasks_in(required: Any) -> list[luigi.Task]:
    """The tasks of what `run()` yields.

    Raises:
        GraphError: something else is among them.
    """
    if isinstance(required, DynamicRequirements):
        required = required.requirements
    tasks = flatten(required)
    for task in tasks:
        if not isinstance(task, luigi.Task):
            raise GraphError(f"run() yields a {type(task).__name__}; it may yield tasks only")
    return list(tasks)


def _dependencies(task: luigi.Task) -> list[luigi.Task]:
    try:
        found = _asked(task)
    except RunnerError:
        raise
    except Exception as error:  # the user's own code
        raise GraphError(f"{task}: requires() failed: {error}") from error
    for upstream in found:
        if not isinstance(upstream, luigi.Task):
            is_class = isinstance(upstream, type) and issubclass(upstream, luigi.Task)
            kind = f"the class {upstream.__name__}" if is_class else f"a {type(upstream).__name__}"
            hint = f"write {upstream.__name__}() to make a task of it" if is_class else ""
            raise GraphError(f"{task}: requires() must return tasks, got {kind}", hint)
    return list(dict.fromkeys(found))


def _asked(task: luigi.Task) -> list[luigi.Task]:
    """What a task depends on, as luigi asks for it; what a plan asked for is remembered."""
    run = context.current() if context.is_open() else None
    plain = type(task).deps is luigi.Task.deps and type(task)._requires is luigi.Task._requires
    if run is None or run.run_id or not plain:
        return list(task.deps())
    run.required[task.task_id] = _kept(task.requires())
    return list(flatten(run.required[task.task_id]))


def _kept(required: Any) -> Any:
    """A generator can be looked at once only."""
    if isinstance(required, Mapping):
        return {name: _kept(inner) for name, inner in required.items()}
    return list(required) if isinstance(required, Iterator) else required


def _one_class_a_name(classes: dict[str, type], task: luigi.Task) -> None:
    first = classes.setdefault(task.get_task_family(), type(task))
    if first is not type(task):
        raise GraphError(
            f"two tasks are called {task.get_task_family()}: in {first.__module__} "
            f"and in {type(task).__module__}",
            "rename one of them, or give it a task_namespace",
        )


def _circle(path: list[luigi.Task], again: luigi.Task) -> str:
    start = next(i for i, task in enumerate(path) if task.task_id == again.task_id)
    names = [str(task) for task in [*path[start:], again]]
    if len(names) > _SHOWN:
        more = f"({len(names) - _SHOWN} more)"
        names = [*names[: _SHOWN // 2], more, *names[-_SHOWN // 2 :]]
    return f"tasks require one another in a circle: {' -> '.join(names)}"
