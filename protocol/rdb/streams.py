"""Streams in RDB: entries by the hundred in listpacks, and the consumer groups behind them.

A node is a listpack: how many of its entries live, how many are deleted, the number of the first entry's
fields, their names, 0; then each entry: flags, its id's distance from the node's first id (milliseconds,
sequence), the values, or (when the fields are not those of the first entry) the number of fields and names
and values in turn; last the number of items that the entry takes up, for reading from the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from struct import Struct
from typing import Final, Protocol

from protocol.integers import parse_integer
from protocol.rdb import codes
from protocol.rdb.packed import (
    join_listpack,
    listpack_integer,
    listpack_integer_bytes,
    listpack_item,
    listpack_item_bytes,
    read_listpack,
)
from protocol.rdb.records import (
    CorruptPayload,
    StreamConsumerRecord,
    StreamGroupRecord,
    StreamNode,
    StreamRecord,
)

_HALF_BITS: Final = 64
_HALF: Final = (1 << _HALF_BITS) - 1
_ID: Final = Struct(">QQ")
_I64: Final = Struct("<q")

_DELETED: Final = 1
_SAME_FIELDS: Final = 2
_ENTRY_HEAD_ITEMS: Final = 3
_FLAGS_BYTES: Final = 2

_NODE_FRAME_BYTES: Final = 7
"""A listpack's header and its end."""

_READS_UNKNOWN: Final = _HALF
_GROUP_BYTES_MIN: Final = 5
_CONSUMER_BYTES_MIN: Final = 10
_PENDING_BYTES_MIN: Final = 16


class Writer(Protocol):
    """What of an RDB writer a stream needs."""

    out: bytearray

    def length(self, size: int) -> None: ...

    def string(self, text: bytes) -> None: ...


class Source(Protocol):
    """What of an RDB reader a stream needs; each raises UnexpectedEnd where the data ends too early: in a
    file that comes in pieces the rest may follow."""

    def length(self) -> int: ...

    def count(self, each_bytes: int) -> int: ...

    def string(self) -> bytes: ...

    def take(self, size: int) -> bytes: ...


# Nodes


def new_node(first_id: int, names: tuple[bytes, ...]) -> StreamNode:
    """A node without entries, for a first entry with this id and these fields."""
    head = listpack_integer_bytes(len(names)) + listpack_integer_bytes(0) + _NODE_FRAME_BYTES
    return StreamNode(first_id, names, [], [], set(), head + sum(map(listpack_item_bytes, names)))


def node_bytes(node: StreamNode) -> int:
    """The size of the node as a listpack."""
    live, dead = len(node.ids) - len(node.dead), len(node.dead)
    return node.body_bytes + listpack_integer_bytes(live) + listpack_integer_bytes(dead)


def append_entry(node: StreamNode, id_: int, items: tuple[bytes, ...]) -> None:
    """Puts an entry, fields and values in turn, at the node's end."""
    names = node.names
    values = items[1::2]
    same = items[::2] == names
    if same:
        # Entries share the names' bytes objects: with short values that halves what a stream takes up.
        shared = [*items]
        shared[::2] = names
        items = tuple(shared)
    fields = len(values)
    ms, seq = _distance(node.first_id, id_)
    node.body_bytes += (
        _FLAGS_BYTES
        + listpack_integer_bytes(ms)
        + listpack_integer_bytes(seq)
        + (0 if same else listpack_integer_bytes(fields))
        + sum(map(listpack_item_bytes, values if same else items))
        + listpack_integer_bytes(_items_of(fields, same=same))
    )
    _put(node, id_, items)


def _put(node: StreamNode, id_: int, items: tuple[bytes, ...]) -> None:
    if node.ids and id_ <= node.ids[-1]:
        node.ascends = False
    node.ids.append(id_)
    node.entries.append(items)


def _items_of(fields: int, *, same: bool) -> int:
    """The number of items of an entry, as its last item tells it."""
    return _ENTRY_HEAD_ITEMS + (fields if same else 1 + 2 * fields)


def _distance(first_id: int, id_: int) -> tuple[int, int]:
    """Milliseconds and sequence, each as a signed 64-bit integer that may have wrapped around."""
    ms = ((id_ >> _HALF_BITS) - (first_id >> _HALF_BITS)) & _HALF
    seq = (id_ - first_id) & _HALF
    return _signed(ms), _signed(seq)


def _signed(value: int) -> int:
    return value - (1 << _HALF_BITS) if value >> (_HALF_BITS - 1) else value


