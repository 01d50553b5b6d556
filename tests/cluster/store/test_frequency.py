"""The twin of cluster/store/frequency.py."""

from __future__ import annotations

from random import Random

from cluster.spec.options import Options
from cluster.store.clock import Clock
from cluster.store.frequency import (
    MINUTE_MS,
    MOST,
    START,
    CountingKeyspace,
    count_uses,
    counts_uses,
    frequency,
    raised,
)
from cluster.store.keyspace import Entry, Keyspace

NOW_MS = 1_700_000_000_000


def counting(database: Keyspace) -> bool:
    return isinstance(database, CountingKeyspace)


def test_which_policies_count() -> None:
    assert counts_uses("allkeys-lfu")
    assert counts_uses("volatile-lfu")
    assert not counts_uses("allkeys-lru")
    assert not counts_uses("noeviction")


def test_the_first_use_always_counts() -> None:
    assert raised(START, 10, Random(1)) == START + 1
    assert raised(0, 10, Random(1)) == 1


def test_the_counter_is_logarithmic() -> None:
    """Redis documents about 18 after 1000 hits, and 142 after 100,000, at a factor of 10."""
    random, counter, after = Random(1), START, {}
    for hit in range(1, 100_001):
        counter = raised(counter, 10, random)
        after[hit] = counter
    assert 14 <= after[1000] <= 24
    assert 120 <= after[100_000] <= 165


def test_the_counter_has_an_end() -> None:
    assert raised(MOST, 0, Random(1)) == MOST
    assert raised(MOST - 1, 0, Random(1)) == MOST


def test_time_takes_it_down() -> None:
    entry = Entry(b"v", 0, NOW_MS)
    entry.frequency = 10
    assert frequency(entry, NOW_MS, 1) == 10
    assert frequency(entry, NOW_MS + 3 * MINUTE_MS, 1) == 7
    assert frequency(entry, NOW_MS + 3 * MINUTE_MS, 2) == 9
    assert frequency(entry, NOW_MS + 300 * MINUTE_MS, 1) == 0
    assert frequency(entry, NOW_MS + 300 * MINUTE_MS, 0) == 10


def test_an_entry_from_before_the_policy_begins_as_a_new_one() -> None:
    assert frequency(Entry(b"v", 0, NOW_MS), NOW_MS, 1) == START


def test_a_database_counts_only_under_such_a_policy() -> None:
    options, clock = Options(), Clock(NOW_MS)
    database = Keyspace(clock)
    database.put(b"k", b"v")
    options.change({"maxmemory-policy": "allkeys-lfu", "lfu-log-factor": "0"})
    count_uses(database, options, Random(1))
    assert counting(database)
    database.get(b"k")
    database.entry(b"k")
    database.target(b"k")
    database.peek(b"k")
    entry = database.stored(b"k")
    assert entry is not None
    assert frequency(entry, NOW_MS, 1) == START + 3
    options.change({"maxmemory-policy": "allkeys-lru"})
    count_uses(database, options, Random(1))
    assert not counting(database)
    database.get(b"k")
    assert frequency(entry, NOW_MS, 1) == START + 3
    assert database.get(b"absent") is None
