"""MurmurHash64A, the hash under Redis's HyperLogLogs.

Source: Austin Appleby, https://github.com/aappleby/smhasher (public domain).
"""

from __future__ import annotations

from struct import unpack_from
from typing import Final

_MASK: Final = (1 << 64) - 1
_MULTIPLIER: Final = 0xC6A4A7935BD1E995
_SHIFT: Final = 47


def murmur64a(data: bytes | bytearray, seed: int) -> int:
    """A 64-bit hash, the same on every machine."""
    size = len(data)
    words = size >> 3
    made = seed ^ (size * _MULTIPLIER & _MASK)
    for word in unpack_from(f"<{words}Q", data):
        word = word * _MULTIPLIER & _MASK
        word = (word ^ (word >> _SHIFT)) * _MULTIPLIER & _MASK
        made = (made ^ word) * _MULTIPLIER & _MASK
    rest = data[words << 3 :]
    if rest:
        made = (made ^ int.from_bytes(rest, "little")) * _MULTIPLIER & _MASK
    made = (made ^ (made >> _SHIFT)) * _MULTIPLIER & _MASK
    return made ^ (made >> _SHIFT)
