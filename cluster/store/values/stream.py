"""A stream: entries in the order of their ids, in nodes of about a hundred, as Redis keeps them.

The nodes are Redis's to the byte (stream-node-max-entries, stream-node-max-bytes, deleted entries that stay
until their node goes), because a client can see them: approximate trimming removes whole nodes, and DUMP
shows them. Appending is O(1), finding an id O(log N).

Source: https://redis.io/docs/latest/develop/data-types/streams/
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, cast

from sortedcontainers import SortedDict

from cluster.store.values.stream_groups import Group, Pending
from cluster.store.values.stream_id import ID_MAX
from cluster.store.values.string import as_int64
from protocol.rdb.records import (
    StreamConsumerRecord,
    StreamGroupRecord,
    StreamNode,
    StreamRecord,
)
from protocol.rdb.streams import append_entry, new_node, node_bytes

NODE_BYTES_MAX: Final = 1 << 30
"""What a node, and what one entry, may hold, whatever the options say."""

Items = tuple[bytes, ...]
"""Fields and values in turn."""


class NodeLimits(Protocol):
    """The directives of the same names; 0 is no limit."""

    @property
    def stream_node_max_entries(self) -> int: ...

    @property
    def stream_node_max_bytes(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Trim:
    """What to keep: at most `length_max` entries, or (where that is None) those from `id_min` on.

    `exact` is False to remove whole nodes only, and no more than `limit` entries (0: as many as there are).
    """

    length_max: int | None
    id_min: int = 0
    exact: bool = True
    limit: int = 0


class Stream:
    """`first_id` is 0 while there are no entries; `entries_added` counts what was ever appended.

    `news` counts what Redis wakes those for who wait for entries: one was appended, or a group destroyed.
    """

    __slots__ = (
        "_nodes",
        "_tail",
        "entries_added",
        "first_id",
        "groups",
        "last_id",
        "length",
        "max_deleted_id",
        "news",
    )

    def __init__(self) -> None:
        self._nodes: SortedDict = SortedDict()
        self._tail: StreamNode | None = None
        self.length = 0
        self.first_id = 0
        self.last_id = 0
        self.max_deleted_id = 0
        self.entries_added = 0
        self.news = 0
        self.groups: dict[bytes, Group] = {}

    def __len__(self) -> int:
        return self.length

    def encoding(self) -> str:
        """As OBJECT ENCODING names it."""
        return "stream"

    # Reading

    def range(self, low: int, high: int) -> Iterator[tuple[int, Items]]:
        """The entries between two ids, both included. The stream must not change meanwhile."""
        for node in self._nodes_between(low, high):
            ids, entries, dead = node.ids, node.entries, node.dead
            for place in _places(node, low, high):
                if place not in dead:
                    yield ids[place], entries[place]

    def reversed_range(self, low: int, high: int) -> Iterator[tuple[int, Items]]:
        """As range(), highest first."""
        for node in self._nodes_between(low, high, reverse=True):
            ids, entries, dead = node.ids, node.entries, node.dead
            for place in reversed(_places(node, low, high)):
                if place not in dead:
                    yield ids[place], entries[place]

    def entry(self, id_: int) -> Items | None:
        """The entry of an id."""
        found = self._find(id_)
        return None if found is None else found[0].entries[found[1]]

    def last_living_id(self) -> int:
        """The id of the last entry; 0 when there is none."""
        return next((id_ for id_, _ in self.reversed_range(0, ID_MAX)), 0)

    def lowest_id(self) -> int:
        """The id of the first entry, deleted ones that are still there among them; ID_MAX for none at all."""
        return cast(StreamNode, self._nodes.peekitem(0)[1]).ids[0] if self._nodes else ID_MAX

    def sorted_groups(self) -> list[tuple[bytes, Group]]:
        """The groups by name, as Redis lists them."""
        return sorted(self.groups.items())

    # Writing

    def append(self, id_: int, items: Items, limits: NodeLimits) -> None:
        """Appends an entry whose id is above last_id. Raises OverflowError when it is too large."""
        node, more_bytes = self._tail, sum(map(len, items))
        if more_bytes > NODE_BYTES_MAX:
            raise OverflowError
        if node is None or _is_full(node, more_bytes, limits):
            node = self._tail = self._nodes[id_] = new_node(id_, items[::2])
        append_entry(node, id_, items)
        self.length += 1
        self.entries_added += 1
        self.news += 1
        self.last_id = id_
        if self.length == 1:
            self.first_id = id_

    def delete(self, ids: Iterable[int]) -> int:
        """Deletes entries; how many of them were there."""
        deleted = 0
        first_gone = False
        for id_ in ids:
            if self._delete_one(id_):
                deleted += 1
                first_gone = first_gone or id_ == self.first_id
                self.max_deleted_id = max(self.max_deleted_id, id_)
        if first_gone or not self.length:
            self._find_first()
        return deleted

    def trim(self, trim: Trim) -> int:
        """Removes entries from the beginning; how many."""
        deleted = 0
        while self._nodes:
            if trim.length_max is not None and self.length <= trim.length_max:
                break
            node = cast(StreamNode, self._nodes.peekitem(0)[1])
            living = len(node.ids) - len(node.dead)
            if trim.limit and deleted + living > trim.limit:
                break
            if not self._may_go(node, living, trim):
                if trim.exact:
                    deleted += self._trim_within(node, trim)
                break
            self._remove_node(node)
            self.length -= living
            deleted += living
        if deleted or not self.length:
            self._find_first()
        return deleted

    def _may_go(self, node: StreamNode, living: int, trim: Trim) -> bool:
        if trim.length_max is not None:
            return self.length - living >= trim.length_max
        return node.ids[-1] < trim.id_min

    def _trim_within(self, node: StreamNode, trim: Trim) -> int:
        """Trims a node that does not go as a whole. It stays even without a living entry, as in Redis."""
        deleted = 0
        for place, id_ in enumerate(node.ids):
            if self.length <= trim.length_max if trim.length_max is not None else id_ >= trim.id_min:
                break
            if place not in node.dead:
                node.dead.add(place)
                self.length -= 1
                deleted += 1
        return deleted

    def _delete_one(self, id_: int) -> bool:
        found = self._find(id_)
        if found is None:
            return False
        node, place = found
        if len(node.ids) - len(node.dead) == 1:
            self._remove_node(node)
        else:
            node.dead.add(place)
        self.length -= 1
        return True

    def _remove_node(self, node: StreamNode) -> None:
        del self._nodes[node.first_id]
        if node is self._tail:
            self._tail = self._nodes.peekitem(-1)[1] if self._nodes else None

    def _find_first(self) -> None:
        self.first_id = next((id_ for id_, _ in self.range(0, ID_MAX)), 0)

    def _find(self, id_: int) -> tuple[StreamNode, int] | None:
        """The node that has a living entry of that id, and its place there."""
        for node in self._nodes_between(id_, id_):
            for place in _places(node, id_, id_):
                if place not in node.dead:
                    return node, place
        return None

    def _nodes_between(self, low: int, high: int, *, reverse: bool = False) -> Iterator[StreamNode]:
        """The nodes that may have entries between two ids: from the last that begins not above `low`.

        The first node may also have entries below its own id: it stays when it has only deleted ones, and
        then XSETID can go back.
        """
        nodes = self._nodes
        if not nodes:
            return iter(())
        start = nodes.keys()[max(0, nodes.bisect_right(low) - 1)]
        return (nodes[first_id] for first_id in nodes.irange(start, max(start, high), reverse=reverse))

    # What groups have read

    def entries_up_to(self, id_: int) -> int | None:
        """How many entries were ever added up to an id; None where deletions have made that unknowable."""
        if not self.entries_added:
            return 0
        if id_ == self.last_id or (not self.length and id_ < self.last_id):
            return self.entries_added
        if id_ > self.last_id:
            return None
        if self.max_deleted_id == 0 or self.max_deleted_id < self.first_id:
            if id_ < self.first_id:
                return self.entries_added - self.length
            if id_ == self.first_id:
                return self.entries_added - self.length + 1
        return None

    def is_whole_from(self, id_: int) -> bool:
        """Whether no entry from an id on has been deleted from within."""
        return (
            not self.length
            or self.max_deleted_id == 0
            or self.first_id > self.max_deleted_id
            or id_ > self.max_deleted_id
        )

    def lag(self, group: Group) -> int | None:
        """How many entries a group has not been delivered yet; None where that cannot be known."""
        if not self.entries_added:
            return 0
        if group.entries_read is not None and self.is_whole_from(group.last_id):
            return as_int64(self.entries_added - group.entries_read)
        read = self.entries_up_to(group.last_id)
        return None if read is None else self.entries_added - read

    def advance(self, group: Group, id_: int) -> None:
        """Moves a group's last id forward to an entry that is delivered now."""
        if group.entries_read is not None and self.is_whole_from(id_):
            group.entries_read = as_int64(group.entries_read + 1)
        elif self.entries_added:
            group.entries_read = self.entries_up_to(id_)
        group.last_id = id_

    # Whole

    def node_ids(self) -> list[int]:
        """With which id each node begins: the keys of Redis's radix tree."""
        return list(self._nodes)

    def copy(self) -> Stream:
        """An independent stream of the same content."""
        made = Stream()
        for node in self._nodes.values():
            twin = replace(node, ids=node.ids[:], entries=node.entries[:], dead=set(node.dead))
            made._nodes[node.first_id] = made._tail = twin
        made.length, made.entries_added = self.length, self.entries_added
        made.first_id, made.last_id, made.max_deleted_id = self.first_id, self.last_id, self.max_deleted_id
        made.groups = {name: group.copy() for name, group in self.groups.items()}
        return made

    def record(self) -> StreamRecord:
        """The stream as RDB files hold it; shares the nodes."""
        return StreamRecord(
            self._nodes.values(),
            self.length,
            self.last_id,
            self.first_id,
            self.max_deleted_id,
            self.entries_added,
            [_group_record(name, group) for name, group in self.sorted_groups()],
        )

    @classmethod
    def from_record(cls, record: StreamRecord) -> Stream:
        """The stream of a record; takes over its nodes."""
        made = cls()
        for node in record.nodes:
            made._nodes[node.first_id] = made._tail = node
        made.length, made.entries_added = record.length, record.entries_added
        made.first_id, made.last_id = record.first_id, record.last_id
        made.max_deleted_id = record.max_deleted_id
        for group in record.groups:
            made.groups[group.name] = _group(group)
        if not record.counts_reads:
            for restored in made.groups.values():
                restored.entries_read = made.entries_up_to(restored.last_id)
        return made


