"""Values of every kind that an RDB file can have, as bytes made by hand: type and content."""

from __future__ import annotations

from protocol.rdb.records import (
    HashRecord,
    ListRecord,
    Record,
    SetRecord,
    SortedSetRecord,
)
from tests.protocol.rdb.test_legacy import ziplist


def string(data: bytes) -> bytes:
    """A string with its length before it."""
    return bytes((0x40 | len(data) >> 8, len(data) & 0xFF)) + data


EVERY_KIND: list[tuple[bytes, Record]] = [
    (b"\x00\xc0\xfb", b"-5"),
    (b"\x00\xc1\x00\x80", b"-32768"),
    (b"\x00\xc2\x00\x00\x00\x80", b"-2147483648"),
    (b"\x00\x81\0\0\0\0\0\0\0\x01a", b"a"),
    (b"\x01\x02\x01a\x01b", ListRecord([b"a", b"b"])),
    (b"\x02\x02\x01a\x01b", SetRecord([b"a", b"b"])),
    (
        b"\x03\x03\x01a\x031.5\x01b\xfe\x01c\xff",
        SortedSetRecord([(b"c", float("-inf")), (b"a", 1.5), (b"b", float("inf"))]),
    ),
    (b"\x04\x01\x01a\x01b", HashRecord({b"a": b"b"})),
    (b"\x05\x01\x01a" + bytes(6) + b"\xf8\x3f", SortedSetRecord([(b"a", 1.5)])),
    (b"\x09" + string(b"\x01\x01k\x01\x00v\xff"), HashRecord({b"k": b"v"}, "listpack")),
    (b"\x0a" + string(ziplist(["026162", "f1"])), ListRecord([b"ab", b"0"])),
    (b"\x0b" + string(bytes.fromhex("02000000 01000000 0500")), SetRecord([b"5"], "intset")),
    (b"\x0c" + string(ziplist(["0161", "03312e35"])), SortedSetRecord([(b"a", 1.5)], "listpack")),
    (b"\x0d" + string(ziplist(["0161", "f1"])), HashRecord({b"a": b"0"}, "listpack")),
    (b"\x0e\x02" + 2 * string(ziplist(["0161"])), ListRecord([b"a", b"a"])),
    (
        b"\x12\x02\x01\x03abc\x02" + string(bytes.fromhex("09000000 0100 0101 ff")),
        ListRecord([b"abc", b"1"]),
    ),
    (b"\x14" + string(bytes.fromhex("09000000 0100 0101 ff")), SetRecord([b"1"], "listpack")),
    (b"\x00\xc3\x05\x1e" + bytes.fromhex("0061 e0 14 00"), b"a" * 30),
    (b"\x10" + string(bytes.fromhex("0b000000 0200 0101 0201 ff")), HashRecord({b"1": b"2"}, "listpack")),
    (
        b"\x11" + string(bytes.fromhex("0b000000 0200 0101 0201 ff")),
        SortedSetRecord([(b"1", 2.0)], "listpack"),
    ),
]
"""Streams are not among them: see test_streams."""
