"""Whole databases: which keys they have, and how to be rid of them."""

from __future__ import annotations

from cluster.commands.arguments import scan_cursor, scan_options
from cluster.commands.context import Context
from cluster.commands.keys import database, database_index, look
from cluster.session.session import Kind
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, CommandError
from cluster.store.glob import matcher
from cluster.store.keyspace import type_name
from protocol.resp.types import OK, Reply

EVERY_SHARD = "request_policy:all_shards"


@command(
    "KEYS",
    "pattern:pattern",
    group="generic",
    since="1.0.0",
    flags="READONLY",
    acl="DANGEROUS",
    tips=(EVERY_SHARD, "nondeterministic_output_order"),
    complexity="O(N) where N is the number of keys in the database.",
)
def keys(ctx: Context, pattern: bytes) -> Reply:
    """Lists the keys whose names match a pattern."""
    live = ctx.db.keys()
    if pattern == b"*":
        return list(live)
    matches = matcher(pattern)
    return [key for key in live if matches(key)]


@command(
    "SCAN",
    "cursor:integer [MATCH pattern:pattern] [COUNT count:integer] [TYPE type]",
    group="generic",
    since="2.8.0",
    flags="READONLY",
    tips=("nondeterministic_output", "request_policy:special"),
    complexity="O(1) for each call, O(N) for all keys.",
    history=(("6.0.0", "The option TYPE."),),
)
def scan(ctx: Context, cursor_text: bytes, *words: bytes) -> Reply:
    """Goes through the keys of a database piece by piece."""
    cursor = scan_cursor(cursor_text)
    options = scan_options(words, takes_type=True)
    following, found = ctx.db.scan(cursor, options.count)
    if options.pattern is not None:
        found = list(filter(matcher(options.pattern), found))
    kind = options.kind
    if kind is None:
        alive = [(key, ctx.db.peek(key)) for key in found]
    else:
        alive = [(key, look(ctx, key)) for key in found]  # to ask for the type is a hit or a miss
    return [
        b"%d" % following,
        [key for key, entry in alive if entry and (kind is None or type_name(entry.value) == kind)],
    ]


@command(
    "RANDOMKEY",
    group="generic",
    since="1.0.0",
    flags="READONLY",
    tips=(EVERY_SHARD, "nondeterministic_output"),
)
def randomkey(ctx: Context) -> Reply:
    """Names a random key."""
    return ctx.db.random_key(ctx.server.random)


@command(
    "DBSIZE",
    group="server",
    since="1.0.0",
    flags="READONLY FAST",
    acl="KEYSPACE",
    tips=(EVERY_SHARD, "response_policy:agg_sum"),
)
def dbsize(ctx: Context) -> Reply:
    """Counts the keys of the database."""
    return len(ctx.db)


FLUSH_TIPS = (EVERY_SHARD, "response_policy:all_succeeded")
FLUSH_HISTORY = (("4.0.0", "The option ASYNC."), ("6.2.0", "The option SYNC."))


@command(
    "FLUSHDB",
    "async=[ASYNC | SYNC]",
    group="server",
    since="1.0.0",
    flags="WRITE",
    acl="KEYSPACE DANGEROUS",
    tips=FLUSH_TIPS,
    history=FLUSH_HISTORY,
    complexity="O(N) where N is the number of keys in the database.",
)
def flushdb(ctx: Context, *words: bytes) -> Reply:
    """Removes all keys of the database."""
    _check_mode(words)
    ctx.flushed(ctx.db, len(ctx.db))
    ctx.db.clear()
    _flushed(ctx)
    return OK


@command(
    "FLUSHALL",
    "async=[ASYNC | SYNC]",
    group="server",
    since="1.0.0",
    flags="WRITE",
    acl="KEYSPACE DANGEROUS",
    tips=FLUSH_TIPS,
    history=FLUSH_HISTORY,
    complexity="O(N) where N is the number of keys in all databases.",
)
def flushall(ctx: Context, *words: bytes) -> Reply:
    """Removes all keys of all databases."""
    _check_mode(words)
    for each in ctx.server.databases:
        ctx.flushed(each, len(each))
        each.clear()
    ctx.server.host.all_flushed(by_stream=ctx.session.kind is Kind.PRIMARY)
    _flushed(ctx)
    return OK


def _flushed(ctx: Context) -> None:
    ctx.server.tracking.flushed(ctx.session)
    ctx.propagate_instead([ctx.argv])  # also where there was nothing, which counts as no change


def _check_mode(words: tuple[bytes, ...]) -> None:
    if len(words) > 1 or any(word.upper() not in (b"ASYNC", b"SYNC") for word in words):
        raise CommandError(SYNTAX)


@command(
    "SWAPDB",
    "index1:integer index2:integer",
    group="server",
    since="4.0.0",
    flags="WRITE FAST",
    acl="KEYSPACE DANGEROUS",
    complexity="O(N) where N is the number of clients that watch or wait for keys of the two.",
)
def swapdb(ctx: Context, index1: bytes, index2: bytes) -> Reply:
    """Exchanges the keys of two databases."""
    if ctx.server.core is not None:
        raise CommandError("ERR SWAPDB is not allowed in cluster mode")
    first = database_index(index1, "ERR invalid first DB index")
    second = database_index(index2, "ERR invalid second DB index")
    one, other = database(ctx, first), database(ctx, second)
    one.swap(other)
    for each in (one, other):
        ctx.exchanged(each)
    ctx.server.dirty += 1
    return OK
