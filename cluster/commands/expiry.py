"""The time to live of keys: EXPIRE, TTL and their kin."""

from __future__ import annotations

from cluster.commands.context import Context
from cluster.commands.expirations import SECOND_MS, expiry_of_key, is_over
from cluster.commands.keys import look
from cluster.spec.command import command
from cluster.spec.errors import CommandError
from protocol.resp.types import Reply

CONDITION = " condition=[NX | XX | GT | LT]"
HISTORY = (("7.0.0", "The options NX, XX, GT and LT."),)

NO_KEY = -2
NO_EXPIRY = -1


@command(
    "EXPIRE",
    "key seconds:integer" + CONDITION,
    group="generic",
    since="1.0.0",
    flags="WRITE FAST",
    keys="RW UPDATE",
    history=HISTORY,
)
def expire(ctx: Context, key: bytes, seconds: bytes, *words: bytes) -> Reply:
    """Sets how many seconds a key has to live."""
    return _expire(ctx, key, seconds, words, "expire", unit_ms=SECOND_MS, relative=True)


@command(
    "PEXPIRE",
    "key milliseconds:integer" + CONDITION,
    group="generic",
    since="2.6.0",
    flags="WRITE FAST",
    keys="RW UPDATE",
    history=HISTORY,
)
def pexpire(ctx: Context, key: bytes, milliseconds: bytes, *words: bytes) -> Reply:
    """Sets how many milliseconds a key has to live."""
    return _expire(ctx, key, milliseconds, words, "pexpire", unit_ms=1, relative=True)


@command(
    "EXPIREAT",
    "key unix-time-seconds:unix-time" + CONDITION,
    group="generic",
    since="1.2.0",
    flags="WRITE FAST",
    keys="RW UPDATE",
    history=HISTORY,
)
def expireat(ctx: Context, key: bytes, seconds: bytes, *words: bytes) -> Reply:
    """Sets when a key's time is over, in seconds of unix time."""
    return _expire(ctx, key, seconds, words, "expireat", unit_ms=SECOND_MS, relative=False)


@command(
    "PEXPIREAT",
    "key unix-time-milliseconds:unix-time" + CONDITION,
    group="generic",
    since="2.6.0",
    flags="WRITE FAST",
    keys="RW UPDATE",
    history=HISTORY,
)
def pexpireat(ctx: Context, key: bytes, milliseconds: bytes, *words: bytes) -> Reply:
    """Sets when a key's time is over, in milliseconds of unix time."""
    return _expire(ctx, key, milliseconds, words, "pexpireat", unit_ms=1, relative=False)


@command("PERSIST", "key", group="generic", since="2.2.0", flags="WRITE FAST", keys="RW UPDATE")
def persist(ctx: Context, key: bytes) -> Reply:
    """Takes a key's expiry away."""
    entry = ctx.db.target(key)
    if entry is None or not entry.expire_ms:
        return 0
    ctx.db.set_expire(key, 0)
    ctx.changed(key, b"persist")
    return 1


TTL_HISTORY = (("2.8.0", "Replies -2 where there is no key."),)
TTL_TIPS = ("nondeterministic_output",)


@command(
    "TTL",
    "key",
    group="generic",
    since="1.0.0",
    flags="READONLY FAST",
    keys="RO ACCESS",
    tips=TTL_TIPS,
    history=TTL_HISTORY,
)
def ttl(ctx: Context, key: bytes) -> Reply:
    """Tells how many seconds a key has left to live."""
    return _seconds(_time_left(ctx, key))


@command(
    "PTTL",
    "key",
    group="generic",
    since="2.6.0",
    flags="READONLY FAST",
    keys="RO ACCESS",
    tips=TTL_TIPS,
    history=TTL_HISTORY,
)
def pttl(ctx: Context, key: bytes) -> Reply:
    """Tells how many milliseconds a key has left to live."""
    return _time_left(ctx, key)


@command("EXPIRETIME", "key", group="generic", since="7.0.0", flags="READONLY FAST", keys="RO ACCESS")
def expiretime(ctx: Context, key: bytes) -> Reply:
    """Tells when a key's time is over, in seconds of unix time."""
    return _seconds(_expiry(ctx, key))


@command("PEXPIRETIME", "key", group="generic", since="7.0.0", flags="READONLY FAST", keys="RO ACCESS")
def pexpiretime(ctx: Context, key: bytes) -> Reply:
    """Tells when a key's time is over, in milliseconds of unix time."""
    return _expiry(ctx, key)


def _expiry(ctx: Context, key: bytes) -> int:
    entry = look(ctx, key)
    if entry is None:
        return NO_KEY
    return entry.expire_ms or NO_EXPIRY


def _time_left(ctx: Context, key: bytes) -> int:
    at_ms = _expiry(ctx, key)
    return max(0, at_ms - ctx.now_ms) if at_ms >= 0 else at_ms


def _seconds(time_ms: int) -> int:
    """To the nearest second; the words for no key and no expiry stay as they are."""
    return (time_ms + SECOND_MS // 2) // SECOND_MS if time_ms >= 0 else time_ms


def _expire(
    ctx: Context,
    key: bytes,
    time: bytes,
    words: tuple[bytes, ...],
    name: str,
    *,
    unit_ms: int,
    relative: bool,
) -> int:
    conditions = _conditions(words)
    at_ms = expiry_of_key(ctx, time, name, unit_ms=unit_ms, relative=relative)
    entry = ctx.db.target(key)
    if entry is None or not _holds(conditions, entry.expire_ms, at_ms):
        return 0
    if is_over(ctx, at_ms):
        ctx.db.delete(key)
        ctx.changed(key, b"del")
        ctx.propagate_instead([[b"DEL", key]])
    else:
        ctx.db.set_expire(key, at_ms)
        ctx.changed(key, b"expire")
        ctx.propagate_instead([[b"PEXPIREAT", key, b"%d" % at_ms, *words]])
    return 1


def _conditions(words: tuple[bytes, ...]) -> set[bytes]:
    conditions = {word.upper() for word in words}
    for word in words:
        if word.upper() not in (b"NX", b"XX", b"GT", b"LT"):
            raise CommandError(b"ERR Unsupported option " + word.partition(b"\0")[0])
    if b"NX" in conditions and len(conditions) > 1:
        raise CommandError("ERR NX and XX, GT or LT options at the same time are not compatible")
    if {b"GT", b"LT"} <= conditions:
        raise CommandError("ERR GT and LT options at the same time are not compatible")
    return conditions


def _holds(conditions: set[bytes], old_ms: int, new_ms: int) -> bool:
    """Whether an expiry may be changed; none at all (0) is later than any."""
    if b"NX" in conditions and old_ms:
        return False
    if b"XX" in conditions and not old_ms:
        return False
    if b"GT" in conditions and (not old_ms or new_ms <= old_ms):
        return False
    return not (b"LT" in conditions and old_ms and new_ms >= old_ms)
