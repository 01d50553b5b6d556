"""Sets: the commands of one set, and moving a member to another. Unions and their kin are in set_algebra.

Source: https://redis.io/docs/latest/commands/?group=set
"""

from __future__ import annotations

from cluster.commands.arguments import positive
from cluster.commands.collections import limits, random_count, removed, scan, target
from cluster.commands.context import Context
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, CommandError
from cluster.store.values.set import Set
from protocol.resp.types import Reply, SetReply

FEW_LEFT = 5
"""Where SPOP takes so many times more members than it leaves, Redis makes a new set of these, which may be an
intset again."""


@command("SADD", "key member+", group="set", since="1.0.0", flags="WRITE DENYOOM FAST", keys="RW INSERT",
         complexity="O(1) for each member added",
         history=(("2.4.0", "Takes more than one member."),))  # fmt: skip
def sadd(ctx: Context, key: bytes, *members: bytes) -> Reply:
    """Adds members to a set, and says how many of them are new."""
    value = ctx.db.typed_or_new(key, Set)
    bounds = limits(ctx)
    count = 0
    for member in members:
        count += value.add(member, bounds)
    if count:
        ctx.changed(key, b"sadd", count)
    return count


@command("SREM", "key member+", group="set", since="1.0.0", flags="WRITE FAST", keys="RW DELETE",
         complexity="O(N) for N members to remove",
         history=(("2.4.0", "Takes more than one member."),))  # fmt: skip
def srem(ctx: Context, key: bytes, *members: bytes) -> Reply:
    """Removes members of a set, and the set with its last one."""
    value = target(ctx, key, Set)
    if value is None:
        return 0
    count = sum(map(value.remove, members))
    if count:
        removed(ctx, key, b"srem", count)
    return count


@command("SMEMBERS", "key", group="set", since="1.0.0", flags="READONLY", keys="RO ACCESS",
         complexity="O(N) for a set of N members", tips=("nondeterministic_output_order",))  # fmt: skip
def smembers(ctx: Context, key: bytes) -> Reply:
    """All members of a set."""
    value = ctx.db.typed(key, Set)
    return SetReply() if value is None else SetReply(value)


@command("SISMEMBER", "key member", group="set", since="1.0.0", flags="READONLY FAST", keys="RO")
def sismember(ctx: Context, key: bytes, member: bytes) -> Reply:
    """Whether a set has a member."""
    value = ctx.db.typed(key, Set)
    return int(value is not None and member in value)


@command("SMISMEMBER", "key member+", group="set", since="6.2.0", flags="READONLY FAST", keys="RO ACCESS",
         complexity="O(N) for N members asked for")  # fmt: skip
def smismember(ctx: Context, key: bytes, *members: bytes) -> Reply:
    """Which of some members a set has."""
    value = ctx.db.typed(key, Set)
    return [int(value is not None and member in value) for member in members]


@command("SCARD", "key", group="set", since="1.0.0", flags="READONLY FAST", keys="RO")
def scard(ctx: Context, key: bytes) -> Reply:
    """How many members a set has."""
    value = ctx.db.typed(key, Set)
    return 0 if value is None else len(value)


@command("SMOVE", "source:key destination:key member", group="set", since="1.0.0", flags="WRITE FAST",
         keys="RW ACCESS DELETE; RW INSERT")  # fmt: skip
def smove(ctx: Context, source: bytes, destination: bytes, member: bytes) -> Reply:
    """Moves a member from one set to another; whether it was there."""
    for key in (source, destination):
        ctx.db.peek(key)  # as in Redis, what is over goes before anything else is found out
    giver = target(ctx, source, Set)
    if giver is None:
        return 0
    taker = target(ctx, destination, Set)
    if giver is taker:
        return int(member in giver)
    if not giver.remove(member):
        return 0
    removed(ctx, source, b"srem", 1)
    if taker is None:
        taker = ctx.db.typed_or_new(destination, Set)
    if taker.add(member, limits(ctx)):
        ctx.changed(destination, b"sadd")
    return 1


@command("SPOP", "key [count:integer]", group="set", since="1.0.0", flags="WRITE FAST",
         keys="RW ACCESS DELETE", complexity="O(N) for N members returned", tips=("nondeterministic_output",),
         history=(("3.2.0", "Takes a count."),))  # fmt: skip
def spop(ctx: Context, key: bytes, *options: bytes) -> Reply:
    """Removes and returns random members of a set."""
    if len(options) > 1:
        raise CommandError(SYNTAX)
    count = positive(options[0]) if options else 1
    value = target(ctx, key, Set)
    if value is None:
        return SetReply() if options else None
    found = value.draw(ctx.server.random, count)
    if found:
        # Which ones is for this node to say: a replica is told their names.
        left = len(value) - len(found)
        if options and not left:
            ctx.db.hits += 1  # as in Redis, which replies with the union of this one set
        ctx.propagate_instead([[b"SREM", key, member] for member in found] if left else [[b"DEL", key]])
        for member in found:
            value.remove(member)
        if 0 < left * FEW_LEFT <= len(found):
            ctx.db.replace_value(key, Set.from_items(value, limits(ctx)))
        removed(ctx, key, b"spop", len(found))
    return SetReply(found) if options else found[0]


@command("SRANDMEMBER", "key [count:integer]", group="set", since="1.0.0", flags="READONLY", keys="RO ACCESS",
         complexity="O(N) for N members returned", tips=("nondeterministic_output",),
         history=(("2.6.0", "Takes a count."),))  # fmt: skip
def srandmember(ctx: Context, key: bytes, *options: bytes) -> Reply:
    """Random members of a set, which stay there."""
    if len(options) > 1:
        raise CommandError(SYNTAX)
    count = random_count(options[0]) if options else -1
    value = ctx.db.typed(key, Set)
    if value is None:
        return [] if options else None
    found = value.draw(ctx.server.random, count)
    return [*found] if options else found[0]


@command("SSCAN", "key cursor:integer [MATCH pattern:pattern] [COUNT count:integer]", group="set",
         since="2.8.0", flags="READONLY", keys="RO ACCESS",
         complexity="O(1) a call, O(N) for a whole scan of N members",
         tips=("nondeterministic_output",))  # fmt: skip
def sscan(ctx: Context, key: bytes, cursor: bytes, *options: bytes) -> Reply:
    """Goes through the members of a set, a piece at a time."""
    _, following, members = scan(ctx, key, Set, cursor, options)
    return [b"%d" % following, [*members]]
