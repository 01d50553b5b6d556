"""Strings: GET, SET and their kin."""

from __future__ import annotations

from cluster.commands.arguments import integer
from cluster.commands.context import Context
from cluster.commands.expirations import (
    SECOND_MS,
    expiry_of_value,
    getex_options,
    is_over,
    set_options,
)
from cluster.spec.command import command
from cluster.spec.errors import WRONG_TYPE, CommandError
from cluster.store.keyspace import Entry
from protocol.resp.types import OK, Reply

TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"

EACH_SHARD = ("request_policy:multi_shard",)


# Reading


@command("GET", "key", group="string", since="1.0.0", flags="READONLY FAST", keys="RO ACCESS")
def get(ctx: Context, key: bytes) -> Reply:
    """Returns the string value of a key."""
    value = ctx.db.get(key)
    if value is None or value.__class__ is bytes:
        return value
    return _text(value)


@command(
    "MGET",
    "key+",
    group="string",
    since="1.0.0",
    flags="READONLY FAST",
    keys="RO ACCESS",
    tips=EACH_SHARD,
    complexity="O(N) where N is the number of keys.",
)
def mget(ctx: Context, *keys: bytes) -> Reply:
    """Returns the string values of several keys."""
    values = map(ctx.db.get, keys)
    return [bytes(value) if isinstance(value, (bytes, bytearray)) else None for value in values]


@command("STRLEN", "key", group="string", since="2.2.0", flags="READONLY FAST", keys="RO")
def strlen(ctx: Context, key: bytes) -> Reply:
    """Returns the length of a string value."""
    return len(ctx.db.string(key) or b"")


@command(
    "GETRANGE",
    "key start:integer end:integer",
    group="string",
    since="2.4.0",
    flags="READONLY",
    keys="RO ACCESS",
    complexity="O(N) where N is the length of what is returned.",
)
def getrange(ctx: Context, key: bytes, start_text: bytes, end_text: bytes) -> Reply:
    """Returns part of a string value, by offsets."""
    start, end = integer(start_text), integer(end_text)
    value = ctx.db.string(key)
    if not value or (start < 0 and end < 0 and start > end):
        return b""
    size = len(value)
    start = max(0, start + size if start < 0 else start)
    end = max(0, end + size if end < 0 else end)
    return bytes(value[start : end + 1])


@command(
    "SUBSTR",
    "key start:integer end:integer",
    group="string",
    since="1.0.0",
    flags="READONLY",
    keys="RO ACCESS",
    doc_flags=("deprecated",),
    deprecated_since="2.0.0",
    replaced_by="`GETRANGE`",
    complexity="O(N) where N is the length of what is returned.",
)
def substr(ctx: Context, key: bytes, start_text: bytes, end_text: bytes) -> Reply:
    """Returns part of a string value, by offsets."""
    return getrange(ctx, key, start_text, end_text)


# Setting


@command(
    "SET",
    "key value condition=[NX | XX] [GET] expiration=[EX seconds:integer | PX milliseconds:integer"
    " | EXAT unix-time-seconds:unix-time | PXAT unix-time-milliseconds:unix-time | KEEPTTL]",
    group="string",
    since="1.0.0",
    flags="WRITE DENYOOM",
    keys="RW ACCESS UPDATE VARIABLE_FLAGS # With the GET option it reads the key as well",
    key_flags=lambda argv: (
        "RW ACCESS UPDATE" if b"get" in (word.lower() for word in argv[3:]) else "OW UPDATE"
    ),
    history=(
        ("2.6.12", "The options EX, PX, NX and XX."),
        ("6.0.0", "The option KEEPTTL."),
        ("6.2.0", "The options GET, EXAT and PXAT."),
        ("7.0.0", "NX and GET may stand together."),
    ),
)
def set_(ctx: Context, key: bytes, value: bytes, *words: bytes) -> Reply:
    """Sets the string value of a key, whatever was there before."""
    if not words:
        ctx.db.put(key, value)
        ctx.changed(key, b"set")
        return OK
    options = set_options(words)
    expire_ms = options.expire_ms(ctx, "set")
    old = get(ctx, key) if options.get else None
    entry = ctx.db.target(key)
    if (options.condition == b"NX" and entry) or (options.condition == b"XX" and not entry):
        return old
    _store(ctx, key, value, entry.expire_ms if entry and options.keep else expire_ms)
    if expire_ms:
        ctx.changed(key, b"expire", 0)
    if expire_ms and options.unit != b"PXAT":
        ctx.propagate_instead([[b"SET", key, value, b"PXAT", b"%d" % expire_ms]])
    elif options.get:
        ctx.propagate_instead([[*ctx.argv[:3], *(word for word in words if word.upper() != b"GET")]])
    return old if options.get else OK


