from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from protocol.gossip import slotset

slots = st.sets(st.integers(0, slotset.SLOTS - 1), max_size=60)


@given(slots)
def test_it_is_the_set_of_its_slots(chosen: set[int]) -> None:
    mask = slotset.from_slots(chosen)
    assert list(slotset.to_slots(mask)) == sorted(chosen)
    assert slotset.from_ranges(slotset.to_ranges(mask)) == mask
    assert mask.bit_count() == len(chosen)


@given(slots)
def test_ranges_rise_and_do_not_touch(chosen: set[int]) -> None:
    ranges = slotset.to_ranges(slotset.from_slots(chosen))
    assert all(first <= last for first, last in ranges)
    assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(ranges))


def test_all_slots_are_one_range() -> None:
    assert slotset.to_ranges(slotset.ALL_SLOTS) == [(0, 16383)]
    assert slotset.contains(slotset.ALL_SLOTS, 16383)
    assert not slotset.contains(slotset.from_slots([7]), 8)
