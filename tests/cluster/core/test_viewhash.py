from __future__ import annotations

import random
from itertools import pairwise

import pytest

from cluster.core.viewhash import PARTS_MAX, ViewHash, is_count, part_bounds, parts_for

RNG = random.Random(1)
IDS = [f"{RNG.getrandbits(160):040x}" for _ in range(300)]


def filled() -> ViewHash:
    view = ViewHash()
    for number, node_id in enumerate(IDS, 1):
        view.change(node_id, 0, number)
    return view


@pytest.mark.parametrize("count", [1, 2, 16, 1024])
def test_a_change_is_seen_in_the_part_that_has_the_member_and_nowhere_else(count: int) -> None:
    view = filled()
    before = view.parts(count)
    view.change(IDS[7], 8, 5000)
    after = view.parts(count)
    (part,) = [part for part in range(count) if before[part] != after[part]]
    begin, end = part_bounds(part, count)
    assert begin <= IDS[7] < end
    view.change(IDS[7], 5000, 8)
    assert (view.parts(count), view.whole) == (before, filled().whole)


def test_the_parts_together_are_all_members_once() -> None:
    for count in (1, 8, PARTS_MAX):
        bounds = [part_bounds(part, count) for part in range(count)]
        assert all(one[1] == other[0] for one, other in pairwise(bounds))
        assert bounds[0][0] <= "0" * 40
        assert bounds[-1][1] > "f" * 40


def test_who_shares_the_parts_does_not_change_them() -> None:
    base = filled()
    shared = ViewHash(base)
    shared.change(IDS[0], 1, 2)
    assert base.whole == filled().whole
    assert base.parts(16) == filled().parts(16)
    assert shared.parts(16) != base.parts(16)


def test_more_members_have_more_parts_up_to_a_bound() -> None:
    assert [parts_for(members, 8) for members in (1, 8, 40, 1000, 10_000, 10**6)] == [1, 1, 4, 64, 1024, 1024]
    assert [count for count in range(-1, 2050) if is_count(count)] == [1 << bits for bits in range(11)]
