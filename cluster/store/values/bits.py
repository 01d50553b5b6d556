"""Strings as rows of bits, the highest bit of a byte first.

All work on long strings is done by C loops over pieces of them, so that neither a loop over bits nor a
number as large as the string is needed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Final

Bytes = bytes | bytearray

_PIECE = 1 << 16
_SAME = {0: bytes(_PIECE), 1: b"\xff" * _PIECE}
_INVERTED: Final = bytes(byte ^ 0xFF for byte in range(256))

_COMBINE: Final[dict[bytes, Callable[[int, int], int]]] = {
    b"and": operator.and_,
    b"or": operator.or_,
    b"xor": operator.xor,
}


def count_ones(data: Bytes, start: int, stop: int) -> int:
    """How many bits are set from bit `start` up to, not including, bit `stop`; both lie in the data."""
    if start >= stop:
        return 0
    first, end = start >> 3, (stop + 7) >> 3
    before = data[first] >> (8 - (start & 7))
    after = data[end - 1] & ((1 << (-stop & 7)) - 1)
    view = memoryview(data)
    whole = sum(
        int.from_bytes(view[at : min(at + _PIECE, end)], "little").bit_count()
        for at in range(first, end, _PIECE)
    )
    return whole - before.bit_count() - after.bit_count()


def find_bit(data: Bytes, bit: int, start: int, stop: int) -> int:
    """The place of the first bit of this value (0 or 1) from `start` up to, not including, `stop`; -1 where
    there is none."""
    first, end = start >> 3, (stop + 7) >> 3
    flip = 0 if bit else 0xFF
    at, mask = first, 0xFF >> (start & 7)
    while at < end:
        candidates = (data[at] ^ flip) & mask
        if candidates:
            place = at * 8 + 8 - candidates.bit_length()
            return place if place < stop else -1
        at, mask = _skip(data, at + 1, end, 1 - bit), 0xFF
    return -1


def _skip(data: Bytes, at: int, end: int, bit: int) -> int:
    """The first byte at or behind `at` with a bit that is not `bit`; `end` where there is none."""
    same = _SAME[bit]
    while at < end:
        piece = bytes(data[at : min(at + _PIECE, end)])
        if piece != same[: len(piece)]:
            return at + len(piece) - len(piece.lstrip(same[:1]))
        at += len(piece)
    return end


def combine(operation: bytes, sources: Sequence[Bytes]) -> bytearray:
    """The sources' bits under "and", "or", "xor", or the one source's under "not". Shorter ones count as
    filled up with zeros. Raises KeyError for another operation."""
    if operation == b"not":
        return bytearray(sources[0].translate(_INVERTED))
    apply = _COMBINE[operation]
    made = bytearray(max(map(len, sources)))
    views = [memoryview(source) for source in sources]
    for at in range(0, len(made), _PIECE):
        size = min(_PIECE, len(made) - at)
        bits = int.from_bytes(views[0][at : at + size], "little")
        for view in views[1:]:
            bits = apply(bits, int.from_bytes(view[at : at + size], "little"))
        made[at : at + size] = bits.to_bytes(size, "little")
    return made


def read_field(data: Bytes, offset: int, bits: int) -> int:
    """The number that `bits` bits from bit `offset` on are; what lies behind the data reads as zeros."""
    first, end = offset >> 3, (offset + bits + 7) >> 3
    piece = bytes(data[first:end]).ljust(end - first, b"\0")
    return (int.from_bytes(piece, "big") >> (-(offset + bits) & 7)) & ((1 << bits) - 1)


def write_field(data: bytearray, offset: int, bits: int, value: int) -> None:
    """Puts a number that is not negative into bits that are all in the data."""
    first, end = offset >> 3, (offset + bits + 7) >> 3
    shift = -(offset + bits) & 7
    mask = ((1 << bits) - 1) << shift
    held = int.from_bytes(data[first:end], "big")
    data[first:end] = ((held & ~mask) | (value << shift)).to_bytes(end - first, "big")
