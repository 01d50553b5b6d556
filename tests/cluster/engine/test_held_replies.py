from __future__ import annotations

from cluster.engine.held_replies import READ_REFUSAL, WRITE_REFUSAL, HeldReplies, Need


def write(offset: int, until_ms: int = 100) -> Need:
    return Need(offset, 0, until_ms, writes=True)


def read(offset: int, asked_ms: int = 0, until_ms: int = 100) -> Need:
    return Need(offset, asked_ms, until_ms, writes=False)


def test_replies_leave_in_order_and_none_before_the_one_ahead_of_it() -> None:
    held = HeldReplies()
    held.add(b"1", write(10))
    held.add(b"2", None)
    held.add(b"3", write(20))
    assert held.take(9, 9, 0, 0) == b""
    assert held.size_bytes == 3
    assert held.take(10, 10, 0, 0) == b"12"
    assert held.take(20, 20, 0, 0) == b"3"
    assert not held
    assert held.size_bytes == 0


def test_a_write_needs_enough_replicas_and_a_read_only_that_those_in_sync_have_it() -> None:
    held = HeldReplies()
    held.add(b"read", read(10))
    held.add(b"write", write(10))
    assert held.take(-1, 10, 0, 0) == b"read"
    assert held.take(-1, 10, 0, 0) == b""


def test_a_read_waits_for_a_lease_that_covers_it() -> None:
    held = HeldReplies()
    held.add(b"read", read(0, asked_ms=50))
    assert held.take(10, 10, 49, 60) == b""
    assert held.take(10, 10, 50, 60) == b"read"


def test_what_has_waited_for_too_long_is_refused() -> None:
    held = HeldReplies()
    held.add(b"write", write(10))
    held.add(b"read", read(10))
    held.add(b"more", write(10, until_ms=200))
    assert held.take(-1, -1, 0, 100) == WRITE_REFUSAL + READ_REFUSAL
    assert held.take(10, 10, 0, 100) == b"more"