@command("SETNX", "key value", group="string", since="1.0.0", flags="WRITE DENYOOM FAST", keys="OW INSERT")
def setnx(ctx: Context, key: bytes, value: bytes) -> Reply:
    """Sets the string value of a key unless the key exists."""
    if ctx.db.target(key) is not None:
        return 0
    _store(ctx, key, value)
    return 1


@command(
    "SETEX",
    "key seconds:integer value",
    group="string",
    since="2.0.0",
    flags="WRITE DENYOOM",
    keys="OW UPDATE",
)
def setex(ctx: Context, key: bytes, seconds: bytes, value: bytes) -> Reply:
    """Sets the string value of a key and its time to live in seconds."""
    return _set_with_ttl(
        ctx, key, value, expiry_of_value(ctx, seconds, "setex", unit_ms=SECOND_MS, relative=True)
    )


@command(
    "PSETEX",
    "key milliseconds:integer value",
    group="string",
    since="2.6.0",
    flags="WRITE DENYOOM",
    keys="OW UPDATE",
)
def psetex(ctx: Context, key: bytes, milliseconds: bytes, value: bytes) -> Reply:
    """Sets the string value of a key and its time to live in milliseconds."""
    return _set_with_ttl(
        ctx, key, value, expiry_of_value(ctx, milliseconds, "psetex", unit_ms=1, relative=True)
    )


@command(
    "GETSET",
    "key value",
    group="string",
    since="1.0.0",
    flags="WRITE DENYOOM FAST",
    keys="RW ACCESS UPDATE",
    doc_flags=("deprecated",),
    deprecated_since="6.2.0",
    replaced_by="`SET` with the `!GET` argument",
)
def getset(ctx: Context, key: bytes, value: bytes) -> Reply:
    """Sets the string value of a key and returns the one before."""
    old = get(ctx, key)
    _store(ctx, key, value)
    ctx.propagate_instead([[b"SET", key, value]])
    return old


@command("GETDEL", "key", group="string", since="6.2.0", flags="WRITE FAST", keys="RW ACCESS DELETE")
def getdel(ctx: Context, key: bytes) -> Reply:
    """Returns the string value of a key and removes the key."""
    value = get(ctx, key)
    if value is not None:
        ctx.db.delete(key)
        ctx.changed(key, b"del")
        ctx.propagate_instead([[b"DEL", key]])
    return value


@command(
    "GETEX",
    "key expiration=[EX seconds:integer | PX milliseconds:integer | EXAT unix-time-seconds:unix-time"
    " | PXAT unix-time-milliseconds:unix-time | PERSIST]",
    group="string",
    since="6.2.0",
    flags="WRITE FAST",
    keys="RW ACCESS UPDATE # It may change the time to live",
)
def getex(ctx: Context, key: bytes, *words: bytes) -> Reply:
    """Returns the string value of a key and may change its expiry."""
    options = getex_options(words)
    value = get(ctx, key)
    if value is None:
        return None
    expire_ms = options.expire_ms(ctx, "getex")
    if expire_ms and is_over(ctx, expire_ms):
        ctx.db.delete(key)
        ctx.changed(key, b"del")
        ctx.propagate_instead([[b"DEL", key]])
    elif expire_ms:
        ctx.db.set_expire(key, expire_ms)
        ctx.changed(key, b"expire")
        ctx.propagate_instead([[b"PEXPIREAT", key, b"%d" % expire_ms]])
    elif options.persist and _entry(ctx, key).expire_ms:
        ctx.db.set_expire(key, 0)
        ctx.changed(key, b"persist")
        ctx.propagate_instead([[b"PERSIST", key]])
    return value


