"""Which of the 16384 hash slots a key belongs to.

The slot is CRC-16/XMODEM of the key, or of its hash tag, modulo 16384. crcmod's `xmodem` defines it;
`binascii.crc_hqx` is the same function, made in C and faster to call, and a test holds the two equal.

Source: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model
"""

from __future__ import annotations

from binascii import crc_hqx

SLOTS = 16384


def hash_tag(key: bytes) -> bytes:
    """The part of a key that is hashed: what stands between its first `{` and the next `}`, if anything
    does.
    """
    start = key.find(b"{")
    if start < 0:
        return key
    end = key.find(b"}", start + 1)
    return key if end <= start + 1 else key[start + 1 : end]


def key_slot(key: bytes) -> int:
    """The hash slot of a key, 0 to 16383."""
    if b"{" in key:
        key = hash_tag(key)
    return crc_hqx(key, 0) & 0x3FFF
