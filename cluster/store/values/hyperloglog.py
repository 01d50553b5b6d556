"""HyperLogLogs: how many different elements have been seen, told from 16384 small registers.

A sketch is a string, byte for byte Redis's: "HYLL", a byte that says dense (0) or sparse (1), three unused
ones, the last estimate as 8 bytes (little endian, the highest bit set when it no longer holds), and the
registers. Dense ones have 6 bits each, lowest bits first; the sparse form is in the file beside this one.

Source: https://redis.io/docs/latest/develop/data-types/probabilistic/hyperloglogs/ and, for the estimate,
Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", arXiv:1702.01284.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, TypeGuard

from cluster.store.values.murmur import murmur64a
from cluster.store.values.sparse_registers import (
    HEADER,
    REGISTERS,
    NeedsDense,
    SparseEditor,
    codes,
    runs,
    zeros,
)

DENSE: Final = 0
SPARSE: Final = 1
DENSE_BYTES: Final = HEADER + REGISTERS * 6 // 8

_MAGIC = b"HYLL"
_ENCODING_AT = 4
_ESTIMATE_AT = 8
_STALE_AT = 15
_STALE_BIT = 0x80
_SEED = 0xADC83B19
_INDEX_BITS = 14
_RANK_BITS = 50
_ALPHA = 0.721347520444481703680
"""1 / (2 ln 2)"""

Sketch = bytes | bytearray


def new_sketch() -> bytearray:
    """A sketch that has seen nothing."""
    return bytearray(_MAGIC + bytes((SPARSE,)) + bytes(HEADER - 5) + zeros(REGISTERS))


def is_sketch(value: object) -> TypeGuard[Sketch]:
    """Whether a value looks like a sketch; its registers may be corrupt all the same."""
    return (
        isinstance(value, (bytes, bytearray))
        and len(value) >= HEADER
        and value.startswith(_MAGIC)
        and (value[_ENCODING_AT] == SPARSE or (value[_ENCODING_AT] == DENSE and len(value) == DENSE_BYTES))
    )


def is_sparse(sketch: Sketch) -> bool:
    """Whether the registers are runs."""
    return sketch[_ENCODING_AT] == SPARSE


def hash_element(element: bytes) -> tuple[int, int]:
    """The register that an element goes to, and its rank there: 1 and the zeros its hash ends in."""
    made = murmur64a(element, _SEED)
    rest = made >> _INDEX_BITS | 1 << _RANK_BITS
    return made & (REGISTERS - 1), (rest & -rest).bit_length()


# Changing


def add(sketch: bytearray, element: bytes, sparse_bytes_max: int) -> bool:
    """Shows an element to a sketch; whether that changed a register. Raises CorruptSketch."""
    index, rank = hash_element(element)
    if is_sparse(sketch):
        try:
            changed = SparseEditor(sketch, sparse_bytes_max).raise_register(index, rank)
        except NeedsDense:
            to_dense(sketch)
            changed = _raise_dense(sketch, index, rank)
    else:
        changed = _raise_dense(sketch, index, rank)
    if changed:
        forget_estimate(sketch)
    return changed


def raise_all(sketch: bytearray, registers: Sequence[int], sparse_bytes_max: int) -> None:
    """Raises each register to a value that is no lower than its own. Raises CorruptSketch."""
    forget_estimate(sketch)
    if is_sparse(sketch):
        editor = SparseEditor(sketch, sparse_bytes_max)
        try:
            for index, value in enumerate(registers):
                if value:
                    editor.raise_register(index, value)
            return
        except NeedsDense:
            to_dense(sketch)
    sketch[HEADER:] = _pack(bytes(registers))


def to_dense(sketch: bytearray) -> None:
    """Gives a sparse sketch the dense form. Raises CorruptSketch."""
    packed = _pack(read_registers(sketch))
    sketch[HEADER:] = packed
    sketch[_ENCODING_AT] = DENSE


def _raise_dense(sketch: bytearray, index: int, rank: int) -> bool:
    at, shift = divmod(index * 6, 8)
    place = slice(HEADER + at, HEADER + at + 2)
    pair = int.from_bytes(sketch[place], "little")
    if (pair >> shift) & 63 >= rank:
        return False
    pair = (pair & ~(63 << shift)) | rank << shift
    sketch[place] = pair.to_bytes(len(sketch[place]), "little")
    return True


# Reading


def read_registers(sketch: Sketch) -> bytes:
    """A byte for each register. Raises CorruptSketch."""
    if is_sparse(sketch):
        return b"".join(bytes((value,)) * run for value, run in runs(sketch))
    return _unpack(sketch[HEADER:])


def estimate(sketch: Sketch) -> int:
    """How many elements, more or less, the sketch has seen. Raises CorruptSketch."""
    if not is_sparse(sketch):
        return estimate_registers(read_registers(sketch))
    histogram: Counter[int] = Counter()
    for value, run in runs(sketch):
        histogram[value] += run
    return _estimate(histogram)


def estimate_registers(registers: bytes) -> int:
    """As estimate(), of registers by themselves."""
    return _estimate(Counter(registers))


def known_estimate(sketch: Sketch) -> int | None:
    """The estimate that the sketch carries; None when it no longer holds."""
    if sketch[_STALE_AT] & _STALE_BIT:
        return None
    return int.from_bytes(sketch[_ESTIMATE_AT:HEADER], "little")


def note_estimate(sketch: bytearray, value: int) -> None:
    """Lets the sketch carry its estimate."""
    sketch[_ESTIMATE_AT:HEADER] = value.to_bytes(8, "little")


def forget_estimate(sketch: bytearray) -> None:
    """Says that the estimate no longer holds."""
    sketch[_STALE_AT] |= _STALE_BIT


def describe_runs(sketch: Sketch) -> bytes:
    """A sparse sketch's runs as PFDEBUG DECODE shows them."""
    shown = []
    for code, value, run in codes(sketch):
        if value:
            shown.append(b"v:%d,%d" % (value, run))
        else:
            shown.append(b"%b:%d" % (b"Z" if code & 0x40 else b"z", run))
    return b" ".join(shown)


