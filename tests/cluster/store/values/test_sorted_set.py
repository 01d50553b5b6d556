from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from cluster.store.values.limits import FixedLimits
from cluster.store.values.sorted_set import SortedSet

SMALL = FixedLimits(zset_max_listpack_entries=2, zset_max_listpack_value=3)
member = st.sampled_from([b"a", b"b", b"c", b"d", b""])
score = st.sampled_from([0.0, -0.0, 1.0, 1.5, -2.0, math.inf, -math.inf])


def ordered(scores: dict[bytes, float]) -> list[tuple[bytes, float]]:
    return sorted(scores.items(), key=lambda item: (item[1], item[0]))


@given(st.lists(st.tuples(st.sampled_from("srk"), member, score)))
def test_it_behaves_as_a_dict_in_order(steps: list[tuple[str, bytes, float]]) -> None:
    value, expected = SortedSet(), dict[bytes, float]()
    for action, name, points in steps:
        if action == "s":
            assert value.set(name, points) == (name not in expected)
            expected[name] = points
        elif action == "r":
            assert value.remove(name) == (expected.pop(name, None) is not None)
        else:
            names = [held for held, _ in ordered(expected)]
            assert value.rank(name) == (names.index(name) if name in expected else None)
        assert list(value) == ordered(expected)
        assert (value.score(name), name in value) == (expected.get(name), name in expected)
    assert len(value) == len(expected)
    assert [value.at(rank) for rank in range(len(value))] == ordered(expected)


scores = st.dictionaries(member, score)


@given(scores, st.integers(0, 5), st.integers(0, 5))
def test_removing_ranks(held: dict[bytes, float], start: int, stop: int) -> None:
    value = SortedSet.from_items(held.items())
    all_of_them = ordered(held)
    assert value.remove_ranks(start, stop) == all_of_them[start:stop]
    rest = [item for item in all_of_them if item not in all_of_them[start:stop]]
    assert list(value) == rest
    assert value.scores == dict(rest)


def test_it_is_unpacked_for_good() -> None:
    value = SortedSet()
    for name in (b"a", b"b"):
        value.set(name, 1.0, SMALL)
    assert value.encoding() == "listpack"
    value.set(b"c", 1.0, SMALL)
    value.remove(b"c")
    assert value.encoding() == "skiplist"
    assert value.copy().encoding() == "skiplist"
    value = SortedSet()
    value.set(b"long", 1.0, SMALL)
    assert value.encoding() == "skiplist"


def test_one_made_in_one_go_is_packed_when_it_fits() -> None:
    assert SortedSet.from_items([(b"a", 1.0), (b"b", 1.0)], SMALL).encoding() == "listpack"
    assert SortedSet.from_items([(b"long", 1.0)], SMALL).encoding() == "skiplist"
    assert SortedSet.from_items(((b"%d" % one, 1.0) for one in range(3)), SMALL).encoding() == "skiplist"


def test_a_copy_goes_its_own_way() -> None:
    value = SortedSet.from_items([(b"a", 1.0)])
    value.copy().set(b"a", 2.0)
    assert list(value) == [(b"a", 1.0)]


def test_a_packed_one_is_scanned_in_order_and_a_big_one_in_pieces() -> None:
    assert SortedSet.from_items([(b"b", 1.0), (b"a", 2.0)]).scan(0, 1) == (0, [b"b", b"a"])
    cursor, piece = SortedSet.from_items((b"%d" % one, 0.0) for one in range(200)).scan(0, 10)
    assert cursor != 0
    assert 10 <= len(piece) < 200


def test_a_packed_one_has_no_negative_zero() -> None:
    value = SortedSet()
    for name, points in ((b"a", -0.0), (b"b", 0.0)):
        value.set(name, points, SMALL)
    value.set(b"b", -0.0, SMALL)
    assert [str(value.scores[name]) for name in (b"a", b"b")] == ["0.0", "0.0"]
    value.set(b"c", -0.0, SMALL)
    assert str(value.scores[b"c"]) == "-0.0"
    assert str(SortedSet.from_items([(b"a", -0.0)], SMALL).scores[b"a"]) == "0.0"
