"""The twin of cluster/commands/bitmaps.py: what is propagated and notified. Replies are compared in
tests/parity."""

from __future__ import annotations

import pytest

from tests.support.local import NOW_MS, Local

EXPIRES_MS = NOW_MS + 5000


@pytest.fixture
def local() -> Local:
    made = Local()
    made.call("SET", "k", b"\x80", "PXAT", EXPIRES_MS)
    made.events.clear()
    made.written.clear()
    return made


@pytest.mark.parametrize(
    ("request_", "event"),
    [
        (b"SETBIT k 0 0", b"setbit"),
        (b"SETBIT k 0 1", b""),
        (b"SETBIT k 8 0", b"setbit"),
        (b"SETBIT new 0 0", b"setbit"),
        (b"BITOP NOT k k", b"set"),
        (b"BITOP AND k none none", b"del"),
        (b"BITOP AND none none", b""),
        (b"BITCOUNT k", b""),
    ],
)
def test_what_changes_is_told_and_propagated(local: Local, request_: bytes, event: bytes) -> None:
    local.call(*request_.split())
    assert [told for _, told, _ in local.events] == ([event] if event else [])
    assert local.written == ([request_.split()] if event else [])


def test_a_bit_keeps_the_expiry_and_a_result_has_none(local: Local) -> None:
    local.call("SETBIT", "k", 9, 1)
    assert local.call("PEXPIRETIME", "k") == EXPIRES_MS
    local.call("BITOP", "NOT", "k", "k")
    assert local.call("PEXPIRETIME", "k") == -1


def test_a_string_read_before_stays_as_it_was(local: Local) -> None:
    before = local.call("GET", "k")
    local.call("SETBIT", "k", 0, 0)
    local.call("BITOP", "OR", "copy", "k")
    local.call("SETBIT", "k", 1, 1)
    assert (before, local.call("GET", "copy"), local.call("GET", "k")) == (b"\x80", b"\0", b"\x40")
