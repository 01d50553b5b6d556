"""The twin of cluster/engine/untouched.py."""

from __future__ import annotations

import pytest

from tests.support.local import Local


@pytest.fixture
def local() -> Local:
    """A string k that has not been used for a minute, and a client that touches nothing."""
    made = Local()
    made.call("SET", "k", "value")
    made.now_ms += 60_000
    made.call("CLIENT", "NO-TOUCH", "ON")
    return made


def idle_s(local: Local, key: str = "k") -> object:
    return local.call("OBJECT", "IDLETIME", key)


def test_reading_leaves_no_trace(local: Local) -> None:
    assert local.call("GET", "k") == b"value"
    assert local.call("MGET", "k", "absent") == [b"value", None]
    assert idle_s(local) == 60
    other = local.connect()
    local.call("GET", "k", session=other)
    assert idle_s(local) == 0


def test_touch_touches_and_a_new_value_is_new(local: Local) -> None:
    local.call("TOUCH", "k")
    assert idle_s(local) == 0
    local.now_ms += 5000
    local.call("SET", "k", "other")
    assert idle_s(local) == 0


def test_in_a_transaction(local: Local) -> None:
    local.call("MULTI")
    local.call("GET", "k")
    local.call("EXEC")
    assert idle_s(local) == 60


def test_what_goes_meanwhile_stays_gone(local: Local) -> None:
    assert local.call("GETDEL", "k") == b"value"
    assert local.call("EXISTS", "k") == 0


def test_uses_are_not_counted(local: Local) -> None:
    local.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
    before = local.call("OBJECT", "FREQ", "k")
    for _ in range(20):
        local.call("GET", "k")
    assert local.call("OBJECT", "FREQ", "k") == before
    local.call("CLIENT", "NO-TOUCH", "OFF")
    for _ in range(20):
        local.call("GET", "k")
    frequency = local.call("OBJECT", "FREQ", "k")
    assert isinstance(frequency, int)
    assert isinstance(before, int)
    assert frequency > before


def test_it_is_shown_and_reset_ends_it(local: Local) -> None:
    assert b" flags=T " in local.raw("CLIENT", "INFO")
    local.call("RESET")
    assert b" flags=N " in local.raw("CLIENT", "INFO")
    local.call("GET", "k")
    assert idle_s(local) == 0
