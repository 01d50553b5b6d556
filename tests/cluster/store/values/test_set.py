from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from cluster.store.values.limits import FixedLimits
from cluster.store.values.set import Set

SMALL = FixedLimits(set_max_intset_entries=2)
member = st.sampled_from([b"1", b"2", b"-3", b"10", b"x", b"y"])


@given(st.lists(st.tuples(st.booleans(), member)))
def test_it_behaves_as_a_set(steps: list[tuple[bool, bytes]]) -> None:
    value, expected = Set(), set[bytes]()
    for adds, one in steps:
        if adds:
            assert value.add(one) == (one not in expected)
            expected.add(one)
        else:
            assert value.remove(one) == (one in expected)
            expected.discard(one)
        assert sorted(value.draw(Random(1), 100)) == sorted(expected)
        assert (one in value) == (one in expected)
    assert sorted(value) == sorted(expected)
    assert len(value) == len(expected)


def test_integers_come_in_numerical_order() -> None:
    value = Set.from_items([b"10", b"9", b"-1"])
    assert list(value) == [b"-1", b"9", b"10"]
    assert value.scan(0, 1) == (0, [b"-1", b"9", b"10"])


def test_it_is_no_intset_any_more_after_too_many_or_another_member() -> None:
    value = Set()
    value.add(b"1", SMALL)
    value.add(b"2", SMALL)
    assert value.encoding() == "intset"
    value.add(b"3", SMALL)
    assert value.encoding() == "hashtable"
    value.remove(b"3")
    assert value.copy().encoding() == "hashtable"
    value = Set.from_items([b"1"])
    value.add(b"01")
    assert value.encoding() == "hashtable"


def test_one_made_in_one_go_is_an_intset_when_it_can_be() -> None:
    assert Set.from_items([b"1", b"2"], SMALL).encoding() == "intset"
    assert Set.from_items([b"1", b"2", b"3"], SMALL).encoding() == "hashtable"
    assert Set.from_items([b"1", b"x"], SMALL).encoding() == "hashtable"


def test_a_copy_goes_its_own_way() -> None:
    value = Set.from_items([b"a"])
    value.copy().add(b"b")
    assert list(value) == [b"a"]


def test_a_big_set_is_scanned_in_pieces() -> None:
    members = [b"m%d" % number for number in range(100)]
    cursor, piece = Set.from_items(members).scan(0, 10)
    assert cursor != 0
    assert 10 <= len(piece) < 100
