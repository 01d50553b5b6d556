from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluster.store.values.sampler import Sampler

member = st.integers(0, 8).map(lambda number: b"%d" % number)


@given(st.lists(st.tuples(st.booleans(), member)))
def test_it_holds_what_was_added_and_not_removed(steps: list[tuple[bool, bytes]]) -> None:
    expected = {b"0", b"1"}
    sampler = Sampler(sorted(expected))
    for adds, one in steps:
        if adds and one not in expected:
            expected.add(one)
            sampler.add(one)
        elif not adds and one in expected:
            expected.remove(one)
            sampler.remove(one)
        assert sorted(sampler.members) == sorted(expected)
        assert all(sampler.members[place] == held for held, place in sampler.places.items())
        assert len(sampler.places) == len(expected)
