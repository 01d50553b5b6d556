"""BITFIELD: a string as an array of whole numbers of any width up to 64 bits.

Source: https://redis.io/docs/latest/commands/bitfield/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cluster.commands.arguments import integer, integer_between
from cluster.commands.bitmaps import bit_offset, writable
from cluster.commands.context import Context
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, CommandError
from cluster.store.values.bits import read_field, write_field
from cluster.store.values.string import INT64_MAX
from protocol.resp.types import Reply

_BAD_TYPE = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
_WORDS = {b"get": 3, b"set": 4, b"incrby": 4, b"overflow": 2}
"""How many words an operation takes, its name among them."""


class _Field(NamedTuple):
    """Where a number stands, and how."""

    offset: int
    bits: int
    signed: bool

    def read(self, data: bytes | bytearray) -> int:
        value = read_field(data, self.offset, self.bits)
        return self._signed(value) if self.signed else value

    def taken(self, operand: int) -> int:
        """What SET takes a number for. Redis compares it in 64 bits, where one that is low enough shows up
        beyond the upper bound."""
        high = self._bounds()[1]
        far_below = operand < 0 if not self.signed else self.bits < 64 and high - operand > INT64_MAX
        return operand + (1 << 64) if far_below else operand

    def fit(self, value: int, overflow: bytes) -> int | None:
        """The number that is kept in place of one that may be out of bounds; None where that is refused."""
        low, high = self._bounds()
        if low <= value <= high:
            return value
        if overflow == b"fail":
            return None
        if overflow == b"sat":
            return high if value > high else low
        wrapped = value & ((1 << self.bits) - 1)
        return self._signed(wrapped) if self.signed else wrapped

    def _bounds(self) -> tuple[int, int]:
        if self.signed:
            return -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1
        return 0, (1 << self.bits) - 1

    def _signed(self, value: int) -> int:
        return value - (1 << self.bits) if value >> (self.bits - 1) else value


class _Operation(NamedTuple):
    """A GET, SET or INCRBY; `operand` is the number of the latter two."""

    name: bytes
    field: _Field
    operand: int
    overflow: bytes


def _operations(ctx: Context, words: Sequence[bytes]) -> list[_Operation]:
    """Raises CommandError."""
    found = []
    overflow = b"wrap"
    at = 0
    while at < len(words):
        name = words[at].lower()
        size = _WORDS.get(name, 0)
        if not size or at + size > len(words):
            raise CommandError(SYNTAX)
        arguments = words[at + 1 : at + size]
        at += size
        if name == b"overflow":
            overflow = arguments[0].lower()
            if overflow not in (b"wrap", b"sat", b"fail"):
                raise CommandError("ERR Invalid OVERFLOW type specified")
            continue
        field = _field(ctx, arguments[0], arguments[1])
        operand = integer(arguments[2]) if size == _WORDS[b"set"] else 0
        found.append(_Operation(name, field, operand, overflow))
    return found


def _field(ctx: Context, kind: bytes, offset: bytes) -> _Field:
    signed = kind[:1] == b"i"
    if not signed and kind[:1] != b"u":
        raise CommandError(_BAD_TYPE)
    bits = integer_between(kind[1:], 1, 64 if signed else 63, _BAD_TYPE)
    return _Field(bit_offset(ctx, offset, bits), bits, signed)


def _only_reads(words: Sequence[bytes]) -> bool:
    """Whether there is nothing but GET; what is no operation may be anything."""
    at = 0
    while at < len(words):
        name = words[at].lower()
        if name not in (b"get", b"overflow") or at + _WORDS[name] > len(words):
            return False
        at += _WORDS[name]
    return True


@command(
    "BITFIELD",
    "key operation=[encoding_offset=GET {encoding offset:integer} |"
    " write={wrap_sat_fail=[OVERFLOW {WRAP | SAT | FAIL}]"
    " write_operation={encoding_offset_value=SET {encoding offset:integer value:integer} |"
    " encoding_offset_increment=INCRBY {encoding offset:integer increment:integer}}}]+",
    group="bitmap",
    since="3.2.0",
    flags="WRITE DENYOOM",
    keys="RW ACCESS UPDATE VARIABLE_FLAGS # It reads the key and may change it",
    key_flags=lambda argv: "RO ACCESS" if _only_reads(argv[2:]) else "RW ACCESS UPDATE",
    complexity="O(1) for each operation",
)
def bitfield(ctx: Context, key: bytes, *words: bytes) -> Reply:
    """Reads, sets and counts up whole numbers of any width in a string."""
    operations = _operations(ctx, words)
    if all(operation.name == b"get" for operation in operations):
        return _read(ctx, key, operations)
    last_bit = max(
        operation.field.offset + operation.field.bits - 1
        for operation in operations
        if operation.name != b"get"
    )
    buffer, grown = writable(ctx, key, last_bit)
    changes = 0
    replies: list[Reply] = []
    for operation in operations:
        reply, changed = _carry_out(operation, buffer, grown)
        replies.append(reply)
        changes += changed
    if changes:
        ctx.changed(key, b"setbit", changes)
    elif grown:
        # Since a number did not fit it has only grown, which to Redis is no change. Replicas must see it.
        ctx.propagate_instead([ctx.argv])
    return replies


def _carry_out(operation: _Operation, buffer: bytearray, grown: bool) -> tuple[int | None, bool]:
    """The reply, and whether it counts as a change: in a string that has grown any number that is written."""
    name, field, operand, overflow = operation
    old = field.read(buffer)
    if name == b"get":
        return old, False
    new = field.fit(old + operand if name == b"incrby" else field.taken(operand), overflow)
    if new is None:
        return None, False
    write_field(buffer, field.offset, field.bits, new & ((1 << field.bits) - 1))
    return (new if name == b"incrby" else old), grown or new != old


@command("BITFIELD_RO", "key encoding_offset=[GET+ {encoding offset:integer}]", group="bitmap", since="6.0.0",
         flags="READONLY FAST", keys="RO ACCESS", complexity="O(1) for each operation")  # fmt: skip
def bitfield_ro(ctx: Context, key: bytes, *words: bytes) -> Reply:
    """Reads whole numbers of any width in a string."""
    operations = _operations(ctx, words)
    if any(operation.name != b"get" for operation in operations):
        raise CommandError("ERR BITFIELD_RO only supports the GET subcommand")
    return _read(ctx, key, operations)


def _read(ctx: Context, key: bytes, operations: Sequence[_Operation]) -> list[Reply]:
    data = ctx.db.string(key) or b""
    return [operation.field.read(data) for operation in operations]
