"""The twin of cluster/commands/strings.py: what is propagated and notified. Replies are compared in
tests/parity."""

from __future__ import annotations

import pytest

from protocol.resp.types import OK, ErrorReply
from tests.support.local import NOW_MS, Local

LATE = b"%d" % (NOW_MS + 10_000)


@pytest.mark.parametrize(
    ("request_", "written"),
    [
        (b"SET k v", [b"SET k v"]),
        (b"SET k v EX 10", [b"SET k v PXAT " + LATE]),
        (b"SET k v PX 10000 GET", [b"SET k v PXAT " + LATE]),
        (b"SET k v PXAT " + LATE, [b"SET k v PXAT " + LATE]),
        (b"SET k v PXAT " + LATE + b" GET", [b"SET k v PXAT " + LATE]),
        (b"SET k v GET", [b"SET k v"]),
        (b"SET k v get KEEPTTL", [b"SET k v KEEPTTL"]),
        (b"SET k v NX", []),
        (b"SET k v EX 0", []),
        (b"SETNX k v", []),
        (b"SETNX new v", [b"SETNX new v"]),
        (b"SETEX k 10 v", [b"SET k v PXAT " + LATE]),
        (b"PSETEX k 10000 v", [b"SET k v PXAT " + LATE]),
        (b"GETSET k v", [b"SET k v"]),
        (b"GETDEL k", [b"DEL k"]),
        (b"GETDEL none", []),
        (b"GETEX k", []),
        (b"GETEX k EX 10", [b"PEXPIREAT k " + LATE]),
        (b"GETEX k PXAT 1", [b"DEL k"]),
        (b"GETEX k PERSIST", []),
        (b"GETEX mortal PERSIST", [b"PERSIST mortal"]),
        (b"MSET k v other v", [b"MSET k v other v"]),
        (b"MSETNX k v new v", []),
        (b"APPEND k v", [b"APPEND k v"]),
        (b"SETRANGE k 1 v", [b"SETRANGE k 1 v"]),
    ],
)
def test_what_is_propagated(request_: bytes, written: list[bytes]) -> None:
    local = Local()
    local.call("SET", "k", "old")
    local.call("SET", "mortal", "old", "PX", 5000)
    local.written.clear()
    local.call(*request_.split())
    assert [b" ".join(argv) for argv in local.written] == written


@pytest.mark.parametrize(
    ("request_", "events"),
    [
        (b"SET k v EX 10", [b"set", b"expire"]),
        (b"GETDEL k", [b"del"]),
        (b"GETEX k EX 10", [b"expire"]),
        (b"APPEND k v", [b"append"]),
        (b"SETRANGE k 0 v", [b"setrange"]),
        (b"SETRANGE k 0 ", []),
        (b"MSET k v k w", [b"set", b"set"]),
    ],
)
def test_which_events_are_told(request_: bytes, events: list[bytes]) -> None:
    local = Local()
    local.call("SET", "k", "old")
    local.events.clear()
    local.call(*request_.split(b" "))
    assert [event for _, event, _ in local.events] == events


def test_a_value_lives_until_its_expiry() -> None:
    local = Local()
    local.call("SET", "k", "v", "PX", 100)
    local.now_ms += 100
    assert local.call("GET", "k") == b"v"
    local.now_ms += 1
    assert local.call("GET", "k") is None
    assert local.written[-1] == [b"DEL", b"k"]


def test_keepttl_keeps_and_a_plain_set_does_not() -> None:
    local = Local()
    local.call("SET", "k", "v", "PX", 100)
    local.call("SET", "k", "w", "KEEPTTL")
    assert local.call("PTTL", "k") == 100
    local.call("SET", "k", "v")
    assert local.call("PTTL", "k") == -1


def test_a_reply_is_not_what_is_stored() -> None:
    """A reply waits to be written, in MULTI for long: a later APPEND must not reach it."""
    local = Local()
    for command in ("MULTI", "APPEND k one", "GET k", "APPEND k two", "GET k"):
        local.call(*command.split())
    assert local.call("EXEC") == [3, b"one", 6, b"onetwo"]


def test_a_string_has_its_greatest_length() -> None:
    local = Local()
    local.options.change({"proto-max-bulk-len": "1mb"})
    long = b"x" * (1 << 20)
    assert local.call("APPEND", "k", long) == 1 << 20
    refused = ErrorReply(b"ERR string exceeds maximum allowed size (proto-max-bulk-len)")
    assert local.call("APPEND", "k", "x") == refused
    assert local.call("SETRANGE", "k", 1 << 20, "x") == refused
    assert local.call("SETRANGE", "k", (1 << 20) - 1, "x") == 1 << 20
    assert local.call("SET", "k", "short") == OK
