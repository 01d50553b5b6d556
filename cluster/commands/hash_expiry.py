"""Fields of hashes that expire, as Redis 7.4 has them.

What a replica hears is absolute (HPEXPIREAT), and fields whose time is over when they are given one are
deleted at once (HDEL).

Source: https://redis.io/docs/latest/commands/hexpire/ and its neighbours for the replies; the errors' texts
are what clients of Redis 7.4 see.
"""

from __future__ import annotations

from collections.abc import Callable

from cluster.commands.arguments import integer
from cluster.commands.collections import removed, target
from cluster.commands.context import Context
from cluster.commands.expirations import is_over
from cluster.spec.command import command
from cluster.spec.errors import CommandError
from cluster.store.values.expiring_hash import ExpiringHash
from cluster.store.values.hash import Hash
from protocol.rdb.records import FIELD_END_MAX_MS
from protocol.resp.types import Reply

NO_FIELD = -2
NO_END = -1
REFUSED = 0
DONE = 1
DELETED = 2

CONDITIONS = (b"NX", b"XX", b"GT", b"LT")
EACH = "O(N) for N fields"
FIELDS = "FIELDS {numfields:integer field+}"

_NO_FIELDS = "ERR Mandatory argument FIELDS is missing or not at the right position"
_TOO_FEW_TO_SET = "ERR Parameter `numFields` should be greater than 0"
_TOO_FEW = "ERR Number of fields must be a positive integer"
_OTHER_COUNT = "ERR The `numfields` parameter must match the number of arguments"


@command("HEXPIRE", f"key seconds:integer condition=[NX | XX | GT | LT] {FIELDS}", group="hash",
         since="7.4.0", flags="WRITE DENYOOM FAST", keys="RW UPDATE", complexity=EACH)  # fmt: skip
def hexpire(ctx: Context, key: bytes, time: bytes, *words: bytes) -> Reply:
    """Gives fields of a hash so many seconds to live."""
    return _expire(ctx, key, time, words, "hexpire", unit_ms=1000, relative=True)


@command("HPEXPIRE", f"key milliseconds:integer condition=[NX | XX | GT | LT] {FIELDS}", group="hash",
         since="7.4.0", flags="WRITE DENYOOM FAST", keys="RW UPDATE", complexity=EACH)  # fmt: skip
def hpexpire(ctx: Context, key: bytes, time: bytes, *words: bytes) -> Reply:
    """Gives fields of a hash so many milliseconds to live."""
    return _expire(ctx, key, time, words, "hpexpire", unit_ms=1, relative=True)


@command("HEXPIREAT", f"key unix-time-seconds:unix-time condition=[NX | XX | GT | LT] {FIELDS}", group="hash",
         since="7.4.0", flags="WRITE DENYOOM FAST", keys="RW UPDATE", complexity=EACH)  # fmt: skip
def hexpireat(ctx: Context, key: bytes, time: bytes, *words: bytes) -> Reply:
    """Has fields of a hash end at a unix time in seconds."""
    return _expire(ctx, key, time, words, "hexpireat", unit_ms=1000, relative=False)


@command("HPEXPIREAT", f"key unix-time-milliseconds:unix-time condition=[NX | XX | GT | LT] {FIELDS}",
         group="hash", since="7.4.0", flags="WRITE DENYOOM FAST", keys="RW UPDATE",
         complexity=EACH)  # fmt: skip
def hpexpireat(ctx: Context, key: bytes, time: bytes, *words: bytes) -> Reply:
    """Has fields of a hash end at a unix time in milliseconds."""
    return _expire(ctx, key, time, words, "hpexpireat", unit_ms=1, relative=False)


@command("HTTL", f"key {FIELDS}", group="hash", since="7.4.0", flags="READONLY FAST", keys="RO ACCESS",
         complexity=EACH, tips=("nondeterministic_output",))  # fmt: skip
def httl(ctx: Context, key: bytes, *words: bytes) -> Reply:
    """Tells for how many seconds fields of a hash will live."""
    return _ends(ctx, key, words, lambda at_ms: _seconds(at_ms - ctx.now_ms))


@command("HPTTL", f"key {FIELDS}", group="hash", since="7.4.0", flags="READONLY FAST", keys="RO ACCESS",
         complexity=EACH, tips=("nondeterministic_output",))  # fmt: skip
def hpttl(ctx: Context, key: bytes, *words: bytes) -> Reply:
    """Tells for how many milliseconds fields of a hash will live."""
    return _ends(ctx, key, words, lambda at_ms: max(0, at_ms - ctx.now_ms))


@command("HEXPIRETIME", f"key {FIELDS}", group="hash", since="7.4.0", flags="READONLY FAST", keys="RO ACCESS",
         complexity=EACH)  # fmt: skip
def hexpiretime(ctx: Context, key: bytes, *words: bytes) -> Reply:
    """Tells the unix time in seconds at which fields of a hash end."""
    return _ends(ctx, key, words, _seconds)


