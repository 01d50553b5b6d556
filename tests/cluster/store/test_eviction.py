"""The twin of cluster/store/eviction.py."""

from __future__ import annotations

from random import Random

import pytest

from cluster.spec.options import Options
from cluster.store.clock import Clock
from cluster.store.eviction import Evictor
from cluster.store.frequency import count_uses
from cluster.store.keyspace import Keyspace

NOW_MS = 1_700_000_000_000
KEYS = 1000


class Room:
    """Two databases under a policy."""

    def __init__(self, policy: str) -> None:
        self.options = Options()
        self.options.change({"maxmemory-policy": policy})
        self.clock = Clock(NOW_MS)
        self.databases = [Keyspace(self.clock, index) for index in range(2)]
        for database in self.databases:
            count_uses(database, self.options, Random(1))
        self.evictor = Evictor(self.databases, self.options, Random(1))

    def evict(self, count: int) -> list[tuple[int, bytes]]:
        gone = []
        for _ in range(count):
            victim = self.evictor.choose()
            if victim is None:
                break
            database, key = victim
            database.evict(key)
            gone.append((database.index, key))
        return gone


def numbers(gone: list[tuple[int, bytes]]) -> list[int]:
    return [int(key) for _, key in gone]


def test_noeviction_chooses_none() -> None:
    room = Room("noeviction")
    room.databases[0].put(b"1", b"v")
    assert room.evict(1) == []


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-ttl"])
def test_an_empty_store_has_no_victim(policy: str) -> None:
    assert Room(policy).evict(1) == []


@pytest.mark.parametrize("policy", ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"])
def test_volatile_policies_spare_what_has_no_expiry(policy: str) -> None:
    room = Room(policy)
    for number in range(20):
        room.databases[0].put(b"%d" % number, b"v", 0 if number % 2 else NOW_MS + 1000 + number)
    assert sorted(numbers(room.evict(100))) == list(range(0, 20, 2))
    assert len(room.databases[0]) == 10


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-lru"])
def test_lru_takes_what_was_longest_unused(policy: str) -> None:
    room = Room(policy)
    for number in range(KEYS):
        room.clock.now_ms = NOW_MS + number * 1000
        room.databases[number % 2].put(b"%d" % number, b"v", NOW_MS + 10**9)
    gone = numbers(room.evict(KEYS // 4))
    assert sum(number < KEYS // 2 for number in gone) > 0.9 * len(gone)
    assert {index for index, _ in room.evict(50)} == {0, 1}


@pytest.mark.parametrize("policy", ["allkeys-lfu", "volatile-lfu"])
def test_lfu_spares_what_is_used_often(policy: str) -> None:
    room = Room(policy)
    database = room.databases[0]
    for number in range(KEYS):
        database.put(b"%d" % number, b"v", NOW_MS + 10**9)
    for _ in range(50):
        for number in range(KEYS // 2):
            database.get(b"%d" % number)
    gone = numbers(room.evict(KEYS // 4))
    assert sum(number >= KEYS // 2 for number in gone) > 0.95 * len(gone)


def test_ttl_takes_what_ends_soonest() -> None:
    room = Room("volatile-ttl")
    for number in range(KEYS):
        room.databases[0].put(b"%d" % number, b"v", NOW_MS + 1000 * (number + 1))
    gone = numbers(room.evict(KEYS // 4))
    assert sum(number < KEYS // 2 for number in gone) > 0.9 * len(gone)


def test_random_takes_any_and_the_databases_take_turns() -> None:
    room = Room("allkeys-random")
    for number in range(200):
        room.databases[number % 2].put(b"%d" % number, b"v")
    gone = room.evict(100)
    assert {index for index, _ in gone} == {0, 1}
    assert len(set(gone)) == 100
    assert len(room.evict(1000)) == 100


def test_more_samples_come_closer_to_the_true_order() -> None:
    def misses(samples: str) -> int:
        room = Room("allkeys-lru")
        room.options.change({"maxmemory-samples": samples})
        for number in range(KEYS):
            room.clock.now_ms = NOW_MS + number * 1000
            room.databases[0].put(b"%d" % number, b"v")
        return sum(number >= KEYS // 4 for number in numbers(room.evict(KEYS // 4)))

    assert misses("10") < misses("1")


def test_a_candidate_that_has_gone_or_lost_its_expiry_is_passed_over() -> None:
    room = Room("volatile-ttl")
    database = room.databases[0]
    for number in range(5):
        database.put(b"%d" % number, b"v", NOW_MS + 1000 + number)
    assert numbers(room.evict(1)) == [0]
    database.delete(b"1")
    database.set_expire(b"2", 0)
    assert numbers(room.evict(10)) == [3, 4]
    assert len(database) == 1


def test_a_candidate_that_is_used_is_safe_again() -> None:
    room = Room("allkeys-lru")
    database = room.databases[0]
    for number in range(10):
        room.clock.now_ms += 1000
        database.put(b"%d" % number, b"v")
    room.evict(1)
    room.clock.now_ms += 1000
    left = list(map(int, database.keys()))
    for number in left[:-1]:
        database.get(b"%d" % number)
    room.options.change({"maxmemory-samples": "10"})
    assert numbers(room.evict(1)) == left[-1:]


def test_all_keys_in_one_slot() -> None:
    room = Room("allkeys-lru")
    for number in range(KEYS):
        room.databases[0].put(b"{tag}%d" % number, b"v")
    assert len(room.evict(2 * KEYS)) == KEYS
