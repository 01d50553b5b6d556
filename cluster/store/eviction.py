"""Which key goes when memory runs out: the policies of maxmemory-policy, by sampling.

Each round looks at maxmemory-samples random keys of each database and keeps the best candidates of all
rounds so far in a pool of 16, so that the choice comes close to the true order without keeping one: with 5
samples the evicted keys are nearly those that an exact LRU would take. Unlike Redis, which keeps the scores
of pooled keys as they were, each round scores them anew: who has been used since is safe again.

Source: https://redis.io/docs/latest/develop/reference/eviction/ ("Approximated LRU algorithm")
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from cluster.spec.options import Options
from cluster.store.frequency import MOST, frequency
from cluster.store.keyspace import Entry, Keyspace

POOL_MAX = 16
"""Candidates that are kept from round to round."""

SAMPLE_ROUNDS_MAX = 4
"""A sample may hold keys that have gone since it was drawn; so often it is filled up."""

Victim = tuple[Keyspace, bytes]


class Evictor:
    """Chooses among the keys of some databases."""

    def __init__(self, databases: Sequence[Keyspace], options: Options, random: Random) -> None:
        self._databases = databases
        self._options = options
        self._random = random
        self._pool: list[tuple[int, int, bytes]] = []
        self._next_database = 0

    def choose(self) -> Victim | None:
        """The key to evict next; None when the policy leaves none."""
        scope, _, way = self._options.maxmemory_policy.partition("-")
        if not way:
            return None
        volatile = scope == "volatile"
        if way == "random":
            return self._any(volatile=volatile)
        while self._fill(volatile=volatile, way=way):
            if self._pool:
                _, index, key = self._pool.pop()
                return self._databases[index], key
        return None

    def forget(self) -> None:
        """The policy is another one now: old scores say nothing."""
        self._pool.clear()

    def _any(self, *, volatile: bool) -> Victim | None:
        """The databases take turns."""
        for _ in self._databases:
            database = self._databases[self._next_database % len(self._databases)]
            self._next_database += 1
            for key in self._sample(database, 1, volatile=volatile):
                return database, key
        return None

    def _fill(self, *, volatile: bool, way: str) -> bool:
        """One round. False when there is nothing to choose from."""
        keys = {(index, key) for _, index, key in self._pool}
        seen = False
        for database in self._databases:
            found = self._sample(database, self._options.maxmemory_samples, volatile=volatile)
            seen = seen or bool(found)
            keys.update((database.index, key) for key in found)
        scored = (self._scored(index, key, way, volatile=volatile) for index, key in keys)
        self._pool = sorted(filter(None, scored))[-POOL_MAX:]
        return seen

    def _scored(self, index: int, key: bytes, way: str, *, volatile: bool) -> tuple[int, int, bytes] | None:
        """A candidate with its score; None where it is no candidate any more."""
        database = self._databases[index]
        entry = database.stored(key)
        if entry is None or (volatile and not entry.expire_ms):
            return None
        return self._score(entry, way, database.clock.now_ms), index, key

    def _score(self, entry: Entry, way: str, now_ms: int) -> int:
        """The higher, the sooner it goes."""
        if way == "lru":
            return now_ms - entry.access_ms
        if way == "lfu":
            return MOST - frequency(entry, now_ms, self._options.lfu_decay_time)
        return -entry.expire_ms

    def _sample(self, database: Keyspace, count: int, *, volatile: bool) -> list[bytes]:
        if volatile:
            return database.expiry.sample(self._random, count)
        found: list[bytes] = []
        rounds = 0
        while keys := database.sample(self._random, count):
            found += (key for key in keys if database.stored(key) is not None)
            rounds += 1
            if len(found) >= count or (found and rounds >= SAMPLE_ROUNDS_MAX):
                break
        return found
