"""Where the boxes of a dependency graph stand, and which way its edges take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from runner.report_page.layers import Edge, Layered, layered

_SWEEPS = 40
_STILL = 0.2  # pixels; when no point moves by more, all are where they belong
_BEND = 8.0  # pixels that a passing edge takes
_PULLS = (1.0, 2.0, 8.0)  # of an edge between boxes, of a box and a bend, of two bends
_NEAR = 52.0  # pixels between layers, at least; more where many edges run
_FAR = 140.0

_LONG = 5  # layers up to which a graph runs from left to right in any case
_SLIM = 4  # boxes side by side up to which a longer one runs downwards

Point = tuple[float, float]


@dataclass(frozen=True)
class Size:
    """Of a box, in pixels; `elastic`: it may be made as wide as others in its column."""

    width: float
    height: float
    elastic: bool = True


@dataclass(frozen=True)
class Spot:
    """A rectangle, in pixels: its upper left corner and its size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """A drawing of a graph, in pixels from its upper left corner.

    Attributes:
        spots: one for each box, in the order of the boxes.
        routes: for each edge the points on its way, from the border of a box to that of another;
            it is level between the first and the second, the third and the fourth, and so on.
        downwards: whether it runs from top to bottom, and not from left to right.
    """

    spots: tuple[Spot, ...]
    routes: tuple[tuple[Point, ...], ...]
    width: float
    height: float
    downwards: bool


def arrange(sizes: Sequence[Size], gap: float, edges: Sequence[Edge]) -> Layout:
    """Lays out a graph: from left to right, or downwards where it is long and narrow.

    Args:
        sizes: of each box.
        gap: between boxes that stand side by side.
        edges: (required, requiring), numbers of boxes.

    Raises:
        ValueError: the edges lead in a circle.
    """
    count = len(sizes)
    found = layered(count, edges)
    most = max((sum(point < count for point in layer) for layer in found.layers), default=0)
    downwards = len(found.layers) > _LONG and most <= _SLIM
    along = [size.height if downwards else size.width for size in sizes]
    across = [size.width if downwards else size.height for size in sizes]
    across += [_BEND] * (len(found.ups) - count)
    if not downwards:
        along = _even(found, sizes, along)
    centres = _centres(found, across, gap)
    bands, length = _bands(found, along)
    breadth = max((c + size / 2 for c, size in zip(centres, across, strict=True)), default=0.0)
    spots = []
    for point in range(count):
        start, side = bands[point][0], centres[point] - across[point] / 2
        size = (across[point], along[point])
        spots.append(Spot(side, start, *size) if downwards else Spot(start, side, size[1], size[0]))
    routes = []
    for up, *bends, down in found.chains:
        way = [(bands[up][0] + along[up], centres[up]), (bands[up][1], centres[up])]
        way += [(end, centres[point]) for point in bends for end in bands[point]]
        way.append((bands[down][0], centres[down]))
        routes.append(tuple((c, a) if downwards else (a, c) for a, c in way))
    whole = (breadth, length) if downwards else (length, breadth)
    return Layout(tuple(spots), tuple(routes), *whole, downwards)


def _even(found: Layered, sizes: Sequence[Size], along: Sequence[float]) -> list[float]:
    """Boxes of a column become as wide as the widest of those that may be stretched."""
    evened = list(along)
    for layer in found.layers:
        boxes = [p for p in layer if p < found.count and sizes[p].elastic]
        widest = max((along[point] for point in boxes), default=0.0)
        for point in boxes:
            evened[point] = widest
    return evened


def _bands(found: Layered, along: Sequence[float]) -> tuple[dict[int, tuple[float, float]], float]:
    """Where the layer of each point begins and ends, and the length of all layers."""
    bands: dict[int, tuple[float, float]] = {}
    at = end = 0.0
    for layer in found.layers:
        end = at + max(along[point] for point in layer if point < found.count)
        bands |= dict.fromkeys(layer, (at, end))
        at = end + min(_FAR, _NEAR + 1.5 * sum(len(found.downs[point]) for point in layer))
    return bands, end


def _centres(found: Layered, across: Sequence[float], gap: float) -> list[float]:
    """The centre of each point across the layers: near to its neighbours, and none overlaps."""
    centres = [0.0] * len(across)
    steps = []
    for layer in found.layers:
        apart = [
            (across[a] + across[b]) / 2 + (gap if a < found.count or b < found.count else gap / 3)
            for a, b in pairwise(layer)
        ]
        steps.append(apart)
        at = -sum(apart) / 2
        for point, step in zip(layer, [*apart, 0.0], strict=True):
            centres[point] = at
            at += step
    for sweep in range(_SWEEPS):
        moved = 0.0
        numbers = range(len(found.layers))
        for at in numbers if sweep % 2 == 0 else reversed(numbers):
            wanted, weights = [], []
            for point in found.layers[at]:
                near = [
                    (p, _pull(found, point, p)) for p in (*found.ups[point], *found.downs[point])
                ]
                weights.append(sum(pull for _, pull in near) or 1e-3)
                pulled = sum(centres[p] * pull for p, pull in near)
                wanted.append(pulled / weights[-1] if near else centres[point])
            placed = _apart(wanted, weights, steps[at])
            for point, centre in zip(found.layers[at], placed, strict=True):
                moved = max(moved, abs(centres[point] - centre))
                centres[point] = centre
        if moved < _STILL:
            break
    first = min((c - size / 2 for c, size in zip(centres, across, strict=True)), default=0.0)
    return [centre - first for centre in centres]


def _pull(found: Layered, one: int, other: int) -> float:
    """How much an edge wants to be straight: the more, the more of its ends are bends.

    It pulls on both of its ends alike; otherwise a drawing would drift away for ever.
    """
    return _PULLS[(one >= found.count) + (other >= found.count)]


def _apart(
    wanted: Sequence[float], weights: Sequence[float], steps: Sequence[float]
) -> list[float]:
    """The places nearest to those wanted (least squares) that are at least `steps` apart.

    With the steps taken off, that is a sequence that may not fall: neighbours that would fall are
    pooled into their mean, from left to right, which takes linear time.
    """
    offsets = [0.0]
    for step in steps:
        offsets.append(offsets[-1] + step)
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for place, weight, offset in zip(wanted, weights, offsets, strict=False):
        mean, total, many = place - offset, weight, 1
        while pools and pools[-1][0] > mean:
            before, heavy, more = pools.pop()
            mean = (before * heavy + mean * total) / (heavy + total)
            total, many = heavy + total, more + many
        pools.append((mean, total, many))
    means = (mean for mean, _, many in pools for _ in range(many))
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]
