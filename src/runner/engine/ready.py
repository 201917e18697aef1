"""Tasks that are ready to run, in the order in which luigi would start them.

luigi walks through all tasks, the first in rank first, and takes the first that gets its resources.
On the way, tasks that run and tasks that wait for resources claim theirs before what ranks below
them does, so that a task which needs much is not starved by many that need little; a waiting task
may claim as long as a process is left for it. Here the same answer costs no walk: tasks that need
the same stand in one group, of which only the first is looked at, and groups that some resource
held up stand in a lane that is passed over as a whole while that resource is short.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from operator import itemgetter
from typing import Any

#: (resource, amount) pairs, sorted by name.
Needs = tuple[tuple[str, int], ...]
#: luigi's retry_count, disable_hard_timeout and disable_window (both in seconds).
Policy = tuple[float, float, float]
#: The lowest goes first: priority with its sign turned, then the order of being added.
Rank = tuple[float, int]
_Lane = tuple[str, int] | None
_OPEN: _Lane = None


@dataclass(slots=True, eq=False)
class Scheduled:
    """What the scheduler knows of one task.

    Attributes:
        order: counts the tasks in the order in which they became known.
        deps: ids of what it requires.
        dependants: ids of what requires it.
        unmet: how many of `deps` are not done.
        runnable: may be run here, which an external task may not.
        policy: when it is disabled for its failures.
        failures: when it failed, in seconds; those in the window only.
        first_failure: when it failed for the first time.
        moment: when it was done, is to be tried again, or is enabled again, in seconds.
        queued: its entry among the ready ones; None when it is not among them.
    """

    task_id: str
    order: int
    priority: float
    status: str
    policy: Policy
    deps: frozenset[str] = frozenset()
    dependants: set[str] | None = None
    unmet: int = 0
    runnable: bool = False
    needs: Needs = ()
    failures: list[float] | None = None
    first_failure: float | None = None
    moment: float | None = None
    queued: tuple[float, int, Any] | None = None

    @property
    def rank(self) -> Rank:
        return -self.priority, self.order


@dataclass(slots=True, eq=False)
class _Group:
    """Ready tasks that need the same resources; `entry` is its place in the lane it stands in."""

    lane: _Lane = _OPEN
    tasks: list[tuple[float, int, Scheduled]] = field(default_factory=list)
    entry: tuple[float, int, Needs] | None = None

    def first(self) -> Scheduled | None:
        """The task that ranks first; entries of tasks that left since are dropped."""
        while self.tasks and self.tasks[0][2].queued is not self.tasks[0]:
            heappop(self.tasks)
        return self.tasks[0][2] if self.tasks else None


class ReadyQueue:
    """Ready tasks by rank and by the resources that they need.

    Args:
        limits: how much there is of each resource; of one that is not listed there is 1.

    Attributes:
        running: what was taken and not released, and what it holds.
    """

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = limits
        self._groups: dict[Needs, _Group] = {}
        self._lanes: dict[_Lane, list[tuple[float, int, Needs]]] = {}
        self._used: dict[str, int] = defaultdict(int)
        self.running: dict[str, tuple[Scheduled, dict[str, int]]] = {}

    def push(self, task: Scheduled) -> None:
        """Adds a task, or gives one that is in it the rank that it has by now."""
        group = self._groups.get(task.needs)
        if group is None:
            group = self._groups[task.needs] = _Group()
        task.queued = (*task.rank, task)
        heappush(group.tasks, task.queued)
        if group.entry is None or task.rank < group.entry[:2]:
            self._stand(group, task.needs)

    def discard(self, task: Scheduled) -> None:
        """Takes a task out; its entries are dropped when they come to the front."""
        task.queued = None

    def release(self, task: Scheduled) -> None:
        """Frees what a task holds that was taken: it runs no longer."""
        self.give_back(task.task_id, self.running[task.task_id][1].copy())
        del self.running[task.task_id]

    def give_back(self, task_id: str, amounts: Mapping[str, int]) -> None:
        """Frees a part of what a running task holds, as far as it holds that."""
        held = self.running[task_id][1] if task_id in self.running else {}
        for resource, amount in amounts.items():
            freed = max(0, min(amount, held.get(resource, 0)))
            if freed:
                held[resource] -= freed
                self._used[resource] -= freed

    def take(self, slots: int) -> Scheduled | None:
        """Takes out the task that is to start now, and counts it as running; None if there is none.

        Args:
            slots: how many tasks may run at once.
        """
        ahead = sorted(
            ((task.rank, held) for task, held in self.running.values()),
            reverse=True,
            key=itemgetter(0),
        )
        claimed: dict[str, int] = defaultdict(int)
        aside: list[Scheduled] = []
        passed: set[_Lane] = set()
        chosen = None
        while chosen is None and (front := self._front(passed)):
            (*rank, needs), lane = front
            while ahead and ahead[-1][0] < tuple(rank):
                slots -= 1
                _add(claimed, ahead.pop()[1].items())
            if lane and self._is_short(lane, claimed, slots):
                passed.add(lane)
                continue
            group = self._groups[needs]
            short = self._missing(needs, claimed)
            held_up = short or self._missing(needs, self._used)
            if held_up is None:
                chosen = self._pop(group, needs)
            elif short is None and slots > 0:
                slots -= 1
                _add(claimed, needs)
                aside.append(self._pop(group, needs))
            else:
                group.lane = held_up
                self._stand(group, needs)
        for task in aside:
            self.push(task)
        if chosen is not None:
            self.running[chosen.task_id] = chosen, dict(chosen.needs)
            _add(self._used, chosen.needs)
        return chosen

    def _front(self, passed: set[_Lane]) -> tuple[tuple[float, int, Needs], _Lane] | None:
        """The group that ranks first, and its lane, of the lanes that were not passed over."""
        best = None
        for lane in list(self._lanes):
            if lane in passed:
                continue
            entry = self._first_of(lane)
            if entry is not None and (best is None or entry < best[0]):
                best = entry, lane
        return best

    def _first_of(self, lane: _Lane) -> tuple[float, int, Needs] | None:
        entries = self._lanes[lane]
        while entries:
            entry = entries[0]
            group = self._groups.get(entry[2])
            if group is None or group.entry is not entry:
                heappop(entries)
                continue
            task = group.first()
            if task is not None and task.rank == entry[:2]:
                return entry
            heappop(entries)
            self._stand(group, entry[2])
        del self._lanes[lane]
        return None

    def _stand(self, group: _Group, needs: Needs) -> None:
        """Puts a group into its lane, by the rank of its first task; an empty one is gone."""
        task = group.first()
        if task is None:
            group.entry = None
            self._groups.pop(needs, None)
            return
        group.entry = (*task.rank, needs)
        heappush(self._lanes.setdefault(group.lane, []), group.entry)

    def _pop(self, group: _Group, needs: Needs) -> Scheduled:
        task = heappop(group.tasks)[2]
        task.queued = None
        self._stand(group, needs)
        return task

    def _missing(self, needs: Needs, used: Mapping[str, int]) -> tuple[str, int] | None:
        for resource, amount in needs:
            if amount + used.get(resource, 0) > self._limits.get(resource, 1):
                return resource, amount
        return None

    def _is_short(self, lane: tuple[str, int], claimed: Mapping[str, int], slots: int) -> bool:
        """Whether nothing in the lane can start or claim: each needs that amount of a resource."""
        if self._missing((lane,), claimed):
            return True
        return slots <= 0 and self._missing((lane,), self._used) is not None


def _add(amounts: dict[str, int], needs: Iterable[tuple[str, int]]) -> None:
    for resource, amount in needs:
        amounts[resource] += amount