@command("HPEXPIRETIME", f"key {FIELDS}", group="hash", since="7.4.0", flags="READONLY FAST",
         keys="RO ACCESS", complexity=EACH)  # fmt: skip
def hpexpiretime(ctx: Context, key: bytes, *words: bytes) -> Reply:
    """Tells the unix time in milliseconds at which fields of a hash end."""
    return _ends(ctx, key, words, int)


@command("HPERSIST", f"key {FIELDS}", group="hash", since="7.4.0", flags="WRITE FAST", keys="RW UPDATE",
         complexity=EACH)  # fmt: skip
def hpersist(ctx: Context, key: bytes, *words: bytes) -> Reply:
    """Has fields of a hash live for ever again."""
    value = target(ctx, key, Hash)
    fields = _fields(words, _TOO_FEW)
    if value is None:
        return [NO_FIELD] * len(fields)
    replies = [
        NO_FIELD
        if field not in value
        else DONE
        if isinstance(value, ExpiringHash) and value.persist(field)
        else NO_END
        for field in fields
    ]
    if DONE in replies:
        ctx.changed(key, b"hpersist")
    return [*replies]


def _fields(words: tuple[bytes, ...], too_few: str) -> tuple[bytes, ...]:
    """What stands behind FIELDS numfields. Raises CommandError."""
    if words[0].upper() != b"FIELDS" or len(words) < 2:
        raise CommandError(_NO_FIELDS)
    if integer(words[1], too_few) < 1:
        raise CommandError(too_few)
    if int(words[1]) != len(words) - 2:
        raise CommandError(_OTHER_COUNT)
    return words[2:]


def _seconds(ms: int) -> int:
    """Rounded up, so that a field that is still there has time left."""
    return max(0, ms + 999) // 1000


def _ends(ctx: Context, key: bytes, words: tuple[bytes, ...], shown: Callable[[int], int]) -> Reply:
    value = ctx.db.typed(key, Hash)
    fields = _fields(words, _TOO_FEW)
    if value is None:
        return [NO_FIELD] * len(fields)
    ends = value.ends if isinstance(value, ExpiringHash) else {}
    return [
        shown(ends[field]) if field in ends else NO_END if field in value else NO_FIELD for field in fields
    ]


def _expire(
    ctx: Context,
    key: bytes,
    time: bytes,
    words: tuple[bytes, ...],
    name: str,
    *,
    unit_ms: int,
    relative: bool,
) -> Reply:
    value = target(ctx, key, Hash)
    at_ms = _end(ctx, time, name, unit_ms=unit_ms, relative=relative)
    condition = words[0].upper() if words[0].upper() in CONDITIONS else b""
    fields = _fields(words[1:] if condition else words, _TOO_FEW_TO_SET)
    if value is None:
        return [NO_FIELD] * len(fields)
    if not isinstance(value, ExpiringHash):
        value = ExpiringHash.of(value)
        ctx.db.replace_value(key, value)
    deletes = is_over(ctx, at_ms)
    replies = [_expire_field(value, field, at_ms, condition, deletes=deletes) for field in fields]
    _tell(
        ctx,
        key,
        value,
        at_ms,
        [f for f, reply in zip(fields, replies, strict=True) if reply > REFUSED],
        deletes,
    )
    return [*replies]


def _end(ctx: Context, text: bytes, name: str, *, unit_ms: int, relative: bool) -> int:
    """The unix time in milliseconds. Raises CommandError."""
    time = integer(text)
    if time < 0:
        raise CommandError("ERR invalid expire time, must be >= 0")
    at_ms = time * unit_ms + (ctx.now_ms if relative else 0)
    if at_ms > FIELD_END_MAX_MS:
        raise CommandError(f"ERR invalid expire time in '{name}' command")
    return at_ms


def _expire_field(value: ExpiringHash, field: bytes, at_ms: int, condition: bytes, *, deletes: bool) -> int:
    if field not in value:
        return NO_FIELD
    if condition and not _holds(condition, value.ends.get(field), at_ms):
        return REFUSED
    if deletes:
        value.delete(field)
        return DELETED
    value.expire(field, at_ms)
    return DONE


def _holds(condition: bytes, old_ms: int | None, new_ms: int) -> bool:
    """A field without an end counts as one that ends later than any."""
    if condition == b"NX":
        return old_ms is None
    if condition == b"XX":
        return old_ms is not None
    if condition == b"GT":
        return old_ms is not None and new_ms > old_ms
    return old_ms is None or new_ms < old_ms


def _tell(
    ctx: Context, key: bytes, value: ExpiringHash, at_ms: int, changed: list[bytes], deletes: bool
) -> None:
    if not changed:
        return
    if deletes:
        changed = list(dict.fromkeys(changed))
        ctx.propagate_instead([[b"HDEL", key, *changed]])
        removed(ctx, key, b"hdel", len(changed))
        return
    ctx.db.field_expiry.note(key, value)
    ctx.propagate_instead([[b"HPEXPIREAT", key, b"%d" % at_ms, b"FIELDS", b"%d" % len(changed), *changed]])
    ctx.changed(key, b"hexpire", len(changed))
