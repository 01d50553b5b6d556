"""Digests of values and of all data: equal where two nodes hold the same, whatever the order or the encoding.

A digest is 20 bytes, and Redis's own (DEBUG DIGEST), so that the data of a Redis can be compared with ours.
What has an order is mixed in, one piece after the other; what has none is hashed by itself and joined by xor.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha1
from typing import Final

from cluster.store.keyspace import Entry, Keyspace, type_name
from cluster.store.values.hash import Hash
from cluster.store.values.list import List
from cluster.store.values.set import Set
from cluster.store.values.sorted_set import SortedSet
from cluster.store.values.stream_id import ID_MAX, format_id

_DIGEST_BYTES = 20
_TYPE_CODES: Final = {b"string": 0, b"list": 1, b"set": 2, b"zset": 3, b"hash": 4, b"stream": 6}
_MORTAL = b"!!expire!!"


def dataset_digest(databases: Iterable[Keyspace]) -> bytes:
    """The digest of all databases, in hexadecimal. As in Redis, keys that are over but not removed count."""
    made = 0
    for database in databases:
        slots = [slot for slot in database.slots if slot]
        if slots:
            made = _mixed(made, database.index.to_bytes(4, "big"))
        for slot in slots:
            for key, entry in slot.items():
                made ^= _hashed(_as_bytes(_with_value(_mixed(0, key), entry)))
    return _as_bytes(made).hex().encode()


def value_digest(entry: Entry | None) -> bytes:
    """The digest of one value, in hexadecimal; zeros for none."""
    return _as_bytes(0 if entry is None else _with_value(0, entry)).hex().encode()


def _with_value(made: int, entry: Entry) -> int:
    value = entry.value
    made = _mixed(made, _TYPE_CODES[type_name(value)].to_bytes(4, "big"))
    if isinstance(value, (bytes, bytearray)):
        made = _mixed(made, value)
    elif isinstance(value, List):
        made = _mixed(made, *value)
    elif isinstance(value, Set):
        for member in value:
            made ^= _hashed(member)
    elif isinstance(value, SortedSet):
        for member, score in value:
            made ^= _hashed(_as_bytes(_mixed(0, member, b"%.17g" % score)))
    elif isinstance(value, Hash):
        for field, content in value.items():
            made ^= _hashed(_as_bytes(_mixed(0, field, content)))
    else:
        for id_, items in value.range(0, ID_MAX):
            made = _mixed(made, format_id(id_).replace(b"-", b"."), *items)
    return made ^ _hashed(_MORTAL) if entry.expire_ms else made


def _mixed(made: int, *pieces: bytes | bytearray) -> int:
    """A digest that tells in which order the pieces came."""
    for piece in pieces:
        made = _hashed(_as_bytes(made ^ _hashed(piece)))
    return made


def _hashed(data: bytes | bytearray) -> int:
    return int.from_bytes(sha1(data).digest(), "big")


def _as_bytes(digest: int) -> bytes:
    return digest.to_bytes(_DIGEST_BYTES, "big")
