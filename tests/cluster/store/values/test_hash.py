from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from cluster.store.values.hash import Hash
from cluster.store.values.limits import FixedLimits

SMALL = FixedLimits(hash_max_listpack_entries=2, hash_max_listpack_value=3)
field = st.integers(0, 8).map(lambda number: b"%d" % number)


@given(st.lists(st.tuples(st.booleans(), field, st.binary(max_size=3))))
def test_it_behaves_as_a_dict(steps: list[tuple[bool, bytes, bytes]]) -> None:
    value, expected = Hash(), dict[bytes, bytes]()
    for sets, name, text in steps:
        if sets:
            assert value.set(name, text) == (name not in expected)
            expected[name] = text
        else:
            assert value.delete(name) == (expected.pop(name, None) is not None)
        assert sorted(value.draw(Random(1), 100)) == sorted(expected)
        assert (name in value, value.get(name)) == (name in expected, expected.get(name))
    assert list(value.items()) == list(expected.items())
    assert (len(value), list(value)) == (len(expected), list(expected))


def test_it_is_unpacked_by_too_many_fields_for_good() -> None:
    value = Hash()
    for name in (b"a", b"b"):
        value.set(name, b"1", SMALL)
    assert value.encoding() == "listpack"
    value.set(b"c", b"1", SMALL)
    assert value.encoding() == "hashtable"
    value.delete(b"c")
    value.delete(b"b")
    assert value.encoding() == "hashtable"
    assert value.copy().encoding() == "hashtable"


def test_it_is_unpacked_by_a_long_field_or_value() -> None:
    for name, text in ((b"long", b"1"), (b"1", b"long")):
        value = Hash()
        value.set(name, text, SMALL)
        assert value.encoding() == "hashtable"
        assert Hash.from_items([(name, text)], SMALL).encoding() == "hashtable"


def test_one_made_in_one_go_is_packed_when_it_fits() -> None:
    assert Hash.from_items([(b"a", b"1"), (b"b", b"2")], SMALL).encoding() == "listpack"
    assert Hash.from_items([(b"a", b""), (b"b", b""), (b"c", b"")], SMALL).encoding() == "hashtable"


def test_a_copy_goes_its_own_way() -> None:
    value = Hash.from_items([(b"a", b"1")])
    copy = value.copy()
    copy.set(b"a", b"2")
    assert value.get(b"a") == b"1"


def test_a_packed_hash_is_scanned_whole_and_a_big_one_in_pieces() -> None:
    names = [b"%d" % number for number in range(100)]
    assert Hash.from_items((name, b"") for name in names).scan(0, 10) == (0, names)
    big = Hash.from_items(((name, b"") for name in names), SMALL)
    found: list[bytes] = []
    cursor, calls = 0, 0
    while cursor or not calls:
        cursor, piece = big.scan(cursor, 10)
        found += piece
        calls += 1
    assert sorted(found) == sorted(names)
    assert calls > 5
