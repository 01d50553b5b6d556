from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.rdb.packed import (
    listpack_integer,
    listpack_integer_bytes,
    listpack_item,
    listpack_item_bytes,
    read_intset,
    read_listpack,
    write_intset,
    write_listpack,
)
from protocol.rdb.records import CorruptPayload

integers = st.one_of(*(st.integers(-(1 << bits), (1 << bits) - 1) for bits in (7, 12, 15, 23, 31, 63)))
items = st.lists(st.binary(max_size=100) | integers.map(lambda value: b"%d" % value))


@given(items)
def test_listpacks_there_and_back(values: list[bytes]) -> None:
    assert read_listpack(write_listpack(values)) == values


@given(integers)
def test_integers_are_packed_like_their_texts(value: int) -> None:
    assert listpack_integer(value) == listpack_item(b"%d" % value)
    assert listpack_integer_bytes(value) == len(listpack_integer(value))


@given(st.binary(max_size=25) | integers.map(lambda value: b"%d" % value) | st.integers(0, 20000).map(bytes))
def test_sizes_without_packing(item: bytes) -> None:
    assert listpack_item_bytes(item) == len(listpack_item(item))


@pytest.mark.parametrize("size", [63, 64, 126, 127, 128, 4095, 4096, 16380, 16384, 2097140, 2097160])
def test_long_items_there_and_back(size: int) -> None:
    assert read_listpack(write_listpack([b"x" * size, b"1"])) == [b"x" * size, b"1"]


@pytest.mark.parametrize(
    ("item", "packed"),
    [
        (b"0", "0001"),
        (b"127", "7f01"),
        (b"128", "c08002"),
        (b"-1", "dfff02"),
        (b"-4097", "f1ffef03"),
        (b"32768", "f200800004"),
        (b"-8388609", "f3ffff7fff05"),
        (b"2147483648", "f4000000800000000009"),
        (b"", "8001"),
        (b"01", "82303103"),
        (b"9223372036854775808", "93" + b"9223372036854775808".hex() + "14"),
    ],
)
def test_items_as_redis_packs_them(item: bytes, packed: str) -> None:
    assert listpack_item(item).hex() == packed


def test_more_items_than_the_count_can_say() -> None:
    values = [b"1"] * 70_000
    assert read_listpack(write_listpack(values)) == values


@given(st.sets(integers, min_size=1))
def test_intsets_there_and_back(members: set[int]) -> None:
    assert list(map(int, read_intset(write_intset(members)))) == sorted(members)


def test_intsets_are_as_narrow_as_they_can_be() -> None:
    assert write_intset([1, -32768]).hex() == "0200000002000000" + "0080" + "0100"
    assert write_intset([32768]).hex() == "0400000001000000" + "00800000"
    assert write_intset([1 << 31]).hex() == "0800000001000000" + "0000008000000000"


@given(items, st.integers(0, 10_000), st.integers(0, 255))
def test_a_changed_listpack_is_refused_or_read(values: list[bytes], place: int, byte: int) -> None:
    data = bytearray(write_listpack(values))
    data[place % len(data)] = byte
    with suppress(CorruptPayload):
        assert isinstance(read_listpack(bytes(data)), list)


@given(st.binary())
def test_garbage_is_refused_or_read(data: bytes) -> None:
    for read in (read_listpack, read_intset):
        with suppress(CorruptPayload):
            assert isinstance(read(data), list)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "cut short"),
        ("07000000000000", "cut short"),
        ("080000000000ff", "wrong size"),
        ("07000000 0100 ff", "wrong number"),
        ("08000000 0100 85 ff", "cut short"),
        ("09000000 0100 0002 ff", "item of the wrong size"),
        ("08000000 0100 f4 ff", "cut short"),
        ("08000000 0100 f0 ff", "cut short"),
        ("09000000 0100 f501 ff", "unknown kind"),
    ],
)
def test_corrupt_listpacks(data: str, reason: str) -> None:
    with pytest.raises(CorruptPayload, match=reason):
        read_listpack(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("02", "cut short"),
        ("03000000 01000000 010203", "wrong size"),
        ("02000000 ffffffff 0100", "wrong size"),
        ("02000000 02000000 0200 0100", "out of order"),
        ("02000000 02000000 0100 0100", "out of order"),
    ],
)
def test_corrupt_intsets(data: str, reason: str) -> None:
    with pytest.raises(CorruptPayload, match=reason):
        read_intset(bytes.fromhex(data))
