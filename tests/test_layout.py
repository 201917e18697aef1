"""Layers and coordinates of a dependency graph."""

from __future__ import annotations

import time
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.report_page.layers import layered, levels_of
from runner.report_page.layout import Layout, Size, Spot, arrange

Graph = tuple[int, list[tuple[int, int]]]
GAP = 10.0


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    count = draw(st.integers(1, 18))
    names = draw(st.permutations(range(count)))  # numbers need not be in the order of requirement
    possible = list(combinations(range(count), 2))
    chosen = draw(st.lists(st.sampled_from(possible), unique=True)) if possible else []
    return count, [(names[a], names[b]) for a, b in chosen]


sizes = st.builds(Size, st.floats(40, 300), st.sampled_from([26.0, 46.0, 190.0]), st.booleans())


def overlap(a: Spot, b: Spot) -> bool:
    beside = a.x + a.width <= b.x or b.x + b.width <= a.x
    return not (beside or a.y + a.height <= b.y or b.y + b.height <= a.y)


def on_border(point: tuple[float, float], spot: Spot) -> bool:
    x, y = point
    across = spot.x <= x <= spot.x + spot.width and spot.y <= y <= spot.y + spot.height
    sides = (spot.x, spot.x + spot.width), (spot.y, spot.y + spot.height)
    return across and (
        any(abs(x - side) < 1e-6 for side in sides[0])
        or any(abs(y - side) < 1e-6 for side in sides[1])
    )


def check(layout: Layout, edges: list[tuple[int, int]]) -> None:
    for a, b in combinations(layout.spots, 2):
        assert not overlap(a, b)
    assert len(layout.routes) == len(edges)
    for (up, down), route in zip(edges, layout.routes, strict=True):
        assert on_border(route[0], layout.spots[up]) and on_border(route[-1], layout.spots[down])
        axis = 1 if layout.downwards else 0
        assert all(a[axis] <= b[axis] for a, b in pairwise(route)), "it only leads forward"
        for (ax, ay), (bx, by) in list(pairwise(route))[2::2]:  # beside the boxes that it passes
            line = Spot(min(ax, bx), min(ay, by), abs(bx - ax), abs(by - ay))
            assert not any(overlap(line, spot) for spot in layout.spots)
    right = max((spot.x + spot.width for spot in layout.spots), default=0.0)
    bottom = max((spot.y + spot.height for spot in layout.spots), default=0.0)
    assert right <= layout.width + 1e-6 and bottom <= layout.height + 1e-6
    assert all(spot.x >= -1e-6 and spot.y >= -1e-6 for spot in layout.spots)


@settings(deadline=None, max_examples=150)
@given(graphs(), st.data())
def test_boxes_do_not_overlap_and_every_edge_is_drawn(graph: Graph, data: st.DataObject) -> None:
    count, edges = graph
    given_sizes = data.draw(st.lists(sizes, min_size=count, max_size=count))
    check(arrange(given_sizes, GAP, edges), edges)


@settings(deadline=None, max_examples=150)
@given(graphs())
def test_what_is_required_is_in_an_earlier_layer_and_none_is_empty(graph: Graph) -> None:
    count, edges = graph
    levels = levels_of(count, edges)
    assert all(levels[up] < levels[down] for up, down in edges)
    found = layered(count, edges)
    assert all(any(point < count for point in layer) for layer in found.layers)
    placed = [point for layer in found.layers for point in layer]
    assert sorted(placed) == list(range(len(found.ups)))


def test_a_chain_of_thousands_is_laid_out_without_recursion() -> None:
    count = 5000
    edges = [(n, n + 1) for n in range(count - 1)]
    layout = arrange([Size(100, 40)] * count, GAP, edges)
    assert layout.downwards and len({spot.x for spot in layout.spots}) == 1
    assert [spot.y for spot in layout.spots] == sorted(spot.y for spot in layout.spots)


def test_a_chain_whose_end_requires_all_of_it_takes_no_square_of_its_length() -> None:
    count = 3000
    edges = [(n, n + 1) for n in range(count - 1)] + [(n, count - 1) for n in range(count - 2)]
    before = time.process_time()
    layout = arrange([Size(100, 40)] * count, GAP, edges)
    assert len(layout.routes) == len(edges)
    assert time.process_time() - before < 30  # with a bend for every layer it takes minutes


def test_a_row_of_alike_boxes_is_level() -> None:
    layout = arrange([Size(100, 40)] * 3, GAP, [(0, 1), (1, 2)])
    assert not layout.downwards
    assert {spot.y for spot in layout.spots} == {0.0}
    assert all(ay == by for (_, ay), (_, by) in pairwise(layout.routes[0]))


def test_two_that_cross_change_places() -> None:
    edges = [(0, 3), (1, 2)]
    layout = arrange([Size(100, 40)] * 4, GAP, edges)
    (first, second) = layout.routes
    assert (first[0][1] < second[0][1]) == (first[-1][1] < second[-1][1])


def test_long_edges_are_straight_and_what_hangs_on_one_task_is_in_line_with_it() -> None:
    edges = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 4), (4, 5)]
    chain = [Size(160, 46), Size(200, 46), Size(260, 190, elastic=False), *[Size(100, 46)] * 3]
    layout = arrange(chain, GAP, edges)
    assert layout.downwards
    last, end = layout.spots[4], layout.spots[5]
    assert abs(last.x - end.x) < 2
    bends = [x for x, _ in layout.routes[4][2:-1]]
    assert max(bends) - min(bends) < 12


def test_a_circle_is_refused() -> None:
    with pytest.raises(ValueError, match="circle"):
        arrange([Size(10, 10)] * 2, GAP, [(0, 1), (1, 0)])


def test_nothing_takes_no_room() -> None:
    layout = arrange([], GAP, [])
    assert (layout.spots, layout.routes, layout.width, layout.height) == ((), (), 0.0, 0.0)
