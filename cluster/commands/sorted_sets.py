"""Sorted sets: members and their scores. Ranges, pops and unions are in the files beside this one.

Source: https://redis.io/docs/latest/commands/?group=sorted-set
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from cluster.commands.arguments import double, format_double
from cluster.commands.collections import limits, pairs, random_count, random_places, removed, scan, target
from cluster.commands.context import Context
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, CommandError
from cluster.store.values.sorted_set import SortedSet
from protocol.rdb.encode import score_text
from protocol.resp.types import Reply

_ZADD_WORDS = frozenset((b"nx", b"xx", b"gt", b"lt", b"ch", b"incr"))
_NO_FLAGS: frozenset[bytes] = frozenset()
_NO_NUMBER = "ERR resulting score is not a number (NaN)"


@command("ZADD", "key condition=[NX | XX] comparison=[GT | LT] change=[CH] increment=[INCR] "
         "score_member={score:double member}+", group="sorted-set", since="1.2.0",
         flags="WRITE DENYOOM FAST", keys="RW UPDATE",
         complexity="O(log(N)) for each member, N being the sorted set's size",
         history=(("2.4.0", "Takes more than one member."), ("3.0.2", "Takes XX, NX, CH and INCR."),
                  ("6.2.0", "Takes GT and LT.")))  # fmt: skip
def zadd(ctx: Context, key: bytes, *words: bytes) -> Reply:
    """Gives members of a sorted set their scores, adding those that are not there."""
    at = 0
    while at < len(words) and words[at].lower() in _ZADD_WORDS:
        at += 1
    flags = frozenset(word.lower() for word in words[:at]) if at else _NO_FLAGS
    return _add(ctx, key, flags, words[at:])


@command("ZINCRBY", "key increment:integer member", group="sorted-set", since="1.2.0",
         flags="WRITE DENYOOM FAST", keys="RW ACCESS UPDATE",
         complexity="O(log(N)), N being the sorted set's size")  # fmt: skip
def zincrby(ctx: Context, key: bytes, increment: bytes, member: bytes) -> Reply:
    """Adds to the score of a member; a missing one counts as 0."""
    return _add(ctx, key, frozenset((b"incr",)), (increment, member))


def _add(ctx: Context, key: bytes, flags: frozenset[bytes], words: Sequence[bytes]) -> Reply:
    _check_flags(flags, len(words))
    scores = [double(text) for text in words[::2]]
    increments = b"incr" in flags
    value = target(ctx, key, SortedSet)
    if value is None:
        if b"xx" in flags:
            return None if increments else 0
        value = SortedSet()
    added = updated = 0
    final: float | None = None
    bounds = limits(ctx)
    for score, member in zip(scores, words[1::2], strict=True):
        old = value.scores.get(member)
        final = _new_score(flags, old, score)
        if final is not None and (old is None or final != old):
            value.set(member, final, bounds)
            added += old is None
            updated += old is not None
    if added or updated:
        if added == len(value):
            ctx.db.put(key, value)
        ctx.changed(key, b"zincr" if increments else b"zadd", added + updated)
    if increments:
        return final
    return added + updated if b"ch" in flags else added


def _check_flags(flags: frozenset[bytes], words: int) -> None:
    if not words or words % 2:
        raise CommandError(SYNTAX)
    if b"nx" in flags and b"xx" in flags:
        raise CommandError("ERR XX and NX options at the same time are not compatible")
    if len(flags & {b"nx", b"gt", b"lt"}) > 1:
        raise CommandError("ERR GT, LT, and/or NX options at the same time are not compatible")
    if b"incr" in flags and words > 2:
        raise CommandError("ERR INCR option supports a single increment-element pair")


def _new_score(flags: frozenset[bytes], old: float | None, score: float) -> float | None:
    """The score that a member is to have; None where the flags say that it stays as it is."""
    if old is None:
        return None if b"xx" in flags else score
    if b"nx" in flags:
        return None
    if b"incr" in flags:
        score += old
        if math.isnan(score):
            raise CommandError(_NO_NUMBER)
    if (b"gt" in flags and score <= old) or (b"lt" in flags and score >= old):
        return None
    return score


@command("ZREM", "key member+", group="sorted-set", since="1.2.0", flags="WRITE FAST", keys="RW DELETE",
         complexity="O(M*log(N)) for M members to remove, N being the sorted set's size",
         history=(("2.4.0", "Takes more than one member."),))  # fmt: skip
def zrem(ctx: Context, key: bytes, *members: bytes) -> Reply:
    """Removes members of a sorted set, and the sorted set with its last one."""
    value = target(ctx, key, SortedSet)
    if value is None:
        return 0
    count = sum(map(value.remove, members))
    if count:
        removed(ctx, key, b"zrem", count)
    return count


@command("ZCARD", "key", group="sorted-set", since="1.2.0", flags="READONLY FAST", keys="RO")
def zcard(ctx: Context, key: bytes) -> Reply:
    """How many members a sorted set has."""
    value = ctx.db.typed(key, SortedSet)
    return 0 if value is None else len(value)


@command("ZSCORE", "key member", group="sorted-set", since="1.2.0", flags="READONLY FAST", keys="RO ACCESS")
def zscore(ctx: Context, key: bytes, member: bytes) -> Reply:
    """The score of a member."""
    value = ctx.db.typed(key, SortedSet)
    return None if value is None else value.scores.get(member)


@command("ZMSCORE", "key member+", group="sorted-set", since="6.2.0", flags="READONLY FAST", keys="RO ACCESS",
         complexity="O(N) for N members asked for")  # fmt: skip
def zmscore(ctx: Context, key: bytes, *members: bytes) -> Reply:
    """The scores of some members."""
    value = ctx.db.typed(key, SortedSet)
    if value is None:
        return [None] * len(members)
    return [value.scores.get(member) for member in members]


@command("ZRANK", "key member", group="sorted-set", since="2.0.0", flags="READONLY FAST", keys="RO ACCESS",
         complexity="O(log(N)), N being the sorted set's size")  # fmt: skip
def zrank(ctx: Context, key: bytes, member: bytes) -> Reply:
    """How many members come before one."""
    value = ctx.db.typed(key, SortedSet)
    return None if value is None else value.rank(member)


@command("ZREVRANK", "key member", group="sorted-set", since="2.0.0", flags="READONLY FAST", keys="RO ACCESS",
         complexity="O(log(N)), N being the sorted set's size")  # fmt: skip
def zrevrank(ctx: Context, key: bytes, member: bytes) -> Reply:
    """How many members come after one."""
    value = ctx.db.typed(key, SortedSet)
    rank = None if value is None else value.rank(member)
    return None if value is None or rank is None else len(value) - 1 - rank


@command("ZRANDMEMBER", "key [options={count:integer [WITHSCORES]}]", group="sorted-set", since="6.2.0",
         flags="READONLY", keys="RO ACCESS", complexity="O(N) for N members returned",
         tips=("nondeterministic_output",))  # fmt: skip
def zrandmember(ctx: Context, key: bytes, *options: bytes) -> Reply:
    """One random member of a sorted set, or several with or without their scores."""
    if not options:
        value = ctx.db.typed(key, SortedSet)
        return None if value is None else _random_members(ctx, value, -1)[0][0]
    with_scores = len(options) == 2
    count = random_count(options[0])
    if len(options) > 2 or (with_scores and options[1].lower() != b"withscores"):
        raise CommandError(SYNTAX)
    if with_scores:
        count = random_count(options[0], doubled=True)
    value = ctx.db.typed(key, SortedSet)
    if value is None:
        return []
    members = _random_members(ctx, value, count)
    return pairs(ctx, members) if with_scores else [member for member, _ in members]


def _random_members(ctx: Context, value: SortedSet, count: int) -> list[tuple[bytes, float]]:
    return [value.at(place) for place in random_places(ctx.server.random, len(value), count)]


@command("ZSCAN", "key cursor:integer [MATCH pattern:pattern] [COUNT count:integer]", group="sorted-set",
         since="2.8.0", flags="READONLY", keys="RO ACCESS",
         complexity="O(1) a call, O(N) for a whole scan of N members",
         tips=("nondeterministic_output",))  # fmt: skip
def zscan(ctx: Context, key: bytes, cursor: bytes, *options: bytes) -> Reply:
    """Goes through the members of a sorted set and their scores, a piece at a time."""
    value, following, members = scan(ctx, key, SortedSet, cursor, options)
    found: list[Reply] = []
    if value is not None:
        written = score_text if value.encoding() == "listpack" else format_double
        for member in members:
            found += (member, written(value.scores[member]))
    return [b"%d" % following, found]
