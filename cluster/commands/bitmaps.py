"""Bitmaps: the bits of strings, read, set, counted, found and combined.

Source: https://redis.io/docs/latest/commands/?group=bitmap
"""

from __future__ import annotations

from collections.abc import Sequence

from cluster.commands.arguments import integer
from cluster.commands.context import Context
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, WRONG_TYPE, CommandError
from cluster.store.values.bits import combine, count_ones, find_bit, read_field
from protocol.resp.types import Reply

BAD_OFFSET = "ERR bit offset is not an integer or out of range"

_BYTE_OR_BIT = (("7.0.0", "Takes BYTE and BIT."),)


def bit_offset(ctx: Context, text: bytes, width: int = 0) -> int:
    """An offset in bits. With a field's width it may be `#n`: n fields on. Raises CommandError."""
    fields = width > 0 and text[:1] == b"#"
    offset = integer(text[1:], BAD_OFFSET) * width if fields else integer(text, BAD_OFFSET)
    if not 0 <= offset >> 3 < ctx.server.options.proto_max_bulk_len:
        raise CommandError(BAD_OFFSET)
    return offset


def writable(ctx: Context, key: bytes, last_bit: int) -> tuple[bytearray, bool]:
    """The key's string, made or grown so that it has this bit, and whether that changed it.

    Raises CommandError(WRONG_TYPE).
    """
    entry = ctx.db.target(key)
    value = b"" if entry is None else entry.value
    if not isinstance(value, (bytes, bytearray)):
        raise CommandError(WRONG_TYPE)
    buffer = value if isinstance(value, bytearray) else bytearray(value)
    missing = (last_bit >> 3) + 1 - len(buffer)
    if missing > 0:
        buffer.extend(bytes(missing))
    if entry is None:
        ctx.db.put(key, buffer)
    else:
        entry.value = buffer
    return buffer, missing > 0


@command("SETBIT", "key offset:integer value:integer", group="bitmap", since="2.2.0", flags="WRITE DENYOOM",
         keys="RW ACCESS UPDATE")  # fmt: skip
def setbit(ctx: Context, key: bytes, offset_text: bytes, value: bytes) -> Reply:
    """Sets or clears a bit of a string; the reply is what it was."""
    offset = bit_offset(ctx, offset_text)
    bit = integer(value, "ERR bit is not an integer or out of range")
    if bit not in (0, 1):
        raise CommandError("ERR bit is not an integer or out of range")
    buffer, grown = writable(ctx, key, offset)
    mask = 0x80 >> (offset & 7)
    old = buffer[offset >> 3] & mask != 0
    if grown or old != bit:
        if bit:
            buffer[offset >> 3] |= mask
        else:
            buffer[offset >> 3] &= ~mask
        ctx.changed(key, b"setbit")
    return int(old)


@command("GETBIT", "key offset:integer", group="bitmap", since="2.2.0", flags="READONLY FAST",
         keys="RO ACCESS")  # fmt: skip
def getbit(ctx: Context, key: bytes, offset_text: bytes) -> Reply:
    """Returns a bit of a string, 0 behind its end."""
    offset = bit_offset(ctx, offset_text)
    return read_field(ctx.db.string(key) or b"", offset, 1)


@command("BITCOUNT", "key index=[start:integer end:integer index_unit=[BYTE | BIT]]", group="bitmap",
         since="2.6.0", flags="READONLY", keys="RO ACCESS", complexity="O(N) for a string of N bytes",
         history=_BYTE_OR_BIT)  # fmt: skip
def bitcount(ctx: Context, key: bytes, *words: bytes) -> Reply:
    """Counts the bits that are set in a string or in a part of it."""
    data = ctx.db.string(key)
    if data is None:
        return 0
    if not words:
        return count_ones(data, 0, len(data) * 8)
    if len(words) not in (2, 3):
        raise CommandError(SYNTAX)
    start, end = integer(words[0]), integer(words[1])
    if end < start < 0:
        return 0
    return count_ones(data, *_bit_range(start, end, _unit_bits(words[2:]), len(data)))


@command("BITPOS", "key bit:integer index=[start:integer end_index=[end:integer index_unit=[BYTE | BIT]]]",
         group="bitmap", since="2.8.7", flags="READONLY", keys="RO ACCESS",
         complexity="O(N) for a string of N bytes", history=_BYTE_OR_BIT)  # fmt: skip
def bitpos(ctx: Context, key: bytes, bit_text: bytes, *words: bytes) -> Reply:
    """Finds the first bit that is set, or that is clear, in a string or in a part of it."""
    bit = integer(bit_text)
    if bit not in (0, 1):
        raise CommandError("ERR The bit argument must be 1 or 0.")
    data = ctx.db.string(key)
    if data is None:
        return -bit
    if len(words) > 3:
        raise CommandError(SYNTAX)
    start = integer(words[0]) if words else 0
    unit_bits = _unit_bits(words[2:])
    end = integer(words[1]) if len(words) > 1 else -1
    first, stop = _bit_range(start, end, unit_bits, len(data))
    if first >= stop:
        return -1
    found = find_bit(data, bit, first, stop)
    # Without an end given, zeros follow the string for ever.
    return stop if found < 0 and bit == 0 and len(words) < 2 else found


def _unit_bits(words: Sequence[bytes]) -> int:
    if not words:
        return 8
    unit = words[0].lower()
    if unit not in (b"byte", b"bit"):
        raise CommandError(SYNTAX)
    return 8 if unit == b"byte" else 1


def _bit_range(start: int, end: int, unit_bits: int, size: int) -> tuple[int, int]:
    """The bits, the last not included, of a range of bytes or bits, the last included, in so many bytes."""
    units = size * 8 // unit_bits
    start = max(0, start + units if start < 0 else start)
    end = min(units - 1, max(0, end + units if end < 0 else end))
    return start * unit_bits, (end + 1) * unit_bits


@command("BITOP", "operation destkey key+", group="bitmap", since="2.6.0", flags="WRITE DENYOOM",
         keys="OW UPDATE; RO ACCESS", complexity="O(N) for strings of N bytes")  # fmt: skip
def bitop(ctx: Context, operation: bytes, destination: bytes, *keys: bytes) -> Reply:
    """Keeps under a key what AND, OR, XOR or NOT makes of strings; the reply is its size in bytes."""
    operation = operation.lower()
    if operation not in (b"and", b"or", b"xor", b"not"):
        raise CommandError(SYNTAX)
    if operation == b"not" and len(keys) != 1:
        raise CommandError("ERR BITOP NOT must be called with a single source key.")
    made = combine(operation, [ctx.db.string(key) or b"" for key in keys])
    if made:
        ctx.db.put(destination, made)
        ctx.changed(destination, b"set")
    elif ctx.db.discard(destination):
        ctx.changed(destination, b"del")
    return len(made)
