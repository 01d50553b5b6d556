"""The twin of cluster/commands/payloads.py. Payloads and errors are compared in tests/parity/test_keys.py."""

from __future__ import annotations

import pytest

from protocol.resp.types import OK, ErrorReply
from tests.support.local import NOW_MS, Local

FILL = [
    "SET string text",
    "SET number 12345",
    "RPUSH list a b c",
    "SADD set a b",
    "SADD integers 1 2",
    "HSET hash field value",
    "ZADD sorted 1.5 a 2 b",
]


@pytest.mark.parametrize("fill", FILL)
def test_what_is_dumped_is_restored(fill: str) -> None:
    local = Local()
    key = fill.split()[1]
    local.call(*fill.split())
    payload = local.call("DUMP", key)
    assert isinstance(payload, bytes)
    assert local.call("RESTORE", "twin", 0, payload) == OK
    assert local.call("DUMP", "twin") == payload
    encodings = [local.call("OBJECT", "ENCODING", name) for name in (key, "twin")]
    assert encodings[0] == encodings[1]


@pytest.fixture
def local() -> Local:
    made = Local()
    made.call("SET", "k", "v")
    return made


@pytest.fixture
def payload(local: Local) -> bytes:
    dumped = local.call("DUMP", "k")
    assert isinstance(dumped, bytes)
    return dumped


def test_a_time_to_live_travels_as_a_moment(local: Local, payload: bytes) -> None:
    local.call("RESTORE", "new", 1000, payload)
    assert local.call("PTTL", "new") == 1000
    assert local.written[-1] == [b"RESTORE", b"new", b"%d" % (NOW_MS + 1000), payload, b"ABSTTL"]
    local.call("RESTORE", "other", NOW_MS + 1000, payload, "ABSTTL")
    assert local.call("PTTL", "other") == 1000
    assert local.written[-1][-1] == b"ABSTTL"


def test_what_has_expired_meanwhile_is_not_restored(local: Local, payload: bytes) -> None:
    local.written.clear()
    assert local.call("RESTORE", "new", 1, payload, "ABSTTL") == OK
    assert local.written == []
    assert local.call("RESTORE", "k", 1, payload, "ABSTTL", "REPLACE") == OK
    assert local.written == [[b"DEL", b"k"]]
    assert local.call("EXISTS", "k", "new") == 0


def test_idle_time_is_restored(local: Local, payload: bytes) -> None:
    local.call("RESTORE", "new", 0, payload, "IDLETIME", 100)
    assert local.call("OBJECT", "IDLETIME", "new") == 100
    local.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
    local.call("RESTORE", "new", 0, payload, "FREQ", 77, "REPLACE")
    assert local.call("OBJECT", "FREQ", "new") == 77
    local.call("RESTORE", "newer", 0, payload, "IDLETIME", 77)
    assert local.call("OBJECT", "FREQ", "newer") == 5


def test_every_flipped_bit_is_noticed(local: Local, payload: bytes) -> None:
    for at in range(len(payload) * 8):
        broken = bytearray(payload)
        broken[at // 8] ^= 1 << at % 8
        reply = local.call("RESTORE", "new", 0, bytes(broken))
        assert isinstance(reply, ErrorReply)
    assert local.call("EXISTS", "new") == 0


def test_a_key_in_the_way_stays(local: Local, payload: bytes) -> None:
    assert local.call("RESTORE", "k", 0, payload) == ErrorReply(b"BUSYKEY Target key name already exists.")
    assert local.call("RESTORE", "k", 0, payload, "REPLACE") == OK
