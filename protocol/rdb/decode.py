"""RDB to values: what DUMP payloads and files hold, of every version up to 10.

Every length is checked against the bytes that are there before anything is made of it, so that a corrupt
input costs no more than its own size.

Source: https://github.com/sripathikrishnan/redis-rdb-tools/wiki/Redis-RDB-Dump-File-Format
"""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from struct import Struct
from typing import Final

from protocol import lzf
from protocol.checksum import crc64
from protocol.rdb import codes
from protocol.rdb.legacy import read_ziplist, read_zipmap
from protocol.rdb.packed import read_intset, read_listpack
from protocol.rdb.records import (
    FIELD_END_MAX_MS,
    FIELD_ENDS_VERSION,
    RDB_VERSION,
    BadFooter,
    CorruptPayload,
    HashRecord,
    ListRecord,
    Record,
    SetRecord,
    SortedSetRecord,
    StreamRecord,
)
from protocol.rdb.streams import read_stream

_DOUBLE: Final = Struct("<d")
_U32: Final = Struct("<I")
_U64: Final = Struct("<Q")

_LZF: Final = codes.ENCODED_LZF
_FOOTER_BYTES: Final = 10
_SCORE_WORDS: Final = {253: "nan", 254: "inf", 255: "-inf"}


def parse_payload(payload: bytes) -> Record:
    """The value in a DUMP payload. Raises BadFooter or another CorruptPayload.

    Bytes left over behind the value are passed over, as in Redis.
    """
    body = len(payload) - _FOOTER_BYTES
    if body < 0:
        raise BadFooter("payload cut short")
    newest = FIELD_ENDS_VERSION if payload[0] == codes.HASH_WITH_ENDS else RDB_VERSION
    if int.from_bytes(payload[body : body + 2], "little") > newest:
        raise BadFooter("payload of a later version")
    if crc64(payload[:-8]) != _U64.unpack_from(payload, body + 2)[0]:
        raise BadFooter("payload with a wrong checksum")
    source = Source(payload, 0, body)
    record = source.value(source.byte())
    if is_empty(record):
        raise CorruptPayload("empty collection")
    return record


def is_empty(record: Record) -> bool:
    """Whether a collection has nothing in it: Redis has no such keys."""
    match record:
        case bytes() | StreamRecord():
            return False
        case ListRecord(items):
            return not items
        case HashRecord(fields):
            return not fields
        case SetRecord(members) | SortedSetRecord(members):
            return not members


class UnexpectedEnd(CorruptPayload):
    """More bytes are asked for than there are."""

    def __init__(self) -> None:
        super().__init__("unexpected end")


class Source:
    """A place in `data`. Whatever does not fit before `end` raises UnexpectedEnd."""

    __slots__ = ("data", "end", "position")

    def __init__(self, data: bytes, position: int, end: int) -> None:
        self.data = data
        self.position = position
        self.end = end

    def take(self, size: int) -> bytes:
        start = self.position
        if start + size > self.end:
            raise UnexpectedEnd
        self.position = start + size
        return self.data[start : start + size]

    def byte(self) -> int:
        position = self.position
        if position >= self.end:
            raise UnexpectedEnd
        self.position = position + 1
        return self.data[position]

    def length(self) -> int:
        data, position = self.data, self.position
        if position >= self.end:
            raise UnexpectedEnd
        first = data[position]
        self.position = position + 1
        if first < 0x40:
            return first
        if first < 0x80 and position + 1 < self.end:
            self.position = position + 2
            return (first & 0x3F) << 8 | data[position + 1]
        if first >= 0xC0:
            raise CorruptPayload("a string where a length should be")
        return self._length(first)

    def _length(self, first: int) -> int:
        """The length that a first byte of 64 and more stands before."""
        if first < 0x80:
            return (first & 0x3F) << 8 | self.byte()
        if first == 0x80:
            return int.from_bytes(self.take(4), "big")
        if first == 0x81:
            return int.from_bytes(self.take(8), "big")
        raise CorruptPayload(f"unknown length encoding {first}")

    def string(self) -> bytes:
        # A plain string of any usual length in one go: a file is little else.
        data, position = self.data, self.position
        if position >= self.end:
            raise UnexpectedEnd
        first = data[position]
        if first < 0x40:
            start = position + 1
            stop = start + first
        elif first < 0x80 and position + 1 < self.end:
            start = position + 2
            stop = start + ((first & 0x3F) << 8 | data[position + 1])
        else:
            return self._special_string()
        if stop > self.end:
            raise UnexpectedEnd
        self.position = stop
        return data[start:stop]

    def _special_string(self) -> bytes:
        first = self.data[self.position]
        self.position += 1
        if first == _LZF:
            packed, size = self.length(), self.length()
            start = self.position
            self.position = stop = start + packed
            if stop > self.end:
                raise UnexpectedEnd
            try:
                return lzf.decompress(self.data[start:stop], size)
            except lzf.CorruptLzf as corruption:
                raise CorruptPayload(str(corruption)) from None
        if first < 0xC0:
            return self.take(self._length(first))
        if first > codes.ENCODED_LZF:
            raise CorruptPayload(f"unknown string encoding {first & 0x3F}")
        width = 1 << (first - codes.ENCODED_INT8)
        return b"%d" % int.from_bytes(self.take(width), "little", signed=True)

    def count(self, each_bytes: int) -> int:
        """How many things follow that take up at least so much each: refused before they are begun where
        the bytes for them are not there.
        """
        count = self.length()
        if count * each_bytes > self.end - self.position:
            raise UnexpectedEnd
        return count

    def strings(self, count: int) -> list[bytes]:
        """So many strings."""
        return [self.string() for _ in range(count)]

    def value(self, kind: int) -> Record:
        reader = _READERS.get(kind)
        if reader is None:
            raise CorruptPayload(f"Unsupported: {codes.UNSUPPORTED.get(kind, 'unknown')} value (type {kind})")
        return reader(self)


