"""A set of hash slots as one integer: bit n stands for slot n. Union, difference and intersection are | & ~
and &."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

SLOTS = 16384
ALL_SLOTS = (1 << SLOTS) - 1


def from_slots(slots: Iterable[int]) -> int:
    """The set of these slots."""
    bits = bytearray(SLOTS // 8)
    for slot in slots:
        bits[slot >> 3] |= 1 << (slot & 7)
    return int.from_bytes(bits, "little")


def from_ranges(ranges: Iterable[tuple[int, int]]) -> int:
    """The set of the slots in these inclusive ranges."""
    mask = 0
    for first, last in ranges:
        mask |= ((1 << (last - first + 1)) - 1) << first
    return mask


def to_ranges(mask: int) -> list[tuple[int, int]]:
    """The set as inclusive ranges in rising order, none touching another."""
    ranges: list[tuple[int, int]] = []
    at = 0
    while mask:
        gap = (mask & -mask).bit_length() - 1
        mask >>= gap
        at += gap
        length = (~mask & (mask + 1)).bit_length() - 1
        ranges.append((at, at + length - 1))
        mask >>= length
        at += length
    return ranges


def to_slots(mask: int) -> Iterator[int]:
    """The slots in rising order."""
    for first, last in to_ranges(mask):
        yield from range(first, last + 1)


def contains(mask: int, slot: int) -> bool:
    return bool(mask >> slot & 1)
