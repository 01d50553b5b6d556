"""Hashes.

Source: https://redis.io/docs/latest/commands/?group=hash
"""

from __future__ import annotations

from cluster.commands.arguments import (
    LONG_ZERO,
    add_long_doubles,
    format_long_double,
    integer,
    long_double,
)
from cluster.commands.collections import (
    limits,
    pairs,
    random_count,
    removed,
    scan,
    target,
    wrong_arity,
)
from cluster.commands.context import Context
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, CommandError
from cluster.store.values.expiring_hash import ExpiringHash
from cluster.store.values.hash import Hash
from cluster.store.values.string import INT64_MAX, INT64_MIN
from protocol.resp.types import OK, Reply


def end_of(key: bytes, value: Hash, field: bytes) -> list[list[bytes]]:
    """The command that gives a field its end; none where it has none."""
    at_ms = value.ends.get(field) if isinstance(value, ExpiringHash) else None
    return [] if at_ms is None else [[b"HPEXPIREAT", key, b"%d" % at_ms, b"FIELDS", b"1", field]]


_NOT_FINITE_SUM = "ERR increment would produce NaN or Infinity"


@command("HSET", "key field_value={field value}+", group="hash", since="2.0.0", flags="WRITE DENYOOM FAST",
         keys="RW UPDATE", complexity="O(1) for each field",
         history=(("4.0.0", "Takes more than one field and value."),))  # fmt: skip
def hset(ctx: Context, key: bytes, *words: bytes) -> Reply:
    """Sets fields of a hash, and says how many of them are new."""
    return _set_fields(ctx, key, words, "hset")


@command("HMSET", "key field_value={field value}+", group="hash", since="2.0.0", flags="WRITE DENYOOM FAST",
         keys="RW UPDATE", complexity="O(N) for N fields", doc_flags=("deprecated",),
         deprecated_since="4.0.0", replaced_by="`HSET` with multiple field-value pairs")  # fmt: skip
def hmset(ctx: Context, key: bytes, *words: bytes) -> Reply:
    """Sets fields of a hash."""
    _set_fields(ctx, key, words, "hmset")
    return OK


