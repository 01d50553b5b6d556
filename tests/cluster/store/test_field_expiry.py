"""The twin of cluster/store/field_expiry.py."""

from __future__ import annotations

from cluster.store.field_expiry import SLACK, FieldExpiry
from cluster.store.values.expiring_hash import ExpiringHash
from cluster.store.values.hash import Hash


def expiring(at_ms: int) -> ExpiringHash:
    return ExpiringHash.of(Hash.from_items([(b"f", b"v")]), {b"f": at_ms})


def test_hashes_are_due_with_their_first_field() -> None:
    store: dict[bytes, object] = {b"late": expiring(30), b"early": expiring(10)}
    notes = FieldExpiry(store.get)
    for key, value in store.items():
        notes.note(key, value)
    assert notes.due(9, 10) == []
    assert notes.due(10, 10) == [(b"early", store[b"early"])]
    assert notes.due(100, 10) == [(b"late", store[b"late"])]


def test_what_is_gone_or_another_is_passed_over() -> None:
    store: dict[bytes, object] = {b"gone": expiring(10), b"other": expiring(10), b"later": expiring(10)}
    notes = FieldExpiry(store.get)
    for key, value in store.items():
        notes.note(key, value)
    later = store[b"later"]
    assert isinstance(later, ExpiringHash)
    later.expire(b"f", 50)
    del store[b"gone"]
    store[b"other"] = b"a string"
    assert notes.due(20, 10) == []
    assert notes.due(50, 10) == [(b"later", later)]


def test_other_values_are_not_noted() -> None:
    notes = FieldExpiry(lambda _: None)
    notes.note(b"k", b"v")
    notes.note(b"k", Hash())
    assert not len(notes)


def test_an_earlier_end_is_noted_and_a_later_one_is_not() -> None:
    value = expiring(100)
    store = {b"k": value}
    notes = FieldExpiry(store.get)
    notes.note(b"k", value)
    value.expire(b"f", 200)
    notes.note(b"k", value)
    assert len(notes) == 1
    value.expire(b"f", 50)
    notes.note(b"k", value)
    assert notes.due(50, 10) == [(b"k", value)]


def test_the_budget_bounds_the_work() -> None:
    store = {b"%d" % number: expiring(10) for number in range(10)}
    notes = FieldExpiry(store.get)
    for key, value in store.items():
        notes.note(key, value)
    assert len(notes.due(10, 4)) == 4
    assert len(notes.due(10, 100)) == 6


def test_notes_stay_in_proportion() -> None:
    store: dict[bytes, object] = {}
    notes = FieldExpiry(store.get)
    for number in range(10 * SLACK):
        store[b"k"] = expiring(10**9 + number)
        notes.note(b"k", store[b"k"])
    assert len(notes) <= SLACK + 1


def test_two_databases_exchange_their_notes() -> None:
    ones: dict[bytes, object] = {b"k": expiring(10)}
    one, other = FieldExpiry(ones.get), FieldExpiry(ones.get)
    one.note(b"k", ones[b"k"])
    one.swap(other)
    assert not len(one)
    assert other.due(10, 1) == [(b"k", ones[b"k"])]
    other.note(b"k", ones[b"k"])
    other.clear()
    assert not len(other)
