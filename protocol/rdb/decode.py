"""RDB to values: DUMP payloads and whole files, of every version up to 10.

Every length is checked against the bytes that are there before anything is made of it, so that a corrupt
input costs no more than its own size.

Source: https://github.com/sripathikrishnan/redis-rdb-tools/wiki/Redis-RDB-Dump-File-Format
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    AuxField,
    BadFooter,
    BytesLeftOver,
    CorruptFile,
    CorruptPayload,
    FilePart,
    FunctionLibrary,
    HashRecord,
    KeyRecord,
    ListRecord,
    Record,
    SetRecord,
    SortedSetRecord,
    StreamRecord,
    StringRecord,
)
from protocol.rdb.streams import read_stream

_DOUBLE: Final = Struct("<d")
_U32: Final = Struct("<I")
_I64: Final = Struct("<q")
_U64: Final = Struct("<Q")

_FOOTER_BYTES: Final = 10
_HEADER_BYTES: Final = 9
_CHECKSUM_SINCE: Final = 5
_SCORE_WORDS: Final = {253: "nan", 254: "inf", 255: "-inf"}


def parse_payload(payload: bytes) -> Record:
    """The value in a DUMP payload. Raises BadFooter or another CorruptPayload.

    Bytes left over behind the value are passed over, as in Redis.
    """
    body = len(payload) - _FOOTER_BYTES
    if body < 1:
        raise BadFooter("payload cut short")
    newest = FIELD_ENDS_VERSION if payload[0] == codes.HASH_WITH_ENDS else RDB_VERSION
    if int.from_bytes(payload[body : body + 2], "little") > newest:
        raise BadFooter("payload of a later version")
    if crc64(payload[:-8]) != _U64.unpack_from(payload, body + 2)[0]:
        raise BadFooter("payload with a wrong checksum")
    source = _Source(payload, 0, body)
    record = source.value(source.byte())
    if _is_empty(record):
        raise CorruptPayload("empty collection")
    return record


def decode_file(data: bytes, databases: int = 2**31) -> Iterator[FilePart]:
    """The parts of an RDB file, in order; empty collections are left out, as Redis does.

    A key in database number `databases` or a later one is refused.
    Raises CorruptFile where the file stops making sense, and at the end if its checksum is wrong: what came
    until then is not to be used.
    """
    version = _file_version(data)
    source = _Source(data, _HEADER_BYTES, len(data))
    start = source.position
    try:
        for part in _parts(source, databases):
            if part is not None:
                yield part
            start = source.position
        if version >= _CHECKSUM_SINCE:
            start = source.position
            _verify_end(source)
    except CorruptPayload as corruption:
        raise CorruptFile(start, str(corruption)) from None


def _file_version(data: bytes) -> int:
    magic, digits = data[:5], data[5:_HEADER_BYTES]
    if magic != b"REDIS" or len(digits) != 4 or not digits.isdigit():
        raise CorruptFile(0, "Wrong signature: not an RDB file")
    version = int(digits)
    if not 1 <= version <= RDB_VERSION:
        raise CorruptFile(5, f"Can't handle RDB format version {version}")
    return version


def _verify_end(source: _Source) -> None:
    seen = crc64(source.data[: source.position])
    stored = _U64.unpack(source.take(8))[0]
    if stored and stored != seen:
        raise CorruptPayload("Wrong RDB checksum")
    if source.position != source.end:
        raise BytesLeftOver(source.position)


def _parts(source: _Source, databases: int) -> Iterator[FilePart | None]:
    """Each step of the file up to its end mark; None for one that says nothing by itself."""
    database = 0
    attributes = _Attributes()
    while True:
        code = source.byte()
        part: FilePart | None = None
        if code == codes.EOF:
            return
        if code == codes.SELECT:
            database = source.length()
            if database >= databases:
                raise CorruptPayload(f"made by a server with more than {databases} databases")
        elif code == codes.AUX:
            part = AuxField(source.string(), source.string())
        elif code == codes.FUNCTION_2:
            part = FunctionLibrary(offset=source.position - 1, code=source.string())
        elif code == codes.RESIZE:
            source.length()
            source.length()
        elif code in (codes.MODULE_AUX, codes.FUNCTION_PRE_GA):
            raise CorruptPayload(
                f"Unsupported: {'module data' if code == codes.MODULE_AUX else 'pre-release functions'}"
            )
        elif not attributes.read(code, source):
            part = attributes.key(database, source.string(), source.value(code))
            attributes = _Attributes()
        yield part


class _Attributes:
    """What stands before a key and belongs to it."""

    __slots__ = ("expire_ms", "frequency", "idle_s")

    def __init__(self) -> None:
        self.expire_ms = 0
        self.idle_s: int | None = None
        self.frequency: int | None = None

    def read(self, code: int, source: _Source) -> bool:
        """Reads the attribute if `code` is one's."""
        match code:
            case codes.EXPIRE_MS:
                self.expire_ms = _I64.unpack(source.take(8))[0]
            case codes.EXPIRE_S:
                self.expire_ms = int.from_bytes(source.take(4), "little", signed=True) * 1000
            case codes.IDLE:
                self.idle_s = source.length()
            case codes.FREQUENCY:
                self.frequency = source.byte()
            case _:
                return False
        return True

    def key(self, database: int, key: bytes, record: Record) -> KeyRecord | None:
        if _is_empty(record):
            return None
        return KeyRecord(database, key, record, self.expire_ms, self.idle_s, self.frequency)