def _id_at(first_id: int, ms: int, seq: int) -> int:
    return (((first_id >> _HALF_BITS) + ms) & _HALF) << _HALF_BITS | (first_id + seq) & _HALF


def pack_node(node: StreamNode) -> bytes:
    """The node as a listpack."""
    names, dead = node.names, node.dead
    packed = [
        listpack_integer(len(node.ids) - len(dead)),
        listpack_integer(len(dead)),
        listpack_integer(len(names)),
        *map(listpack_item, names),
        listpack_integer(0),
    ]
    for place, (id_, items) in enumerate(zip(node.ids, node.entries, strict=True)):
        same = items[::2] == names
        fields = len(items) // 2
        flags = (_SAME_FIELDS if same else 0) | (_DELETED if place in dead else 0)
        packed += map(listpack_integer, (flags, *_distance(node.first_id, id_)))
        if not same:
            packed.append(listpack_integer(fields))
        packed += map(listpack_item, items[1::2] if same else items)
        packed.append(listpack_integer(_items_of(fields, same=same)))
    return join_listpack(packed)


def unpack_node(first_id: int, data: bytes) -> StreamNode:
    """The node in a listpack. Raises CorruptPayload."""
    reader = _Items(read_listpack(data))
    live, deleted = reader.count(), reader.count()
    names = reader.take(reader.count())
    if reader.integer() != 0:
        raise CorruptPayload("Stream node without the end of its first entry")
    node = StreamNode(first_id, names, [], [], set(), 0)
    while not reader.at_end():
        _unpack_entry(node, reader)
    if len(node.dead) != deleted or len(node.ids) != live + deleted:
        raise CorruptPayload("Stream node with the wrong number of entries")
    node.body_bytes = len(data) - listpack_integer_bytes(live) - listpack_integer_bytes(deleted)
    return node


def _unpack_entry(node: StreamNode, reader: _Items) -> None:
    start = reader.at
    flags, ms, seq = reader.integer(), reader.integer(), reader.integer()
    if flags & _SAME_FIELDS:
        values = reader.take(len(node.names))
        items = tuple(chain.from_iterable(zip(node.names, values, strict=True)))
    else:
        items = reader.take(2 * reader.count())
    if reader.integer() != reader.at - 1 - start:
        raise CorruptPayload("Stream entry of the wrong size")
    if flags & _DELETED:
        node.dead.add(len(node.ids))
    _put(node, _id_at(node.first_id, ms, seq), items)


class _Items:
    """A place in a listpack's items. What is missing, or is no integer, raises CorruptPayload."""

    __slots__ = ("at", "items")

    def __init__(self, items: list[bytes]) -> None:
        self.items = items
        self.at = 0

    def at_end(self) -> bool:
        return self.at == len(self.items)

    def take(self, size: int) -> tuple[bytes, ...]:
        start, self.at = self.at, self.at + size
        if self.at > len(self.items):
            raise CorruptPayload("Stream node cut short")
        return tuple(self.items[start : self.at])

    def integer(self) -> int:
        value = parse_integer(self.take(1)[0])
        if value is None:
            raise CorruptPayload("Stream node with a text where a number should be")
        return value

    def count(self) -> int:
        value = self.integer()
        if value < 0:
            raise CorruptPayload("Stream node with a negative number of entries")
        return value


# Whole streams


def write_stream(writer: Writer, record: StreamRecord) -> None:
    """The record as Redis 7.0 writes it."""
    writer.length(len(record.nodes))
    for node in record.nodes:
        writer.string(_raw_id(node.first_id))
        writer.string(pack_node(node))
    writer.length(record.length)
    for id_ in (record.last_id, record.first_id, record.max_deleted_id):
        _write_id(writer, id_)
    writer.length(record.entries_added)
    writer.length(len(record.groups))
    for group in record.groups:
        _write_group(writer, group)


def _write_group(writer: Writer, group: StreamGroupRecord) -> None:
    writer.string(group.name)
    _write_id(writer, group.last_id)
    writer.length(_READS_UNKNOWN if group.entries_read is None else group.entries_read & _HALF)
    writer.length(len(group.pending))
    for id_, delivered_ms, deliveries in group.pending:
        writer.out += _raw_id(id_)
        writer.out += _I64.pack(delivered_ms)
        writer.length(deliveries)
    writer.length(len(group.consumers))
    for consumer in group.consumers:
        writer.string(consumer.name)
        writer.out += _I64.pack(consumer.seen_ms)
        writer.length(len(consumer.pending))
        for id_ in consumer.pending:
            writer.out += _raw_id(id_)


