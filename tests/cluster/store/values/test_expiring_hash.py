"""The twin of cluster/store/values/expiring_hash.py."""

from __future__ import annotations

from random import Random

from cluster.store.values.expiring_hash import SLACK, ExpiringHash
from cluster.store.values.hash import Hash


def expiring(**ends: int) -> ExpiringHash:
    plain = Hash.from_items((name.encode(), b"v") for name in ends)
    return ExpiringHash.of(plain, {name.encode(): at for name, at in ends.items() if at})


def test_it_takes_over_a_plain_hash() -> None:
    plain = Hash.from_items([(b"f", b"v")])
    made = ExpiringHash.of(plain)
    assert list(made.items()) == [(b"f", b"v")]
    assert made.encoding() == "listpackex"
    assert made.next_ms == 0
    assert ExpiringHash.of(Hash.from_items([(b"f", b"v" * 65)])).encoding() == "hashtable"


def test_fields_end_in_the_order_of_their_times() -> None:
    value = expiring(late=30, early=10, never=0, between=20)
    assert value.next_ms == 10
    assert not value.is_due(9)
    assert value.purge(20) == [b"early", b"between"]
    assert list(value) == [b"late", b"never"]
    assert value.next_ms == 30


def test_a_new_value_has_no_end_and_an_altered_one_keeps_it() -> None:
    value = expiring(a=10, b=10)
    value.set(b"a", b"new")
    value.alter(b"b", b"new")
    assert value.purge(10) == [b"b"]
    assert value.get(b"a") == b"new"


def test_ends_change_and_go() -> None:
    value = expiring(a=10, b=20, c=30)
    value.expire(b"a", 40)
    assert value.next_ms == 20
    assert value.persist(b"b")
    assert not value.persist(b"b")
    value.delete(b"c")
    assert value.next_ms == 40
    assert value.purge(100) == [b"a"]
    assert list(value) == [b"b"]


def test_a_copy_is_independent() -> None:
    value = expiring(a=10)
    twin = value.copy()
    twin.purge(10)
    assert list(value) == [b"a"]
    assert value.ends == {b"a": 10}
    assert not len(twin)


def test_outdated_notes_do_not_pile_up() -> None:
    value = expiring(a=1)
    for at_ms in range(10_000, 20_000):
        value.expire(b"a", at_ms)
    assert len(value._heap) <= 2 + SLACK + 1


def test_a_sampler_follows() -> None:
    plain = Hash.from_items([(b"a", b"1"), (b"b", b"2")])
    plain.draw(Random(1), 1)
    value = ExpiringHash.of(plain, {b"a": 10})
    value.purge(10)
    assert value.draw(Random(1), 5) == [b"b"]
