"""What a task requires, by name and all of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from luigi.task_register import Register
from runner import RunTask, upstream


@pytest.fixture(autouse=True)
def own_names() -> Iterator[None]:
    """luigi knows every task class by name: those of this file are forgotten after it."""
    yield
    Register.clear_instance_cache()
    Register._reg = [cls for cls in Register._reg if cls.__module__ != __name__]


class _Up(luigi.Task):
    n = luigi.IntParameter(default=0)

    def output(self) -> Any:
        return luigi.LocalTarget(f"{self.n}.txt")


def requiring(required: Any, base: type[luigi.Task] = luigi.Task) -> luigi.Task:
    """A task without outputs, which requires something."""

    class _Asks(base):  # type: ignore[misc, valid-type]
        number = luigi.IntParameter()
        run_context = SimpleNamespace(required={})

        def requires(self) -> Any:
            return required

    requiring.count += 1  # type: ignore[attr-defined]
    made: luigi.Task = _Asks(number=requiring.count)  # type: ignore[attr-defined]
    return made


requiring.count = 0  # type: ignore[attr-defined]


def names(required: Any) -> list[str]:
    found = upstream.by_name(requiring(required))
    return [f"{name}={task.n}" for name, task in found]  # type: ignore[attr-defined]


def test_names_of_what_is_required() -> None:
    assert names([]) == []
    assert names(_Up()) == ["_Up=0"]
    assert names([_Up(n=2), _Up(n=1)]) == ["_Up=2", "_Up#2=1"]
    assert names([_Up(n=1), _Up(n=1)]) == ["_Up=1", "_Up#2=1"]
    assert names({"a": _Up(n=1), "b": _Up(n=1)}) == ["a: _Up=1", "b: _Up=1"]
    assert names({"b": _Up(n=1), "a": _Up(n=1)}) == ["b: _Up=1", "a: _Up=1"]
    assert names({"a": [_Up(n=1), _Up(n=2)]}) == ["a: _Up=1", "a: _Up#2=2"]
    assert names({"a": {"b": _Up(n=1)}, 3: _Up()}) == ["a.b: _Up=1", "3: _Up=0"]
    assert names(_Up(n=n) for n in (3, 1)) == ["_Up=3", "_Up#2=1"]


@pytest.mark.parametrize("base", [luigi.WrapperTask, luigi.Task])
def test_a_group_stands_for_what_it_requires(base: type[luigi.Task]) -> None:
    inner = requiring([_Up(n=1), _Up(n=2)], base)
    outer = requiring([_Up(n=3), inner, _Up(n=4)], base)
    assert names(outer) == ["_Up=3", "_Up#2=1", "_Up#3=2", "_Up#4=4"]
    assert names({"a": inner, "b": outer})[:3] == ["a: _Up=1", "a: _Up#2=2", "b: _Up=3"]


def test_a_group_that_is_reached_in_two_ways_is_gone_through_once_for_each() -> None:
    inner = requiring([_Up(n=1)], luigi.WrapperTask)
    outer = requiring([inner, inner], luigi.WrapperTask)
    assert names(outer) == ["_Up=1"]
    assert names([inner, inner]) == ["_Up=1", "_Up#2=1"]


def test_what_is_a_group() -> None:
    class _Empty(RunTask):
        pass

    assert upstream.is_group(requiring([], luigi.WrapperTask))
    assert upstream.is_group(requiring([]))
    assert not upstream.is_group(_Up())
    assert not upstream.is_group(_Empty())


def test_all_of_a_task_each_once() -> None:
    a, b = _Up(n=1), _Up(n=2)
    left, right = requiring([a, b]), requiring({"x": b})
    found = upstream.all_of(requiring([left, right]))
    assert {task.task_id for task in found} == {t.task_id for t in (left, a, b, right)}
    assert len(found) == 4
    assert upstream.all_of(a) == []


def test_what_the_graph_was_told_is_not_asked_for_again() -> None:
    task = requiring([_Up(n=1)])
    task.run_context = SimpleNamespace(required={task.task_id: [_Up(n=2)]})  # type: ignore
    assert [one.n for _, one in upstream.by_name(task)] == [2]  # type: ignore


def test_a_long_chain_is_no_recursion() -> None:
    task: luigi.Task = _Up()
    for _ in range(2000):
        task = requiring(task)
    assert len(upstream.all_of(task)) == 2000
    assert names(task) == ["_Up=0"]


def test_the_producer_of_a_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class _A(RunTask):
        pass

    class _B(RunTask):
        def requires(self) -> Any:
            return _A()

    class _C(RunTask):
        pass

    tasks = (_A(), _B(), _C())
    places = {t.task_id: SimpleNamespace(directory=tmp_path / t.task_family) for t in tasks}
    context = SimpleNamespace(places=places)
    monkeypatch.setattr(RunTask, "run_context", property(lambda self: context))
    monkeypatch.setattr(RunTask, "placement", property(lambda self: context.places[self.task_id]))
    a, b, c = tasks
    assert upstream.producer(tmp_path / "_A/x/y.txt", b) is a
    assert upstream.producer(tmp_path / "_A", b) is a
    assert upstream.producer(tmp_path / "elsewhere", b) is None
    assert upstream.producer(tmp_path / "_Ab/x", b) is None
    with pytest.raises(LookupError, match="x of _C, which it does not require"):
        upstream.producer(tmp_path / "_C/x", b)
    with pytest.raises(LookupError):
        upstream.producer(tmp_path / "_B/x", c)
