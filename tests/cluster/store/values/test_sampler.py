from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from cluster.store.values.sampler import SHARE_GONE_MAX, SLACK, Sampler

member = st.integers(0, 8).map(lambda number: b"%d" % number)


@given(st.lists(st.tuples(st.booleans(), member, st.integers(-4, 10))), st.integers(0, 9))
def test_it_draws_what_was_added_and_not_removed(steps: list[tuple[bool, bytes, int]], seed: int) -> None:
    source = {b"0": None, b"1": None}
    sampler = Sampler(source)
    random = Random(seed)
    for adds, one, count in steps:
        if adds and one not in source:
            source[one] = None
            sampler.add(one)
        elif not adds and one in source and len(source) > 1:
            del source[one]
            sampler.remove(one)
        drawn = sampler.draw(random, count)
        assert set(drawn) <= set(source)
        assert len(drawn) == (-count if count < 0 else min(count, len(source)))
        assert count < 0 or len(set(drawn)) == len(drawn)


def test_each_is_as_likely_as_any_other_after_much_coming_and_going() -> None:
    source = dict.fromkeys(b"%d" % number for number in range(40))
    sampler = Sampler(source)
    for one in list(source)[::2]:
        del source[one]
        sampler.remove(one)
    for one in (b"0", b"2", b"new"):
        source[one] = None
        sampler.add(one)
    draws = 23_000
    for times in (
        Counter(sampler.draw(Random(1), -draws)),
        Counter(one for seed in range(draws // 4) for one in sampler.draw(Random(seed), 4)),
    ):
        assert set(times) == set(source)
        assert all(850 < count < 1150 for count in times.values())


def test_what_has_gone_is_not_kept_for_ever() -> None:
    source = dict.fromkeys(b"%d" % number for number in range(10_000))
    sampler = Sampler(source)
    for number in range(9_990):
        del source[b"%d" % number]
        sampler.remove(b"%d" % number)
        assert len(sampler._gone) <= SLACK + len(sampler._held) // SHARE_GONE_MAX
    assert len(sampler._held) <= 10 + SLACK + SLACK // SHARE_GONE_MAX + 10


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 200)), max_size=60),
    st.integers(1, 40),
    st.integers(0, 9),
)
def test_a_scan_finds_whoever_is_there_all_the_time(
    steps: list[tuple[int, int]], count: int, seed: int
) -> None:
    """Between two pieces members come and go and others are drawn."""
    source = dict.fromkeys(b"%d" % number for number in range(200))
    sampler, random = Sampler(source), Random(seed)
    stayed, found, cursor = set(source), set[bytes](), 0
    pieces = 0
    for kind, number in [*steps, *[(3, 0)] * (200 // count + 1)]:
        one = b"%d" % number
        if kind == 0 and one not in source:
            source[one] = None
            sampler.add(one)
        elif kind == 1:
            for gone in [each for each in source if int(each) % 7 == number % 7][:-1]:
                del source[gone]
                sampler.remove(gone)
                stayed.discard(gone)
        elif kind == 2 and source:
            sampler.draw(random, -5)
        elif kind == 3 and (cursor or not pieces):
            cursor, piece = sampler.scan(cursor, count)
            pieces += 1
            assert set(piece) <= set(source)
            assert len(piece) <= count
            found.update(piece)
    assert cursor == 0
    assert stayed <= found


def test_a_cursor_from_elsewhere_does_no_harm() -> None:
    sampler = Sampler({b"a": None, b"b": None})
    assert sampler.scan(1 << 60, 10) == (0, [b"a", b"b"])
    assert sampler.scan(1, 10) == (0, [b"a"])
