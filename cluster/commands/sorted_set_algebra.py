"""Sorted sets: unions, intersections and differences, of sorted sets and of sets, whose members score 1.

Source: https://redis.io/docs/latest/commands/?group=sorted-set
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

from cluster.commands.arguments import double, integer, positive
from cluster.commands.collections import limits, pairs, store_result
from cluster.commands.context import Context
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, WRONG_TYPE, CommandError
from cluster.store.values.set import Set
from cluster.store.values.sorted_set import SortedSet
from protocol.resp.types import Reply

_Scores = Mapping[bytes, float]
_Aggregate = Callable[[float, float], float]
_Combine = Callable[["list[_Source]", _Aggregate], dict[bytes, float]]

_UNION_COST = "O(N)+O(M*log(M)) for N members of all inputs and M of the result"
_INTER_COST = "O(N*K)+O(M*log(M)) at worst for K inputs, the smallest of N members, and M of the result"
_DIFF_COST = "O(L+(N-K)*log(N)) at worst for L members of all inputs, N of the first and K of the result"
_WEIGHTS = "[WEIGHTS weight:integer+] [aggregate=AGGREGATE {SUM | MIN | MAX}]"


def _number(value: float) -> float:
    """Infinity less infinity, and infinity times 0, count as 0 here."""
    return 0.0 if value != value else value


_AGGREGATES: dict[bytes, _Aggregate] = {
    b"sum": lambda held, value: _number(held + value),
    b"min": lambda held, value: value if value < held else held,
    b"max": lambda held, value: value if value > held else held,
}


class _Source:
    """One input: its scores, and by what they count."""

    __slots__ = ("scores", "weight")

    def __init__(self, scores: _Scores) -> None:
        self.scores = scores
        self.weight = 1.0


def _sources(ctx: Context, keys: Sequence[bytes]) -> list[_Source]:
    """Raises CommandError for a key that holds neither a set nor a sorted set."""
    found = []
    for key in keys:
        value = ctx.db.get(key)
        if value is None:
            found.append(_Source({}))
        elif isinstance(value, SortedSet):
            found.append(_Source(value.scores))
        elif isinstance(value, Set):
            found.append(_Source(dict.fromkeys(value.members, 1.0)))
        else:
            raise CommandError(WRONG_TYPE)
    return found


def _by_size(sources: list[_Source]) -> list[_Source]:
    """The order in which Redis adds scores up: it decides the last bits of a sum."""
    return sorted(sources, key=lambda source: len(source.scores))


def _union(sources: list[_Source], aggregate: _Aggregate) -> dict[bytes, float]:
    made: dict[bytes, float] = {}
    for source in _by_size(sources):
        for member, score in source.scores.items():
            value = _number(score * source.weight)
            made[member] = aggregate(made[member], value) if member in made else value
    return made


def _intersection(sources: list[_Source], aggregate: _Aggregate) -> dict[bytes, float]:
    first, *others = _by_size(sources)
    made = {}
    for member in _common(first, others):
        held = _number(first.scores[member] * first.weight)
        for other in others:
            held = aggregate(held, other.scores[member] * other.weight)
        made[member] = held
    return made


def _common(first: _Source, others: list[_Source]) -> Iterator[bytes]:
    return (member for member in first.scores if all(member in other.scores for other in others))


def _difference(sources: list[_Source], _aggregate: _Aggregate) -> dict[bytes, float]:
    first, *others = sources
    return {
        member: score
        for member, score in first.scores.items()
        if not any(member in other.scores for other in others)
    }


class _Request:
    """What one of these commands is asked for."""

    def __init__(self, ctx: Context, name: str, numkeys: bytes, words: Sequence[bytes]) -> None:
        """Reads the keys. Raises CommandError."""
        size = integer(numkeys)
        if size < 1:
            raise CommandError(f"ERR at least 1 input key is needed for '{name}' command")
        if size > len(words):
            raise CommandError(SYNTAX)
        self.sources = _sources(ctx, words[:size])
        self.options = words[size:]
        self.aggregate = _AGGREGATES[b"sum"]
        self.with_scores = False

    def read_options(self, *, weighted: bool, scored: bool) -> None:
        """WEIGHTS and AGGREGATE where `weighted`, WITHSCORES where `scored`. Raises CommandError."""
        at = 0
        while at < len(self.options):
            word, left = self.options[at].lower(), len(self.options) - at
            if weighted and word == b"weights" and left > len(self.sources):
                for source in self.sources:
                    at += 1
                    source.weight = double(self.options[at], "ERR weight value is not a float")
            elif weighted and word == b"aggregate" and left > 1:
                at += 1
                aggregate = _AGGREGATES.get(self.options[at].lower())
                if aggregate is None:
                    raise CommandError(SYNTAX)
                self.aggregate = aggregate
            elif scored and word == b"withscores":
                self.with_scores = True
            else:
                raise CommandError(SYNTAX)
            at += 1


def _reply(ctx: Context, name: str, numkeys: bytes, words: Sequence[bytes], combine: _Combine) -> Reply:
    request = _Request(ctx, name, numkeys, words)
    request.read_options(weighted=combine is not _difference, scored=True)
    made = combine(request.sources, request.aggregate)
    order = sorted(made.items(), key=lambda item: (item[1], item[0]))
    return pairs(ctx, order) if request.with_scores else [member for member, _ in order]


def _store(
    ctx: Context, name: str, destination: bytes, numkeys: bytes, words: Sequence[bytes], combine: _Combine
) -> Reply:
    request = _Request(ctx, name, numkeys, words)
    request.read_options(weighted=combine is not _difference, scored=False)
    made = combine(request.sources, request.aggregate)
    return store_result(ctx, destination, name.encode(), SortedSet.from_items(made.items(), limits(ctx)))


@command("ZUNION", "numkeys:integer key+ " + _WEIGHTS + " [WITHSCORES]", group="sorted-set", since="6.2.0",
         flags="READONLY MOVABLEKEYS", keys="RO ACCESS @ index:1 keynum:0,1,1",
         complexity=_UNION_COST)  # fmt: skip
def zunion(ctx: Context, numkeys: bytes, *words: bytes) -> Reply:
    """The members that any of some sorted sets has, their scores added up."""
    return _reply(ctx, "zunion", numkeys, words, _union)


@command("ZUNIONSTORE", "destination:key numkeys:integer key+ " + _WEIGHTS, group="sorted-set", since="2.0.0",
         flags="WRITE DENYOOM MOVABLEKEYS", keys="OW UPDATE; RO ACCESS @ index:2 keynum:0,1,1",
         complexity=_UNION_COST)  # fmt: skip
def zunionstore(ctx: Context, destination: bytes, numkeys: bytes, *words: bytes) -> Reply:
    """Keeps under a key the members that any of some sorted sets has, their scores added up."""
    return _store(ctx, "zunionstore", destination, numkeys, words, _union)


@command("ZINTER", "numkeys:integer key+ " + _WEIGHTS + " [WITHSCORES]", group="sorted-set", since="6.2.0",
         flags="READONLY MOVABLEKEYS", keys="RO ACCESS @ index:1 keynum:0,1,1",
         complexity=_INTER_COST)  # fmt: skip
def zinter(ctx: Context, numkeys: bytes, *words: bytes) -> Reply:
    """The members that all of some sorted sets have, their scores added up."""
    return _reply(ctx, "zinter", numkeys, words, _intersection)


@command("ZINTERSTORE", "destination:key numkeys:integer key+ " + _WEIGHTS, group="sorted-set", since="2.0.0",
         flags="WRITE DENYOOM MOVABLEKEYS", keys="OW UPDATE; RO ACCESS @ index:2 keynum:0,1,1",
         complexity=_INTER_COST)  # fmt: skip
def zinterstore(ctx: Context, destination: bytes, numkeys: bytes, *words: bytes) -> Reply:
    """Keeps under a key the members that all of some sorted sets have, their scores added up."""
    return _store(ctx, "zinterstore", destination, numkeys, words, _intersection)


@command("ZINTERCARD", "numkeys:integer key+ [LIMIT limit:integer]", group="sorted-set", since="7.0.0",
         flags="READONLY MOVABLEKEYS", keys="RO ACCESS @ index:1 keynum:0,1,1",
         complexity="O(N*K) at worst for K inputs, the smallest of N members")  # fmt: skip
def zintercard(ctx: Context, numkeys: bytes, *words: bytes) -> Reply:
    """How many members all of some sorted sets have, counted up to a limit."""
    request = _Request(ctx, "zintercard", numkeys, words)
    limit = 0
    for at in range(0, len(request.options), 2):
        if request.options[at].lower() != b"limit" or at + 1 == len(request.options):
            raise CommandError(SYNTAX)
        limit = positive(request.options[at + 1], "ERR LIMIT can't be negative")
    first, *others = _by_size(request.sources)
    return sum(1 for _ in islice(_common(first, others), limit or None))


@command("ZDIFF", "numkeys:integer key+ [WITHSCORES]", group="sorted-set", since="6.2.0",
         flags="READONLY MOVABLEKEYS", keys="RO ACCESS @ index:1 keynum:0,1,1",
         complexity=_DIFF_COST)  # fmt: skip
def zdiff(ctx: Context, numkeys: bytes, *words: bytes) -> Reply:
    """The members of one sorted set that none of some others has."""
    return _reply(ctx, "zdiff", numkeys, words, _difference)


@command("ZDIFFSTORE", "destination:key numkeys:integer key+", group="sorted-set", since="6.2.0",
         flags="WRITE DENYOOM MOVABLEKEYS", keys="OW UPDATE; RO ACCESS @ index:2 keynum:0,1,1",
         complexity=_DIFF_COST)  # fmt: skip
def zdiffstore(ctx: Context, destination: bytes, numkeys: bytes, *words: bytes) -> Reply:
    """Keeps under a key the members of one sorted set that none of some others has."""
    return _store(ctx, "zdiffstore", destination, numkeys, words, _difference)
