"""A HyperLogLog's registers as runs: the form it has while most of them are zero.

A byte 00nnnnnn is a run of n+1 zeros; two bytes 01nnnnnn nnnnnnnn a run of n+1 zeros; a byte 1vvvvvnn a run
of n+1 registers that all are v+1. Where a register is set, its run is split, and neighbours of one value are
joined again within a few runs. Which ones are is part of the format: two servers that were given the same
elements have the same bytes.

Source: https://redis.io/docs/latest/develop/data-types/probabilistic/hyperloglogs/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

REGISTERS: Final = 1 << 14
HEADER: Final = 16
"""The size of what stands before the registers in a sketch."""

VALUE_MAX: Final = 32
"""The highest register that fits a run."""

_SHORT_ZEROS_MAX = 64
_VALUES_MAX = 4
_LONG_ZEROS = 0x40
_VALUES = 0x80
_JOINS_TRIED = 5

_RUN_OF_BYTE: Final = (*range(1, _SHORT_ZEROS_MAX + 1), *(0,) * 64, *(1, 2, 3, 4) * 32)
"""How many registers a byte stands for; 0 where the next byte is needed to tell."""


class CorruptSketch(ValueError):
    """The registers are not what a HyperLogLog has."""


class NeedsDense(Exception):
    """The runs cannot hold this, or not in so few bytes."""


def zeros(count: int) -> bytes:
    """The run of so many zeros; nothing for none."""
    if count > _SHORT_ZEROS_MAX:
        return bytes((_LONG_ZEROS | (count - 1) >> 8, (count - 1) & 0xFF))
    return bytes((count - 1,)) if count else b""


def _values(value: int, count: int) -> bytes:
    return bytes((_VALUES | (value - 1) << 2 | (count - 1),)) if count else b""


def _long_run(sketch: bytes | bytearray, at: int) -> int:
    """The length of the two-byte run; a byte that is missing at the end counts as zero."""
    low = sketch[at + 1] if at + 1 < len(sketch) else 0
    return ((sketch[at] & 0x3F) << 8 | low) + 1


def codes(sketch: bytes | bytearray) -> Iterator[tuple[int, int, int]]:
    """Each run: its first byte, its value and its length."""
    at = HEADER
    while at < len(sketch):
        code = sketch[at]
        run = _RUN_OF_BYTE[code]
        if run:
            at += 1
        else:
            run = _long_run(sketch, at)
            at += 2
        yield code, ((code >> 2) & 0x1F) + 1 if code & _VALUES else 0, run


def runs(sketch: bytes | bytearray) -> list[tuple[int, int]]:
    """All runs: value and length. Raises CorruptSketch when they are not as long as all registers."""
    found = [(value, run) for _, value, run in codes(sketch)]
    if sum(run for _, run in found) != REGISTERS:
        raise CorruptSketch
    return found


class SparseEditor:
    """Sets registers of one sketch that nobody else changes meanwhile.

    A register with a higher index than the one before is looked for from about there on, so that setting
    many in order is one walk.
    """

    __slots__ = ("_bytes_max", "_first", "_index", "_place", "_sketch")

    def __init__(self, sketch: bytearray, bytes_max: int) -> None:
        self._sketch = sketch
        self._bytes_max = bytes_max
        self._place, self._first, self._index = HEADER, 0, -1

    def raise_register(self, index: int, value: int) -> bool:
        """Sets a register unless it has this value or a higher one; whether it was set.

        Raises NeedsDense when the sketch must become a dense one first, CorruptSketch.
        """
        if value > VALUE_MAX:
            raise NeedsDense
        sketch = self._sketch
        previous, at, first, run = self._find(index)
        code = sketch[at]
        old = ((code >> 2) & 0x1F) + 1 if code & _VALUES else 0
        if old >= value:
            return False
        old_size = 1 if _RUN_OF_BYTE[code] else 2
        if run == 1 and old_size == 1:
            sketch[at] = _VALUES | (value - 1) << 2
        else:
            self._split(at, old_size, old, (index - first, value, first + run - 1 - index))
        self._join(previous)
        return True

    def _find(self, index: int) -> tuple[int, int, int, int]:
        """The run before the one that has a register (the first where there is none), that run, its first
        register, its length.

        The next search starts one run before: joining changes that run at the most, never one in front of it.
        """
        sketch = self._sketch
        at, first = (self._place, self._first) if index > self._index else (HEADER, 0)
        before = previous = at
        before_first = previous_first = first
        end = len(sketch)
        while at < end:
            run = _RUN_OF_BYTE[sketch[at]]
            size = 1
            if not run:
                run, size = _long_run(sketch, at), 2
            if index < first + run:
                self._place, self._first, self._index = before, before_first, index
                return previous, at, first, run
            before, before_first = previous, previous_first
            previous, previous_first = at, first
            at += size
            first += run
        raise CorruptSketch

    def _split(self, at: int, old_size: int, old: int, parts: tuple[int, int, int]) -> None:
        """Puts a register between what is left of its run on both sides."""
        sketch = self._sketch
        before, value, after = parts
        if old:
            made = _values(old, before) + _values(value, 1) + _values(old, after)
        else:
            made = zeros(before) + _values(value, 1) + zeros(after)
        size = len(sketch) + len(made) - old_size
        if len(made) > old_size and size > self._bytes_max:
            raise NeedsDense
        sketch[at : at + old_size] = made
        del sketch[size:]  # more only where a long run lacked its second byte

    def _join(self, at: int) -> None:
        """Joins neighbours of one value, within a few runs from a place on."""
        sketch = self._sketch
        for _ in range(_JOINS_TRIED):
            if at >= len(sketch):
                return
            code = sketch[at]
            if not code & _VALUES:
                at += 1 if _RUN_OF_BYTE[code] else 2
                continue
            if at + 1 < len(sketch) and not (code ^ sketch[at + 1]) & 0xFC:
                count = (code & 3) + (sketch[at + 1] & 3) + 2
                if count <= _VALUES_MAX:
                    sketch[at : at + 2] = bytes((code & 0xFC | count - 1,))
                    continue
            at += 1
