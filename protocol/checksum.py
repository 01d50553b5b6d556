"""The checksum at the end of RDB files and DUMP payloads: CRC-64 with the Jones polynomial, reflected, from
zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import crcmod

_crc64: Final[Callable[[bytes, int], int]] = crcmod.mkCrcFun(
    0x1AD93D23594C935A9, initCrc=0, rev=True, xorOut=0
)


def crc64(data: bytes, so_far: int = 0) -> int:
    """The checksum of `data`, continuing from that of what came before it."""
    return _crc64(data, so_far)