def _distinct(members: list[bytes], what: str) -> list[bytes]:
    if len(set(members)) != len(members):
        raise CorruptPayload(f"Duplicate {what} members detected")
    return members


def _pairs(items: list[bytes]) -> list[tuple[bytes, bytes]]:
    if len(items) % 2:
        raise CorruptPayload("a field without a value")
    return list(zip(items[::2], items[1::2], strict=True))


def _hash(items: list[bytes], encoding: str) -> HashRecord:
    pairs = _pairs(items)
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise CorruptPayload("Duplicate hash fields detected")
    return HashRecord(fields, encoding)


def _hash_with_ends(source: Source) -> HashRecord:
    first_ms = _U64.unpack(source.take(8))[0]
    fields: dict[bytes, bytes] = {}
    ends: dict[bytes, int] = {}
    count = source.length()
    for _ in range(count):
        later, field = source.length(), source.string()
        fields[field] = source.string()
        if later:
            ends[field] = first_ms + later - 1
            if ends[field] > FIELD_END_MAX_MS:
                raise CorruptPayload("a field that ends beyond all times")
    if len(fields) != count:
        raise CorruptPayload("Duplicate hash fields detected")
    return HashRecord(fields, "hashtable", ends)


def _sorted_set(pairs: list[tuple[bytes, float]], encoding: str) -> SortedSetRecord:
    _distinct([member for member, _ in pairs], "zset")
    if any(isnan(score) for _, score in pairs):
        raise CorruptPayload("Zset with NAN score detected")
    return SortedSetRecord(sorted(pairs, key=lambda pair: (pair[1], pair[0])), encoding)


def _packed_sorted_set(items: list[bytes]) -> SortedSetRecord:
    return _sorted_set([(member, _score(text)) for member, text in _pairs(items)], "listpack")


def _score(text: bytes) -> float:
    try:
        return float(text.decode("ascii"))
    except ValueError:
        raise CorruptPayload("a score that is no number") from None


def _text_scores(source: Source) -> SortedSetRecord:
    """Scores as text, its size in one byte: how sorted sets were written until RDB version 8."""
    pairs = []
    for _ in range(source.length()):
        member, size = source.string(), source.byte()
        word = _SCORE_WORDS.get(size)
        pairs.append((member, float(word) if word else _score(source.take(size))))
    return _sorted_set(pairs, "skiplist")


def _binary_scores(source: Source) -> SortedSetRecord:
    pairs = [(source.string(), _DOUBLE.unpack(source.take(8))[0]) for _ in range(source.length())]
    return _sorted_set(pairs, "skiplist")


def _ziplist_nodes(source: Source) -> ListRecord:
    items: list[bytes] = []
    for _ in range(source.length()):
        items += read_ziplist(source.string())
    return ListRecord(items)


def _quicklist(source: Source) -> ListRecord:
    items: list[bytes] = []
    for _ in range(source.length()):
        container = source.length()
        if container == codes.NODE_PLAIN:
            items.append(source.string())
        elif container == codes.NODE_PACKED:
            items += read_listpack(source.string())
        else:
            raise CorruptPayload("Quicklist integrity check failed")
    return ListRecord(items)


_READERS: Final[dict[int, Callable[[Source], Record]]] = {
    codes.STRING: lambda source: source.string(),
    codes.LIST: lambda source: ListRecord(source.strings(source.count(1))),
    codes.SET: lambda source: SetRecord(_distinct(source.strings(source.count(1)), "set"), "hashtable"),
    codes.ZSET: _text_scores,
    codes.HASH: lambda source: _hash(source.strings(2 * source.count(2)), "hashtable"),
    codes.ZSET_2: _binary_scores,
    codes.HASH_ZIPMAP: lambda source: _hash(read_zipmap(source.string()), "listpack"),
    codes.LIST_ZIPLIST: lambda source: ListRecord(read_ziplist(source.string())),
    codes.SET_INTSET: lambda source: SetRecord(read_intset(source.string()), "intset"),
    codes.ZSET_ZIPLIST: lambda source: _packed_sorted_set(read_ziplist(source.string())),
    codes.HASH_ZIPLIST: lambda source: _hash(read_ziplist(source.string()), "listpack"),
    codes.LIST_QUICKLIST: _ziplist_nodes,
    codes.HASH_LISTPACK: lambda source: _hash(read_listpack(source.string()), "listpack"),
    codes.HASH_WITH_ENDS: _hash_with_ends,
    codes.ZSET_LISTPACK: lambda source: _packed_sorted_set(read_listpack(source.string())),
    codes.LIST_QUICKLIST_2: _quicklist,
    codes.SET_LISTPACK: lambda source: SetRecord(
        _distinct(read_listpack(source.string()), "set"), "listpack"
    ),
    codes.STREAM_LISTPACKS: lambda source: read_stream(source, codes.STREAM_LISTPACKS),
    codes.STREAM_LISTPACKS_2: lambda source: read_stream(source, codes.STREAM_LISTPACKS_2),
    codes.STREAM_LISTPACKS_3: lambda source: read_stream(source, codes.STREAM_LISTPACKS_3),
}
