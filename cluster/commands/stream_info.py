"""XINFO: what a stream, its groups and their consumers look like inside.

Source: https://redis.io/docs/latest/commands/?group=stream
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice, pairwise

from cluster.commands.arguments import integer
from cluster.commands.context import Context
from cluster.commands.helptext import help_of
from cluster.commands.stream_arguments import told, wrong_subcommand
from cluster.commands.stream_groups import no_group
from cluster.spec.command import command, container
from cluster.spec.errors import NO_SUCH_KEY, CommandError
from cluster.store.values.stream import Items, Stream
from cluster.store.values.stream_groups import Consumer, Group, Pending
from cluster.store.values.stream_id import ID_MAX, format_id
from cluster.store.values.string import as_int64
from protocol.resp.types import Reply

_COUNT_DEFAULT = 10
_ID_BYTES = 16

container("XINFO", "Tells of streams and their consumer groups", group="stream", since="5.0.0")


@command("XINFO STREAM", "key [FULL([COUNT count:integer])]", group="stream", since="5.0.0",
         flags="READONLY", keys="RO ACCESS", complexity="O(N) for a stream of N nodes",
         history=(("6.0.0", "The option FULL."),
                  ("7.0.0", "What was deleted and added, entries-read and lag.")))  # fmt: skip
def stream_(ctx: Context, key: bytes, *words: bytes) -> Reply:
    """Tells of a stream."""
    stream = _stream(ctx, key)
    if not words:
        return _brief(stream)
    full, count = words[0].lower() == b"full", _COUNT_DEFAULT
    if not full or len(words) not in (1, 3) or (len(words) == 3 and words[1].lower() != b"count"):
        wrong_subcommand(ctx)
    if len(words) == 3:
        count = integer(words[2])
    return _full(stream, _COUNT_DEFAULT if count < 0 else count)


@command("XINFO GROUPS", "key", group="stream", since="5.0.0", flags="READONLY", keys="RO ACCESS",
         history=(("7.0.0", "entries-read and lag."),))  # fmt: skip
def groups(ctx: Context, key: bytes) -> Reply:
    """Lists the groups of a stream."""
    stream = _stream(ctx, key)
    return [
        {
            b"name": name,
            b"consumers": len(group.consumers),
            b"pending": len(group.pending),
            b"last-delivered-id": format_id(group.last_id),
            b"entries-read": group.entries_read,
            b"lag": stream.lag(group),
        }
        for name, group in stream.sorted_groups()
    ]


@command("XINFO CONSUMERS", "key groupname", group="stream", since="5.0.0", flags="READONLY",
         keys="RO ACCESS", tips=("nondeterministic_output",))  # fmt: skip
def consumers(ctx: Context, key: bytes, name: bytes) -> Reply:
    """Lists the consumers of a group."""
    group = _stream(ctx, key).groups.get(name)
    if group is None:
        raise no_group(key, name)
    return [
        {
            b"name": consumer.name,
            b"pending": len(consumer.pending),
            b"idle": max(0, ctx.now_ms - consumer.seen_ms),
        }
        for consumer in group.sorted_consumers()
    ]


@command("XINFO HELP", group="stream", since="5.0.0", flags="LOADING STALE")
def help_(_ctx: Context) -> Reply:
    """Lists the subcommands."""
    return help_of("XINFO")


def _stream(ctx: Context, key: bytes) -> Stream:
    stream = ctx.db.typed(key, Stream)
    if stream is None:
        raise CommandError(NO_SUCH_KEY)
    return stream


def _head(stream: Stream) -> dict[bytes, Reply]:
    ids = stream.node_ids()
    return {
        b"length": len(stream),
        b"radix-tree-keys": len(ids),
        b"radix-tree-nodes": radix_tree_nodes(ids),
        b"last-generated-id": format_id(stream.last_id),
        b"max-deleted-entry-id": format_id(stream.max_deleted_id),
        b"entries-added": as_int64(stream.entries_added),
        b"recorded-first-entry-id": format_id(stream.first_id),
    }


def _brief(stream: Stream) -> Reply:
    return {
        **_head(stream),
        b"groups": len(stream.groups),
        b"first-entry": _one(stream.range(0, ID_MAX)),
        b"last-entry": _one(stream.reversed_range(0, ID_MAX)),
    }


def _one(entries: Iterable[tuple[int, Items]]) -> Reply:
    found = told(islice(entries, 1))
    return found[0] if found else None


def _full(stream: Stream, count: int) -> Reply:
    """As XINFO STREAM FULL tells it, at most `count` (0: all) of each kind of entries."""
    return {
        **_head(stream),
        b"entries": told(islice(stream.range(0, ID_MAX), min(count, len(stream)) or None)),
        b"groups": [_full_group(stream, name, group, count) for name, group in stream.sorted_groups()],
    }


def _full_group(stream: Stream, name: bytes, group: Group, count: int) -> Reply:
    return {
        b"name": name,
        b"last-delivered-id": format_id(group.last_id),
        b"entries-read": group.entries_read,
        b"lag": stream.lag(group),
        b"pel-count": len(group.pending),
        b"pending": [
            [format_id(id_), pending.consumer.name, pending.delivered_ms, pending.deliveries]
            for id_, pending in _first(group.pending.items(), count)
        ],
        b"consumers": [_full_consumer(consumer, count) for consumer in group.sorted_consumers()],
    }


def _full_consumer(consumer: Consumer, count: int) -> Reply:
    return {
        b"name": consumer.name,
        b"seen-time": consumer.seen_ms,
        b"pel-count": len(consumer.pending),
        b"pending": [
            [format_id(id_), pending.delivered_ms, pending.deliveries]
            for id_, pending in _first(consumer.pending.items(), count)
        ],
    }


def _first(items: Iterable[tuple[int, Pending]], count: int) -> Iterable[tuple[int, Pending]]:
    return (item for at, item in zip(range(count), items, strict=False)) if count else items


def radix_tree_nodes(ids: Sequence[int]) -> int:
    """How many nodes a radix tree of these ids has, as 16 bytes each, where a run of bytes is one node.

    Every id is a leaf. Where ids part is a node; so are the bytes that lead to one or to a leaf and where
    nothing parts. Ids part where neighbours in order do, so the depths at which neighbours part tell it all.
    """
    if not ids:
        return 1
    depths = [_ID_BYTES - ((low ^ high).bit_length() + 7) // 8 for low, high in pairwise(ids)]
    nodes = len(ids) + sum(
        max(before, behind) < _ID_BYTES - 1 for before, behind in pairwise([-1, *depths, -1])
    )
    open_depths: list[int] = []
    for depth in [*depths, -1]:
        while open_depths and open_depths[-1] > depth:
            parted = open_depths.pop()
            above = max(open_depths[-1] if open_depths else -1, depth)
            nodes += 1 + (parted - above > 1)
        if not open_depths or open_depths[-1] < depth:
            open_depths.append(depth)
    return nodes
