"""Whole databases as the commands that make them: the base of an append only file that is no RDB file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice

from cluster.store import dump
from cluster.store.keyspace import Keyspace, Value
from cluster.store.values.expiring_hash import ExpiringHash
from cluster.store.values.hash import Hash
from cluster.store.values.list import List
from cluster.store.values.set import Set
from cluster.store.values.sorted_set import SortedSet
from protocol.resp.writer import encode_command

ITEMS_A_COMMAND = 64
_CHUNK_BYTES = 64 * 1024


def rewrite(
    databases: Iterable[Keyspace],
    libraries: Iterable[bytes] = (),
    count: Callable[[int], None] = lambda _: None,
) -> Iterator[bytes]:
    """Commands (RESP) in chunks of 64 kB or one command more. The databases must not change meanwhile.
    `libraries` is the code of libraries of functions; `count` is told now and then how many keys more have
    been written.
    """
    out = bytearray()
    for argv in chain(([b"FUNCTION", b"LOAD", code] for code in libraries), _commands(databases, count)):
        out += encode_command(argv)
        if len(out) >= _CHUNK_BYTES:
            yield bytes(out)
            out.clear()
    yield bytes(out)


def _commands(databases: Iterable[Keyspace], count: Callable[[int], None]) -> Iterator[list[bytes]]:
    for database in databases:
        if len(database):
            yield [b"SELECT", b"%d" % database.index]
        for slot in database.slots:
            for key, entry in slot.items():
                yield from _of(key, entry.value)
                if entry.expire_ms:
                    yield [b"PEXPIREAT", key, b"%d" % entry.expire_ms]
            if slot:
                count(len(slot))


def _of(key: bytes, value: Value) -> Iterator[list[bytes]]:
    if isinstance(value, (bytes, bytearray)):
        yield [b"SET", key, bytes(value)]
    elif isinstance(value, List):
        yield from _batches([b"RPUSH", key], ((each,) for each in value.elements))
    elif isinstance(value, Set):
        yield from _batches([b"SADD", key], ((each,) for each in value))
    elif isinstance(value, SortedSet):
        yield from _batches([b"ZADD", key], ((b"%.17g" % score, member) for member, score in value))
    elif isinstance(value, Hash):
        yield from _batches([b"HMSET", key], value.fields.items())
        if isinstance(value, ExpiringHash):
            for field, at_ms in value.ends.items():
                yield [b"HPEXPIREAT", key, b"%d" % at_ms, b"FIELDS", b"1", field]
    else:
        # No commands bring back all of a stream: its groups' counters and its deleted entries' ids.
        yield [b"RESTORE", key, b"0", dump.dump(value)]


def _batches(head: list[bytes], items: Iterable[Sequence[bytes]]) -> Iterator[list[bytes]]:
    rest = iter(items)
    while batch := list(islice(rest, ITEMS_A_COMMAND)):
        yield [*head, *(word for item in batch for word in item)]
