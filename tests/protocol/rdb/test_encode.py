import pytest
from hypothesis import given, settings

from protocol.rdb.decode import parse_payload
from protocol.rdb.encode import dump_payload, encode_file, score_text
from protocol.rdb.file_reader import decode_file
from protocol.rdb.records import (
    AuxField,
    DatabaseRecord,
    FunctionLibrary,
    HashRecord,
    KeyRecord,
    ListRecord,
    Record,
    SortedSetRecord,
)
from tests.protocol.rdb.values import commands, packed, records
from tests.support.oracle import Oracle


@given(records)
def test_payloads_there_and_back(record: Record) -> None:
    assert parse_payload(dump_payload(record)) == record
    assert parse_payload(dump_payload(record, compress=False)) == record


@pytest.mark.parity
@settings(max_examples=150)
@given(record=packed)
def test_payloads_are_those_of_redis(oracle: Oracle, record: Record) -> None:
    for command in commands(b"k", record):
        oracle.call(*command)
    payload = oracle.call("DUMP", "k").text
    oracle.call("DEL", "k")
    assert dump_payload(record) == payload
    assert parse_payload(payload) == record


@pytest.mark.parity
def test_large_values_are_those_of_redis(oracle: Oracle) -> None:
    large: list[Record] = [
        ListRecord([b"item:%d" % number for number in range(5000)]),
        ListRecord([b"a" * 9000, b"b", b"c" * 8180, b"d" * 20_000, b"e"]),
        HashRecord({b"field": b"v" * 65}, "hashtable"),
        SortedSetRecord([(b"m%d" % number, number / 7) for number in range(200)], "skiplist"),
        b"x" * 100_000,
    ]
    for record in large:
        for command in commands(b"large", record):
            oracle.call("DEL", "large")
            oracle.call(*command)
        assert dump_payload(record) == oracle.call("DUMP", "large").text


@pytest.mark.parametrize(
    ("score", "text"),
    [
        (0.0, b"0"),
        (-0.0, b"0"),
        (3.3, b"3.2999999999999998"),
        (float("-inf"), b"-inf"),
        (2.0**62, b"4611686018427387904"),
        (2.0**63, b"9.2233720368547758e+18"),
    ],
)
def test_scores_in_listpacks(score: float, text: bytes) -> None:
    assert score_text(score) == text


def test_files_there_and_back() -> None:
    keys = [
        KeyRecord(0, b"a", b"1"),
        KeyRecord(0, b"b", ListRecord([b"x"]), expire_ms=1_700_000_000_123),
        KeyRecord(3, b"c", HashRecord({b"f": b"v"}, "listpack"), idle_s=70_000),
        KeyRecord(3, b"d", b"v" * 100, frequency=255),
    ]
    databases = [
        DatabaseRecord(0, 2, 1, keys[:2]),
        DatabaseRecord(1, 0, 0, []),
        DatabaseRecord(3, 2, 0, keys[2:]),
    ]
    data = b"".join(encode_file(databases, {b"redis-ver": b"7.0.15"}, [b"#!lua name=l"]))
    parts = list(decode_file(data))
    assert parts[0] == AuxField(b"redis-ver", b"7.0.15")
    assert isinstance(parts[1], FunctionLibrary) and parts[1].code == b"#!lua name=l"
    assert parts[2:] == keys


def test_files_come_in_chunks() -> None:
    keys = [KeyRecord(0, b"k%d" % number, b"v" * 1000) for number in range(1000)]
    chunks = list(encode_file([DatabaseRecord(0, 1000, 0, keys)], {}, compress=False))
    assert len(chunks) > 10
    assert all(64_000 < len(chunk) < 70_000 for chunk in chunks[:-2])
    assert list(decode_file(b"".join(chunks))) == keys


def test_a_file_without_checksum_ends_in_zeros() -> None:
    data = b"".join(encode_file([], {}, checksum=False))
    assert data == b"REDIS0010\xff" + bytes(8)
    assert list(decode_file(data)) == []


def test_a_hash_with_ends_has_the_form_of_redis_7_4() -> None:
    """The first end in 8 bytes, the number of fields, and before each field how much later it ends plus 1, 0
    for never. The version is 12, so that an older server refuses the payload."""
    record = HashRecord({b"a": b"x", b"b": b"y", b"c": b"z"}, "listpackex", {b"b": 1000, b"c": 1010})
    payload = dump_payload(record)
    assert (
        payload[:-10]
        == b"\x18" + (1000).to_bytes(8, "little") + b"\x03\x00\x01a\x01x\x01\x01b\x01y\x0b\x01c\x01z"
    )
    assert payload[-10:-8] == b"\x0c\x00"
    read = parse_payload(payload)
    assert isinstance(read, HashRecord)
    assert read.fields == record.fields
    assert read.ends == record.ends


def test_a_hash_that_has_no_ends_any_more_is_written_as_a_plain_one() -> None:
    plain = dump_payload(HashRecord({b"a": b"x"}, "listpack"))
    assert dump_payload(HashRecord({b"a": b"x"}, "listpackex", {})) == plain
