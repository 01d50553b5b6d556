"""How often keys are used, for the LFU policies: Redis's logarithmic counter of 8 bits, which time lowers
again.

A use raises a counter with the probability 1 / ((counter - 5) * lfu-log-factor + 1), so 255 stands for
millions of uses; each lfu-decay-time minutes without one take 1 off. The counter lies in the key's entry
beside the time of its last access, from which the decay follows whenever it is asked for.

Counting costs each access a random number. Under the other policies nobody pays for it: a database becomes a
CountingKeyspace only while the policy is an LFU one.

Source: https://redis.io/docs/latest/develop/reference/eviction/ ("The new LFU mode")
"""

from __future__ import annotations

from random import Random

from cluster.spec.options import Options
from cluster.store.keyspace import Entry, Keyspace, Value
from protocol.keyslot import key_slot

START = 5
"""What a new key begins with, so that it is not evicted before it had its chance."""

MOST = 255
MINUTE_MS = 60_000


def frequency(entry: Entry, now_ms: int, decay_minutes: int) -> int:
    """The counter as it is now, the decay since the last access taken off. A decay time of 0 is none."""
    counted: int = getattr(entry, "frequency", START)
    if not decay_minutes:
        return counted
    idle_minutes = max(0, now_ms // MINUTE_MS - entry.access_ms // MINUTE_MS)
    return max(0, counted - idle_minutes // decay_minutes)


def raised(counter: int, log_factor: int, random: Random) -> int:
    """The counter after one more use."""
    if counter >= MOST:
        return MOST
    odds = max(0, counter - START) * log_factor + 1
    return counter + 1 if odds == 1 or random.random() * odds < 1 else counter


class CountingKeyspace(Keyspace):
    """A database whose keys' uses are counted."""

    random: Random
    options: Options

    def get(self, key: bytes) -> Value | None:
        """As Keyspace has it."""
        self._count(key)
        return super().get(key)

    def entry(self, key: bytes) -> Entry | None:
        """As Keyspace has it."""
        self._count(key)
        return super().entry(key)

    def target(self, key: bytes) -> Entry | None:
        """As Keyspace has it."""
        self._count(key)
        return super().target(key)

    def _count(self, key: bytes) -> None:
        entry = self.slots[key_slot(key)].get(key)
        if entry is not None:
            counter = frequency(entry, self.clock.now_ms, self.options.lfu_decay_time)
            entry.frequency = raised(counter, self.options.lfu_log_factor, self.random)


def counts_uses(policy: str) -> bool:
    """Whether a maxmemory-policy goes by frequency."""
    return policy.endswith("-lfu")


def count_uses(database: Keyspace, options: Options, random: Random) -> None:
    """Has a database count uses, or no longer count them, as the policy wants it."""
    wanted = CountingKeyspace if counts_uses(options.maxmemory_policy) else Keyspace
    if type(database) is not wanted:
        # The keys stay where they are: only what an access does is exchanged.
        database.__class__ = wanted
        if isinstance(database, CountingKeyspace):
            database.options, database.random = options, random
