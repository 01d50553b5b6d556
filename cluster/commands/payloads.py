"""Values as bytes that any other server can take in: DUMP and RESTORE."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.commands.arguments import integer
from cluster.commands.context import Context
from cluster.commands.expirations import is_over
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, CommandError
from cluster.store.dump import dump, restore
from cluster.store.frequency import counts_uses
from cluster.store.keyspace import Value
from cluster.store.values.limits import Limits
from protocol.rdb.records import BadFooter, CorruptPayload
from protocol.resp.types import OK, Reply

RESTORE_SYNTAX = (
    "key ttl:integer serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds:integer] [FREQ frequency:integer]"
)
RESTORE_COMPLEXITY = "O(N) where N is the number of a collection's members, O(N*log(N)) for a sorted set."
RESTORE_HISTORY = (
    ("3.0.0", "The option REPLACE."),
    ("5.0.0", "The option ABSTTL."),
    ("5.0.0", "The options IDLETIME and FREQ."),
)

FREQUENCY_MAX = 255


@command(
    "DUMP",
    "key",
    group="generic",
    since="2.6.0",
    flags="READONLY",
    keys="RO ACCESS",
    tips=("nondeterministic_output",),
    complexity="O(N) where N is the number of a collection's members.",
)
def dump_(ctx: Context, key: bytes) -> Reply:
    """Returns a key's value in the form that RESTORE takes."""
    value = ctx.db.get(key)
    return None if value is None else dump(value, plain_bytes=ctx.server.plain_bytes)


@command(
    "RESTORE",
    RESTORE_SYNTAX,
    group="generic",
    since="2.6.0",
    flags="WRITE DENYOOM",
    keys="OW UPDATE",
    acl="DANGEROUS",
    complexity=RESTORE_COMPLEXITY,
    history=RESTORE_HISTORY,
)
def restore_(ctx: Context, key: bytes, ttl_text: bytes, payload: bytes, *words: bytes) -> Reply:
    """Makes a key of a value that DUMP has given."""
    options = _options(words)
    if not options.replace and ctx.db.target(key) is not None:
        raise CommandError("BUSYKEY Target key name already exists.")
    ttl_ms = integer(ttl_text)
    if ttl_ms < 0:
        raise CommandError("ERR Invalid TTL value, must be >= 0")
    value = _value(payload, ctx.server.options)
    expire_ms = ttl_ms + ctx.now_ms if ttl_ms and not options.absolute else ttl_ms
    if expire_ms and is_over(ctx, expire_ms):
        if ctx.db.discard(key):
            ctx.changed(key, b"del")
            ctx.propagate_instead([[b"DEL", key]])
        return OK
    ctx.db.discard(key)
    ctx.db.put(key, value, expire_ms)
    ctx.db.field_expiry.note(key, value, is_new=True)
    _set_use(ctx, key, options)
    ctx.changed(key, b"restore")
    if expire_ms and not options.absolute:
        ctx.propagate_instead([[*ctx.argv[:2], b"%d" % expire_ms, payload, *words, b"ABSTTL"]])
    return OK


@command(
    "RESTORE-ASKING",
    RESTORE_SYNTAX,
    group="server",
    since="3.0.0",
    flags="WRITE DENYOOM ASKING",
    keys="OW UPDATE",
    acl="KEYSPACE DANGEROUS",
    doc_flags=("syscmd",),
    complexity=RESTORE_COMPLEXITY,
    history=RESTORE_HISTORY,
)
def restore_asking(ctx: Context, key: bytes, ttl_text: bytes, payload: bytes, *words: bytes) -> Reply:
    """Takes in a key that another node moves here."""
    return restore_(ctx, key, ttl_text, payload, *words)


def _set_use(ctx: Context, key: bytes, options: _Options) -> None:
    """Idle time and frequency: the one that the policy goes by."""
    if counts_uses(ctx.server.options.maxmemory_policy):
        if options.frequency is not None:
            ctx.db.set_frequency(key, options.frequency)
    elif options.idle_s is not None:
        ctx.db.set_access(key, ctx.now_ms - options.idle_s * 1000)


@dataclass(slots=True)
class _Options:
    replace: bool = False
    absolute: bool = False
    idle_s: int | None = None
    frequency: int | None = None


def _options(words: tuple[bytes, ...]) -> _Options:
    options = _Options()
    rest = iter(words)
    for word in rest:
        name = word.upper()
        if name == b"REPLACE":
            options.replace = True
        elif name == b"ABSTTL":
            options.absolute = True
        elif name == b"IDLETIME" and options.frequency is None:
            options.idle_s = integer(_argument(next(rest, None)))
            if options.idle_s < 0:
                raise CommandError("ERR Invalid IDLETIME value, must be >= 0")
        elif name == b"FREQ" and options.idle_s is None:
            options.frequency = integer(_argument(next(rest, None)))
            if not 0 <= options.frequency <= FREQUENCY_MAX:
                raise CommandError("ERR Invalid FREQ value, must be >= 0 and <= 255")
        else:
            raise CommandError(SYNTAX)
    return options


def _argument(word: bytes | None) -> bytes:
    if word is None:
        raise CommandError(SYNTAX)
    return word


def _value(payload: bytes, limits: Limits) -> Value:
    try:
        return restore(payload, limits)
    except BadFooter:
        raise CommandError("ERR DUMP payload version or checksum are wrong") from None
    except CorruptPayload:
        raise CommandError("ERR Bad data format") from None
