"""The twin of cluster/commands/expiry.py: propagation, and what time does. Replies are in tests/parity."""

from __future__ import annotations

import pytest

from protocol.keyslot import key_slot
from tests.support.local import NOW_MS, Local

LATE = b"%d" % (NOW_MS + 10_000)


@pytest.mark.parametrize(
    ("request_", "written", "event"),
    [
        (b"EXPIRE k 10", b"PEXPIREAT k " + LATE, b"expire"),
        (b"PEXPIRE k 10000 NX", b"PEXPIREAT k " + LATE + b" NX", b"expire"),
        (b"PEXPIREAT k " + LATE, b"PEXPIREAT k " + LATE, b"expire"),
        (b"EXPIRE k -1", b"DEL k", b"del"),
        (b"EXPIREAT k 1", b"DEL k", b"del"),
        (b"PERSIST mortal", b"PERSIST mortal", b"persist"),
    ],
)
def test_what_is_propagated(request_: bytes, written: bytes, event: bytes) -> None:
    local = Local()
    local.call("SET", "k", "v")
    local.call("SET", "mortal", "v", "PX", 1000)
    assert local.call(*request_.split()) == 1
    assert b" ".join(local.written[-1]) == written
    assert local.events[-1][1] == event


@pytest.mark.parametrize("request_", ["EXPIRE none 10", "EXPIRE k 10 XX", "PERSIST k", "EXPIRE k x"])
def test_what_changes_nothing_is_not_propagated(request_: str) -> None:
    local = Local()
    local.call("SET", "k", "v")
    local.written.clear()
    local.call(*request_.split())
    assert local.written == []


def test_time_left_is_rounded_to_the_nearest_second() -> None:
    local = Local()
    local.call("SET", "k", "v", "PX", 2600)
    assert [local.call(name, "k") for name in ("TTL", "PTTL")] == [3, 2600]
    local.now_ms += 1200
    assert [local.call(name, "k") for name in ("TTL", "PTTL")] == [1, 1400]
    assert [local.call(name, "k") for name in ("EXPIRETIME", "PEXPIRETIME")] == [
        (NOW_MS + 3000) // 1000,
        NOW_MS + 2600,
    ]


def test_a_replica_keeps_a_key_whose_time_is_over_until_its_primary_says_so() -> None:
    """Its clock may be ahead of the primary's."""
    local = Local()
    local.call("SET", "k", "v")
    local.replication.primary = ("127.0.0.1", 7001)
    local.engine.role_changed()
    local.engine.apply([b"PEXPIREAT", b"k", b"1"])
    assert len(local.server.databases[0]) == 1
    assert local.call("GET", "k") is None
    local.engine.apply([b"APPEND", b"k", b"w"])
    entry = next(iter(local.server.databases[0].slots[key_slot(b"k")].values()))
    assert bytes(entry.value) == b"vw"  # type: ignore[arg-type]
    local.engine.apply([b"DEL", b"k"])
    assert len(local.server.databases[0]) == 0
