from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.checksum import crc64
from protocol.rdb.decode import parse_payload
from protocol.rdb.encode import dump_payload, encode_file
from protocol.rdb.file_reader import decode_file
from protocol.rdb.records import (
    BadFooter,
    CorruptFile,
    CorruptPayload,
    DatabaseRecord,
    KeyRecord,
    Record,
)
from tests.protocol.rdb.kinds import EVERY_KIND, string
from tests.protocol.rdb.values import records


def footed(body: bytes, version: int = 10) -> bytes:
    data = body + version.to_bytes(2, "little")
    return data + crc64(data).to_bytes(8, "little")


def file(body: bytes, version: int = 10) -> bytes:
    data = b"REDIS%04d" % version + body + b"\xff"
    return data + (crc64(data).to_bytes(8, "little") if version >= 5 else b"")


@pytest.mark.parametrize(("body", "record"), EVERY_KIND)
def test_every_kind_of_value(body: bytes, record: Record) -> None:
    assert parse_payload(footed(body)) == record
    assert parse_payload(footed(body, version=6)) == record


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\x00\x05abc", "unexpected end"),
        (b"\x00\xc4", "unknown string encoding"),
        (b"\x00\x82", "unknown length encoding"),
        (b"\x00\xc3\x02\x05\x05a", "LZF"),
        (b"\x00\xc3\xc0\x05\x05a", "where a length should be"),
        (b"\x01\x00", "empty collection"),
        (b"\x01\x81\xff\xff\xff\xff\xff\xff\xff\xff", "unexpected end"),
        (b"\x05\x81\xff\xff\xff\xff\xff\xff\xff\xff", "unexpected end"),
        (b"\x12\x81\xff\xff\xff\xff\xff\xff\xff\xff", "unexpected end"),
        (b"\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff", "unexpected end"),
        (b"\x02\x02\x01a\x01a", "Duplicate set"),
        (b"\x04\x02\x01a\x01b\x01a\x01b", "Duplicate hash"),
        (b"\x05\x01\x01a" + bytes(6) + b"\xf8\x7f", "NAN"),
        (b"\x03\x01\x01a\xfd", "NAN"),
        (b"\x03\x01\x01a\x01x", "no number"),
        (b"\x12\x01\x03\x01a", "Quicklist"),
        (b"\x10" + string(bytes.fromhex("09000000 0100 0101 ff")), "without a value"),
        (b"\x0f", "unexpected end"),
        (b"\x15\x01\x01a", "size of a stream ID"),
        (b"\x07", "module value"),
        (b"\x08", "unknown value"),
    ],
)
def test_corrupt_payloads(body: bytes, reason: str) -> None:
    with pytest.raises(CorruptPayload, match=reason):
        parse_payload(footed(body))


def test_bad_footers() -> None:
    good = footed(b"\x00\x01a")
    for bad in (b"", good[:9], good[:-1], good[:-1] + b"\x00", b"\x01" + good[1:], footed(b"\x00\x01a", 11)):
        with pytest.raises(BadFooter):
            parse_payload(bad)


@given(records, st.integers(0, 100_000), st.integers(0, 255))
def test_a_changed_value_is_refused_or_read(record: Record, place: int, byte: int) -> None:
    body = bytearray(dump_payload(record)[:-10])
    body[place % len(body)] = byte
    with suppress(CorruptPayload):
        assert parse_payload(footed(bytes(body))) is not None


@given(st.binary(max_size=300))
def test_garbage_is_refused_or_read(body: bytes) -> None:
    with suppress(CorruptPayload):
        assert parse_payload(footed(body)) is not None
    with suppress(CorruptFile):
        assert isinstance(list(decode_file(file(body))), list)


@given(records)
def test_a_cut_file_is_refused(record: Record) -> None:
    database = DatabaseRecord(0, 1, 0, [KeyRecord(0, b"key", record)])
    data = b"".join(encode_file([database], {b"a": b"b"}))
    for size in {*range(40), *range(len(data) - 20, len(data))} & set(range(len(data))):
        with pytest.raises(CorruptFile):
            list(decode_file(data[:size]))


def test_files_of_older_versions() -> None:
    body = b"\xfe\x00\xfd\x10\x27\x00\x00\x00\x01a\x01b\xfe\x02\x00\x01c\x01d"
    keys = [KeyRecord(0, b"a", b"b", 10_000_000), KeyRecord(2, b"c", b"d")]
    for version in range(1, 11):
        assert list(decode_file(file(body, version))) == keys


def test_empty_collections_are_left_out() -> None:
    assert list(decode_file(file(b"\x01\x01a\x00\x00\x01b\x01c"))) == [KeyRecord(0, b"b", b"c")]


@pytest.mark.parametrize(
    ("data", "offset", "reason"),
    [
        (b"", 0, "signature"),
        (b"RODIS0010", 0, "signature"),
        (b"REDIS00x0\xff", 0, "signature"),
        (b"REDIS0011\xff" + bytes(8), 5, "version 11"),
        (b"REDIS0000\xff" + bytes(8), 5, "version 0"),
        (file(b"\x00\x01a\x01b\x00\x30"), 14, "unexpected end"),
        (file(b"\xfe\x10\x00\x01a\x01b"), 9, "more than 16 databases"),
        (file(b"\xf7\x00"), 9, "module data"),
        (file(b"\xf6\x00"), 9, "pre-release functions"),
        (file(b"\x0f\x01a\x01\x01a"), 9, "size of a stream ID"),
        (file(b"") + b"x", 18, "left over"),
        (file(b"\x00\x01a\x01b")[:-1] + b"\x00", 15, "checksum"),
        (file(b"\x00\x01a\x01b")[:-3], 15, "unexpected end"),
    ],
)
def test_corrupt_files_say_where_and_why(data: bytes, offset: int, reason: str) -> None:
    with pytest.raises(CorruptFile, match=reason) as caught:
        list(decode_file(data, 16))
    assert caught.value.offset == offset


def test_bytes_behind_a_value_are_passed_over() -> None:
    assert parse_payload(footed(b"\x00\x01ab")) == parse_payload(footed(b"\x00\x01a"))
