"""The scheduler decides what luigi's own decides, and takes no longer for more tasks.

Random graphs are given to luigi's local scheduler and to the runner's, both driven by luigi's own
Worker; and random histories of several tasks at once, call by call. luigi keeps requirements in
sets, whose order changes from process to process: here it is given sets that keep theirs.
"""

from __future__ import annotations

import functools
import sys
import tracemalloc
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
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

    @classmethod
    @functools.cache  # luigi looks through the class each time, which is most of what it does here
    def get_params(cls) -> Any:
        return super().get_params()

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


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
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


def needs(random: Random) -> dict[str, int]:
    names = random.sample(NAMES, random.choice([0, 1, 1, 2]))
    return {name: random.choice([0, 1, 1, 2, 3]) for name in names}


def describe(random: Random, n: int) -> dict[str, Any]:
    """A task as the worker adds it, which requires some of those before it."""
    deps = random.sample(range(n), min(n, random.choice([0, 0, 1, 2])))
    policy = {"retry_count": random.choice([1, 2, 3]), "disable_window": random.choice([0, 50])}
    policy["disable_hard_timeout"] = random.choice([None, None, 0, 50])
    status = random.choice(["PENDING"] * 12 + ["DONE", "DISABLED", "UNKNOWN"])
    return {
        "task_id": f"t{n}",
        "status": status,
        "deps": None if status in {"DONE", "UNKNOWN"} else [f"t{dep}" for dep in deps],
        "priority": random.choice([-2, 0, 0, 1, 2, 4]),
        "resources": needs(random),
        "runnable": random.random() < 0.9,
        "retry_policy_dict": policy,
    }


def end(random: Random, pair: Pair, tasks: dict[str, dict[str, Any]]) -> None:
    """Lets one of the running tasks end, or ask for more; some free resources before."""
    name = random.choice(pair.running)
    if random.random() < 0.2:
        less = needs(random)
        pair.tell("decrease_running_task_resources", task_id=name, decrease_resources=less)
    status = random.choice(["DONE"] * 5 + ["FAILED", "PENDING"])
    before = [f"t{n}" for n in range(int(name[1:]))]
    new_deps = random.sample(before, min(len(before), 2)) if status == "PENDING" else []
    for dep in new_deps:  # the worker adds them, complete or not, before it tells of the task
        again = {**tasks[dep], "status": random.choice(["PENDING", "DONE"])}
        pair.tell("add_task", **again | {"priority": random.randrange(5)})
    told = {key: tasks[name][key] for key in ("resources", "retry_policy_dict")}
    if status == "PENDING" and not new_deps:
        status = "FAILED"
    pair.tell("add_task", task_id=name, status=status, new_deps=new_deps, runnable=None, **told)
    pair.running.remove(name)
    if status == "FAILED" and random.random() < 0.3:  # as after an unfulfilled requirement
        pair.tell("add_task", **tasks[name] | {"status": "PENDING"})


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32))
@example(1)  # frees resources while it runs
@example(371)  # fails again after having been enabled again
@example(593)  # waits for resources, and claims them before what ranks below
def test_each_call_is_answered_as_by_luigis_scheduler(seed: int) -> None:
    random = Random(seed)
    workers, size = random.randint(1, 4), random.randint(2, 25)
    config = {
        "scheduler": {"retry_delay": random.choice([0, 10, -1]), "disable_persist": 500},
        "resources": {name: random.randint(0, 6) for name in random.sample(NAMES, 2)},
    }
    tasks = [describe(random, n) for n in range(size)]
    by_name = {task["task_id"]: task for task in tasks}
    before = luigi.scheduler.time
    try:
        pair = Pair(workers, config)
        for task in random.choice([tasks, tasks[::-1]]):
            pair.tell("add_task", **task)
        for _ in range(3 * size):
            while len(pair.running) < workers and pair.get_work():
                pass
            pair.clock.now += random.choice([0, 0, 0, 0, 5, 60, 1000])
            if pair.running:
                end(random, pair, by_name)
        assert statuses(pair.ours) == statuses(pair.theirs)
    finally:
        luigi.scheduler.time = before  # type: ignore[attr-defined]


# However many.


def chain(size: int) -> list[dict[str, Any]]:
    """Each requires the next one."""
    return [{"task_id": f"t{n}", "deps": [f"t{n + 1}"][: size - n - 1]} for n in range(size)]


def fan(size: int) -> list[dict[str, Any]]:
    """One requires all others."""
    root = {"task_id": "t0", "deps": [f"t{n}" for n in range(1, size)]}
    return [root, *({"task_id": f"t{n}", "deps": []} for n in range(1, size))]


def contended(size: int) -> list[dict[str, Any]]:
    """All need one resource, and each something of its own, so that no two need the same."""
    return [task | {"resources": {"z": 1, task["task_id"]: 1}} for task in fan(size)]