@command(
    "MSET",
    "key_value={key value}+",
    group="string",
    since="1.0.1",
    flags="WRITE DENYOOM",
    keys="OW UPDATE",
    tips=(*EACH_SHARD, "response_policy:all_succeeded"),
    complexity="O(N) where N is the number of keys.",
)
def mset(ctx: Context, *pairs: bytes) -> Reply:
    """Sets the string values of several keys at once."""
    if len(pairs) % 2:
        raise CommandError("ERR wrong number of arguments for 'mset' command")
    for key, value in zip(pairs[::2], pairs[1::2], strict=True):
        _store(ctx, key, value)
    return OK


@command(
    "MSETNX",
    "key_value={key value}+",
    group="string",
    since="1.0.1",
    flags="WRITE DENYOOM",
    keys="OW INSERT",
    tips=(*EACH_SHARD, "response_policy:agg_min"),
    complexity="O(N) where N is the number of keys.",
)
def msetnx(ctx: Context, *pairs: bytes) -> Reply:
    """Sets the string values of several keys unless any of the keys exists."""
    if len(pairs) % 2:
        raise CommandError("ERR wrong number of arguments for 'msetnx' command")
    if any(ctx.db.target(key) is not None for key in pairs[::2]):
        return 0
    mset(ctx, *pairs)
    return 1


# Changing in place


@command(
    "APPEND",
    "key value",
    group="string",
    since="2.0.0",
    flags="WRITE DENYOOM FAST",
    keys="RW INSERT",
)
def append(ctx: Context, key: bytes, value: bytes) -> Reply:
    """Adds to the end of a string value, which an absent key begins."""
    entry = ctx.db.target(key)
    if entry is None:
        ctx.db.put(key, value)
        size = len(value)
    else:
        old = _string(entry)
        size = len(old) + len(value)
        _check_size(ctx, size)
        _buffer(entry).extend(value)
    ctx.changed(key, b"append")
    return size


@command(
    "SETRANGE",
    "key offset:integer value",
    group="string",
    since="2.2.0",
    flags="WRITE DENYOOM",
    keys="RW UPDATE",
    complexity="O(M) where M is the length of the value.",
)
def setrange(ctx: Context, key: bytes, offset_text: bytes, value: bytes) -> Reply:
    """Overwrites part of a string value, from an offset on; zero bytes fill a gap."""
    offset = integer(offset_text)
    if offset < 0:
        raise CommandError("ERR offset is out of range")
    entry = ctx.db.target(key)
    old = _string(entry) if entry else b""
    if not value:
        return len(old)
    _check_size(ctx, offset + len(value))
    if entry is None:
        ctx.db.put(key, bytearray())
    buffer = _buffer(_entry(ctx, key))
    buffer.extend(bytes(max(0, offset - len(buffer))))
    buffer[offset : offset + len(value)] = value
    ctx.changed(key, b"setrange")
    return len(buffer)


def _store(ctx: Context, key: bytes, value: bytes, expire_ms: int = 0) -> None:
    ctx.db.put(key, value, expire_ms)
    ctx.changed(key, b"set")


def _set_with_ttl(ctx: Context, key: bytes, value: bytes, expire_ms: int) -> Reply:
    _store(ctx, key, value, expire_ms)
    ctx.changed(key, b"expire", 0)
    ctx.propagate_instead([[b"SET", key, value, b"PXAT", b"%d" % expire_ms]])
    return OK


def _text(value: object) -> bytes:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    raise CommandError(WRONG_TYPE)


def _string(entry: Entry) -> bytes | bytearray:
    if isinstance(entry.value, (bytes, bytearray)):
        return entry.value
    raise CommandError(WRONG_TYPE)


def _buffer(entry: Entry) -> bytearray:
    """The entry's string in a form that can grow, which it keeps."""
    value = _string(entry)
    if not isinstance(value, bytearray):
        value = entry.value = bytearray(value)
    return value


def _entry(ctx: Context, key: bytes) -> Entry:
    """The entry of a key that is there."""
    entry = ctx.db.target(key)
    assert entry is not None
    return entry


def _check_size(ctx: Context, size: int) -> None:
    if size > ctx.server.options.proto_max_bulk_len:
        raise CommandError(TOO_LONG)
