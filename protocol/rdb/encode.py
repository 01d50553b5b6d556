"""Values to RDB: DUMP payloads and whole files, in the encodings that Redis 7.0 chooses.

Source: https://github.com/sripathikrishnan/redis-rdb-tools/wiki/Redis-RDB-Dump-File-Format
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from struct import Struct
from typing import Final

from protocol import lzf
from protocol.checksum import crc64
from protocol.integers import parse_integer
from protocol.rdb import codes
from protocol.rdb.packed import (
    LISTPACK_EMPTY_BYTES,
    join_listpack,
    listpack_item,
    write_intset,
    write_listpack,
)
from protocol.rdb.records import (
    FIELD_ENDS_VERSION,
    RDB_VERSION,
    DatabaseRecord,
    HashRecord,
    KeyRecord,
    ListRecord,
    Record,
    SetRecord,
    SortedSetRecord,
    StreamRecord,
)
from protocol.rdb.streams import write_stream

_DOUBLE: Final = Struct("<d")
_U64: Final = Struct("<Q")

_COMPRESSED_ABOVE_BYTES: Final = 20
_INTEGER_TEXT_BYTES_MAX: Final = 11
_NODE_BYTES_MAX: Final = 8192
_NODE_ITEM_OVERHEAD: Final = 8
_INTEGER_SCORES: Final = 2.0**62
_CHUNK_BYTES: Final = 64 * 1024


def dump_payload(record: Record, *, compress: bool = True) -> bytes:
    """What DUMP returns for a value: kind, value, version, checksum. `compress` is rdbcompression."""
    out = bytearray((_kind(record),))
    _Writer(out, compress).value(record)
    kind = out[0]
    out += (FIELD_ENDS_VERSION if kind == codes.HASH_WITH_ENDS else RDB_VERSION).to_bytes(2, "little")
    return bytes(out) + _U64.pack(crc64(bytes(out)))


def encode_file(
    databases: Iterable[DatabaseRecord],
    aux: Mapping[bytes, bytes],
    functions: Sequence[bytes] = (),
    *,
    compress: bool = True,
    checksum: bool = True,
) -> Iterator[bytes]:
    """An RDB file, in chunks of 64 kB or one value more. Databases without keys are left out.

    `compress` is rdbcompression, `checksum` rdbchecksum (without it the file ends in eight zeros, as Redis
    has it).
    """
    crc = 0
    for chunk in _chunks(databases, aux, functions, compress):
        if checksum:
            crc = crc64(chunk, crc)
        yield chunk
    yield _U64.pack(crc)


def _chunks(
    databases: Iterable[DatabaseRecord],
    aux: Mapping[bytes, bytes],
    functions: Sequence[bytes],
    compress: bool,
) -> Iterator[bytes]:
    out = bytearray(b"REDIS%04d" % RDB_VERSION)
    writer = _Writer(out, compress)
    for name, text in aux.items():
        out.append(codes.AUX)
        writer.string(name)
        writer.string(text)
    for code in functions:
        out.append(codes.FUNCTION_2)
        writer.string(code)
    for database in databases:
        if database.keys:
            writer.database(database)
        for key in database.records:
            writer.key(key)
            if len(out) >= _CHUNK_BYTES:
                yield bytes(out)
                out.clear()
    out.append(codes.EOF)
    yield bytes(out)


def _kind(record: Record) -> int:
    match record:
        case bytes():
            return codes.STRING
        case ListRecord():
            return codes.LIST_QUICKLIST_2
        case SetRecord():
            return codes.SET_INTSET if record.encoding == "intset" else codes.SET
        case HashRecord():
            if record.ends:
                return codes.HASH_WITH_ENDS
            return codes.HASH_LISTPACK if record.encoding.startswith("listpack") else codes.HASH
        case SortedSetRecord():
            return codes.ZSET_LISTPACK if record.encoding == "listpack" else codes.ZSET_2
        case StreamRecord():
            return codes.STREAM_LISTPACKS_2


class _Writer:
    """Appends to `out`."""

    __slots__ = ("compress", "out")

    def __init__(self, out: bytearray, compress: bool) -> None:
        self.out = out
        self.compress = compress

    def length(self, size: int) -> None:
        if size < 64:
            self.out.append(size)
        elif size < 16384:
            self.out += bytes((0x40 | size >> 8, size & 0xFF))
        elif size < 2**32:
            self.out += b"\x80" + size.to_bytes(4, "big")
        else:
            self.out += b"\x81" + size.to_bytes(8, "big")

    def string(self, text: bytes) -> None:
        """A string: as an integer of up to 32 bits, if it reads as one; compressed, if that makes it
        shorter.
        """
        if len(text) <= _INTEGER_TEXT_BYTES_MAX and self._integer(text):
            return
        if self.compress and len(text) > _COMPRESSED_ABOVE_BYTES and self._compressed(text):
            return
        self.length(len(text))
        self.out += text

    def _integer(self, text: bytes) -> bool:
        value = parse_integer(text)
        if value is None or not -(2**31) <= value < 2**31:
            return False
        for code, width in ((codes.ENCODED_INT8, 1), (codes.ENCODED_INT16, 2), (codes.ENCODED_INT32, 4)):
            if -(1 << 8 * width - 1) <= value < 1 << 8 * width - 1:
                self.out.append(code)
                self.out += value.to_bytes(width, "little", signed=True)
                break
        return True

    def _compressed(self, text: bytes) -> bool:
        packed = lzf.compress(text, len(text) - 4)
        if packed is None:
            return False
        self.out.append(codes.ENCODED_LZF)
        self.length(len(packed))
        self.length(len(text))
        self.out += packed
        return True

    def value(self, record: Record) -> None:
        match record:
            case bytes():
                self.string(record)
            case ListRecord():
                self._quicklist(record)
            case SetRecord(members, encoding):
                self._set(members, encoding)
            case HashRecord(fields, encoding, ends):
                if ends:
                    self._hash_with_ends(fields, ends)
                else:
                    self._hash(fields, encoding)
            case SortedSetRecord(members, encoding):
                self._sorted_set(members, encoding)
            case StreamRecord():
                write_stream(self, record)

    def _quicklist(self, record: ListRecord) -> None:
        nodes = quicklist_nodes(record)
        self.length(len(nodes))
        for kind, node in nodes:
            self.length(kind)
            self.string(node)

    def _set(self, members: Sequence[bytes], encoding: str) -> None:
        if encoding == "intset":
            self.string(write_intset(map(int, members)))
            return
        self.length(len(members))
        for member in members:
            self.string(member)

    def _hash(self, fields: Mapping[bytes, bytes], encoding: str) -> None:
        flat = chain.from_iterable(fields.items())
        if encoding.startswith("listpack"):
            self.string(write_listpack(flat))
            return
        self.length(len(fields))
        for item in flat:
            self.string(item)

    def _hash_with_ends(self, fields: Mapping[bytes, bytes], ends: Mapping[bytes, int]) -> None:
        """As Redis 7.4 has it: the first end, then for each field how much later it ends, plus 1, or 0 for
        never.
        """
        first = min(ends.values())
        self.out += _U64.pack(first)
        self.length(len(fields))
        for field, value in fields.items():
            self.length(ends[field] - first + 1 if field in ends else 0)
            self.string(field)
            self.string(value)

    def _sorted_set(self, members: Sequence[tuple[bytes, float]], encoding: str) -> None:
        if encoding == "listpack":
            self.string(write_listpack(chain.from_iterable((m, score_text(s)) for m, s in members)))
            return
        self.length(len(members))
        for member, score in reversed(members):
            self.string(member)
            self.out += _DOUBLE.pack(score)

    def database(self, database: DatabaseRecord) -> None:
        self.out.append(codes.SELECT)
        self.length(database.index)
        self.out.append(codes.RESIZE)
        self.length(database.keys)
        self.length(database.expires)

    def key(self, key: KeyRecord) -> None:
        if key.expire_ms:
            self.out.append(codes.EXPIRE_MS)
            self.out += key.expire_ms.to_bytes(8, "little", signed=True)
        if key.idle_s is not None:
            self.out.append(codes.IDLE)
            self.length(key.idle_s)
        if key.frequency is not None:
            self.out += bytes((codes.FREQUENCY, key.frequency))
        self.out.append(_kind(key.record))
        self.string(key.key)
        self.value(key.record)


def quicklist_nodes(record: ListRecord) -> list[tuple[int, bytes]]:
    """The nodes of a list, filled as RPUSH fills them: listpacks of up to 8 kB, by an estimate on the safe
    side, and large items as they are."""
    nodes: list[tuple[int, bytes]] = []
    packed: list[bytes] = []
    size = LISTPACK_EMPTY_BYTES
    for item in record.items:
        is_plain = len(item) >= record.plain_bytes
        if packed and (is_plain or size + len(item) + _NODE_ITEM_OVERHEAD > _NODE_BYTES_MAX):
            nodes.append((codes.NODE_PACKED, join_listpack(packed)))
            packed, size = [], LISTPACK_EMPTY_BYTES
        if is_plain:
            nodes.append((codes.NODE_PLAIN, item))
        else:
            packed.append(listpack_item(item))
            size += len(packed[-1])
    if packed:
        nodes.append((codes.NODE_PACKED, join_listpack(packed)))
    return nodes


def score_text(score: float) -> bytes:
    """A score as a listpack holds it: an integer where that is exact, or 17 significant digits."""
    if -_INTEGER_SCORES <= score <= _INTEGER_SCORES and score == int(score):
        return b"%d" % int(score)
    return b"%.17g" % score
