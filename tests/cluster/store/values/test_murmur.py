from __future__ import annotations

import pytest

from cluster.store.values.murmur import murmur64a

SEED = 0xADC83B19


@pytest.mark.parametrize("size", range(24))
def test_every_byte_counts(size: int) -> None:
    data = bytes(range(1, size + 1))
    made = murmur64a(data, SEED)
    assert 0 <= made < 1 << 64
    for at in range(size):
        assert murmur64a(data[:at] + b"\0" + data[at + 1 :], SEED) != made
    assert murmur64a(data + b"\0", SEED) != made
    assert murmur64a(data, SEED + 1) != made
    assert murmur64a(bytearray(data), SEED) == made


def test_as_on_every_other_machine() -> None:
    """The low bits of these choose the registers that a real redis-server sets; see tests/parity."""
    assert murmur64a(b"", 0) == 0
    assert murmur64a(b"hello", SEED) & 0x3FFF == HELLO_REGISTER


HELLO_REGISTER = 9216
"""PFADD k hello, PFDEBUG GETREG k of redis-server 7.0.15: the register that is not 0."""