def _is_empty(record: Record) -> bool:
    match record:
        case StringRecord() | StreamRecord():
            return False
        case ListRecord(items):
            return not items
        case HashRecord(fields):
            return not fields
        case SetRecord(members) | SortedSetRecord(members):
            return not members


class _Source:
    """A place in `data`. Whatever does not fit before `end` raises CorruptPayload."""

    __slots__ = ("data", "end", "position")

    def __init__(self, data: bytes, position: int, end: int) -> None:
        self.data = data
        self.position = position
        self.end = end

    def take(self, size: int) -> bytes:
        start = self.position
        if start + size > self.end:
            raise CorruptPayload("unexpected end")
        self.position = start + size
        return self.data[start : start + size]

    def byte(self) -> int:
        position = self.position
        if position >= self.end:
            raise CorruptPayload("unexpected end")
        self.position = position + 1
        return self.data[position]

    def length(self) -> int:
        first = self.byte()
        if first >= 0xC0:
            raise CorruptPayload("a string where a length should be")
        return self._length(first)

    def _length(self, first: int) -> int:
        if first < 0x40:
            return first
        if first < 0x80:
            return (first & 0x3F) << 8 | self.byte()
        if first == 0x80:
            return int.from_bytes(self.take(4), "big")
        if first == 0x81:
            return int.from_bytes(self.take(8), "big")
        raise CorruptPayload(f"unknown length encoding {first}")

    def string(self) -> bytes:
        first = self.byte()
        if first < 0xC0:
            return self.take(self._length(first))
        if first == codes.ENCODED_LZF:
            packed, size = self.length(), self.length()
            try:
                return lzf.decompress(self.take(packed), size)
            except lzf.CorruptLzf as corruption:
                raise CorruptPayload(str(corruption)) from None
        if first > codes.ENCODED_LZF:
            raise CorruptPayload(f"unknown string encoding {first & 0x3F}")
        width = 1 << (first - codes.ENCODED_INT8)
        return b"%d" % int.from_bytes(self.take(width), "little", signed=True)

    def strings(self, count: int) -> list[bytes]:
        """So many strings; each takes a byte at least, so a count beyond that is refused before it is
        begun.
        """
        if count > self.end - self.position:
            raise CorruptPayload("unexpected end")
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


def _hash_with_ends(source: _Source) -> HashRecord:
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


def _text_scores(source: _Source) -> SortedSetRecord:
    """Scores as text, its size in one byte: how sorted sets were written until RDB version 8."""
    pairs = []
    for _ in range(source.length()):
        member, size = source.string(), source.byte()
        word = _SCORE_WORDS.get(size)
        pairs.append((member, float(word) if word else _score(source.take(size))))
    return _sorted_set(pairs, "skiplist")


def _binary_scores(source: _Source) -> SortedSetRecord:
    pairs = [(source.string(), _DOUBLE.unpack(source.take(8))[0]) for _ in range(source.length())]
    return _sorted_set(pairs, "skiplist")


def _ziplist_nodes(source: _Source) -> ListRecord:
    items: list[bytes] = []
    for _ in range(source.length()):
        items += read_ziplist(source.string())
    return ListRecord(items)


def _quicklist(source: _Source) -> ListRecord:
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


_READERS: Final[dict[int, Callable[[_Source], Record]]] = {
    codes.STRING: lambda source: StringRecord(source.string()),
    codes.LIST: lambda source: ListRecord(source.strings(source.length())),
    codes.SET: lambda source: SetRecord(_distinct(source.strings(source.length()), "set"), "hashtable"),
    codes.ZSET: _text_scores,
    codes.HASH: lambda source: _hash(source.strings(2 * source.length()), "hashtable"),
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
