"""LZF, as RDB files and DUMP payloads use it for strings.

The format: a byte below 32 announces so many literal bytes and one more; any other byte holds a length
(three bits, 7: one more byte adds to it) and, with the byte after that, a distance back. The compressor
finds the same matches as liblzf in the form that Redis builds in, so that payloads are equal byte for byte.

Source: http://oldhome.schmorp.de/marc/liblzf.html
"""

from __future__ import annotations

from typing import Final

_LITERALS_MAX: Final = 32
_DISTANCE_MAX: Final = 8192
_MATCH_MAX: Final = 264
_HASH_MASK: Final = 0xFFFF
_EXPANSION_MAX: Final = _MATCH_MAX
"""No input byte yields more output than a whole match."""
_FEW_BYTES: Final = 2048
"""Below this a text is put together quicker as bytes, copied with each addition, than in a bytearray."""


class CorruptLzf(ValueError):
    """The compressed bytes do not make a text of the promised size."""


def compress(data: bytes, size_max: int) -> bytes | None:
    """The compressed form of `data`; None when that would take more than `size_max` bytes."""
    if size_max <= 0 or _has_no_repeats(data):
        return None
    return _Compressor(data, size_max).run()


def _has_no_repeats(data: bytes) -> bool:
    """Whether no three bytes in a row come twice: then there is nothing to gain. Much cheaper than trying."""
    if len(data) >= 4096 or data.find(data[-3:]) < len(data) - 3:
        return False
    return len(set(zip(data, data[1:], data[2:], strict=False))) >= len(data) - 2


class _Compressor:
    """One run. The bytes from `flushed` on are literals that are not in `out` yet."""

    __slots__ = ("data", "flushed", "out", "size_max")

    def __init__(self, data: bytes, size_max: int) -> None:
        self.data = data
        self.size_max = size_max
        self.out = bytearray()
        self.flushed = 0

    def run(self) -> bytes | None:
        data = self.data
        seen: dict[int, int] = {}
        before = seen.get
        position, last = 0, len(data) - 2
        value = data[0] << 8 | data[1]
        while position < last:
            value = (value << 8 | data[position + 2]) & 0xFFFFFF
            slot = (value >> 8) - value * 5 & _HASH_MASK
            earlier = before(slot, 0)
            seen[slot] = position
            if (
                earlier
                and position - earlier <= _DISTANCE_MAX
                and data[earlier : earlier + 3] == data[position : position + 3]
            ):
                length = _match_length(data, earlier, position)
                if not self._add_match(position, position - earlier - 1, length):
                    return None
                position += length
                for passed in (position - 2, position - 1) if position < last else ():
                    value = data[passed] << 16 | data[passed + 1] << 8 | data[passed + 2]
                    seen[(value >> 8) - value * 5 & _HASH_MASK] = passed
            else:
                position += 1
        return self._finish(position)

    def _size(self, literals: int) -> int:
        """The size with so many literals more: each 32 have their length before them, and so has the open
        run.
        """
        return len(self.out) + literals + literals // _LITERALS_MAX + 1

    def _add_match(self, position: int, distance: int, length: int) -> bool:
        """Whether there is room for the literals up to `position` and for the match."""
        literals = position - self.flushed
        is_run_empty = literals % _LITERALS_MAX == 0
        if not self._has_room(literals) or self._size(literals) - is_run_empty + 4 >= self.size_max:
            return False
        self._flush(position)
        coded = length - 2
        if coded < 7:
            self.out.append(distance >> 8 | coded << 5)
        else:
            self.out += bytes((distance >> 8 | 7 << 5, coded - 7))
        self.out.append(distance & 0xFF)
        self.flushed = position + length
        return True

    def _has_room(self, literals: int) -> bool:
        return literals == 0 or self._size(literals - 1) < self.size_max

    def _flush(self, end: int) -> None:
        data, out = self.data, self.out
        for start in range(self.flushed, end, _LITERALS_MAX):
            run = data[start : min(start + _LITERALS_MAX, end)]
            out.append(len(run) - 1)
            out += run

    def _finish(self, position: int) -> bytes | None:
        literals = max(position - self.flushed, 0)
        if not self._has_room(literals) or self._size(literals) + 3 > self.size_max:
            return None
        self._flush(len(self.data))
        return bytes(self.out)


def _match_length(data: bytes, earlier: int, position: int) -> int:
    """How far the match goes. liblzf compares sixteen bytes without looking at the end, if it is that far
    away, and so gets two bytes further than otherwise.
    """
    limit = min(len(data) - position - 2, _MATCH_MAX)
    end = max(limit, 19) if limit > 16 else limit
    length = 3
    step = end - length
    # By halves: a long match, which is what pays, is found equal in few comparisons.
    while step > 0 and length < end:
        here, there = earlier + length, position + length
        if data[here : here + step] == data[there : there + step]:
            length += step
            step = min(step, end - length)
        else:
            step >>= 1
    return length


def decompress(data: bytes, size: int) -> bytes:
    """The text of `size` bytes that `data` was made of. Raises CorruptLzf; never makes more than that."""
    if size > len(data) * _EXPANSION_MAX:
        raise CorruptLzf("LZF: promises more than it can hold")
    out: bytes | bytearray = b"" if size < _FEW_BYTES else bytearray()
    position, end = 0, len(data)
    try:
        while position < end:
            control = data[position]
            if control < _LITERALS_MAX:
                start = position + 1
                position = start + control + 1
                out += data[start:position]
                continue
            length = (control >> 5) + 2
            if length == 9:
                position += 1
                length += data[position]
            distance = ((control & 0x1F) << 8 | data[position + 1]) + 1
            position += 2
            start = len(out) - distance
            if start < 0:
                raise CorruptLzf("LZF: reference before the start")
            if distance >= length:
                out += out[start : start + length]
            else:  # it reaches into what it makes itself, and so repeats
                out += (out[start:] * (length // distance + 1))[:length]
            if len(out) > size:
                raise CorruptLzf("LZF: longer than promised")
    except IndexError:
        raise CorruptLzf("LZF: reference cut short") from None
    if position > end:
        raise CorruptLzf("LZF: literal cut short")
    if len(out) != size:
        raise CorruptLzf(f"LZF: {'longer' if len(out) > size else 'shorter'} than promised")
    return bytes(out)