def _set_fields(ctx: Context, key: bytes, words: tuple[bytes, ...], name: str) -> int:
    if len(words) % 2:
        raise wrong_arity(name)
    value = ctx.db.typed_or_new(key, Hash)
    bounds = limits(ctx)
    added = 0
    for at in range(0, len(words), 2):
        added += value.set(words[at], words[at + 1], bounds)
    ctx.changed(key, b"hset", len(words) // 2)
    return added


@command("HSETNX", "key field value", group="hash", since="2.0.0", flags="WRITE DENYOOM FAST",
         keys="RW INSERT")  # fmt: skip
def hsetnx(ctx: Context, key: bytes, field: bytes, text: bytes) -> Reply:
    """Sets a field of a hash unless it is there already."""
    value = target(ctx, key, Hash)
    if value is not None and field in value:
        return 0
    ctx.db.typed_or_new(key, Hash).set(field, text, limits(ctx))
    ctx.changed(key, b"hset")
    return 1


@command("HGET", "key field", group="hash", since="2.0.0", flags="READONLY FAST", keys="RO ACCESS")
def hget(ctx: Context, key: bytes, field: bytes) -> Reply:
    """The value of one field of a hash."""
    value = ctx.db.typed(key, Hash)
    return None if value is None else value.fields.get(field)


@command("HMGET", "key field+", group="hash", since="2.0.0", flags="READONLY FAST", keys="RO ACCESS",
         complexity="O(N) for N fields asked for")  # fmt: skip
def hmget(ctx: Context, key: bytes, *fields: bytes) -> Reply:
    """The values of some fields of a hash."""
    value = ctx.db.typed(key, Hash)
    if value is None:
        return [None] * len(fields)
    return [value.fields.get(field) for field in fields]


@command("HGETALL", "key", group="hash", since="2.0.0", flags="READONLY", keys="RO ACCESS",
         complexity="O(N) for a hash of N fields", tips=("nondeterministic_output_order",))  # fmt: skip
def hgetall(ctx: Context, key: bytes) -> Reply:
    """All fields of a hash with their values."""
    value = ctx.db.typed(key, Hash)
    return {} if value is None else {**value.fields}


@command("HKEYS", "key", group="hash", since="2.0.0", flags="READONLY", keys="RO ACCESS",
         complexity="O(N) for a hash of N fields", tips=("nondeterministic_output_order",))  # fmt: skip
def hkeys(ctx: Context, key: bytes) -> Reply:
    """All fields of a hash."""
    value = ctx.db.typed(key, Hash)
    return [] if value is None else [*value.fields]


@command("HVALS", "key", group="hash", since="2.0.0", flags="READONLY", keys="RO ACCESS",
         complexity="O(N) for a hash of N fields", tips=("nondeterministic_output_order",))  # fmt: skip
def hvals(ctx: Context, key: bytes) -> Reply:
    """The values of all fields of a hash."""
    value = ctx.db.typed(key, Hash)
    return [] if value is None else [*value.fields.values()]


@command("HLEN", "key", group="hash", since="2.0.0", flags="READONLY FAST", keys="RO")
def hlen(ctx: Context, key: bytes) -> Reply:
    """How many fields a hash has."""
    value = ctx.db.typed(key, Hash)
    return 0 if value is None else len(value)


@command("HSTRLEN", "key field", group="hash", since="3.2.0", flags="READONLY FAST", keys="RO")
def hstrlen(ctx: Context, key: bytes, field: bytes) -> Reply:
    """The length in bytes of a field's value."""
    value = ctx.db.typed(key, Hash)
    return 0 if value is None else len(value.fields.get(field, b""))


@command("HEXISTS", "key field", group="hash", since="2.0.0", flags="READONLY FAST", keys="RO")
def hexists(ctx: Context, key: bytes, field: bytes) -> Reply:
    """Whether a hash has a field."""
    value = ctx.db.typed(key, Hash)
    return int(value is not None and field in value)


@command("HDEL", "key field+", group="hash", since="2.0.0", flags="WRITE FAST", keys="RW DELETE",
         complexity="O(N) for N fields to remove",
         history=(("2.4.0", "Takes more than one field."),))  # fmt: skip
def hdel(ctx: Context, key: bytes, *fields: bytes) -> Reply:
    """Removes fields of a hash, and the hash with its last one."""
    value = target(ctx, key, Hash)
    if value is None:
        return 0
    count = sum(map(value.delete, fields))
    if count:
        removed(ctx, key, b"hdel", count)
    return count


@command("HINCRBY", "key field increment:integer", group="hash", since="2.0.0", flags="WRITE DENYOOM FAST",
         keys="RW ACCESS UPDATE")  # fmt: skip
def hincrby(ctx: Context, key: bytes, field: bytes, increment: bytes) -> Reply:
    """Adds an integer to a field of a hash; a missing one counts as 0."""
    step = integer(increment)
    value = target(ctx, key, Hash)
    total = step
    if value is not None and field in value:
        total += integer(value.fields[field], "ERR hash value is not an integer")
    if not INT64_MIN <= total <= INT64_MAX:
        raise CommandError("ERR increment or decrement would overflow")
    ctx.db.typed_or_new(key, Hash).alter(field, b"%d" % total, limits(ctx))
    ctx.changed(key, b"hincrby")
    return total


@command("HINCRBYFLOAT", "key field increment:double", group="hash", since="2.6.0",
         flags="WRITE DENYOOM FAST", keys="RW ACCESS UPDATE")  # fmt: skip
def hincrbyfloat(ctx: Context, key: bytes, field: bytes, increment: bytes) -> Reply:
    """Adds a number to a field of a hash; a missing one counts as 0."""
    step = long_double(increment)
    if step is None:
        raise CommandError("ERR value is NaN or Infinity")
    value = target(ctx, key, Hash)
    old = value.fields.get(field) if value is not None else None
    start = long_double(old, "ERR hash value is not a float") if old is not None else LONG_ZERO
    total = add_long_doubles(start, step)
    if total is None:
        raise CommandError(_NOT_FINITE_SUM)
    text = format_long_double(total)
    changed = ctx.db.typed_or_new(key, Hash)
    changed.alter(field, text, limits(ctx))
    # A replica on another processor might round otherwise, so it is told the sum; and the end, which HSET
    # takes away.
    ctx.propagate_instead([[b"HSET", key, field, text], *end_of(key, changed, field)])
    ctx.changed(key, b"hincrbyfloat")
    return text


@command("HRANDFIELD", "key [options={count:integer [WITHVALUES]}]", group="hash", since="6.2.0",
         flags="READONLY", keys="RO ACCESS", complexity="O(N) for N fields returned",
         tips=("nondeterministic_output",))  # fmt: skip
def hrandfield(ctx: Context, key: bytes, *options: bytes) -> Reply:
    """One random field of a hash, or several with or without their values."""
    if not options:
        value = ctx.db.typed(key, Hash)
        return None if value is None else value.draw(ctx.server.random, -1)[0]
    with_values = len(options) == 2
    count = random_count(options[0])
    if len(options) > 2 or (with_values and options[1].lower() != b"withvalues"):
        raise CommandError(SYNTAX)
    if with_values:
        count = random_count(options[0], doubled=True)
    value = ctx.db.typed(key, Hash)
    if value is None:
        return []
    fields = value.draw(ctx.server.random, count)
    if with_values:
        return pairs(ctx, ((field, value.fields[field]) for field in fields))
    return [*fields]


@command("HSCAN", "key cursor:integer [MATCH pattern:pattern] [COUNT count:integer]", group="hash",
         since="2.8.0", flags="READONLY", keys="RO ACCESS",
         complexity="O(1) a call, O(N) for a whole scan of N fields",
         tips=("nondeterministic_output",))  # fmt: skip
def hscan(ctx: Context, key: bytes, cursor: bytes, *options: bytes) -> Reply:
    """Goes through the fields of a hash and their values, a piece at a time."""
    value, following, fields = scan(ctx, key, Hash, cursor, options)
    found: list[Reply] = []
    if value is not None:
        for field in fields:
            found += (field, value.fields[field])
    return [b"%d" % following, found]