def _places(node: StreamNode, low: int, high: int) -> Sequence[int]:
    """Where in a node the entries between two ids are, deleted ones among them."""
    ids = node.ids
    if node.ascends:
        return range(bisect_left(ids, low), bisect_right(ids, high))
    return [place for place, id_ in enumerate(ids) if low <= id_ <= high]


def _is_full(node: StreamNode, more_bytes: int, limits: NodeLimits) -> bool:
    bytes_max = limits.stream_node_max_bytes
    if not 0 < bytes_max <= NODE_BYTES_MAX:
        bytes_max = NODE_BYTES_MAX
    entries_max = limits.stream_node_max_entries
    return node_bytes(node) + more_bytes >= bytes_max or 0 < entries_max <= len(node.ids)


def _group_record(name: bytes, group: Group) -> StreamGroupRecord:
    return StreamGroupRecord(
        name,
        group.last_id,
        group.entries_read,
        [(id_, pending.delivered_ms, pending.deliveries) for id_, pending in group.pending.items()],
        [
            StreamConsumerRecord(consumer.name, consumer.seen_ms, consumer.pending.ids())
            for consumer in group.sorted_consumers()
        ],
    )


def _group(record: StreamGroupRecord) -> Group:
    read = record.entries_read
    made = Group(record.last_id, None if read is None else as_int64(read))
    delivered = {id_: (at_ms, deliveries) for id_, at_ms, deliveries in record.pending}
    for consumer_record in record.consumers:
        consumer = made.add_consumer(consumer_record.name, consumer_record.seen_ms)
        for id_ in consumer_record.pending:
            pending = Pending(consumer, *delivered[id_])
            consumer.pending.put(id_, pending)
            made.pending.put(id_, pending)
    return made
