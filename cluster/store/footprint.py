"""What values take up in memory, as the allocator counts it: for MEMORY USAGE, and for eviction to know
what it frees.

Python's own allocator serves objects of up to 512 bytes from pools, in steps of 16; what is larger comes from
the C library. The two are kept apart here because the process measures them apart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from itertools import islice
from sys import getrefcount, getsizeof
from typing import Any, Final

from sortedcontainers import SortedDict, SortedList

from cluster.store.keyspace import Entry
from cluster.store.values.stream_groups import Pending

POOLED_BYTES_MAX = 512
STEP_BYTES = 16
CHUNK_HEADER_BYTES = 8
DEPTH_MAX = 8
"""Values are shallower; a deeper one is a cycle."""

PLACE_BYTES = 40
"""A key's share of its slot's table, at its usual fill."""

SEEN_MAX = 4096
"""Of so many objects it is known that they have been counted; more are hardly met twice."""

NOTE_BYTES = 56
NOTE_PLACES_BYTES = 70
"""A key with an expiry is in the database's index of these: a pair, and its places in a list and a dict."""

_LEAVES = (bytes, bytearray, int, float, str, bool, type(None), type)
_SEQUENCES = (list, tuple, set, frozenset, deque)
_SHARED_INTEGERS = range(-5, 257)
_OWN_REFERENCES: Final = 2
"""To the argument of shares(): its own and getrefcount's."""

_HEADS: Final = {kind: getsizeof(kind()) for kind in (dict, list, set)} | {bytearray: getsizeof(bytearray())}
"""What an empty one takes. Whatever it holds is in an allocation of its own."""

_DEQUE_BLOCK_BYTES: Final = getsizeof(deque(range(65))) - getsizeof(deque())
_DEQUE_HEAD_BYTES: Final = getsizeof(deque()) - _DEQUE_BLOCK_BYTES

_SORTED_LIST_BYTES: Final = 64
"""What holds a SortedList's attributes. To ask for its __dict__ would alone make it grow."""
_SORTED_DICT_BLOCKS: Final = 18
_SORTED_DICT_BYTES: Final = 1216
"""What holds a SortedDict's attributes: mostly methods bound to it."""

_FOLLOWED: Final[dict[type, tuple[str, ...]]] = {Pending: ("delivered_ms",), SortedDict: ("_list",)}
"""Where not all attributes lead to something of the object's own."""


class Footprint:
    """A sum of objects: how many come from the pools, their bytes, and the bytes of the larger ones."""

    __slots__ = ("_seen", "large_bytes", "small_blocks", "small_bytes")

    def __init__(self) -> None:
        self._seen: set[int] = set()
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
        if id(thing) in self._seen:
            return
        if len(self._seen) < SEEN_MAX:
            self._seen.add(id(thing))
        self.whole(thing, weight)
        if depth and not isinstance(thing, _LEAVES):
            self._inside(thing, samples, weight, depth)

    def _inside(self, thing: Any, samples: int, weight: float, depth: int) -> None:
        if isinstance(thing, SortedList):
            self._sorted_list(thing, weight)
        elif isinstance(thing, _SEQUENCES):
            self._members(thing, thing, samples, weight, depth)
        else:
            if isinstance(thing, dict):
                self._members(thing, thing.items(), samples, weight, depth, in_pairs=True)
            for attribute in _attributes(thing):
                self.add(attribute, samples, weight, depth - 1)

    def whole(self, thing: Any, weight: float) -> None:
        """The object itself, in as many allocations as it is."""
        size = getsizeof(thing)
        if isinstance(thing, deque):
            self.count(_DEQUE_HEAD_BYTES, weight)
            self.count(_DEQUE_BLOCK_BYTES, weight * ((size - _DEQUE_HEAD_BYTES) // _DEQUE_BLOCK_BYTES))
            return
        if isinstance(thing, SortedDict):
            self.small_blocks += weight * _SORTED_DICT_BLOCKS
            self.small_bytes += weight * _SORTED_DICT_BYTES
        head = _HEADS.get(type(thing), size)
        self.count(head, weight)
        if size > head:
            self.count(size - head, weight)

    def _sorted_list(self, thing: SortedList, weight: float) -> None:
        """Its elements are those of the dict beside it; its own are the lists, and pairs if it has any."""
        self.count(_SORTED_LIST_BYTES, weight)
        for whole in (thing._lists, thing._maxes, thing._index, *thing._lists):
            self.whole(whole, weight)
        if thing and isinstance(thing[0], tuple):
            self.count(getsizeof(thing[0]), weight * len(thing))

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

    def count(self, size: int, weight: float = 1.0) -> None:
        """Adds an allocation, `weight` times."""
        if size <= POOLED_BYTES_MAX:
            self.small_blocks += weight
            self.small_bytes += weight * (-(-size // STEP_BYTES) * STEP_BYTES)
        else:
            self.large_bytes += weight * (-(-(size + CHUNK_HEADER_BYTES) // STEP_BYTES) * STEP_BYTES)


def footprint(key: bytes, entry: Entry, samples: int) -> Footprint:
    """What a key takes up with all that belongs to it."""
    found = _without_place(key, entry, samples)
    found.large_bytes += PLACE_BYTES
    return found


def footprint_in(slot: dict[bytes, Entry], key: bytes, samples: int) -> Footprint:
    """As footprint(), with the key's share of the table that its slot is now."""
    found = _without_place(key, slot[key], samples)
    found.whole(slot, 1 / len(slot))
    return found


def _without_place(key: bytes, entry: Entry, samples: int) -> Footprint:
    found = Footprint()
    found.add(key, samples)
    found.count(getsizeof(entry))
    found.add(entry.value, samples)
    holders = shares(entry.access_ms)
    found.add(entry.access_ms, samples, 1 / holders)
    if entry.expire_ms:
        found.add(entry.expire_ms, samples)
        found.count(NOTE_BYTES)
        found.large_bytes += NOTE_PLACES_BYTES
    return found


def shares(thing: object) -> int:
    """How many hold this object besides the caller's expression: keys that were written together have the
    time of it together."""
    return max(1, getrefcount(thing) - _OWN_REFERENCES)


def _attributes(thing: Any) -> Iterable[Any]:
    """What an object leads to by its slots."""
    followed = _FOLLOWED.get(type(thing))
    if followed is None:
        slots = (kind.__dict__.get("__slots__", ()) for kind in type(thing).__mro__)
        followed = tuple(name for each in slots for name in ((each,) if isinstance(each, str) else each))
    return (getattr(thing, name, None) for name in followed if not name.startswith("__"))