def _write_id(writer: Writer, id_: int) -> None:
    writer.length(id_ >> _HALF_BITS)
    writer.length(id_ & _HALF)


def _raw_id(id_: int) -> bytes:
    return _ID.pack(id_ >> _HALF_BITS, id_ & _HALF)


def read_stream(source: Source, kind: int) -> StreamRecord:
    """A stream as Redis 5 (kind STREAM_LISTPACKS), 7.0 and 7.2 write it. Raises CorruptPayload."""
    nodes = _read_nodes(source)
    living = sum(len(node.ids) - len(node.dead) for node in nodes)
    length, last_id = source.length(), _read_id(source)
    if length != living:
        raise CorruptPayload("Stream length inconsistent with its nodes")
    if kind == codes.STREAM_LISTPACKS:
        first_id, max_deleted_id, entries_added = _first_living_id(nodes), 0, length
    else:
        first_id, max_deleted_id, entries_added = _read_id(source), _read_id(source), source.length()
    groups = [_read_group(source, kind) for _ in range(source.count(_GROUP_BYTES_MIN))]
    if len({group.name for group in groups}) != len(groups):
        raise CorruptPayload("Duplicated consumer group name")
    return StreamRecord(
        nodes,
        length,
        last_id,
        first_id,
        max_deleted_id,
        entries_added,
        groups,
        kind != codes.STREAM_LISTPACKS,
    )


def _read_nodes(source: Source) -> list[StreamNode]:
    nodes: dict[int, StreamNode] = {}
    for _ in range(source.length()):
        raw = source.string()
        if len(raw) != _ID.size:
            raise CorruptPayload("Stream node key entry is not the size of a stream ID")
        first_id = int.from_bytes(raw, "big")
        if first_id in nodes:
            raise CorruptPayload("Listpack re-added with existing key")
        nodes[first_id] = unpack_node(first_id, source.string())
    return [nodes[first_id] for first_id in sorted(nodes)]


def _first_living_id(nodes: list[StreamNode]) -> int:
    living: Iterator[int] = (
        id_ for node in nodes for place, id_ in enumerate(node.ids) if place not in node.dead
    )
    return next(living, 0)


def _read_group(source: Source, kind: int) -> StreamGroupRecord:
    name, last_id = source.string(), _read_id(source)
    entries_read: int | None = None
    if kind != codes.STREAM_LISTPACKS:
        counted = source.length()
        entries_read = None if counted == _READS_UNKNOWN else counted
    pending = [
        (_read_raw_id(source), _I64.unpack(source.take(8))[0], source.length())
        for _ in range(source.count(_PENDING_BYTES_MIN))
    ]
    consumers = [_read_consumer(source, kind) for _ in range(source.count(_CONSUMER_BYTES_MIN))]
    _check_group(pending, consumers)
    return StreamGroupRecord(name, last_id, entries_read, pending, consumers)


def _check_group(pending: list[tuple[int, int, int]], consumers: list[StreamConsumerRecord]) -> None:
    """Every pending entry has to be some consumer's, and only one's."""
    ids = {id_ for id_, _, _ in pending}
    owned = [id_ for consumer in consumers for id_ in consumer.pending]
    if len(ids) != len(pending):
        raise CorruptPayload("Duplicated global PEL entry loading stream consumer group")
    if len({consumer.name for consumer in consumers}) != len(consumers):
        raise CorruptPayload("Duplicate stream consumer detected")
    if len(set(owned)) != len(owned):
        raise CorruptPayload("Duplicated consumer PEL entry loading a stream consumer group")
    if ids != set(owned):
        raise CorruptPayload(
            "Consumer entry not found in group global PEL, or one of that without a consumer"
        )


def _read_consumer(source: Source, kind: int) -> StreamConsumerRecord:
    name = source.string()
    seen_ms: int = _I64.unpack(source.take(8))[0]
    if kind == codes.STREAM_LISTPACKS_3:
        source.take(8)  # when it last got an entry, which Redis 7.0 does not keep
    ids = [_read_raw_id(source) for _ in range(source.count(_PENDING_BYTES_MIN))]
    return StreamConsumerRecord(name, seen_ms, ids)


def _read_id(source: Source) -> int:
    ms, seq = source.length(), source.length()
    return ms << _HALF_BITS | seq


def _read_raw_id(source: Source) -> int:
    return int.from_bytes(source.take(_ID.size), "big")
