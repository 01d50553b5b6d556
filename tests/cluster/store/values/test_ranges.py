from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from cluster.store.values.ranges import LexRange, ScoreRange
from cluster.store.values.sorted_set import SortedSet

member = st.sampled_from([b"a", b"b", b"c", b"d", b""])
score = st.sampled_from([0.0, -0.0, 1.0, 1.5, -2.0, math.inf, -math.inf])


def ordered(scores: dict[bytes, float]) -> list[tuple[bytes, float]]:
    return sorted(scores.items(), key=lambda item: (item[1], item[0]))


scores = st.dictionaries(member, score)


@given(scores, score, score, st.booleans(), st.booleans())
def test_a_range_of_scores_is_what_a_filter_finds(
    held: dict[bytes, float], low: float, high: float, low_out: bool, high_out: bool
) -> None:
    value = SortedSet.from_items(held.items())
    start, stop = value.score_bounds(ScoreRange(low, high, low_out, high_out))
    expected = [
        (name, points)
        for name, points in ordered(held)
        if (low < points or (low == points and not low_out))
        and (points < high or (points == high and not high_out))
    ]
    assert value.slice(start, stop) == expected
    assert value.slice(start, stop, reverse=True) == expected[::-1]


@given(st.sets(member), st.none() | member, st.none() | member, st.booleans(), st.booleans())
def test_a_range_of_members_is_what_a_filter_finds(
    held: set[bytes], low: bytes | None, high: bytes | None, low_out: bool, high_out: bool
) -> None:
    value = SortedSet.from_items((name, 5.0) for name in held)
    start, stop = value.lex_bounds(LexRange(low, high, low_out, high_out))
    expected = [
        name
        for name in sorted(held)
        if (low is None or low < name or (low == name and not low_out))
        and (high is None or name < high or (name == high and not high_out))
    ]
    assert [name for name, _ in value.slice(start, stop)] == expected


def test_an_empty_range_of_members() -> None:
    value = SortedSet.from_items([(b"a", 0.0)])
    assert value.lex_bounds(LexRange(None, None, nowhere=True)) == (0, 0)


def test_where_scores_differ_a_range_beyond_the_first_or_the_last_is_empty() -> None:
    value = SortedSet.from_items([(b"m", 1.0), (b"z", 2.0), (b"k", 3.0)])
    assert value.lex_bounds(LexRange(b"k", None, low_exclusive=True)) == (0, 0)
    assert value.lex_bounds(LexRange(b"n", None)) == (0, 0)
    assert value.lex_bounds(LexRange(None, b"m", high_exclusive=True)) == (0, 0)
    assert value.lex_bounds(LexRange(None, b"a")) == (0, 0)
    assert value.lex_bounds(LexRange(b"a", b"z")) == (0, 3)
