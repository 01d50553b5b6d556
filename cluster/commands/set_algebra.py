"""Sets: intersections, unions and differences.

Source: https://redis.io/docs/latest/commands/?group=set
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from cluster.commands.arguments import integer_between, positive
from cluster.commands.collections import NO_KEYS, limits, store_result
from cluster.commands.context import Context
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, CommandError
from cluster.store.values.set import Set
from cluster.store.values.string import INT64_MAX
from protocol.resp.types import Reply, SetReply

_NOTHING = Set()
_SMALLEST_TIMES_ALL = "O(N*M) at worst, for M sets, the smallest of N members"
_ALL_MEMBERS = "O(N) for N members of all sets together"

_Combine = Callable[[Sequence[Set]], Iterable[bytes]]


def _intersection(sets: Sequence[Set]) -> Iterable[bytes]:
    """Members that all sets have, in the order of the smallest."""
    smallest, *others = sorted(sets, key=len)
    return (member for member in smallest if all(member in other for other in others))


def _union(sets: Sequence[Set]) -> Iterable[bytes]:
    found: dict[bytes, None] = {}
    for value in sets:
        found.update(value.members)
    return found


def _difference(sets: Sequence[Set]) -> Iterable[bytes]:
    """Members of the first set that no other has."""
    first, *others = sets
    return (member for member in first if not any(member in other for other in others))


def _sets(ctx: Context, keys: Sequence[bytes]) -> list[Set]:
    """The sets of these keys, an empty one for each that is absent. Raises CommandError for another type."""
    return [ctx.db.typed(key, Set) or _NOTHING for key in keys]


def _store(ctx: Context, destination: bytes, keys: Sequence[bytes], combine: _Combine, event: bytes) -> int:
    made = Set.from_items(combine(_sets(ctx, keys)), limits(ctx))
    return store_result(ctx, destination, event, made)


def _reply(ctx: Context, keys: Sequence[bytes], combine: _Combine) -> SetReply:
    made = Set.from_items(combine(_sets(ctx, keys)), limits(ctx))
    return SetReply(made)


@command("SINTER", "key+", group="set", since="1.0.0", flags="READONLY", keys="RO ACCESS",
         complexity=_SMALLEST_TIMES_ALL, tips=("nondeterministic_output_order",))  # fmt: skip
def sinter(ctx: Context, *keys: bytes) -> Reply:
    """The members that all of some sets have."""
    return _reply(ctx, keys, _intersection)


@command("SINTERSTORE", "destination:key key+", group="set", since="1.0.0", flags="WRITE DENYOOM",
         keys="RW UPDATE; RO ACCESS", complexity=_SMALLEST_TIMES_ALL)  # fmt: skip
def sinterstore(ctx: Context, destination: bytes, *keys: bytes) -> Reply:
    """Keeps under a key the members that all of some sets have."""
    return _store(ctx, destination, keys, _intersection, b"sinterstore")


@command("SINTERCARD", "numkeys:integer key+ [LIMIT limit:integer]", group="set", since="7.0.0",
         flags="READONLY MOVABLEKEYS", keys="RO ACCESS @ index:1 keynum:0,1,1",
         complexity=_SMALLEST_TIMES_ALL)  # fmt: skip
def sintercard(ctx: Context, numkeys: bytes, *words: bytes) -> Reply:
    """How many members all of some sets have, counted up to a limit."""
    size = integer_between(numkeys, 1, INT64_MAX, NO_KEYS)
    if size > len(words):
        raise CommandError("ERR Number of keys can't be greater than number of args")
    limit = 0
    options = words[size:]
    for at in range(0, len(options), 2):
        if options[at].lower() != b"limit" or at + 1 == len(options):
            raise CommandError(SYNTAX)
        limit = positive(options[at + 1], "ERR LIMIT can't be negative")
    found = _intersection(_sets(ctx, words[:size]))
    return sum(1 for _ in islice(found, limit or None))


@command("SUNION", "key+", group="set", since="1.0.0", flags="READONLY", keys="RO ACCESS",
         complexity=_ALL_MEMBERS, tips=("nondeterministic_output_order",))  # fmt: skip
def sunion(ctx: Context, *keys: bytes) -> Reply:
    """The members that any of some sets has."""
    return _reply(ctx, keys, _union)


@command("SUNIONSTORE", "destination:key key+", group="set", since="1.0.0", flags="WRITE DENYOOM",
         keys="OW UPDATE; RO ACCESS", complexity=_ALL_MEMBERS)  # fmt: skip
def sunionstore(ctx: Context, destination: bytes, *keys: bytes) -> Reply:
    """Keeps under a key the members that any of some sets has."""
    return _store(ctx, destination, keys, _union, b"sunionstore")


@command("SDIFF", "key+", group="set", since="1.0.0", flags="READONLY", keys="RO ACCESS",
         complexity=_ALL_MEMBERS, tips=("nondeterministic_output_order",))  # fmt: skip
def sdiff(ctx: Context, *keys: bytes) -> Reply:
    """The members of one set that none of some others has."""
    return _reply(ctx, keys, _difference)


@command("SDIFFSTORE", "destination:key key+", group="set", since="1.0.0", flags="WRITE DENYOOM",
         keys="OW UPDATE; RO ACCESS", complexity=_ALL_MEMBERS)  # fmt: skip
def sdiffstore(ctx: Context, destination: bytes, *keys: bytes) -> Reply:
    """Keeps under a key the members of one set that none of some others has."""
    return _store(ctx, destination, keys, _difference, b"sdiffstore")
