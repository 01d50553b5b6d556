"""How one value is written in a frame and read back: the alphabet from which codec.py spells its layouts.

Numbers are big-endian. A Reader never reads past its end, and anything out of bounds is MalformedFrame.
"""

from __future__ import annotations

import string
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from protocol.gossip import slotset
from protocol.gossip.messages import VERSION_MAX

NODE_ID_BYTES = 20
TEXT_BYTES_MAX = 255
_RANGES_MAX = 500
_BITMAP_BYTES = slotset.SLOTS // 8
_PLACES_BYTES_MAX = 4 * _BITMAP_BYTES
"""A set of places in a list of members: three replicas for each primary that there can be."""
_HOST_CHARACTERS = frozenset((string.ascii_letters + string.digits + ".:-_%").encode())


class MalformedFrame(Exception):
    """Bytes that are no frame of ours; the peer broke it, and nothing has been taken from it."""


class Reader:
    """A place in a frame's body."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        """The next bytes. Raises MalformedFrame when there are not so many."""
        end = self._at + count
        if end > len(self._data):
            raise MalformedFrame("cut short")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def finish(self) -> None:
        """Raises MalformedFrame unless all has been read."""
        if self._at != len(self._data):
            raise MalformedFrame("bytes left over")


@dataclass(frozen=True, slots=True)
class Field:
    """A way to write and read one kind of value. `size` is how many bytes it takes: a number where that is
    always the same, else a function of the value."""

    write: Callable[[bytearray, Any], None]
    read: Callable[[Reader], Any]
    size: int | Callable[[Any], int]

    def size_of(self, value: Any) -> int:
        """How many bytes this value takes."""
        return self.size if isinstance(self.size, int) else self.size(value)


def number(form: str, maximum: int) -> Field:
    """An unsigned integer of this struct form, at most `maximum`."""
    packer = struct.Struct(">" + form)

    def write(out: bytearray, value: int) -> None:
        out += packer.pack(value)

    def read(reader: Reader) -> int:
        value: int = packer.unpack(reader.take(packer.size))[0]
        if value > maximum:
            raise MalformedFrame("number out of range")
        return value

    return Field(write, read, packer.size)


U8 = number("B", 0xFF)
U16 = number("H", 0xFFFF)
U32 = number("I", 0xFFFFFFFF)
U64 = number("Q", 0xFFFFFFFFFFFFFFFF)
VERSION = number("Q", VERSION_MAX - 1)
PORT = U16


def _write_flag(out: bytearray, value: bool) -> None:
    out.append(1 if value else 0)


def _read_flag(reader: Reader) -> bool:
    value = reader.take(1)[0]
    if value > 1:
        raise MalformedFrame("neither true nor false")
    return value == 1


FLAG = Field(_write_flag, _read_flag, 1)


def _write_bytes(out: bytearray, value: bytes) -> None:
    U32.write(out, len(value))
    out += value


def _read_bytes(reader: Reader) -> bytes:
    return reader.take(U32.read(reader))


BYTES = Field(_write_bytes, _read_bytes, lambda value: 4 + len(value))


def _write_id(out: bytearray, value: str) -> None:
    out += bytes.fromhex(value)


def _read_id(reader: Reader) -> str:
    return reader.take(NODE_ID_BYTES).hex()


NODE_ID = Field(_write_id, _read_id, NODE_ID_BYTES)


def _write_optional_id(out: bytearray, value: str) -> None:
    _write_flag(out, value != "")
    _write_id(out, value)


def _read_optional_id(reader: Reader) -> str:
    return _read_id(reader) if _read_flag(reader) else ""


OPTIONAL_ID = Field(
    _write_optional_id, _read_optional_id, lambda value: 1 + NODE_ID_BYTES if value != "" else 1
)


def _write_host(out: bytearray, value: str) -> None:
    data = value.encode("ascii")
    out.append(len(data))
    out += data


def _read_host(reader: Reader) -> str:
    data = reader.take(reader.take(1)[0])
    # Hosts end up in nodes.conf, in replies and in redirects: nothing that could break a line may pass.
    if not _HOST_CHARACTERS.issuperset(data):
        raise MalformedFrame("no host name")
    return data.decode("ascii")


HOST = Field(_write_host, _read_host, lambda value: 1 + len(value))


def _write_slots(out: bytearray, value: int) -> None:
    ranges = slotset.to_ranges(value)
    if len(ranges) > _RANGES_MAX:
        U16.write(out, 0xFFFF)
        out += value.to_bytes(_BITMAP_BYTES, "little")
        return
    U16.write(out, len(ranges))
    for first, last in ranges:
        U16.write(out, first)
        U16.write(out, last)


def _read_slots(reader: Reader) -> int:
    count = U16.read(reader)
    if count == 0xFFFF:
        return int.from_bytes(reader.take(_BITMAP_BYTES), "little")
    if count > _RANGES_MAX:
        raise MalformedFrame("too many ranges")
    ranges: list[tuple[int, int]] = []
    before = -1
    for _ in range(count):
        first, last = U16.read(reader), U16.read(reader)
        if not before < first <= last < slotset.SLOTS:
            raise MalformedFrame("slots out of range")
        ranges.append((first, last))
        before = last
    return slotset.from_ranges(ranges)


@lru_cache(maxsize=1024)
def _range_bytes(value: int) -> int:
    ranges = len(slotset.to_ranges(value))
    return 2 + (_BITMAP_BYTES if ranges > _RANGES_MAX else 4 * ranges)


SLOTS = Field(_write_slots, _read_slots, _range_bytes)
"""As ranges while they are few, else as a bitmap of 2048 bytes."""


def _write_bitmap(out: bytearray, value: int) -> None:
    size = _bitmap_bytes(value)
    U16.write(out, size)
    out += value.to_bytes(size, "little")


def _read_bitmap(reader: Reader) -> int:
    size = U16.read(reader)
    if size > _PLACES_BYTES_MAX:
        raise MalformedFrame("a list of too many members")
    return int.from_bytes(reader.take(size), "little")


def _bitmap_bytes(value: int) -> int:
    return (value.bit_length() + 7) // 8


BITMAP = Field(_write_bitmap, _read_bitmap, lambda value: 2 + _bitmap_bytes(value))
"""A set of places in a list of members."""


def many(item: Field, maximum: int) -> Field:
    """A tuple of at most `maximum` items."""

    def write(out: bytearray, values: tuple[Any, ...]) -> None:
        U32.write(out, len(values))
        for value in values:
            item.write(out, value)

    def read(reader: Reader) -> tuple[Any, ...]:
        count = U32.read(reader)
        if count > maximum:
            raise MalformedFrame("too many items")
        return tuple(item.read(reader) for _ in range(count))

    def size(values: tuple[Any, ...]) -> int:
        if isinstance(item.size, int):
            return 4 + item.size * len(values)
        return 4 + sum(map(item.size, values))

    return Field(write, read, size)


def record(kind: type[Any], layout: dict[str, Field]) -> Field:
    """A dataclass, its fields in the layout's order."""

    def write(out: bytearray, value: Any) -> None:
        for name, field in layout.items():
            field.write(out, getattr(value, name))

    def read(reader: Reader) -> Any:
        return kind(**{name: field.read(reader) for name, field in layout.items()})

    return Field(write, read, layout_size(layout))


def layout_size(layout: dict[str, Field]) -> int | Callable[[Any], int]:
    """How many bytes the fields of an object take, in the way of Field.size."""
    fixed = sum(field.size for field in layout.values() if isinstance(field.size, int))
    variable = [(name, field.size) for name, field in layout.items() if not isinstance(field.size, int)]
    if not variable:
        return fixed

    def size(value: Any) -> int:
        total = fixed
        for name, of in variable:
            total += of(getattr(value, name))
        return total

    return size


def tagged(alternatives: dict[int, tuple[type[Any], Field]]) -> Field:
    """One of several dataclasses, told apart by a byte."""
    numbers = {kind: tag for tag, (kind, _) in alternatives.items()}

    def write(out: bytearray, value: Any) -> None:
        tag = numbers[type(value)]
        out.append(tag)
        alternatives[tag][1].write(out, value)

    def read(reader: Reader) -> Any:
        tag = reader.take(1)[0]
        if tag not in alternatives:
            raise MalformedFrame("unknown kind")
        return alternatives[tag][1].read(reader)

    sizes = {kind: field.size_of for kind, field in alternatives.values()}
    return Field(write, read, lambda value: 1 + sizes[type(value)](value))
