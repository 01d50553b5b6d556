from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.rdb.legacy import read_ziplist, read_zipmap
from protocol.rdb.records import CorruptPayload

ENTRIES = {
    "026162": b"ab",
    "4040" + "61" * 64: b"a" * 64,
    "8000004000" + "62" * 16384: b"b" * 16384,
    "f1": b"0",
    "fd": b"12",
    "fe80": b"-128",
    "c00080": b"-32768",
    "f0000080": b"-8388608",
    "d000000080": b"-2147483648",
    "e0" + "ff" * 7 + "7f": b"9223372036854775807",
}


def ziplist(entries: list[str]) -> bytes:
    body, before, tail = b"", 0, 10
    for entry in entries:
        head = bytes((before,)) if before < 254 else b"\xfe" + before.to_bytes(4, "little")
        tail = 10 + len(body)
        body += head + bytes.fromhex(entry)
        before = len(head) + len(entry) // 2
    return (
        (11 + len(body)).to_bytes(4, "little")
        + tail.to_bytes(4, "little")
        + len(entries).to_bytes(2, "little")
        + body
        + b"\xff"
    )


def test_ziplists() -> None:
    assert read_ziplist(ziplist(list(ENTRIES))) == list(ENTRIES.values())
    assert read_ziplist(ziplist([])) == []


def test_zipmaps() -> None:
    large = b"v" * 300
    data = b"\x02\x01k\x02\x01vw\x00" + b"\x01l\xfe\x2c\x01\x00\x00\x00" + large + b"\xff"
    assert read_zipmap(data) == [b"k", b"vw", b"l", large]


@given(st.lists(st.sampled_from(sorted(ENTRIES)), max_size=5), st.integers(0, 10_000), st.integers(0, 255))
def test_a_changed_ziplist_is_refused_or_read(entries: list[str], place: int, byte: int) -> None:
    data = bytearray(ziplist(entries))
    data[place % len(data)] = byte
    with suppress(CorruptPayload):
        assert isinstance(read_ziplist(bytes(data)), list)


@given(st.binary())
def test_garbage_is_refused_or_read(data: bytes) -> None:
    for read in (read_ziplist, read_zipmap):
        with suppress(CorruptPayload):
            assert isinstance(read(data), list)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "cut short"),
        (ziplist(["f1"])[:-1] + b"\x00", "cut short"),
        (b"\x0c" + ziplist([])[1:], "wrong size"),
        (ziplist(["f1"])[:8] + b"\x02" + ziplist(["f1"])[9:], "wrong number"),
        (ziplist(["f1"])[:10] + b"\x05" + ziplist(["f1"])[11:], "item of the wrong size"),
        (ziplist(["c1"]), "unknown kind"),
        (ziplist(["05"]), "cut short"),
    ],
)
def test_corrupt_ziplists(data: bytes, reason: str) -> None:
    with pytest.raises(CorruptPayload, match=reason):
        read_ziplist(data)


@pytest.mark.parametrize(
    "data", [b"", b"\x01", b"\x01\x05a\xff", b"\x01\x01a\xff\x00\xff", b"\x01\x01a\x01\xff"]
)
def test_corrupt_zipmaps(data: bytes) -> None:
    with pytest.raises(CorruptPayload, match="zipmap"):
        read_zipmap(data)
