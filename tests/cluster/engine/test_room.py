"""The twin of cluster/engine/room.py: evictions as clients and replicas see them."""

from __future__ import annotations

import pytest

from cluster.commands.gauge import Allocated
from cluster.engine.room import KEYS_MIN, evictions_max
from protocol.resp.types import OK
from tests.support.local import Local

OOM = b"OOM command not allowed when used memory > 'maxmemory'."
KEY_BYTES = 1200
"""What a key with such a value is taken to free."""
VALUE = "v" * 1000


def limited(policy: str, keys: int = 0) -> Local:
    """A node on which each key takes KEY_BYTES, with room for so many keys."""
    local = Local()
    local.host.measure = lambda: Allocated(0, KEY_BYTES * sum(map(len, local.server.databases)))
    local.call("CONFIG", "SET", "maxmemory-policy", policy, "maxmemory", keys * KEY_BYTES or 1)
    return local


@pytest.mark.parametrize(
    ("tenacity", "count"), [(0, KEYS_MIN), (10, 50), (20, 202), (99, 12_600_000), (100, 1 << 62)]
)
def test_tenacity_bounds_the_work_of_one_request(tenacity: int, count: int) -> None:
    assert evictions_max(tenacity) == pytest.approx(count, rel=0.2)


def test_without_a_policy_writes_are_refused_and_reads_are_not() -> None:
    local = limited("noeviction", 2)
    for number in range(3):
        assert local.call("SET", f"k{number}", VALUE) == OK
    assert local.call("SET", "k", VALUE) == OOM
    assert local.call("GET", "k0") == VALUE.encode()
    assert local.call("MULTI") == OK
    assert local.call("GET", "k0") == OOM
    assert local.call("EXEC").startswith(b"EXECABORT")  # type: ignore[union-attr]
    assert local.call("DEL", "k0") == 1
    assert local.call("SET", "k0", VALUE) == OK


def test_a_write_evicts() -> None:
    local = limited("allkeys-lru", 10)
    for number in range(50):
        local.now_ms += 1000
        assert local.call("SET", f"k{number}", VALUE) == OK
    assert len(local.server.databases[0]) == 11
    assert local.server.statistics.evicted_keys == 39
    assert local.call("EXISTS", "k49", "k48") == 2


def test_a_read_evicts_too() -> None:
    local = limited("allkeys-random", 100)
    for number in range(50):
        local.call("SET", f"k{number}", VALUE)
    local.call("CONFIG", "SET", "maxmemory", 10 * KEY_BYTES)
    local.call("GET", "k")
    assert len(local.server.databases[0]) < 50


def test_volatile_policies_refuse_when_nothing_has_an_expiry() -> None:
    local = limited("volatile-lru", 2)
    local.call("SET", "a", VALUE, "EX", "100")
    local.call("SET", "b", VALUE)
    local.call("SET", "c", VALUE)
    assert local.call("SET", "d", VALUE) == OK
    assert local.call("EXISTS", "a") == 0
    assert local.call("SET", "e", VALUE) == OOM


def test_an_evicted_key_is_deleted_on_replicas_before_the_write_that_needed_room() -> None:
    local = limited("allkeys-random", 1)
    local.call("SET", "a", VALUE)
    local.call("SET", "b", VALUE)
    local.written.clear()
    local.call("SET", "c", VALUE)
    assert [argv[0] for argv in local.written] == [b"DEL", b"SET"]
    assert local.written[0][1] in (b"a", b"b")
    local.options.change({"lazyfree-lazy-eviction": "yes"})
    local.written.clear()
    local.call("SET", "d", VALUE)
    assert [argv[0] for argv in local.written] == [b"UNLINK", b"SET"]


def test_an_eviction_breaks_a_watch() -> None:
    local = limited("allkeys-random", 10)
    local.call("SET", "watched", VALUE)
    local.call("WATCH", "watched")
    local.call("CONFIG", "SET", "maxmemory", "1")
    local.call("PING")
    local.call("CONFIG", "SET", "maxmemory", "0")
    local.call("MULTI")
    local.call("PING")
    assert local.call("EXEC") is not OK
    assert local.call("EXISTS", "watched") == 0


def test_one_request_evicts_no_more_than_it_may_and_the_tick_goes_on() -> None:
    local = limited("allkeys-lru", 10_000)
    for number in range(500):
        local.call("SET", f"k{number}", VALUE)
    local.call("CONFIG", "SET", "maxmemory", KEY_BYTES)
    before = len(local.server.databases[0])
    local.call("PING")
    assert before - len(local.server.databases[0]) == evictions_max(10)
    local.now_ms += 70
    assert b"\ncurrent_eviction_exceeded_time:70\r" in local.raw("INFO", "stats")
    for _ in range(5):
        local.now_ms += 100
        local.engine.tick()
    assert len(local.server.databases[0]) == 1
    told = local.raw("INFO", "stats")
    assert b"\nevicted_keys:499\r" in told
    assert b"\ncurrent_eviction_exceeded_time:0\r" in told


def test_expired_keys_can_be_evicted() -> None:
    local = limited("allkeys-random", 100)
    local.server.active_expiry = False
    for number in range(20):
        local.call("SET", f"k{number}", VALUE, "PX", "10")
    local.now_ms += 1000
    local.call("CONFIG", "SET", "maxmemory", "1")
    local.call("PING")
    local.call("PING")  # the first may have counted too much for what an expiry takes
    assert not len(local.server.databases[0])


def test_a_replica_has_what_its_primary_has() -> None:
    local = limited("allkeys-lru", 1)
    local.replication.primary = ("127.0.0.1", 1)
    local.server.refresh()
    assert not local.server.near_limit
    local.call("CONFIG", "SET", "replica-ignore-maxmemory", "no")
    assert local.server.near_limit


def test_far_below_the_limit_no_request_is_slowed() -> None:
    local = limited("allkeys-lru", 1)
    local.call("CONFIG", "SET", "maxmemory", "10gb")
    assert not local.server.near_limit
    assert local.server.calm
