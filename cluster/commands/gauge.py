"""How much memory our data takes: used_memory.

What counts must grow with the process, or maxmemory protects nobody; and it must shrink when keys go, or
eviction would never find an end. Resident memory does the first and not the second: Python and the C
library keep freed memory for later use. So used_memory is what the two allocators have handed out and not
got back, less what they had handed out when the node was made: the interpreter and our code do not count,
as redis-server's own text does not, and used_memory_rss shows them.

The C library counts its bytes. Python counts its small objects (512 bytes at the most) but not their sizes:
those come from a sample of the keys, whose average object is applied to all. A wrong average can mislead by
little, as small objects differ by little.

To count is not for nothing (10 ms at a million keys), so the process remembers its last count while a new one
would cost too great a share of its time. What has been written and evicted since is added as estimated, and
forgotten when the next count comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Protocol

from cluster.store.footprint import footprint_in
from cluster.store.keyspace import Keyspace
from protocol.keyslot import key_slot

SMALL_OBJECT_BYTES = 56
"""An average small object before any key has been sampled."""

SAMPLED_KEYS = 32
SLOT_TRIES = 4
"""Random slots looked into for each key that is wanted, before the database is asked for random keys: those
it drew some time ago, and many of the newest are not among them."""

SAMPLED_MEMBERS = 5
KEPT = 0.75
"""How much of the earlier samples' weight remains when new ones come: less by as much as there are more
objects now, which the earlier samples could not know."""

SAMPLE_AFTER_BLOCKS = 1024
SAMPLE_AFTER_COUNTS = 1000
"""The keys are sampled anew when the small objects are more or fewer by so many and a 64th, and now and then
in any case: evictions can exchange all keys for others while their number stays the same.
"""

WRITE_BYTES = 160
"""What a write adds beyond the bytes of its words, at the most: entry, table, object headers."""


@dataclass(frozen=True, slots=True)
class Allocated:
    """What a process's allocators have handed out and not got back: Python's small objects, and the C
    library's bytes. The same object again means that nothing was counted anew."""

    small_blocks: int
    large_bytes: int


class CountsMemory(Protocol):
    def allocated(self) -> Allocated: ...


class Gauge:
    """The memory of one node."""

    def __init__(self, host: CountsMemory, databases: Sequence[Keyspace]) -> None:
        self._host = host
        self._databases = databases
        self._random = Random(0)  # own and always the same: to count must not change what else happens
        self._start = self._counted = host.allocated()
        self._estimated_bytes = 0
        self._sampled_blocks = 1.0
        self._sampled_bytes = float(SMALL_OBJECT_BYTES)
        self._sampled_at_blocks = 0
        self._counts = 0
        self.peak_bytes = 0

    def used_bytes(self) -> int:
        """Counted anew, as far as that may be; with what is estimated since."""
        counted = self._host.allocated()
        if counted is not self._counted:
            self._counted = counted
            self._estimated_bytes = 0
            self._counts += 1
            moved = abs(counted.small_blocks - self._sampled_at_blocks)
            if (
                moved > SAMPLE_AFTER_BLOCKS + counted.small_blocks // 64
                or self._counts >= SAMPLE_AFTER_COUNTS
            ):
                self._counts = 0
                self._sample(KEPT * min(1.0, self._sampled_at_blocks / max(1, counted.small_blocks)))
                self._sampled_at_blocks = counted.small_blocks
        small = (counted.small_blocks - self._start.small_blocks) * self.small_object_bytes
        used = max(0, int(small) + counted.large_bytes - self._start.large_bytes + self._estimated_bytes)
        self.peak_bytes = max(self.peak_bytes, used)
        return used

    @property
    def small_object_bytes(self) -> float:
        """The average small object, going by the keys sampled."""
        return self._sampled_bytes / self._sampled_blocks

    def wrote(self, argv: Sequence[bytes]) -> None:
        """A request that may add data is going to run."""
        self._estimated_bytes += sum(map(len, argv)) + WRITE_BYTES

    def freed(self, count: int) -> None:
        """So many bytes have been given up since the last count."""
        self._estimated_bytes -= count

    def _sample(self, kept: float) -> None:
        blocks = size = 0.0
        for database in self._databases:
            for key in self._random_keys(database):
                found = footprint_in(database.slots[key_slot(key)], key, SAMPLED_MEMBERS)
                blocks += found.small_blocks
                size += found.small_bytes
        if blocks:
            # Each round counts the same, however many objects its keys happen to have.
            self._sampled_blocks = kept * self._sampled_blocks + 1.0
            self._sampled_bytes = kept * self._sampled_bytes + size / blocks

    def _random_keys(self, database: Keyspace) -> list[bytes]:
        """Some keys of those that are there now. Which slot a key is in has to do with its name only, so one
        of each of some slots is as good a sample as some of all."""
        random, slots = self._random, database.slots
        found: list[bytes] = []
        for _ in range(SLOT_TRIES * SAMPLED_KEYS):
            slot = slots[random.randrange(len(slots))]
            if slot:
                found.append(next(islice(slot, random.randrange(len(slot)), None)))
                if len(found) == SAMPLED_KEYS:
                    return found
        drawn = database.sample(random, SAMPLED_KEYS - len(found))
        return found + [key for key in drawn if database.stored(key) is not None]
