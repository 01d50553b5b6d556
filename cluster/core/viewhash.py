"""The hash of a view, whole and by parts.

It is the XOR of a hash of each record, so that the order does not matter and a changed record costs the same
however many there are. A part is the members whose ids begin with the same bits: two views are compared part
by part, and only the parts that differ are told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

PART_BITS_MAX = 10
PARTS_MAX = 1 << PART_BITS_MAX
_DIGITS = 3
_SPARE_BITS = 4 * _DIGITS - PART_BITS_MAX
assert _SPARE_BITS >= 0


class ViewHash:
    """`whole` is 64 bits that differ when views differ. The parts are shared with `like` until they differ:
    a simulation of a formed cluster has them once."""

    __slots__ = ("_own", "_parts", "whole")

    def __init__(self, like: ViewHash | None = None) -> None:
        self.whole: int = like.whole if like is not None else 0
        self._parts: list[int] = like._parts if like is not None else [0] * PARTS_MAX
        self._own = like is None

    def change(self, node_id: str, before: int, after: int) -> None:
        """A record's hash has changed; 0 where there is none."""
        if not self._own:
            self._parts = list(self._parts)
            self._own = True
        self.whole ^= before ^ after
        self._parts[int(node_id[:_DIGITS], 16) >> _SPARE_BITS] ^= before ^ after

    def parts(self, count: int) -> tuple[int, ...]:
        """The hashes of so many parts, a power of two that is at most PARTS_MAX."""
        width = PARTS_MAX // count
        if width == 1:
            return tuple(self._parts)
        return tuple(_xor(self._parts[first : first + width]) for first in range(0, PARTS_MAX, width))


def digest(text: str) -> int:
    """64 bits that tell this text from any other."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def is_count(parts: int) -> bool:
    """Whether a view can be looked at in so many parts."""
    return 0 < parts <= PARTS_MAX and not parts & (parts - 1)


def part_bounds(part: int, count: int) -> tuple[str, str]:
    """Where the ids of a part begin, and where those behind it do."""
    step = PARTS_MAX // count << _SPARE_BITS
    end = (part + 1) * step
    return f"{part * step:0{_DIGITS}x}", f"{end:0{_DIGITS}x}" if part + 1 < count else "g"


def parts_for(members: int, each: int) -> int:
    """How many parts have about so many members each."""
    return min(PARTS_MAX, 1 << max(0, (members // each).bit_length() - 1))


def _xor(values: Iterable[int]) -> int:
    found = 0
    for value in values:
        found ^= value
    return found
