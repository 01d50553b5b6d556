"""The twin of cluster/store/expiry.py."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.store.expiry import SLACK, ExpiryIndex


@dataclass
class Owner:
    expire_ms: int


def test_keys_are_due_in_the_order_of_their_expiry() -> None:
    index = ExpiryIndex()
    for key, at_ms in [(b"late", 30), (b"early", 10), (b"between", 20)]:
        index.note(key, Owner(at_ms))
    assert index.due(10, 100) == []
    assert index.due(21, 100) == [b"early", b"between"]
    assert index.due(21, 100) == []
    assert len(index) == 3


def test_the_budget_bounds_the_work() -> None:
    index = ExpiryIndex()
    for number in range(10):
        index.note(b"%d" % number, Owner(number))
    assert index.due(100, 4) == [b"0", b"1", b"2", b"3"]
    assert index.due(100, 100) == [b"4", b"5", b"6", b"7", b"8", b"9"]


def test_a_changed_or_forgotten_expiry_does_not_count() -> None:
    index = ExpiryIndex()
    moved, gone = Owner(10), Owner(10)
    index.note(b"moved", moved)
    index.note(b"gone", gone)
    moved.expire_ms = 50
    index.note(b"moved", moved)
    index.forget(b"gone")
    assert list(index) == [b"moved"]
    assert index.due(49, 100) == []
    assert index.due(51, 100) == [b"moved"]


def test_an_expiry_renewed_without_end_does_not_grow_the_index() -> None:
    index = ExpiryIndex()
    owner = Owner(0)
    for at_ms in range(1, 10 * SLACK):
        owner.expire_ms = at_ms
        index.note(b"key", owner)
    assert len(index._heap) <= SLACK + 2
    assert index.due(10 * SLACK, 10 * SLACK) == [b"key"]


def test_average_time_to_live() -> None:
    index = ExpiryIndex()
    assert index.average_ttl_ms(0) == 0
    index.note(b"one", Owner(200))
    index.note(b"other", Owner(400))
    assert index.average_ttl_ms(100) == 200
    index.clear()
    assert len(index) == 0
    assert index.due(1000, 10) == []
