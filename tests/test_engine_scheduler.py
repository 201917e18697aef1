"""The scheduler decides what luigi's own decides, and takes no longer for more tasks.

Random graphs are given to luigi's local scheduler and to the runner's, both driven by luigi's own
Worker; and random histories of several tasks at once, call by call. luigi keeps requirements in
sets, whose order changes from process to process: here it is given sets that keep theirs.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner import luigi_parser
from runner.engine import scheduler as engine_scheduler
from runner.engine.scheduler import ReadyScheduler

import luigi  # isort: skip  the parser first
import luigi.scheduler
from luigi.scheduler import Scheduler
from luigi.task_register import Register
from luigi.worker import Worker

NAMES = ("a", "b", "c")
Chosen = str | None


class Ordered(luigi.scheduler.OrderedSet):
    """A set in the order of being added, with what luigi's scheduler does to sets."""

    def update(self, items: Any) -> None:
        for item in items:
            self.add(item)

    def difference_update(self, items: Any) -> None:
        for item in items:
            self.discard(item)


class Clock:
    """Moves on by itself a little each time it is read, and by `now` when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        self.now += 1e-6
        return self.now


@pytest.fixture(autouse=True)
def _luigi(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(luigi.scheduler, "set", Ordered, raising=False)
    yield
    luigi_parser.fill({})
    Register.clear_instance_cache()


# The same graph by luigi's Worker.


@dataclass
class Plan:
    """What a task is like."""

    deps: list[int]
    priority: int = 0
    resources: dict[str, int] = field(default_factory=dict)
    fails: int = 0
    retry_count: int | None = None
    complete: bool = False
    external: bool = False
    disabled: bool = False
    dynamic: list[int] = field(default_factory=list)


@dataclass
class World:
    """The tasks of one run, and what happened."""

    plans: dict[int, Plan]
    done: set[int]
    started: list[int] = field(default_factory=list)


WORLD = World({}, set())


class Vertex(luigi.Task):
    n = luigi.IntParameter()

    def plan(self) -> Plan:
        return WORLD.plans[self.n]

    @property
    def priority(self) -> int:  # type: ignore[override]
        return self.plan().priority

    @property
    def resources(self) -> dict[str, int]:  # type: ignore[override]
        return self.plan().resources

    @property
    def disabled(self) -> bool:  # type: ignore[override]
        return self.plan().disabled

    @property
    def retry_count(self) -> int | None:
        return self.plan().retry_count

    def requires(self) -> list[luigi.Task]:
        return [vertex(n) for n in self.plan().deps]

    def complete(self) -> bool:
        return self.n in WORLD.done

    def run(self) -> Any:
        WORLD.started.append(self.n)
        yield [vertex(n) for n in self.plan().dynamic]
        if WORLD.started.count(self.n) <= self.plan().fails:
            raise ValueError("planned")
        WORLD.done.add(self.n)


class Outside(Vertex):
    """External: there, or not."""

    run = None


def vertex(n: int) -> luigi.Task:
    return Outside(n) if WORLD.plans[n].external else Vertex(n)


def outcome(make: Callable[[], Any], plans: dict[int, Plan], config: dict[str, Any]) -> Any:
    """What ran in which order, what became of each task, and what the worker says of it."""
    global WORLD  # noqa: PLW0603  luigi makes the tasks, so they can be told in no other way
    luigi_parser.fill(config)
    Register.clear_instance_cache()
    WORLD = World(plans, {n for n, plan in plans.items() if plan.complete})
    worker = Worker(scheduler=make(), no_install_shutdown_handler=True, wait_interval=0.001)
    added = worker.add(vertex(0))
    succeeded = worker.run()
    return WORLD.started, statuses(worker._scheduler), added, succeeded


def statuses(scheduler: Any) -> dict[str, str]:
    tasks = scheduler._tasks if isinstance(scheduler, ReadyScheduler) else scheduler._state._tasks
    return {name: task.status for name, task in tasks.items()}


def plans_of(size: int) -> st.SearchStrategy[dict[int, Plan]]:
    def plan(n: int) -> st.SearchStrategy[Plan]:
        later = st.lists(st.integers(n + 1, size - 1), max_size=3) if n < size - 1 else st.just([])
        some = st.sampled_from([False] * 7 + [True])
        return st.builds(
            Plan,
            deps=later,
            priority=st.integers(-2, 3),
            resources=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 2), max_size=2),
            fails=st.sampled_from([0, 0, 0, 0, 1, 2, 9]),
            retry_count=st.integers(0, 3),
            complete=some,
            external=some,
            disabled=some,
            dynamic=st.one_of(st.just([]), later),
        )

    return st.fixed_dictionaries({n: plan(n) for n in range(size)})


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    plans=st.integers(1, 9).flatmap(plans_of),
    retry_delay=st.sampled_from([0, 900, -1]),
    limits=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 2)),
    external=st.booleans(),
)
def test_a_graph_runs_as_by_luigis_scheduler(
    plans: dict[int, Plan], retry_delay: float, limits: dict[str, int], external: bool
) -> None:
    config = {
        "scheduler": {"retry_delay": retry_delay},
        "resources": limits,
        "worker": {"retry_external_tasks": external},
    }
    theirs = outcome(lambda: Scheduler(prune_on_get_work=True), plans, config)
    assert outcome(ReadyScheduler, plans, config) == theirs


# The same history, call by call, with several tasks at once.


class Pair:
    """luigi's scheduler and the runner's, told the same."""

    def __init__(self, workers: int, config: dict[str, Any]) -> None:
        luigi_parser.fill(config)
        self.clock = Clock()
        luigi.scheduler.time = types.SimpleNamespace(time=self.clock)  # type: ignore[attr-defined]
        self.theirs = Scheduler(prune_on_get_work=True, worker_disconnect_delay=1e9)
        self.ours = ReadyScheduler(clock=self.clock)
        self.running: list[str] = []
        self.tell("add_worker", info=[("workers", workers)])

    def tell(self, method: str, **said: Any) -> None:
        if method != "decrease_running_task_resources":
            said["worker"] = "w"
        getattr(self.theirs, method)(**said)
        getattr(self.ours, method)(**said)

    def get_work(self) -> Chosen:
        asked = {"worker": "w", "host": "h", "current_tasks": self.running}
        theirs, ours = self.theirs.get_work(**asked), self.ours.get_work(**asked)
        assert ours["task_id"] == theirs["task_id"]
        if ours["task_id"] is not None:
            self.running.append(ours["task_id"])
        elif not self.running:
            for count in ("n_pending_tasks", "n_unique_pending", "n_pending_last_scheduled"):
                assert ours[count] == theirs[count]
        chosen: Chosen = ours["task_id"]
        return chosen


needs = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 3), max_size=3)


def play(data: st.DataObject, pair: Pair, workers: int, size: int) -> None:
    """Adds tasks, and lets them end in all ways, as long as there are any."""
    draw = data.draw
    policy = {"retry_count": draw(st.integers(1, 3)), "disable_window": draw(st.integers(1, 100))}
    policy["disable_hard_timeout"] = draw(st.sampled_from([None, 0, 50]))
    resources = {f"t{n}": draw(needs) for n in range(size)}
    for n in range(size) if draw(st.booleans()) else reversed(range(size)):
        pair.tell(
            "add_task",
            task_id=f"t{n}",
            status=draw(st.sampled_from(["PENDING"] * 8 + ["DONE", "DISABLED", "UNKNOWN"])),
            deps=draw(
                st.lists(st.sampled_from([f"t{m}" for m in range(n)]), max_size=3, unique=True)
            )
            if n
            else None,
            priority=draw(st.integers(-2, 4)),
            resources=resources[f"t{n}"],
            runnable=draw(st.sampled_from([True] * 6 + [False])),
            retry_policy_dict=policy,
        )
    for _ in range(4 * size):
        while len(pair.running) < workers and pair.get_work():
            pass
        pair.clock.now += draw(st.sampled_from([0, 0, 0, 5, 60, 1000]))
        if not pair.running:
            continue
        name = draw(st.sampled_from(pair.running))
        if draw(st.integers(0, 3)) == 0:
            pair.tell(
                "decrease_running_task_resources", task_id=name, decrease_resources=draw(needs)
            )
        status = draw(st.sampled_from(["DONE", "DONE", "DONE", "FAILED", "PENDING"]))
        more = [f"t{m}" for m in range(int(name[1:]))] if status == "PENDING" else []
        new_deps = draw(st.lists(st.sampled_from(more), min_size=1)) if more else []
        for dep in new_deps:  # the worker adds each of them before
            pair.tell(
                "add_task",
                task_id=dep,
                priority=draw(st.integers(0, 4)),
                resources=resources[dep],
                retry_policy_dict=policy,
            )
        if not new_deps and status == "PENDING":
            status = "FAILED"
        pair.tell(
            "add_task",
            task_id=name,
            status=status,
            new_deps=new_deps,
            runnable=None,
            resources=resources[name],
            retry_policy_dict=policy,
        )
        pair.running.remove(name)
    assert statuses(pair.ours) == statuses(pair.theirs)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    data=st.data(),
    workers=st.integers(1, 4),
    size=st.integers(1, 12),
    limits=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 5)),
    retry_delay=st.sampled_from([0, 10, -1]),
)
def test_each_call_is_answered_as_by_luigis_scheduler(
    data: st.DataObject, workers: int, size: int, limits: dict[str, int], retry_delay: float
) -> None:
    config = {"scheduler": {"retry_delay": retry_delay, "disable_persist": 500}}
    before = luigi.scheduler.time
    try:
        play(data, Pair(workers, {**config, "resources": limits}), workers, size)
    finally:
        luigi.scheduler.time = before  # type: ignore[attr-defined]
