"""What values take up in memory, as the allocator counts it: for MEMORY USAGE, and for eviction to know
what it frees.

Python's own allocator serves objects of up to 512 bytes from pools, in steps of 16; what is larger comes from
the C library. The two are kept apart here because the process measures them apart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from itertools import islice
from sys import getsizeof
from typing import Any

from cluster.store.keyspace import Entry

POOLED_BYTES_MAX = 512
STEP_BYTES = 16
CHUNK_HEADER_BYTES = 8
DEPTH_MAX = 8
"""Values are shallower; a deeper one is a cycle."""

PLACE_BYTES = 40
"""A key's share of its slot's table, at its usual fill."""

_LEAVES = (bytes, bytearray, int, float, str, bool, type(None), type)
_SHARED_INTEGERS = range(-5, 257)


class Footprint:
    """A sum of objects: how many come from the pools, their bytes, and the bytes of the larger ones."""

    __slots__ = ("large_bytes", "small_blocks", "small_bytes")

    def __init__(self) -> None:
        self.small_blocks = 0.0
        self.small_bytes = 0.0
        self.large_bytes = 0.0

    @property
    def total_bytes(self) -> int:
        return int(self.small_bytes + self.large_bytes)

    def add(self, thing: Any, samples: int, weight: float = 1.0, depth: int = DEPTH_MAX) -> None:
        """Adds an object and all that it holds, `weight` times. Of a collection's members it looks at the
        first `samples` (0: all) and takes the rest to be like them."""
        if thing is None or isinstance(thing, type) or (type(thing) is int and thing in _SHARED_INTEGERS):
            return
        self._count(getsizeof(thing), weight)
        if isinstance(thing, _LEAVES) or not depth:
            return
        if isinstance(thing, dict):
            self._members(thing, thing.items(), samples, weight, depth, in_pairs=True)
        elif isinstance(thing, (list, tuple, set, frozenset, deque)):
            self._members(thing, thing, samples, weight, depth)
        else:
            for attribute in _attributes(thing):
                self.add(attribute, samples, weight, depth - 1)

    def _members(
        self,
        whole: Collection[Any],
        members: Iterable[Any],
        samples: int,
        weight: float,
        depth: int,
        *,
        in_pairs: bool = False,
    ) -> None:
        looked_at = min(len(whole), samples) if samples else len(whole)
        if not looked_at:
            return
        each = weight * len(whole) / looked_at
        for member in islice(members, looked_at):
            for part in member if in_pairs else (member,):
                self.add(part, samples, each, depth - 1)

    def _count(self, size: int, weight: float) -> None:
        if size <= POOLED_BYTES_MAX:
            self.small_blocks += weight
            self.small_bytes += weight * (-(-size // STEP_BYTES) * STEP_BYTES)
        else:
            self.large_bytes += weight * (-(-(size + CHUNK_HEADER_BYTES) // STEP_BYTES) * STEP_BYTES)


def footprint(key: bytes, entry: Entry, samples: int) -> Footprint:
    """What a key takes up with all that belongs to it."""
    found = Footprint()
    found.add(key, samples)
    found.add(entry, samples)
    found.large_bytes += PLACE_BYTES
    return found


def _attributes(thing: Any) -> Iterable[Any]:
    for kind in type(thing).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if not name.startswith("__"):
                yield getattr(thing, name, None)
    yield from getattr(thing, "__dict__", {}).values()
