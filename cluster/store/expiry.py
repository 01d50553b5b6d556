"""Which keys of a database have a time to live, and which of them are due."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from itertools import islice
from random import Random
from typing import Protocol

SLACK = 1024
"""Outdated notes that are tolerated beyond as many as there are keys with a time to live."""


SAMPLE_TRIES = 4
"""Draws for each key that is wanted: about half of the notes may be outdated."""


class HasExpiry(Protocol):
    expire_ms: int


class ExpiryIndex:
    """Keys with a time to live, in the order in which they end.

    The heap has a note (when, key) for each key's present expiry and possibly outdated ones, which are
    recognised when their time comes; it is built anew when most of it is outdated, so it stays O(keys).

    `own` are those of the keys whose end nobody else will tell of, where there are such: see Keyspace.
    """

    __slots__ = ("_heap", "_owners", "own")

    def __init__(self) -> None:
        self.own: ExpiryIndex | None = None
        self._owners: dict[bytes, HasExpiry] = {}
        self._heap: list[tuple[int, bytes]] = []

    def __len__(self) -> int:
        return len(self._owners)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._owners)

    def note(self, key: bytes, owner: HasExpiry) -> None:
        """Says that the key's owner has this expiry now; also when it has changed."""
        self._owners[key] = owner
        heappush(self._heap, (owner.expire_ms, key))
        if len(self._heap) > 2 * len(self._owners) + SLACK:
            self._heap = [(owner.expire_ms, key) for key, owner in self._owners.items()]
            heapify(self._heap)

    def note_own(self, key: bytes, owner: HasExpiry) -> None:
        """As note(), for one of `own`."""
        self.note(key, owner)
        if self.own is None:
            self.own = ExpiryIndex()
        self.own.note(key, owner)

    def forget(self, key: bytes) -> None:
        """Says that the key is gone, or has no expiry any more."""
        self._owners.pop(key, None)
        if self.own is not None:
            self.own.forget(key)

    def clear(self) -> None:
        self.own = None
        self._owners.clear()
        self._heap.clear()

    def due(self, now_ms: int, budget: int) -> list[bytes]:
        """Up to `budget` keys whose time is over. They stay in the index until they are forgotten, but are
        not told of again: the caller removes them."""
        found: list[bytes] = []
        heap, owners = self._heap, self._owners
        while heap and heap[0][0] < now_ms and budget > 0:
            at_ms, key = heappop(heap)
            owner = owners.get(key)
            if owner is not None and owner.expire_ms == at_ms:
                found.append(key)
            budget -= 1
        return found

    def sample(self, random: Random, count: int) -> list[bytes]:
        """Up to `count` of the keys, each as likely as any other but for those whose expiry has just been
        changed. The heap is a list, so that a place in it is found at once."""
        heap, owners = self._heap, self._owners
        found: list[bytes] = []
        if not owners:
            return found
        for _ in range(SAMPLE_TRIES * count):
            at_ms, key = heap[random.randrange(len(heap))] if heap else (0, b"")
            owner = owners.get(key)
            if owner is not None and owner.expire_ms == at_ms:
                found.append(key)
                if len(found) == count:
                    return found
        return found or list(islice(owners, count))

    def average_ttl_ms(self, now_ms: int, sample: int = 1000) -> int:
        """The mean time left of (the first `sample` of) the keys, as INFO keyspace shows it."""
        left = [
            owner.expire_ms - now_ms for owner, _ in zip(self._owners.values(), range(sample), strict=False)
        ]
        return max(0, sum(left) // len(left)) if left else 0