def _estimate(histogram: Mapping[int, int]) -> int:
    """From how often each value stands in a register. A register that is higher than any can be counts for
    nothing, as in Redis; where no other is left the estimate is 2**63."""
    size = float(REGISTERS)
    total = size * _tau((size - histogram.get(_RANK_BITS + 1, 0)) / size)
    for rank in range(_RANK_BITS, 0, -1):
        total += histogram.get(rank, 0)
        total *= 0.5
    total += size * _sigma(histogram.get(0, 0) / size)
    if total == 0:
        return 1 << 63
    raw = _ALPHA * size * size / total
    whole = math.floor(raw)
    return whole + (raw - whole >= 0.5)


def _tau(x: float) -> float:
    if x in (0.0, 1.0):
        return 0.0
    y, z, before = 1.0, 1 - x, -1.0
    while z != before:
        x = math.sqrt(x)
        before = z
        y *= 0.5
        z -= math.pow(1 - x, 2) * y
    return z / 3


def _sigma(x: float) -> float:
    if x == 1.0:
        return math.inf
    y, z, before = 1.0, x, -1.0
    while z != before:
        x *= x
        before = z
        z += x * y
        y += y
    return z


# Four registers of 6 bits are three bytes: all first, second... ones are moved at once.


def _table(move: int, mask: int) -> bytes:
    """Each byte shifted (left when positive), and what is left of it."""
    return bytes((byte << move if move > 0 else byte >> -move) & mask for byte in range(256))


def _either(left: bytes, right: bytes) -> bytes:
    both = int.from_bytes(left, "little") | int.from_bytes(right, "little")
    return both.to_bytes(len(left), "little")


def _unpack(packed: Sketch) -> bytes:
    first, second, third = (bytes(packed[at::3]) for at in range(3))
    registers = bytearray(REGISTERS)
    registers[0::4] = first.translate(_LOW_6)
    registers[1::4] = _either(first.translate(_HIGH_2_DOWN), second.translate(_LOW_4_UP))
    registers[2::4] = _either(second.translate(_HIGH_4_DOWN), third.translate(_LOW_2_UP))
    registers[3::4] = third.translate(_HIGH_6_DOWN)
    return bytes(registers)


def _pack(registers: bytes) -> bytes:
    first, second, third, fourth = (registers[at::4] for at in range(4))
    packed = bytearray(REGISTERS * 6 // 8)
    packed[0::3] = _either(first, second.translate(_LOW_2_TO_TOP))
    packed[1::3] = _either(second.translate(_WITHOUT_2), third.translate(_LOW_4_TO_TOP))
    packed[2::3] = _either(third.translate(_WITHOUT_4), fourth.translate(_UP_2))
    return bytes(packed)


_LOW_6 = _table(0, 0x3F)
_HIGH_2_DOWN, _LOW_4_UP = _table(-6, 0x03), _table(2, 0x3C)
_HIGH_4_DOWN, _LOW_2_UP = _table(-4, 0x0F), _table(4, 0x30)
_HIGH_6_DOWN = _table(-2, 0x3F)
_LOW_2_TO_TOP, _WITHOUT_2 = _table(6, 0xC0), _table(-2, 0x0F)
_LOW_4_TO_TOP, _WITHOUT_4 = _table(4, 0xF0), _table(-4, 0x03)
_UP_2 = _table(2, 0xFC)
