from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.store.values.bits import combine, count_ones, find_bit, read_field, write_field

PIECE = 1 << 16


def as_text(data: bytes | bytearray) -> str:
    return "".join(f"{byte:08b}" for byte in data)


@given(st.binary(min_size=1, max_size=6), st.data())
def test_counting_and_finding_agree_with_a_look_at_each_bit(data: bytes, draw: st.DataObject) -> None:
    start = draw.draw(st.integers(0, len(data) * 8 - 1))
    stop = draw.draw(st.integers(start, len(data) * 8))
    text = as_text(data)[start:stop]
    assert count_ones(data, start, stop) == text.count("1")
    for bit in (0, 1):
        place = text.find(str(bit))
        assert find_bit(data, bit, start, stop) == (place + start if place >= 0 else -1)


@pytest.mark.parametrize("place", [0, 7, PIECE * 8 - 1, PIECE * 8, PIECE * 8 + 8, PIECE * 24 - 1])
def test_a_lone_bit_is_found_in_a_long_string(place: int) -> None:
    data = bytearray(PIECE * 3)
    write_field(data, place, 1, 1)
    assert find_bit(data, 1, 0, len(data) * 8) == place
    assert count_ones(data, 0, len(data) * 8) == 1
    inverted = combine(b"not", [data])
    assert find_bit(inverted, 0, 0, len(data) * 8) == place
    assert find_bit(inverted, 0, place + 1, len(data) * 8) == -1


def test_sources_of_unequal_size_end_in_zeros() -> None:
    longer, shorter = b"\xf0" * (PIECE + 3), b"\xff" * 2
    assert combine(b"and", [longer, shorter]) == b"\xf0\xf0" + bytes(PIECE + 1)
    assert combine(b"or", [shorter, longer]) == b"\xff\xff" + b"\xf0" * (PIECE + 1)
    assert combine(b"xor", [longer, shorter, shorter]) == longer
    assert combine(b"not", [b""]) == b""


@given(st.binary(max_size=12), st.integers(0, 40), st.integers(1, 64), st.data())
def test_fields(data: bytes, offset: int, bits: int, draw: st.DataObject) -> None:
    text = as_text(data.ljust(16, b"\0"))
    assert read_field(data, offset, bits) == int(text[offset : offset + bits], 2)
    value = draw.draw(st.integers(0, (1 << bits) - 1))
    buffer = bytearray(data.ljust(16, b"\0"))
    write_field(buffer, offset, bits, value)
    assert as_text(buffer) == text[:offset] + f"{value:0{bits}b}" + text[offset + bits :]
