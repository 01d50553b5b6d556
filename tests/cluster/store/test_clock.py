"""The twin of cluster/store/clock.py."""

from __future__ import annotations

from cluster.store.clock import Clock
from cluster.store.keyspace import Keyspace


def test_all_who_share_a_clock_see_it_move() -> None:
    clock = Clock(1000)
    databases = [Keyspace(clock, index) for index in range(2)]
    for database in databases:
        database.put(b"key", b"value", 1500)
    clock.now_ms = 1501
    assert [database.get(b"key") for database in databases] == [None, None]
