"""Intsets and listpacks: small collections as one string of bytes.

A listpack is its size (4 bytes), its number of items (2 bytes, 65535: count them), the items, and 0xFF. An
item is what it is (an integer, if it reads as one, or a string), and its size once more, backwards, for
reading from the end. An intset is the width of its integers (4 bytes), their number (4 bytes), and the
integers in order.

Source: https://github.com/antirez/listpack/blob/master/listpack.md
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import pairwise
from struct import Struct
from typing import Final

from protocol.integers import parse_integer
from protocol.rdb.records import CorruptPayload

_INTSET_HEADER: Final = Struct("<II")
_LISTPACK_HEADER: Final = Struct("<IH")
_U32: Final = Struct("<I")

LISTPACK_EMPTY_BYTES: Final = 7
_COUNT_UNKNOWN: Final = 0xFFFF
_END: Final = 0xFF

_INTSET_CODES: Final = {2: "h", 4: "i", 8: "q"}
_INTEGER_BYTES: Final = {0xF1: 2, 0xF2: 3, 0xF3: 4, 0xF4: 8}
_SMALL: Final = [b"%d" % value for value in range(128)]
_INTEGER_STARTS: Final = frozenset(b"%c" % first for first in b"-0123456789")


def write_intset(members: Iterable[int]) -> bytes:
    """An intset of distinct 64-bit integers, as narrow as they allow."""
    ordered = sorted(members)
    low, high = ordered[0], ordered[-1]
    width = next(width for width in (2, 4, 8) if -(1 << 8 * width - 1) <= low and high < 1 << 8 * width - 1)
    return _INTSET_HEADER.pack(width, len(ordered)) + array(_INTSET_CODES[width], ordered).tobytes()


def read_intset(data: bytes) -> list[bytes]:
    """The members in order, as text. Raises CorruptPayload."""
    if len(data) < _INTSET_HEADER.size:
        raise CorruptPayload("intset cut short")
    width, count = _INTSET_HEADER.unpack_from(data)
    code = _INTSET_CODES.get(width)
    if code is None or len(data) != _INTSET_HEADER.size + width * count:
        raise CorruptPayload("intset of the wrong size")
    members = array(code, data[_INTSET_HEADER.size :]).tolist()
    if any(left >= right for left, right in pairwise(members)):
        raise CorruptPayload("intset out of order")
    return [b"%d" % member for member in members]


def listpack_item(item: bytes) -> bytes:
    """One item of a listpack, with its size behind it."""
    integer = parse_integer(item) if len(item) <= 20 else None
    packed = _packed_string(item) if integer is None else _packed_integer(integer)
    return packed + _size_backwards(len(packed))


def listpack_integer(value: int) -> bytes:
    """One item of a listpack that is a signed 64-bit integer."""
    packed = _packed_integer(value)
    return packed + _size_backwards(len(packed))


def listpack_integer_bytes(value: int) -> int:
    """How many bytes listpack_integer() makes of it."""
    if 0 <= value < 128:
        return 2
    bits = (value if value >= 0 else ~value).bit_length()
    return 3 if bits < 13 else 4 if bits < 16 else 5 if bits < 24 else 6 if bits < 32 else 10


def listpack_item_bytes(item: bytes) -> int:
    """How many bytes listpack_item() makes of it."""
    size = len(item)
    if size <= 20 and item[:1] in _INTEGER_STARTS:
        integer = parse_integer(item)
        if integer is not None:
            return listpack_integer_bytes(integer)
    packed = size + (1 if size < 64 else 2 if size < 4096 else 5)
    return packed + len(_size_backwards(packed)) if packed > 127 else packed + 1


def _packed_integer(value: int) -> bytes:
    if 0 <= value < 128:
        return bytes((value,))
    if -4096 <= value < 4096:
        return bytes((0xC0 | (value >> 8 & 0x1F), value & 0xFF))
    for code, width in _INTEGER_BYTES.items():
        if -(1 << 8 * width - 1) <= value < 1 << 8 * width - 1:
            return bytes((code,)) + value.to_bytes(width, "little", signed=True)
    raise OverflowError(value)


def _packed_string(item: bytes) -> bytes:
    size = len(item)
    if size < 64:
        return bytes((0x80 | size,)) + item
    if size < 4096:
        return bytes((0xE0 | size >> 8, size & 0xFF)) + item
    return b"\xf0" + _U32.pack(size) + item


def _size_backwards(size: int) -> bytes:
    """Seven bits a byte, the highest first; every byte but the first says that there is more before it.

    The limits are one less than they need be, in Redis as well.
    """
    if size <= 127:
        return bytes((size,))
    if size < 16383:
        return bytes((size >> 7, size & 127 | 128))
    width = 3 if size < 2097151 else 4 if size < 268435455 else 5
    low = [size >> 7 * shift & 127 | 128 for shift in range(width - 2, -1, -1)]
    return bytes((size >> 7 * (width - 1), *low))


def write_listpack(items: Iterable[bytes]) -> bytes:
    """A listpack of these items."""
    return join_listpack([listpack_item(item) for item in items])


def join_listpack(packed: Sequence[bytes]) -> bytes:
    """A listpack of what listpack_item() made."""
    body = b"".join(packed)
    return (
        _LISTPACK_HEADER.pack(len(body) + LISTPACK_EMPTY_BYTES, min(len(packed), _COUNT_UNKNOWN))
        + body
        + b"\xff"
    )


def read_listpack(data: bytes) -> list[bytes]:
    """The items of a listpack. Raises CorruptPayload."""
    if len(data) < LISTPACK_EMPTY_BYTES or data[-1] != _END:
        raise CorruptPayload("listpack cut short")
    total, count = _LISTPACK_HEADER.unpack_from(data)
    if total != len(data):
        raise CorruptPayload("listpack of the wrong size")
    items: list[bytes] = []
    position, end = _LISTPACK_HEADER.size, total - 1
    while position < end:
        item, size = _read_item(data, position, end)
        behind = _size_backwards(size)
        position += size
        if data[position : position + len(behind)] != behind:
            raise CorruptPayload("listpack item of the wrong size")
        position += len(behind)
        items.append(item)
    if position != end or (count != _COUNT_UNKNOWN and count != len(items)):
        raise CorruptPayload("listpack with the wrong number of items")
    return items


def _read_item(data: bytes, position: int, end: int) -> tuple[bytes, int]:
    """An item as text and its packed size, without the size behind it."""
    first = data[position]
    if first < 0x80:
        return _SMALL[first], 1
    if first < 0xC0:
        return _text(data, position, 1, first & 0x3F, end)
    if position + 5 > end and first == 0xF0:
        raise CorruptPayload("listpack item cut short")
    if first < 0xE0:
        value = (first & 0x1F) << 8 | data[position + 1]
        return b"%d" % (value - 8192 if value >= 4096 else value), 2
    if first < 0xF0:
        return _text(data, position, 2, (first & 0x0F) << 8 | data[position + 1], end)
    if first == 0xF0:
        return _text(data, position, 5, _U32.unpack_from(data, position + 1)[0], end)
    width = _INTEGER_BYTES.get(first)
    if width is None or position + 1 + width > end:
        raise CorruptPayload("listpack item of an unknown kind or cut short")
    raw = data[position + 1 : position + 1 + width]
    return b"%d" % int.from_bytes(raw, "little", signed=True), 1 + width


def _text(data: bytes, position: int, header: int, size: int, end: int) -> tuple[bytes, int]:
    start = position + header
    if start + size > end:
        raise CorruptPayload("listpack item cut short")
    return data[start : start + size], header + size
