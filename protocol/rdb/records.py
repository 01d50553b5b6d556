"""What RDB files and DUMP payloads hold, as plain values.

`encoding` is the name that OBJECT ENCODING uses. A record that was read tells how the value was packed; a
record that is written is packed so. Lists are quicklists and say nothing.

Source: https://github.com/sripathikrishnan/redis-rdb-tools/wiki/Redis-RDB-Dump-File-Format
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

RDB_VERSION: Final = 10
FIELD_ENDS_VERSION: Final = 12
"""Redis 7.4's: of a payload with fields that expire, so that an older server refuses it instead of keeping
them for ever.
"""

FIELD_END_MAX_MS: Final = (1 << 46) - 1
"""The latest end that a hash's field can have, as unix time."""


class CorruptPayload(Exception):
    """A DUMP payload, or a value in a file, that does not hold together. The text says in what."""


class BadFooter(CorruptPayload):
    """The payload's version is not ours to read, or its checksum is wrong."""


class CorruptFile(Exception):
    """An RDB file that does not hold together: what is wrong, and at which byte."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"{reason} at offset {offset}")
        self.offset = offset
        self.reason = reason


class BytesLeftOver(CorruptFile):
    """The RDB file is whole, all of it has been handed out, and something else follows at `offset`."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset, "bytes left over behind the end")


PLAIN_BYTES = 1 << 30


@dataclass(slots=True)
class ListRecord:
    """Items of `plain_bytes` and more are written as nodes of their own."""

    items: Collection[bytes]
    plain_bytes: int = PLAIN_BYTES


@dataclass(slots=True)
class SetRecord:
    """encoding: intset, hashtable or listpack (read only: Redis 7.2 and later)."""

    members: list[bytes]
    encoding: str = "hashtable"


@dataclass(slots=True)
class HashRecord:
    """encoding: listpack, listpackex or hashtable. `ends` are the fields that expire, with when (unix
    milliseconds); None for a hash that has never had one.
    """

    fields: dict[bytes, bytes]
    encoding: str = "hashtable"
    ends: Mapping[bytes, int] | None = None


@dataclass(slots=True)
class SortedSetRecord:
    """Members with scores, lowest first. encoding: listpack or skiplist."""

    members: list[tuple[bytes, float]]
    encoding: str = "skiplist"


@dataclass(slots=True)
class StreamNode:
    """Entries of a stream that lie together, as Redis keeps them: a deleted entry stays until the node goes.

    Ids are 128-bit integers, the milliseconds in the upper half. `first_id` is the id that the first entry
    had, `names` are its field names; `entries` are fields and values in turn, each for the id at its place;
    `dead` are the places of the deleted. `body_bytes` is the size of the node as a listpack, without the two
    counts that it begins with. Living ids ascend; all of them do unless XSETID went back below a deleted one:
    then `ascends` is False.
    """

    first_id: int
    names: tuple[bytes, ...]
    ids: list[int]
    entries: list[tuple[bytes, ...]]
    dead: set[int]
    body_bytes: int
    ascends: bool = True


@dataclass(slots=True)
class StreamConsumerRecord:
    """A consumer: when it was last seen (unix milliseconds), and the ids of the entries that it has not
    acknowledged.
    """

    name: bytes
    seen_ms: int
    pending: Collection[int]


@dataclass(slots=True)
class StreamGroupRecord:
    """A consumer group. `entries_read` is None where that is not known; `pending` has an id, when it was
    delivered last (unix milliseconds) and how often.
    """

    name: bytes
    last_id: int
    entries_read: int | None
    pending: Collection[tuple[int, int, int]]
    consumers: Collection[StreamConsumerRecord]


@dataclass(slots=True)
class StreamRecord:
    """A stream. `counts_reads` is False for one written before Redis 7.0, which knew of no entries_read."""

    nodes: Collection[StreamNode]
    length: int
    last_id: int
    first_id: int
    max_deleted_id: int
    entries_added: int
    groups: Collection[StreamGroupRecord]
    counts_reads: bool = True


Record: TypeAlias = bytes | ListRecord | SetRecord | HashRecord | SortedSetRecord | StreamRecord


@dataclass(slots=True)
class KeyRecord:
    """A key of a file. `expire_ms` is unix time, 0 for never; `idle_s` and `frequency` are there if the file
    has them.
    """

    database: int
    key: bytes
    record: Record
    expire_ms: int = 0
    idle_s: int | None = None
    frequency: int | None = None


@dataclass(slots=True)
class AuxField:
    """A remark of the writer's, such as redis-ver or repl-id."""

    name: bytes
    value: bytes


@dataclass(slots=True)
class FunctionLibrary:
    """The code of a library of functions, and where in the file it stands."""

    code: bytes
    offset: int


@dataclass(slots=True)
class DatabaseRecord:
    """What encode_file() writes as one database: how many keys there are, how many of them expire, and the
    keys.
    """

    index: int
    keys: int
    expires: int
    records: Iterable[KeyRecord]


FilePart: TypeAlias = AuxField | FunctionLibrary | KeyRecord
