"""Consumer groups: what of a stream has been delivered to whom, and has not been acknowledged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from sortedcontainers import SortedDict


class Pending:
    """An entry that a consumer got and has not acknowledged: when last (unix milliseconds), and how often."""

    __slots__ = ("consumer", "delivered_ms", "deliveries")

    def __init__(self, consumer: Consumer, delivered_ms: int, deliveries: int) -> None:
        self.consumer = consumer
        self.delivered_ms = delivered_ms
        self.deliveries = deliveries


class PendingList:
    """Pending entries by id, lowest first: O(log N) to find, add, remove."""

    __slots__ = ("_by_id",)

    def __init__(self) -> None:
        self._by_id: SortedDict = SortedDict()

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, id_: int) -> Pending | None:
        return cast("Pending | None", self._by_id.get(id_))

    def put(self, id_: int, pending: Pending) -> None:
        self._by_id[id_] = pending

    def pop(self, id_: int) -> Pending:
        """Removes what is there. Raises KeyError."""
        return cast(Pending, self._by_id.pop(id_))

    def ids(self) -> list[int]:
        """All ids."""
        return list(self._by_id)

    def items(self, low: int = 0, high: int | None = None) -> Iterator[tuple[int, Pending]]:
        """Those between two ids, both included. The list must not change meanwhile."""
        by_id = self._by_id
        return ((id_, by_id[id_]) for id_ in by_id.irange(low, high))

    def ends(self) -> tuple[int, int]:
        """The lowest and the highest id of a list that is not empty."""
        return self._by_id.keys()[0], self._by_id.keys()[-1]

    def following(self, id_: int) -> int | None:
        """The lowest id that is not below this one."""
        return next(self._by_id.irange(id_), None)


class Consumer:
    """A reader of a group. `seen_ms` is when it last asked for something (unix milliseconds)."""

    __slots__ = ("name", "pending", "seen_ms")

    def __init__(self, name: bytes, seen_ms: int) -> None:
        self.name = name
        self.seen_ms = seen_ms
        self.pending = PendingList()


class Group:
    """A consumer group.

    `last_id` is the last entry delivered, `entries_read` how many entries of the stream lie up to there,
    counting those that are gone; None where that cannot be known.
    """

    __slots__ = ("consumers", "entries_read", "last_id", "pending")

    def __init__(self, last_id: int, entries_read: int | None) -> None:
        self.last_id = last_id
        self.entries_read = entries_read
        self.pending = PendingList()
        self.consumers: dict[bytes, Consumer] = {}

    def sorted_consumers(self) -> list[Consumer]:
        """The consumers by name, as Redis lists them."""
        return [self.consumers[name] for name in sorted(self.consumers)]

    def add_consumer(self, name: bytes, now_ms: int) -> Consumer:
        """Adds one that is not there yet."""
        made = self.consumers[name] = Consumer(name, now_ms)
        return made

    def remove_consumer(self, name: bytes) -> int:
        """Removes one that is there, with its pending entries; how many those were."""
        consumer = self.consumers.pop(name)
        for id_ in consumer.pending.ids():
            self.pending.pop(id_)
        return len(consumer.pending)

    def deliver(self, id_: int, consumer: Consumer, now_ms: int) -> Pending:
        """Makes an entry pending for a consumer, anew if it was pending already (XGROUP SETID went back)."""
        pending = self.pending.get(id_)
        if pending is None:
            pending = Pending(consumer, now_ms, 1)
            self.pending.put(id_, pending)
            consumer.pending.put(id_, pending)
            return pending
        self.assign(id_, pending, consumer)
        pending.delivered_ms = now_ms
        pending.deliveries = 1
        return pending

    def assign(self, id_: int, pending: Pending, consumer: Consumer) -> None:
        """Makes a pending entry another consumer's."""
        if pending.consumer is not consumer:
            pending.consumer.pending.pop(id_)
            consumer.pending.put(id_, pending)
            pending.consumer = consumer

    def acknowledge(self, id_: int) -> bool:
        """Removes a pending entry; whether it was there."""
        pending = self.pending.get(id_)
        if pending is None:
            return False
        self.pending.pop(id_)
        pending.consumer.pending.pop(id_)
        return True

    def copy(self) -> Group:
        """An independent group of the same content."""
        made = Group(self.last_id, self.entries_read)
        for name, consumer in self.consumers.items():
            twin = made.add_consumer(name, consumer.seen_ms)
            for id_, pending in consumer.pending.items():
                same = Pending(twin, pending.delivered_ms, pending.deliveries)
                twin.pending.put(id_, same)
                made.pending.put(id_, same)
        return made
