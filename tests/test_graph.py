"""The graph of a run, and what makes none."""

from __future__ import annotations

from typing import Any

import pytest

import luigi
from runner.errors import GraphError
from runner.graph import TaskGraph
from tests.conftest import Project


class Chain(luigi.Task):
    n = luigi.IntParameter()
    length = luigi.IntParameter(default=0)

    def requires(self) -> Any:
        return Chain(n=self.n + 1, length=self.length) if self.n < self.length else []


class Diamond(luigi.Task):
    name = luigi.Parameter()

    def requires(self) -> Any:
        below = {"top": ["left", "right"], "left": ["bottom"], "right": ["bottom"]}
        return {name: Diamond(name=name) for name in below.get(self.name, [])}


class Circle(luigi.Task):
    n = luigi.IntParameter()
    length = luigi.IntParameter(default=3)

    def requires(self) -> Any:
        return [Circle(n=(self.n + 1) % self.length, length=self.length)]


class Returns(luigi.Task):
    what = luigi.Parameter()

    def requires(self) -> Any:
        return {
            "string": "Chain",
            "class": Chain,
            "number": 7,
            "nested": [Chain(n=0), {"x": [0.5]}],
        }[self.what]


class Raises(luigi.Task):
    def requires(self) -> Any:
        raise RuntimeError("no such table")


def test_what_is_required_comes_first_and_only_once() -> None:
    graph = TaskGraph.of(Diamond(name="top"))
    names = [task.name for task in graph.tasks.values()]
    assert names == ["bottom", "left", "right", "top"]
    assert [len(graph.requires[task_id]) for task_id in graph.tasks] == [0, 1, 1, 2]


def test_nothing_below_a_complete_task_is_needed() -> None:
    graph = TaskGraph.of(Diamond(name="top"))
    ids = {task.name: task_id for task_id, task in graph.tasks.items()}
    assert graph.needed(lambda task: task.name == "top") == [ids["top"]]
    needed = graph.needed(lambda task: task.name == "left")
    assert needed == [ids["bottom"], ids["left"], ids["right"], ids["top"]]
    needed = graph.needed(lambda task: task.name in ("left", "right"))
    assert needed == [ids["left"], ids["right"], ids["top"]]


def test_a_deep_chain_needs_no_recursion() -> None:
    graph = TaskGraph.of(Chain(n=0, length=10_000))
    assert len(graph.tasks) == 10_001
    assert next(iter(graph.tasks.values())).n == 10_000
    assert len(graph.needed(lambda task: False)) == 10_001


def test_a_wide_fan() -> None:
    class Fan(luigi.Task):
        def requires(self) -> Any:
            return (Chain(n=number) for number in range(10_000))

    assert len(TaskGraph.of(Fan()).tasks) == 10_001


def test_a_circle_is_named() -> None:
    with pytest.raises(GraphError, match="in a circle") as caught:
        TaskGraph.of(Circle(n=0))
    shown = "Circle(n=0, length=3) -> Circle(n=1, length=3) -> Circle(n=2, length=3) -> Circle(n=0"
    assert shown in str(caught.value)


def test_a_task_that_requires_itself_is_named() -> None:
    with pytest.raises(
        GraphError, match=r"circle: Circle\(n=0, length=1\) -> Circle\(n=0, length=1\)$"
    ):
        TaskGraph.of(Circle(n=0, length=1))


def test_a_huge_circle_is_named_in_a_line_of_bounded_length() -> None:
    with pytest.raises(GraphError, match=r"\(\d+ more\)") as caught:
        TaskGraph.of(Circle(n=0, length=5_000))
    assert len(str(caught.value)) < 1_500


@pytest.mark.parametrize(
    ("what", "shown"),
    [
        ("string", "got a str"),
        ("class", r"got the class Chain\n  write Chain\(\)"),
        ("number", "got a int"),
        ("nested", "got a float"),
    ],
)
def test_requirements_that_are_no_tasks(what: str, shown: str) -> None:
    with pytest.raises(GraphError, match=shown):
        TaskGraph.of(Returns(what=what))


def test_requires_that_raises_is_named_with_its_cause() -> None:
    with pytest.raises(GraphError, match=r"Raises.*requires\(\) failed: .*no such table") as caught:
        TaskGraph.of(Raises())
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_two_classes_of_one_name_are_refused() -> None:
    def one() -> type[luigi.Task]:
        class Twin(luigi.Task):
            pass

        return Twin

    first, second = one(), one()

    class Both(luigi.Task):
        def requires(self) -> Any:
            return [first(), second()]

    with pytest.raises(GraphError, match="two tasks are called Twin") as caught:
        TaskGraph.of(Both())
    assert "task_namespace" in caught.value.hint


def test_a_circle_in_a_project_stops_it_before_an_mlflow_run(project: Project) -> None:
    code = """
from runner import RunTask
class A(RunTask):
    def requires(self):
        return B()
class B(RunTask):
    def requires(self):
        return A()
"""
    project.pipeline(code, task="A")
    with pytest.raises(GraphError, match=r"A\(\) -> B\(\) -> A\(\)"):
        project.run_here()
    assert not project.runs()
