"""Fewer boxes for a large graph: tasks of one family that stand alike are drawn as one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass

from runner import quantities
from runner.report_page import marks
from runner.report_page.layers import levels_of

_ALIKE = 7  # so many tasks are one group; fewer are drawn one by one
_ROUNDS = 3
_LISTED = 12  # names in the hint of a group

Pairs = Collection[tuple[str, str]]


@dataclass(frozen=True)
class Box:
    """A task in the picture, or a group of them.

    Attributes:
        name: shown, and shortened where it is long.
        status: of `marks.STATUSES`; empty for one that does nothing itself, as luigi's wrappers.
        family: what it is grouped by.
        detail: a second line.
        hint: shown when the mouse rests on it.
        seconds: that it ran; None when it did not.
        members: the tasks of a group.
    """

    name: str
    status: str
    family: str
    detail: str = ""
    hint: str = ""
    seconds: float | None = None
    members: tuple[Box, ...] = ()


def grouped(
    boxes: Mapping[str, Box], edges: Pairs, most: int
) -> tuple[dict[str, Box], set[tuple[str, str]]]:
    """Tasks that stand alike become one box; where that is not enough, each family does.

    Args:
        boxes: by any key.
        edges: (key of what is required, key of what requires it), without circles.
        most: boxes that can be drawn.
    """
    numbers = {key: at for at, key in enumerate(boxes)}
    wired = [(numbers[up], numbers[down]) for up, down in edges]
    levels = dict(zip(boxes, levels_of(len(boxes), wired), strict=True))
    classes = _alike(boxes, edges, levels)
    sizes = Counter(classes.values())
    if sum(1 if size >= _ALIKE else size for size in sizes.values()) <= most:
        names = {key: str(c) if sizes[c] >= _ALIKE else f"{c} {key}" for key, c in classes.items()}
        return _joined(boxes, {(names[up], names[down]) for up, down in edges}, names)
    families = {key: box.family for key, box in boxes.items()}
    first: dict[str, int] = {}
    for key, family in families.items():
        first[family] = min(first.get(family, levels[key]), levels[key])
    order = {family: at for at, family in enumerate(sorted(first, key=lambda f: first[f]))}
    pairs = {(families[up], families[down]) for up, down in edges}
    # What leads back to an earlier family is left out: it would close a circle.
    forward = {(up, down) for up, down in pairs if order[up] < order[down]}
    return _joined(boxes, forward, families)


def _alike(boxes: Mapping[str, Box], edges: Pairs, levels: Mapping[str, int]) -> dict[str, int]:
    """A number for each task, the same for those of one family and layer with like neighbours.

    Every edge leads to a later layer, so that groups can't require one another in a circle.
    """
    ups, downs = defaultdict(list), defaultdict(list)
    for up, down in edges:
        ups[down].append(up)
        downs[up].append(down)
    found = _numbered({key: (box.family, levels[key]) for key, box in boxes.items()})
    for _ in range(_ROUNDS):
        found = _numbered(
            {
                key: (
                    found[key],
                    frozenset(found[up] for up in ups[key]),
                    frozenset(found[down] for down in downs[key]),
                )
                for key in boxes
            }
        )
    return found


def _numbered(signs: Mapping[str, Hashable]) -> dict[str, int]:
    numbers: dict[Hashable, int] = {}
    return {key: numbers.setdefault(sign, len(numbers)) for key, sign in signs.items()}


def _joined(
    boxes: Mapping[str, Box], edges: set[tuple[str, str]], names: Mapping[str, str]
) -> tuple[dict[str, Box], set[tuple[str, str]]]:
    members: dict[str, list[Box]] = {}
    for key, box in boxes.items():
        members.setdefault(names[key], []).append(box)
    return {name: _group(some) for name, some in members.items()}, edges


def _group(boxes: Sequence[Box]) -> Box:
    if len(boxes) == 1:
        return boxes[0]
    shares = Counter(box.status for box in boxes if box.status)
    worst = [status for status in ("failed", "stopped") if status in shares]
    status = worst[0] if worst else next((s for s, _ in shares.most_common(1)), "")
    said = ", ".join(f"{shares[s]} {s}" for s in marks.STATUSES if s in shares)
    seconds = [box.seconds for box in boxes if box.seconds is not None]
    detail = f"{said} · {quantities.brief(sum(seconds))}" if seconds else said
    name = f"{boxes[0].family} \N{MULTIPLICATION SIGN}{len(boxes)}"
    listed = [box.name for box in boxes[:_LISTED]]
    more = [f"… {len(boxes) - _LISTED} more"] if len(boxes) > _LISTED else []
    hint = "\n".join([f"{name}: {said}", *listed, *more])
    total = sum(seconds) if seconds else None
    return Box(name, status, boxes[0].family, detail, hint, total, tuple(boxes))
