"""The twin of cluster/commands/bitfields.py: what is propagated and notified. Replies are compared in
tests/parity."""

from __future__ import annotations

import pytest

from tests.support.local import Local


@pytest.mark.parametrize(
    ("request_", "count"),
    [
        (b"BITFIELD k GET u8 0", 0),
        (b"BITFIELD k SET u8 0 7", 0),
        (b"BITFIELD k SET u8 0 8 INCRBY u4 4 1", 2),
        (b"BITFIELD k OVERFLOW FAIL INCRBY u8 0 255", 0),
        (b"BITFIELD_RO k GET u8 0", 0),
    ],
)
def test_changed_numbers_are_counted_and_propagated(request_: bytes, count: int) -> None:
    local = Local()
    local.call("SET", "k", b"\x07")
    local.events.clear()
    local.written.clear()
    local.call(*request_.split())
    assert local.events == ([(b"k", b"setbit", count)] if count else [])
    assert local.written == ([request_.split()] if count else [])


def test_a_string_that_only_grows_is_propagated() -> None:
    """Redis is silent here, and its replicas never get the key."""
    local = Local()
    assert local.call("BITFIELD", "k", "OVERFLOW", "FAIL", "SET", "u8", 0, 256) == [None]
    assert local.call("STRLEN", "k") == 1
    assert local.written == [b"BITFIELD k OVERFLOW FAIL SET u8 0 256".split()]