def mixed(size: int) -> list[dict[str, Any]]:
    """Two resources, which all need both of, or one."""
    some = ({"a": 1, "b": 1}, {"a": 1}, {"b": 1}, {"a": 2}, {})
    return [task | {"resources": some[n % 5]} for n, task in enumerate(fan(size))]


def urgent(size: int) -> list[dict[str, Any]]:
    """Each more urgent than what it requires, which is known before."""
    return [task | {"priority": n} for n, task in enumerate(reversed(chain(size)))]


def drive(tasks: list[dict[str, Any]], workers: int) -> list[str]:
    """Runs tasks on the runner's scheduler, some at a time, and lists them as they started."""
    scheduler = ReadyScheduler({"a": 3})
    scheduler.add_worker("w", {"workers": workers})
    for task in tasks:
        scheduler.add_task(**task)
    order: list[str] = []
    ended = 0
    while True:
        name = scheduler.get_work()["task_id"] if len(order) - ended < workers else None
        if name is not None:
            order.append(name)
        elif ended < len(order):
            scheduler.add_task(task_id=order[ended], status="DONE", runnable=None)
            ended += 1
        else:
            return order


def lines_run(function: Callable[[], object]) -> int:
    """How many lines of the scheduler a call executes."""
    count = 0

    def line(_frame: types.FrameType, event: str, _: Any) -> Any:
        nonlocal count
        count += event == "line"
        return line

    def call(frame: types.FrameType, _event: str, _: Any) -> Any:
        return line if "/engine/" in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("shape", [chain, fan, contended, mixed, urgent])
def test_it_takes_as_long_for_a_task_however_many_there_are(
    shape: Callable[[int], list[dict[str, Any]]], workers: int
) -> None:
    few, many = (lines_run(lambda n=n: drive(shape(n), workers)) for n in (300, 3000))  # type: ignore[misc]
    assert few > 300 * 20 and many < 10.5 * few


def test_a_hundred_thousand_at_once_start_in_the_order_of_being_added() -> None:
    order = drive(fan(100_000), 2)
    assert order == [f"t{n}" for n in range(1, 100_000)] + ["t0"]


def test_a_chain_of_ten_thousand_recurses_nowhere() -> None:
    plans = {n: Plan(deps=[n + 1] * (n < 9_999)) for n in range(10_000)}
    started, became, added, succeeded = outcome(ReadyScheduler, plans, {})
    assert added and succeeded and started == list(range(9_999, -1, -1))
    assert set(became.values()) == {"DONE"}


def test_a_chain_that_waits_for_a_disabled_task_has_nothing_left_to_run() -> None:
    scheduler = ReadyScheduler({})
    for task in chain(10_000):
        scheduler.add_task(**task)
    scheduler.add_task(task_id="t0", priority=7)  # goes down the whole chain
    assert scheduler.count_pending()["n_pending_tasks"] == 10_000
    scheduler.add_task(task_id="t9999", status="DISABLED")
    assert scheduler.get_work()["task_id"] is None
    assert scheduler.count_pending()["n_pending_tasks"] == 0
    scheduler.add_task(task_id="more", priority=5)
    scheduler.add_task(task_id="t9999", status="PENDING")
    assert [scheduler.get_work()["task_id"] for _ in range(2)] == ["t9999", "more"]


def test_a_task_takes_less_than_two_kilobytes() -> None:
    size = 20_000
    tasks = fan(size)
    tracemalloc.start()
    try:
        scheduler = ReadyScheduler({})
        for task in tasks:
            scheduler.add_task(**task, params={"n": "1" * 100}, family="Task", module="tasks")
        assert tracemalloc.get_traced_memory()[0] / size < 1400
        assert scheduler.get_work()["task_id"] == "t1"
    finally:
        tracemalloc.stop()


# Which scheduler.


class Batched(luigi.Task):
    """Several of these may run as one."""

    n = luigi.IntParameter(batch_method=max)


Register._reg.remove(Batched)  # or luigi's own would be taken in every other test of this process


@pytest.mark.parametrize(
    ("config", "batched", "kind"),
    [
        ({}, False, ReadyScheduler),
        ({}, True, Scheduler),
        ({"batch_emails": True}, False, Scheduler),
        ({"record_task_history": True}, False, Scheduler),
        ({"metrics_collector": "datadog"}, False, Scheduler),
    ],
)
def test_luigis_own_is_taken_for_what_only_that_does(
    config: dict[str, Any], batched: bool, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Register, "_reg", [Vertex, Batched] if batched else [Vertex])
    # Some of these need a database, or a package that is not installed.
    monkeypatch.setattr(engine_scheduler, "Scheduler", lambda **_: object.__new__(Scheduler))
    luigi_parser.fill({"scheduler": config})
    assert type(engine_scheduler.local()) is kind
