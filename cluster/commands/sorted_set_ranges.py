"""Sorted sets: ranges by rank, by score and by member, read, stored, counted and removed.

Source: https://redis.io/docs/latest/commands/?group=sorted-set
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cluster.commands.arguments import integer, lex_range, score_range
from cluster.commands.collections import limits, pairs, removed, store_result, target
from cluster.commands.context import Context
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, CommandError
from cluster.store.values.sorted_set import SortedSet
from protocol.resp.types import Reply

_LOG_AND_EACH = "O(log(N)+M) for M members, N being the sorted set's size"

_Bounds = Callable[[SortedSet], tuple[int, int]]
"""Finds a range in a sorted set: its first rank and the one behind its last."""


def _rank_bounds(low: bytes, high: bytes) -> _Bounds:
    first, last = integer(low), integer(high)

    def find(value: SortedSet) -> tuple[int, int]:
        size = len(value)
        start = max(0, first + size if first < 0 else first)
        stop = min(size, (last + size if last < 0 else last) + 1)
        return start, max(start, stop)

    return find


def _score_bounds(low: bytes, high: bytes) -> _Bounds:
    scores = score_range(low, high)
    return lambda value: value.score_bounds(scores)


def _lex_bounds(low: bytes, high: bytes) -> _Bounds:
    members = lex_range(low, high)
    return lambda value: value.lex_bounds(members)


_BOUNDS = {"rank": _rank_bounds, "score": _score_bounds, "lex": _lex_bounds}


@dataclass(slots=True)
class _Wanted:
    """What the options of a range command ask for; `by` and `reverse` are None until someone says."""

    by: str | None = None
    reverse: bool | None = None
    with_scores: bool = False
    offset: int = 0
    limit: int = -1

    def read(self, options: Sequence[bytes], *, takes_scores: bool) -> None:
        """Raises CommandError."""
        at = 0
        while at < len(options):
            word = options[at].lower()
            if word == b"withscores" and takes_scores:
                self.with_scores = True
            elif word == b"limit" and at + 2 < len(options):
                self.offset, self.limit = integer(options[at + 1]), integer(options[at + 2])
                at += 2
            elif word == b"rev" and self.reverse is None:
                self.reverse = True
            elif word in (b"bylex", b"byscore") and self.by is None:
                self.by = word[2:].decode()
            else:
                raise CommandError(SYNTAX)
            at += 1

    def bounds(self, low: bytes, high: bytes) -> _Bounds:
        """Raises CommandError."""
        by = self.by or "rank"
        if self.limit != -1 and by == "rank":
            raise CommandError(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
            )
        if self.with_scores and by == "lex":
            raise CommandError("ERR syntax error, WITHSCORES not supported in combination with BYLEX")
        if self.reverse and by != "rank":
            low, high = high, low
        return _BOUNDS[by](low, high)

    def take(self, value: SortedSet, start: int, stop: int) -> list[tuple[bytes, float]]:
        """The members of a range, in the order wanted, without those that LIMIT leaves out."""
        if self.by in (None, "rank"):
            if self.reverse:
                start, stop = len(value) - stop, len(value) - start
        elif self.offset < 0:
            return []
        elif self.reverse:
            stop -= self.offset
            start = start if self.limit < 0 else max(start, stop - self.limit)
        else:
            start += self.offset
            stop = stop if self.limit < 0 else min(stop, start + self.limit)
        return value.slice(start, stop, reverse=bool(self.reverse))


def _range(
    ctx: Context, key: bytes, low: bytes, high: bytes, options: Sequence[bytes], wanted: _Wanted
) -> list[Reply]:
    wanted.read(options, takes_scores=True)
    find = wanted.bounds(low, high)
    value = ctx.db.typed(key, SortedSet)
    if value is None:
        return []
    members = wanted.take(value, *find(value))
    if wanted.with_scores:
        return pairs(ctx, members)
    return [member for member, _ in members]


_ANY_RANGE = "[sortby={BYSCORE | BYLEX}] [REV] [offset_count=LIMIT {offset:integer count:integer}]"
_LIMIT = "[offset_count=LIMIT {offset:integer count:integer}]"


@command("ZRANGE", "key start stop " + _ANY_RANGE + " [WITHSCORES]", group="sorted-set", since="1.2.0",
         flags="READONLY", keys="RO ACCESS", complexity=_LOG_AND_EACH,
         history=(("6.2.0", "Takes REV, BYSCORE, BYLEX and LIMIT."),))  # fmt: skip
def zrange(ctx: Context, key: bytes, low: bytes, high: bytes, *options: bytes) -> Reply:
    """The members of a range by rank, by score or by member."""
    return _range(ctx, key, low, high, options, _Wanted())


@command("ZREVRANGE", "key start:integer stop:integer [WITHSCORES]", group="sorted-set", since="1.2.0",
         flags="READONLY", keys="RO ACCESS", complexity=_LOG_AND_EACH, doc_flags=("deprecated",),
         deprecated_since="6.2.0", replaced_by="`ZRANGE` with the `REV` argument")  # fmt: skip
def zrevrange(ctx: Context, key: bytes, low: bytes, high: bytes, *options: bytes) -> Reply:
    """The members of a range by rank, the highest score first."""
    return _range(ctx, key, low, high, options, _Wanted("rank", True))


@command("ZRANGEBYSCORE", "key min:double max:double [WITHSCORES] " + _LIMIT, group="sorted-set",
         since="1.0.5", flags="READONLY", keys="RO ACCESS", complexity=_LOG_AND_EACH,
         doc_flags=("deprecated",), deprecated_since="6.2.0",
         replaced_by="`ZRANGE` with the `BYSCORE` argument",
         history=(("2.0.0", "Takes WITHSCORES."),))  # fmt: skip
def zrangebyscore(ctx: Context, key: bytes, low: bytes, high: bytes, *options: bytes) -> Reply:
    """The members of a range by score."""
    return _range(ctx, key, low, high, options, _Wanted("score", False))


@command("ZREVRANGEBYSCORE", "key max:double min:double [WITHSCORES] " + _LIMIT, group="sorted-set",
         since="2.2.0", flags="READONLY", keys="RO ACCESS", complexity=_LOG_AND_EACH,
         doc_flags=("deprecated",), deprecated_since="6.2.0",
         replaced_by="`ZRANGE` with the `REV` and `BYSCORE` arguments",
         history=(("2.1.6", "Bounds can be exclusive."),))  # fmt: skip
def zrevrangebyscore(ctx: Context, key: bytes, high: bytes, low: bytes, *options: bytes) -> Reply:
    """The members of a range by score, the highest first."""
    return _range(ctx, key, high, low, options, _Wanted("score", True))


@command("ZRANGEBYLEX", "key min max " + _LIMIT, group="sorted-set", since="2.8.9", flags="READONLY",
         keys="RO ACCESS", complexity=_LOG_AND_EACH, doc_flags=("deprecated",), deprecated_since="6.2.0",
         replaced_by="`ZRANGE` with the `BYLEX` argument")  # fmt: skip
def zrangebylex(ctx: Context, key: bytes, low: bytes, high: bytes, *options: bytes) -> Reply:
    """The members of a range by member, where all scores are equal."""
    return _range(ctx, key, low, high, options, _Wanted("lex", False))


@command("ZREVRANGEBYLEX", "key max min " + _LIMIT, group="sorted-set", since="2.8.9", flags="READONLY",
         keys="RO ACCESS", complexity=_LOG_AND_EACH, doc_flags=("deprecated",), deprecated_since="6.2.0",
         replaced_by="`ZRANGE` with the `REV` and `BYLEX` arguments")  # fmt: skip
def zrevrangebylex(ctx: Context, key: bytes, high: bytes, low: bytes, *options: bytes) -> Reply:
    """The members of a range by member, the last first, where all scores are equal."""
    return _range(ctx, key, high, low, options, _Wanted("lex", True))


@command("ZRANGESTORE", "dst:key src:key min max " + _ANY_RANGE, group="sorted-set", since="6.2.0",
         flags="WRITE DENYOOM", keys="OW UPDATE; RO ACCESS", complexity=_LOG_AND_EACH)  # fmt: skip
def zrangestore(
    ctx: Context, destination: bytes, source: bytes, low: bytes, high: bytes, *options: bytes
) -> Reply:
    """Keeps under a key the members of a range of another sorted set."""
    wanted = _Wanted()
    wanted.read(options, takes_scores=False)
    find = wanted.bounds(low, high)
    value = ctx.db.typed(source, SortedSet)
    members = wanted.take(value, *find(value)) if value is not None else []
    return store_result(ctx, destination, b"zrangestore", SortedSet.from_items(members, limits(ctx)))


@command("ZCOUNT", "key min:double max:double", group="sorted-set", since="2.0.0", flags="READONLY FAST",
         keys="RO ACCESS", complexity="O(log(N)), N being the sorted set's size")  # fmt: skip
def zcount(ctx: Context, key: bytes, low: bytes, high: bytes) -> Reply:
    """How many members have a score in a range."""
    return _count(ctx, key, _score_bounds(low, high))


@command("ZLEXCOUNT", "key min max", group="sorted-set", since="2.8.9", flags="READONLY FAST",
         keys="RO ACCESS", complexity="O(log(N)), N being the sorted set's size")  # fmt: skip
def zlexcount(ctx: Context, key: bytes, low: bytes, high: bytes) -> Reply:
    """How many members are in a range by member, where all scores are equal."""
    return _count(ctx, key, _lex_bounds(low, high))


def _count(ctx: Context, key: bytes, find: _Bounds) -> int:
    value = ctx.db.typed(key, SortedSet)
    if value is None:
        return 0
    start, stop = find(value)
    return stop - start


@command("ZREMRANGEBYRANK", "key start:integer stop:integer", group="sorted-set", since="2.0.0",
         flags="WRITE", keys="RW DELETE", complexity=_LOG_AND_EACH)  # fmt: skip
def zremrangebyrank(ctx: Context, key: bytes, low: bytes, high: bytes) -> Reply:
    """Removes the members of a range by rank."""
    return _remove(ctx, key, _rank_bounds(low, high), b"zremrangebyrank")


@command("ZREMRANGEBYSCORE", "key min:double max:double", group="sorted-set", since="1.2.0", flags="WRITE",
         keys="RW DELETE", complexity=_LOG_AND_EACH)  # fmt: skip
def zremrangebyscore(ctx: Context, key: bytes, low: bytes, high: bytes) -> Reply:
    """Removes the members with a score in a range."""
    return _remove(ctx, key, _score_bounds(low, high), b"zremrangebyscore")


@command("ZREMRANGEBYLEX", "key min max", group="sorted-set", since="2.8.9", flags="WRITE", keys="RW DELETE",
         complexity=_LOG_AND_EACH)  # fmt: skip
def zremrangebylex(ctx: Context, key: bytes, low: bytes, high: bytes) -> Reply:
    """Removes the members of a range by member, where all scores are equal."""
    return _remove(ctx, key, _lex_bounds(low, high), b"zremrangebylex")


def _remove(ctx: Context, key: bytes, find: _Bounds, event: bytes) -> int:
    value = target(ctx, key, SortedSet)
    if value is None:
        return 0
    gone = value.remove_ranks(*find(value))
    if gone:
        removed(ctx, key, event, len(gone))
    return len(gone)
