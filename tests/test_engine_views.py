"""What one task can see of its run stays small, and is enough."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import luigi
from runner import RunTask
from runner.context import Placement, RunContext
from runner.engine.views import view
from runner.graph import TaskGraph


class Link(RunTask):
    number = luigi.IntParameter()

    def requires(self) -> Any:
        return [Link(number=self.number - 1)] if self.number else []


class Leaf(RunTask):
    number = luigi.IntParameter()


class Group(luigi.WrapperTask):
    def requires(self) -> Any:
        return [Leaf(number=number) for number in range(1000)]


class Sum(RunTask):
    def requires(self) -> Any:
        return Group()


class Top(RunTask):
    def requires(self) -> Any:
        return {"sum": Sum(), "link": Link(number=300)}


def context_of(graph: TaskGraph) -> RunContext:
    none: Any = None
    context = RunContext(none, "id", "name", "1", Path("/run"))
    for task_id, task in graph.tasks.items():
        if isinstance(task, RunTask):
            context.families.setdefault(task.get_task_family(), []).append(task_id)
            context.places[task_id] = Placement(Path("/run") / task_id, "new", "")
    return context


def test_all_that_is_read_is_seen_through_groups() -> None:
    graph = TaskGraph.of(Top())
    context = context_of(graph)
    context.finished.update(context.places)
    found = view(Sum(), [], context, graph.tasks, graph.requires)
    assert {Leaf(number=n).task_id for n in range(1000)} <= found.places.keys()
    assert found.complete >= {Leaf(number=n).task_id for n in range(1000)}
    assert found.families["Sum"] == [Sum().task_id] and Top().task_id in found.places
    assert len(found.families["Link"]) == 2 and len(found.families["Leaf"]) == 1002


def test_a_long_chain_is_not_sent_with_every_task() -> None:
    graph = TaskGraph.of(Link(number=300))
    found = view(Link(number=300), [], context_of(graph), graph.tasks, graph.requires)
    assert {Link(number=n).task_id for n in range(236, 301)} <= found.places.keys()
    assert len(found.places) < 70 and len(pickle.dumps(found)) < 20_000
