"""A hash some of whose fields have a time to live, as Redis 7.4 has them.

A plain Hash becomes one with its first HEXPIRE and stays one, so hashes without such fields pay nothing.

Source: https://redis.io/docs/latest/commands/hexpire/
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heapify, heappop, heappush

from cluster.store.values.hash import Hash
from cluster.store.values.limits import DEFAULT_LIMITS, Limits

SLACK = 16
"""Outdated notes of ends that are tolerated beyond as many as there are ends."""


class ExpiringHash(Hash):
    """`ends` (field to unix milliseconds) may be read by anyone and is changed only here.

    `noted_ms` belongs to the database's FieldExpiry: for when it has the hash in its notes, 0 for never.
    """

    __slots__ = ("_heap", "ends", "noted_ms")

    def __init__(self) -> None:
        super().__init__()
        self.ends: dict[bytes, int] = {}
        self.noted_ms = 0
        self._heap: list[tuple[int, bytes]] = []

    @classmethod
    def of(cls, plain: Hash, ends: Mapping[bytes, int] | None = None) -> ExpiringHash:
        """Takes over a plain hash, which is not to be used any more."""
        made = cls()
        made.fields, made._packed, made._sampler = plain.fields, plain._packed, plain._sampler
        made.ends.update(ends or {})
        made._tidy()
        return made

    def copy(self) -> ExpiringHash:
        """An independent hash of the same content, ends and encoding."""
        return ExpiringHash.of(super().copy(), self.ends)

    def set(self, field: bytes, value: bytes, limits: Limits = DEFAULT_LIMITS) -> bool:
        """As Hash has it; the new value has no end."""
        self.ends.pop(field, None)
        return super().set(field, value, limits)

    def alter(self, field: bytes, value: bytes, limits: Limits = DEFAULT_LIMITS) -> None:
        """As Hash has it: the end stays."""
        super().set(field, value, limits)

    def delete(self, field: bytes) -> bool:
        """Whether it was there."""
        self.ends.pop(field, None)
        return super().delete(field)

    def expire(self, field: bytes, at_ms: int) -> None:
        """Gives a field that is there an end."""
        self.ends[field] = at_ms
        heappush(self._heap, (at_ms, field))
        if len(self._heap) > 2 * len(self.ends) + SLACK:
            self._tidy()

    def persist(self, field: bytes) -> bool:
        """Takes a field's end away; whether it had one."""
        return self.ends.pop(field, None) is not None

    @property
    def next_ms(self) -> int:
        """When the first field ends; 0 for never."""
        heap = self._heap
        while heap and self.ends.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else 0

    def is_due(self, now_ms: int) -> bool:
        """Whether a field's time is over."""
        return 0 < self.next_ms <= now_ms

    def purge(self, now_ms: int) -> list[bytes]:
        """Removes the fields whose time is over; which they were."""
        gone = []
        while self.is_due(now_ms):
            _, field = heappop(self._heap)
            self.delete(field)
            gone.append(field)
        return gone

    def encoding(self) -> str:
        """As OBJECT ENCODING names it."""
        return "listpackex" if self._packed else "hashtable"

    def _tidy(self) -> None:
        self._heap = [(at_ms, field) for field, at_ms in self.ends.items()]
        heapify(self._heap)
