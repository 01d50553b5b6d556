"""What is pending in a group, and taking it over from consumers that do not come back.

Source: https://redis.io/docs/latest/commands/?group=stream
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cluster.commands.arguments import integer, integer_between
from cluster.commands.context import Context
from cluster.commands.stream_arguments import (
    Named,
    first_id,
    group_of,
    last_id,
    printed,
    stream_id,
)
from cluster.commands.stream_groups import add_consumer, claim_command, set_id_command
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, WRONG_TYPE, CommandError
from cluster.store.values.stream import Items, Stream
from cluster.store.values.stream_groups import Consumer, Pending
from cluster.store.values.stream_id import format_id
from cluster.store.values.string import INT64_MAX
from protocol.resp.types import NULL_ARRAY, Reply

_ID_BYTES: Final = 16
_COUNT_DEFAULT: Final = 100
_COUNT_MAX: Final = INT64_MAX // _ID_BYTES
_TRIES_FACTOR: Final = 10
"""How many pending entries XAUTOCLAIM looks at for each that it may return."""
_ADDRESSABLE_BYTES: Final = 1 << 47
"""Redis sets room for COUNT ids aside, and fails where no process can have so much."""


@command("XPENDING", "key group filters=[min-idle-time=[IDLE min-idle-time:integer] start end count:integer"
         " [consumer]]", group="stream", since="5.0.0", flags="READONLY", keys="RO ACCESS",
         tips=("nondeterministic_output",),
         complexity="O(log N + M) for M entries looked at of N, O(C) for C consumers without a range",
         history=(("6.2.0", "The option IDLE, and intervals without their ends."),))  # fmt: skip
def xpending(ctx: Context, key: bytes, name: bytes, *words: bytes) -> Reply:
    """Tells what has been delivered to a group and not been acknowledged."""
    if words and not 3 <= len(words) <= 6:
        raise CommandError(SYNTAX)
    query = _query(words) if words else None
    named = group_of(ctx.db.typed(key, Stream), key, name)
    return _summary(named) if query is None else _pending(ctx, named, query)


def _summary(named: Named) -> Reply:
    pending = named.group.pending
    if not len(pending):
        return [0, None, None, NULL_ARRAY]
    consumers: list[Reply] = [
        [consumer.name, b"%d" % len(consumer.pending)]
        for consumer in named.group.sorted_consumers()
        if len(consumer.pending)
    ]
    low, high = pending.ends()
    return [len(pending), format_id(low), format_id(high), consumers]


@dataclass(frozen=True, slots=True)
class _Query:
    low: int
    high: int
    count: int
    idle_ms: int
    consumer: bytes | None


def _query(words: tuple[bytes, ...]) -> _Query:
    idle_ms = 0
    if words[0].lower() == b"idle":
        idle_ms = integer(words[1])
        words = words[2:]
        if len(words) < 3:
            raise CommandError(SYNTAX)
    count = max(0, integer(words[2]))
    low = first_id(words[0])
    return _Query(low, last_id(words[1]), count, idle_ms, words[3] if len(words) > 3 else None)


def _pending(ctx: Context, named: Named, query: _Query) -> Reply:
    owner = None
    if query.consumer is not None:
        owner = named.group.consumers.get(query.consumer)
        if owner is None:
            return []
    found: list[Reply] = []
    for id_, pending in (owner or named.group).pending.items(query.low, query.high):
        if len(found) >= query.count:
            break
        if not _is_fresh(ctx, pending, query.idle_ms):
            idle_ms = max(0, ctx.now_ms - pending.delivered_ms)
            found.append([format_id(id_), pending.consumer.name, idle_ms, pending.deliveries])
    return found


def _is_fresh(ctx: Context, pending: Pending, idle_ms: int) -> bool:
    """Whether an entry has not been idle for so long; with 0 none is, wherever the clock has gone."""
    return idle_ms != 0 and ctx.now_ms - pending.delivered_ms < idle_ms


@command("XCLAIM", "key group consumer min-idle-time id+ [IDLE ms:integer]"
         " [TIME unix-time-milliseconds:unix-time] [RETRYCOUNT count:integer] [FORCE] [JUSTID] [LASTID id]",
         group="stream", since="5.0.0", flags="WRITE FAST", keys="RW UPDATE",
         tips=("nondeterministic_output",),
         complexity="O(log N) for each id, for N entries pending in the group")  # fmt: skip
def xclaim(ctx: Context, key: bytes, name: bytes, consumer: bytes, idle: bytes, *words: bytes) -> Reply:
    """Makes pending entries a consumer's own, as if they had been delivered to it."""
    named = group_of(ctx.db.typed(key, Stream), key, name)
    claim = _claim(ctx, idle, words)
    group, propagated = named.group, []
    moved_on = claim.last_id > group.last_id
    group.last_id = max(group.last_id, claim.last_id)
    owner: Consumer | None = None
    reply: list[Reply] = []
    for text, id_ in claim.ids:
        pending, items = group.pending.get(id_), named.stream.entry(id_)
        if items is None and pending is not None:
            propagated.append(claim_command(named, text, pending))
            group.acknowledge(id_)
        if items is None or (pending is None and not claim.force):
            continue
        if pending is not None and _is_fresh(ctx, pending, claim.idle_ms):
            continue
        owner = owner or _owner(ctx, named, consumer)
        if pending is None:
            pending = group.deliver(id_, owner, ctx.now_ms)
        group.assign(id_, pending, owner)
        pending.delivered_ms = claim.delivered_ms
        if claim.deliveries is not None:
            pending.deliveries = claim.deliveries
        elif not claim.just_id:
            pending.deliveries += 1
        reply.append(_shown(id_, items, just_id=claim.just_id))
        propagated.append(claim_command(named, text, pending))
    if moved_on and not propagated:
        propagated.append(set_id_command(named))
    ctx.server.dirty += len(propagated)
    ctx.propagate_instead(propagated)
    return reply


