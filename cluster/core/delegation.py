"""Dividing the members that are to be told among heads.

A *duty* is a set of members that someone has taken on to tell. In a small cluster it is their names; in a
large one a stretch of the ring of all ids, which two ids describe however many members lie in it. Whoever has
a duty splits it into as many parts as it has heads to send to; the first of each part is its head, and is
handed the rest of it. Everyone is then told once, by one path, in as many steps as the logarithm of their
number.

A stretch is of ids, not of places in a list: two nodes whose lists of members differ split it differently,
but neither tells anyone outside, and each tells all those inside whom it knows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Names:
    """These members, to be told in this order."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arc:
    """The members after an id on the ring, up to and with another; none when the two are one."""

    after: str
    until: str


@dataclass(frozen=True, slots=True)
class Ring:
    """All members, beginning at a place that the seed gives: whoever starts the same rumor begins at the
    same, so that their heads are the same too."""

    seed: int


Duty: TypeAlias = Names | Arc | Ring
Part: TypeAlias = tuple[str, Names | Arc]
"""A head, and what it is handed."""


def split(
    duty: Duty,
    parts: int,
    roster: Sequence[str],
    can_head: Callable[[str], bool],
    is_leaf: Callable[[str], bool] = lambda _: False,
) -> list[Part]:
    """The duty in at most so many parts, about equal, and those that are told by themselves. `roster` has all
    ids in order. Who cannot be a head (it is this node, or dead) is passed over in favour of the next, but
    told if it is a leaf."""
    if isinstance(duty, Names):
        heads = [node_id for node_id in duty.ids if can_head(node_id)]
        leaves = [(node_id, Names(())) for node_id in duty.ids if is_leaf(node_id) and not can_head(node_id)]
        return [*_split_names(heads, parts), *leaves]
    start, count = _span(duty, roster)
    made: list[Part] = []
    for part in range(parts):
        first, end = count * part // parts, count * (part + 1) // parts
        while first < end and not can_head(node_id := roster[(start + first) % len(roster)]):
            if is_leaf(node_id):
                made.append((node_id, Arc(node_id, node_id)))
            first += 1
        if first < end:
            head = roster[(start + first) % len(roster)]
            made.append((head, Arc(head, roster[(start + end - 1) % len(roster)])))
    return made


def _split_names(ids: list[str], parts: int) -> list[Part]:
    bounds = [len(ids) * part // parts for part in range(parts + 1)]
    chunks = [ids[first:end] for first, end in pairwise(bounds) if first < end]
    return [(chunk[0], Names(tuple(chunk[1:]))) for chunk in chunks]


def _span(duty: Arc | Ring, roster: Sequence[str]) -> tuple[int, int]:
    """Where the stretch begins in the roster, and how many members are in it."""
    if isinstance(duty, Ring):
        return duty.seed % len(roster), len(roster)
    start = bisect_right(roster, duty.after)
    count = bisect_right(roster, duty.until) - start
    return start, count if duty.after <= duty.until else count + len(roster)


def covers(outer: Arc, inner: Arc) -> bool:
    """Whether all of one stretch is in another."""
    return _lies_in(outer, inner.after) and _lies_in(outer, inner.until) and not _wraps(outer, inner)


def _lies_in(arc: Arc, node_id: str) -> bool:
    if arc.after <= arc.until:
        return arc.after <= node_id <= arc.until
    return node_id >= arc.after or node_id <= arc.until


def _wraps(outer: Arc, inner: Arc) -> bool:
    """Whether the inner one goes round the ring from late in the outer one to early in it."""
    return _turn(outer.after, inner.after) > _turn(outer.after, inner.until)


def _turn(origin: str, node_id: str) -> tuple[bool, str]:
    """Orders ids as one comes by them on the way round the ring from an origin."""
    return node_id < origin, node_id
