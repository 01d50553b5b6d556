"""Strings as numbers: INCR and its kin."""

from __future__ import annotations

from cluster.commands.arguments import (
    add_long_doubles,
    format_long_double,
    integer,
    long_double,
)
from cluster.commands.context import Context
from cluster.spec.command import command
from cluster.spec.errors import WRONG_TYPE, CommandError
from cluster.store.keyspace import Entry
from cluster.store.values.string import INT64_MAX, INT64_MIN, Sum, is_integer
from protocol.resp.types import Reply

FLAGS = "WRITE DENYOOM FAST"
KEYS = "RW ACCESS UPDATE"


@command("INCR", "key", group="string", since="1.0.0", flags=FLAGS, keys=KEYS)
def incr(ctx: Context, key: bytes) -> Reply:
    """Adds one to a whole number; an absent key counts as 0."""
    return _add(ctx, key, 1)


@command("DECR", "key", group="string", since="1.0.0", flags=FLAGS, keys=KEYS)
def decr(ctx: Context, key: bytes) -> Reply:
    """Takes one from a whole number; an absent key counts as 0."""
    return _add(ctx, key, -1)


@command("INCRBY", "key increment:integer", group="string", since="1.0.0", flags=FLAGS, keys=KEYS)
def incrby(ctx: Context, key: bytes, increment: bytes) -> Reply:
    """Adds to a whole number; an absent key counts as 0."""
    return _add(ctx, key, integer(increment))


@command("DECRBY", "key decrement:integer", group="string", since="1.0.0", flags=FLAGS, keys=KEYS)
def decrby(ctx: Context, key: bytes, decrement: bytes) -> Reply:
    """Takes from a whole number; an absent key counts as 0."""
    amount = integer(decrement)
    if amount == INT64_MIN:
        raise CommandError("ERR decrement would overflow")
    return _add(ctx, key, -amount)


@command("INCRBYFLOAT", "key increment:double", group="string", since="2.6.0", flags=FLAGS, keys=KEYS)
def incrbyfloat(ctx: Context, key: bytes, increment: bytes) -> Reply:
    """Adds to a number that need not be whole; an absent key counts as 0."""
    entry = ctx.db.target(key)
    old = long_double(_digits(entry))
    total = add_long_doubles(old, long_double(increment))
    if total is None:
        raise CommandError("ERR increment would produce NaN or Infinity")
    text = format_long_double(total)
    ctx.db.replace_value(key, Sum(text) if is_integer(text) else text)
    ctx.changed(key, b"incrbyfloat")
    # Other machines' long doubles are not ours, so a replica is given the sum.
    ctx.propagate_instead([[b"SET", key, text, b"KEEPTTL"]])
    return text


def _add(ctx: Context, key: bytes, amount: int) -> int:
    entry = ctx.db.target(key)
    total = integer(_digits(entry)) + amount
    if not INT64_MIN <= total <= INT64_MAX:
        raise CommandError("ERR increment or decrement would overflow")
    text = b"%d" % total
    if entry is None:
        ctx.db.put(key, text)
    else:
        entry.value = text
    ctx.changed(key, b"incrby")
    return total


def _digits(entry: Entry | None) -> bytes:
    if entry is None:
        return b"0"
    if isinstance(entry.value, (bytes, bytearray)):
        return bytes(entry.value)
    raise CommandError(WRONG_TYPE)
