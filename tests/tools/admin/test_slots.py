from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tools.admin.slots import SLOT_COUNT, even_shares, ranges, show_ranges


def test_ranges_are_runs() -> None:
    assert ranges([5, 1, 2, 3, 9]) == [(1, 3), (5, 5), (9, 9)]
    assert show_ranges({1, 2, 3, 5}) == "[1-3],[5]"
    assert show_ranges(()) == ""


@given(st.sets(st.integers(0, SLOT_COUNT - 1), max_size=50))
def test_ranges_lose_nothing(slots: set[int]) -> None:
    assert {slot for first, last in ranges(slots) for slot in range(first, last + 1)} == slots


def test_shares_are_those_of_redis_cli() -> None:
    assert even_shares(3) == [(0, 5460), (5461, 10922), (10923, 16383)]


@given(st.integers(1, 1000))
def test_shares_cover_every_slot_evenly(count: int) -> None:
    shares = even_shares(count)
    assert [slot for first, last in shares for slot in range(first, last + 1)] == list(range(SLOT_COUNT))
    sizes = {last - first + 1 for first, last in shares}
    assert max(sizes) - min(sizes) <= 1