def _shown(id_: int, items: Items, *, just_id: bool) -> Reply:
    return format_id(id_) if just_id else [format_id(id_), [*items]]


def _owner(ctx: Context, named: Named, name: bytes) -> Consumer:
    """The consumer that claims something, made where it is not there; it has been seen now."""
    found = named.group.consumers.get(name)
    if found is None:
        return add_consumer(ctx, named.key, named.group, name)
    found.seen_ms = ctx.now_ms
    return found


@dataclass(slots=True)
class _Claim:
    """What XCLAIM is asked for. `deliveries` is None where it is not given; times are unix milliseconds."""

    idle_ms: int
    ids: list[tuple[bytes, int]]
    delivered_ms: int
    deliveries: int | None = None
    force: bool = False
    just_id: bool = False
    last_id: int = 0


def _claim(ctx: Context, idle: bytes, words: tuple[bytes, ...]) -> _Claim:
    idle_ms = integer(idle, "ERR Invalid min-idle-time argument for XCLAIM")
    claim = _Claim(max(0, idle_ms), [], ctx.now_ms)
    for text in words:
        try:
            claim.ids.append((text, stream_id(text)))
        except CommandError:
            break
    rest = iter(words[len(claim.ids) :])
    for word in rest:
        name = word.lower()
        if name == b"force":
            claim.force = True
        elif name == b"justid":
            claim.just_id = True
        else:
            _claim_option(ctx, claim, word, next(rest, None))
    return claim


def _claim_option(ctx: Context, claim: _Claim, word: bytes, value: bytes | None) -> None:
    name = word.upper()
    if value is None or name not in (b"IDLE", b"TIME", b"RETRYCOUNT", b"LASTID"):
        raise CommandError(b"ERR Unrecognized XCLAIM option '%b'" % printed(word))
    if name == b"LASTID":
        claim.last_id = stream_id(value)
        return
    number = integer(value, f"ERR Invalid {name.decode()} option argument for XCLAIM")
    if name == b"RETRYCOUNT":
        claim.deliveries = number if number >= 0 else None
        return
    at_ms = ctx.now_ms - number if name == b"IDLE" else number
    # A client may be a little ahead of our clock; that is no reason to refuse.
    claim.delivered_ms = at_ms if 0 <= at_ms <= ctx.now_ms else ctx.now_ms


@command("XAUTOCLAIM", "key group consumer min-idle-time start [COUNT count:integer] [JUSTID]",
         group="stream", since="6.2.0", flags="WRITE FAST", keys="RW DELETE",
         tips=("nondeterministic_output",), complexity="O(N) for N given by COUNT",
         history=(("7.0.0", "The reply has the ids too that are gone from the stream."),))  # fmt: skip
def xautoclaim(ctx: Context, key: bytes, name: bytes, consumer: bytes, idle: bytes, start: bytes,
               *words: bytes) -> Reply:  # fmt: skip
    """Makes pending entries that have waited for long a consumer's own, beginning at an id."""
    value = ctx.db.get(key)  # before the options are read, as in Redis: a miss is an event
    claim = _auto_claim(idle, start, words)
    if value is not None and not isinstance(value, Stream):
        raise CommandError(WRONG_TYPE)
    named = group_of(value, key, name)
    if claim.count * _ID_BYTES >= _ADDRESSABLE_BYTES:
        raise CommandError("ERR Insufficient memory, failed allocating transient memory, COUNT too high.")
    owner: Consumer | None = None
    claimed: list[Reply] = []
    gone: list[int] = []
    propagated: list[list[bytes]] = []
    following, tries = 0, claim.count * _TRIES_FACTOR
    for id_, pending in named.group.pending.items(claim.start):
        if not tries or len(claimed) + len(gone) == claim.count:
            following = id_
            break
        tries -= 1
        items = named.stream.entry(id_)
        if items is None:
            gone.append(id_)
        elif _is_fresh(ctx, pending, claim.idle_ms):
            continue
        else:
            owner = owner or _owner(ctx, named, consumer)
            named.group.assign(id_, pending, owner)
            pending.delivered_ms = ctx.now_ms
            pending.deliveries += not claim.just_id
            claimed.append(_shown(id_, items, just_id=claim.just_id))
        propagated.append(claim_command(named, format_id(id_), pending))
    for id_ in gone:
        named.group.acknowledge(id_)
    ctx.server.dirty += len(propagated)
    ctx.propagate_instead(propagated)
    return [format_id(following), claimed, [format_id(id_) for id_ in gone]]


@dataclass(slots=True)
class _AutoClaim:
    """What XAUTOCLAIM is asked for."""

    idle_ms: int
    start: int
    count: int = _COUNT_DEFAULT
    just_id: bool = False


def _auto_claim(idle: bytes, start: bytes, words: tuple[bytes, ...]) -> _AutoClaim:
    idle_ms = integer(idle, "ERR Invalid min-idle-time argument for XAUTOCLAIM")
    claim = _AutoClaim(max(0, idle_ms), first_id(start))
    rest = iter(words)
    for word in rest:
        name = word.lower()
        count = next(rest, None) if name == b"count" else None
        if count is not None:
            claim.count = integer_between(count, 1, _COUNT_MAX, "ERR COUNT must be > 0")
        elif name == b"justid":
            claim.just_id = True
        else:
            raise CommandError(SYNTAX)
    return claim
