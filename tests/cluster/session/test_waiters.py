"""Who waits for what, in which order."""

from __future__ import annotations

import pytest

from cluster.session.session import Session
from cluster.session.waiters import Waiter, Waiters
from protocol.resp.types import LATER, Reply


def session(number: int) -> Session:
    return Session(number, "", "", lambda _: None, lambda: None, 0)


def nothing() -> Reply:
    return None


def waiter(number: int, *keys: bytes, deadline_ms: int = 0, database: int = 0) -> Waiter:
    return Waiter(session(number), database, keys, nothing, deadline_ms=deadline_ms)


def test_they_stand_in_order_of_arrival() -> None:
    waiters = Waiters()
    first, second = waiter(1, b"a", b"b"), waiter(2, b"b")
    waiters.add(first)
    waiters.add(second)
    assert waiters.at((0, b"b")) == [first, second]
    assert waiters.at((0, b"a")) == [first]
    assert waiters.at((1, b"a")) == []
    assert list(waiters) == [first, second]
    assert first.session.waiting is first


def test_who_is_forgotten_stands_nowhere() -> None:
    waiters = Waiters()
    one = waiter(1, b"a", b"a", b"b", deadline_ms=5)
    waiters.add(one)
    waiters.forget(one)
    waiters.forget(one)
    assert not waiters
    assert waiters.at((0, b"a")) == waiters.at((0, b"b")) == []
    assert waiters.due(9) == []
    waiters.touch((0, b"a"))
    assert not waiters.ready


def test_keys_are_ready_in_the_order_of_their_first_change() -> None:
    waiters = Waiters()
    waiters.add(waiter(1, b"a", b"b"))
    for key in (b"b", b"nobody's", b"a", b"b"):
        waiters.touch((0, key))
    waiters.add_key((0, b"a"))
    waiters.add_key((0, b"nobody's"))
    assert [waiters.take_ready(), waiters.take_ready()] == [((0, b"b"), False), ((0, b"a"), True)]
    with pytest.raises(KeyError):
        waiters.take_ready()


def test_a_whole_database_may_be_ready() -> None:
    waiters = Waiters()
    waiters.add(waiter(1, b"a"))
    waiters.add(waiter(2, b"a", database=3))
    waiters.touch_database(3)
    assert list(waiters.ready) == [(3, b"a")]


def test_the_earliest_deadline_comes_first_and_never_early() -> None:
    waiters = Waiters()
    late, soon, never, same = (waiter(n, b"a", deadline_ms=at) for n, at in enumerate((20, 10, 0, 10)))
    for one in (late, soon, never, same):
        waiters.add(one)
    assert waiters.due(9) == []
    assert waiters.due(10) == [soon, same]
    assert waiters.due(99) == [soon, same, late]


def test_who_has_nothing_to_attempt_goes_on_waiting() -> None:
    assert waiter(1, b"a").attempt(b"a") is LATER
