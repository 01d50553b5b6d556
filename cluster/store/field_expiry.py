"""Which hashes of a database have fields whose time is over: for active expiry.

Notes (when, key) may be outdated: a hash that is gone, renamed or has other ends now is recognised when its
time comes. A hash is noted again only for an earlier end, and what is outdated is thrown out when the notes
have doubled, so they stay in proportion to the hashes that have such fields.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush

from cluster.store.values.expiring_hash import ExpiringHash

SLACK = 1024
"""Notes from which on it is worth looking for outdated ones."""

Find = Callable[[bytes], object]
"""The value at a key."""


class FieldExpiry:
    """`find` looks up what a key holds now."""

    __slots__ = ("_find", "_heap", "_tidy_at")

    def __init__(self, find: Find) -> None:
        self._find = find
        self._heap: list[tuple[int, bytes]] = []
        self._tidy_at = SLACK

    def __len__(self) -> int:
        return len(self._heap)

    def note(self, key: bytes, value: object, *, is_new: bool = False) -> None:
        """A key's value has other ends now, or (`is_new`) has come to this key; others than hashes with ends
        are passed over."""
        if type(value) is not ExpiringHash:
            return
        next_ms = value.next_ms
        if next_ms and (is_new or not value.noted_ms or next_ms < value.noted_ms):
            value.noted_ms = next_ms
            heappush(self._heap, (next_ms, key))
            if len(self._heap) > self._tidy_at:
                self._tidy()

    def has_ends(self) -> bool:
        """Whether there is a hash with a field that has an end."""
        return any(
            type(value) is ExpiringHash and value.ends for value in (self._find(key) for _, key in self._heap)
        )

    def due(self, now_ms: int, budget: int) -> list[tuple[bytes, ExpiringHash]]:
        """Up to `budget` hashes with fields whose time is over; the caller purges and notes them anew."""
        found = []
        while self._heap and self._heap[0][0] <= now_ms and budget > 0:
            _, key = heappop(self._heap)
            budget -= 1
            value = self._find(key)
            if type(value) is ExpiringHash:
                value.noted_ms = 0
                if value.is_due(now_ms):
                    found.append((key, value))
                else:
                    self.note(key, value)
        return found

    def swap(self, other: FieldExpiry) -> None:
        """Exchanges the notes of two databases."""
        self._heap, other._heap = other._heap, self._heap

    def clear(self) -> None:
        self._heap.clear()

    def _tidy(self) -> None:
        kept = {}
        for at_ms, key in self._heap:
            value = self._find(key)
            if type(value) is ExpiringHash and value.noted_ms == at_ms:
                kept[key] = at_ms
        self._heap = [(at_ms, key) for key, at_ms in kept.items()]
        heapify(self._heap)
        self._tidy_at = max(SLACK, 2 * len(self._heap))
