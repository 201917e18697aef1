"""A dependency graph in layers: which layer each task is in, and in which order they stand there.

Edges that pass over layers get a place of their own in each of them, so that a line leads around
the boxes between. All loops are over lists; a chain of any length is no deeper than a short one.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

_MOST_BENDS = 5_000  # places for passing edges; above that, long edges are drawn straight
_SWEEPS = 6
_COUNTED = 5_000  # edges of which crossings are counted; above that, the last order is taken

Edge = tuple[int, int]


@dataclass
class Layered:
    """Points in layers; the first `count` of them are tasks, the others are bends of edges.

    Attributes:
        layers: points by layer, in their order.
        chains: for each edge the points that it passes, both ends included.
        ups, downs: neighbours of each point in the layers before and after it.
    """

    count: int
    layers: list[list[int]]
    chains: list[list[int]]
    ups: list[list[int]]
    downs: list[list[int]]


def layered(count: int, edges: Sequence[Edge]) -> Layered:
    """Puts tasks 0…count-1 into layers, each after all that it requires.

    Args:
        edges: (required, requiring).

    Raises:
        ValueError: the edges lead in a circle.
    """
    level = levels_of(count, edges)
    bends = sum(level[down] - level[up] - 1 for up, down in edges)
    direct = bends > _MOST_BENDS
    layers: list[list[int]] = [[] for _ in range(max(level, default=-1) + 1)]
    for point, at in enumerate(level):
        layers[at].append(point)
    chains = []
    total = count
    for up, down in edges:
        between = [] if direct else range(level[up] + 1, level[down])
        chains.append([up, *range(total, total + len(between)), down])
        for point, at in enumerate(between, start=total):
            layers[at].append(point)
        total += len(between)
    ups: list[list[int]] = [[] for _ in range(total)]
    downs: list[list[int]] = [[] for _ in range(total)]
    for chain in chains:
        for before, after in pairwise(chain):
            ups[after].append(before)
            downs[before].append(after)
    found = Layered(count, layers, chains, ups, downs)
    _order(found)
    return found


def levels_of(count: int, edges: Sequence[Edge]) -> list[int]:
    """The layer of each task: after all that it requires, and not far before what requires it.

    Raises:
        ValueError: the edges lead in a circle.
    """
    downs: list[list[int]] = [[] for _ in range(count)]
    waits = [0] * count
    for up, down in edges:
        downs[up].append(down)
        waits[down] += 1
    requires = list(waits)
    level = [0] * count
    ready = deque(point for point in range(count) if not waits[point])
    order = []
    while ready:
        point = ready.popleft()
        order.append(point)
        for down in downs[point]:
            level[down] = max(level[down], level[point] + 1)
            waits[down] -= 1
            if not waits[down]:
                ready.append(down)
    if len(order) < count:
        raise ValueError("the edges lead in a circle")
    for point in reversed(order):
        if len(downs[point]) > requires[point]:
            level[point] = min(level[down] for down in downs[point]) - 1
    return level


def _order(found: Layered) -> None:
    """Orders each layer by the middle of its neighbours, to and fro; the best order is kept."""
    place = [0.0] * len(found.ups)
    _number(found.layers, place)
    counted = sum(len(downs) for downs in found.downs) <= _COUNTED
    best, fewest = [list(layer) for layer in found.layers], _crossings(found) if counted else 0
    for sweep in range(_SWEEPS):
        near, layers = (
            (found.ups, found.layers) if sweep % 2 == 0 else (found.downs, found.layers[::-1])
        )
        for layer in layers:
            layer.sort(key=_middle(near, place))
            _number([layer], place)
        crossings = _crossings(found) if counted else 0
        if crossings < fewest or not counted:
            best, fewest = [list(layer) for layer in found.layers], crossings
        if counted and not fewest:
            break
    found.layers = best


def _number(layers: Sequence[list[int]], place: list[float]) -> None:
    for layer in layers:
        for at, point in enumerate(layer):
            place[point] = float(at)


def _middle(near: list[list[int]], place: list[float]) -> Callable[[int], float]:
    def middle(point: int) -> float:
        points = near[point]
        return sum(place[p] for p in points) / len(points) if points else place[point]

    return middle


def _crossings(found: Layered) -> int:
    place = [0.0] * len(found.ups)
    _number(found.layers, place)
    total = 0
    for layer in found.layers:
        seen: list[float] = []
        for point in layer:
            ends = [place[down] for down in found.downs[point]]
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total
