from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.rdb.encode import dump_payload, encode_file
from protocol.rdb.file_reader import FileReader, decode_file
from protocol.rdb.records import (
    BytesLeftOver,
    CorruptFile,
    DatabaseRecord,
    FilePart,
    HashRecord,
    KeyRecord,
    Record,
)
from protocol.rdb.streams import append_entry, new_node
from tests.protocol.rdb.kinds import EVERY_KIND
from tests.protocol.rdb.test_decode import file
from tests.protocol.rdb.test_streams import nodes, record
from tests.protocol.rdb.values import records


def written(values: list[Record]) -> bytes:
    keys = [KeyRecord(3, b"key:%d" % at, value, 5 * at) for at, value in enumerate(values)]
    return b"".join(encode_file([DatabaseRecord(3, len(keys), 0, keys)], {b"name": b"text"}))


def in_pieces(data: bytes, size: int) -> tuple[list[FilePart], FileReader]:
    reader = FileReader()
    found: list[FilePart] = []
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
        found += reader.parts()
    reader.end()
    return [*found, *reader.parts()], reader


@given(st.lists(records | nodes().map(record), max_size=3), st.integers(1, 70))
def test_pieces_of_any_size_say_the_same_as_the_whole(values: list[Record], size: int) -> None:
    data = written(values)
    found, reader = in_pieces(data, size)
    assert found == list(decode_file(data))
    assert reader.is_over
    assert reader.offset == len(data)


def test_a_cut_between_any_two_bytes_says_the_same_as_the_whole() -> None:
    """The pieces of a disk or a socket end anywhere, also behind a number of things that are to follow."""
    node = new_node(5, (b"name",))
    for id_ in range(5, 12):
        append_entry(node, id_, (b"name", b"%d" % id_))
    ends = HashRecord({b"f": b"g", b"h": b"i"}, "hashtable", {b"f": 2_000_000_000_000})
    bodies = [body for body, _ in EVERY_KIND]
    bodies += [dump_payload(value)[:-10] for value in (record(node), ends)]
    keys = [body[:1] + b"\xc0" + bytes((number,)) + body[1:] for number, body in enumerate(bodies)]
    data = file(b"".join(keys))
    parts = list(decode_file(data))
    assert len(parts) == len(bodies)
    for cut in range(len(data)):
        reader = FileReader()
        reader.feed(data[:cut])
        found = list(reader.parts())
        reader.feed(data[cut:])
        reader.end()
        assert [*found, *reader.parts()] == parts, cut
        assert reader.is_over


def test_what_is_whole_is_handed_out_before_the_end() -> None:
    data = written([b"a" * 50, b"b" * 50])
    reader = FileReader()
    reader.feed(data[: data.index(b"key:1") + 8])
    assert [part.key for part in reader.parts() if isinstance(part, KeyRecord)] == [b"key:0"]
    assert not reader.is_over


def test_a_large_value_is_not_tried_with_every_piece() -> None:
    tries = 0

    class Counting(FileReader):
        def _join(self) -> None:
            nonlocal tries
            tries += 1
            super()._join()

    data = b"".join(
        encode_file(
            [DatabaseRecord(0, 1, 0, [KeyRecord(0, b"k", b"v" * 1_000_000)])],
            {},
            compress=False,
        )
    )
    reader = Counting()
    for start in range(0, len(data), 1000):
        reader.feed(data[start : start + 1000])
        assert not list(reader.parts()) or start > 900_000
    reader.end()
    list(reader.parts())
    assert reader.is_over
    assert tries < 30


def test_what_follows_the_file_is_kept() -> None:
    data = written([b"v"])
    with pytest.raises(BytesLeftOver) as caught:
        list(decode_file(data + b"*1\r\n"))
    assert caught.value.offset == len(data)
    _, reader = in_pieces(data + b"*1\r\n" + b"$4\r\nPING\r\n", 16)
    assert reader.rest() == b"*1\r\n$4\r\nPING\r\n"
    assert reader.offset == len(data)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_cut_file_is_refused_only_when_nothing_more_comes(size: int) -> None:
    data = written([b"value", b"other"])
    for end in range(len(data)):
        with pytest.raises(CorruptFile):
            in_pieces(data[:end], size)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_every_flipped_byte_of_a_plain_file_is_found(size: int) -> None:
    data = written([b"value", b"other"])
    for at in range(len(data) - 8):
        bad = bytearray(data)
        bad[at] ^= 0x20
        with pytest.raises(CorruptFile):
            in_pieces(bytes(bad), size)


def test_what_comes_while_parts_are_taken_still_counts() -> None:
    data = written([b"a" * 50, b"b" * 50])
    cut = data.index(b"key:1") + 8
    reader = FileReader()
    reader.feed(data[:cut])
    parts = reader.parts()
    next(parts)
    reader.feed(data[cut:])
    reader.end()
    found = [*parts, *reader.parts()]
    assert [part.key for part in found if isinstance(part, KeyRecord)] == [b"key:0", b"key:1"]
    assert reader.is_over
