"""Ziplists and zipmaps: what Redis packed small collections into before listpacks. Only read, never written.

Source: https://github.com/sripathikrishnan/redis-rdb-tools/wiki/Redis-RDB-Dump-File-Format
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from protocol.rdb.records import CorruptPayload

_ZIPLIST_HEADER: Final = Struct("<IIH")
_COUNT_UNKNOWN: Final = 0xFFFF
_END: Final = 0xFF
_INTEGER_BYTES: Final = {0xFE: 1, 0xC0: 2, 0xF0: 3, 0xD0: 4, 0xE0: 8}


class _Bytes:
    """A place in `data`. Reading beyond `end` raises CorruptPayload."""

    __slots__ = ("data", "end", "name", "position")

    def __init__(self, data: bytes, position: int, end: int, name: str) -> None:
        self.data = data
        self.position = position
        self.end = end
        self.name = name

    def take(self, size: int) -> bytes:
        start = self.position
        if start + size > self.end:
            raise CorruptPayload(f"{self.name} cut short")
        self.position = start + size
        return self.data[start : start + size]

    def byte(self) -> int:
        return self.take(1)[0]


def read_ziplist(data: bytes) -> list[bytes]:
    """The items of a ziplist. Raises CorruptPayload."""
    if len(data) <= _ZIPLIST_HEADER.size or data[-1] != _END:
        raise CorruptPayload("ziplist cut short")
    total, tail, count = _ZIPLIST_HEADER.unpack_from(data)
    if total != len(data):
        raise CorruptPayload("ziplist of the wrong size")
    source = _Bytes(data, _ZIPLIST_HEADER.size, total - 1, "ziplist")
    items: list[bytes] = []
    last, before = _ZIPLIST_HEADER.size, 0
    while source.position < source.end:
        last = source.position
        size_before = source.byte()
        if size_before >= 0xFE:
            size_before = int.from_bytes(source.take(4), "little")
        if size_before != before:
            raise CorruptPayload("ziplist item of the wrong size")
        items.append(_ziplist_item(source))
        before = source.position - last
    if tail != last or (count != _COUNT_UNKNOWN and count != len(items)):
        raise CorruptPayload("ziplist with the wrong number of items")
    return items


def _ziplist_item(source: _Bytes) -> bytes:
    code = source.byte()
    if code < 0x40:
        return source.take(code)
    if code < 0x80:
        return source.take((code & 0x3F) << 8 | source.byte())
    if code < 0xC0:
        return source.take(int.from_bytes(source.take(4), "big"))
    if 0xF1 <= code <= 0xFD:
        return b"%d" % ((code & 0x0F) - 1)
    width = _INTEGER_BYTES.get(code)
    if width is None:
        raise CorruptPayload("ziplist item of an unknown kind")
    return b"%d" % int.from_bytes(source.take(width), "little", signed=True)


def read_zipmap(data: bytes) -> list[bytes]:
    """The fields and values of a zipmap, in turn. Raises CorruptPayload."""
    if len(data) < 2 or data[-1] != _END:
        raise CorruptPayload("zipmap cut short")
    source = _Bytes(data, 1, len(data) - 1, "zipmap")
    items: list[bytes] = []
    while source.position < source.end:
        items.append(source.take(_zipmap_size(source)))
        size = _zipmap_size(source)
        free = source.byte()
        items.append(source.take(size))
        source.take(free)
    return items


def _zipmap_size(source: _Bytes) -> int:
    size = source.byte()
    if size == 0xFF:
        raise CorruptPayload("zipmap item of an unknown kind")
    return int.from_bytes(source.take(4), "little") if size == 0xFE else size
