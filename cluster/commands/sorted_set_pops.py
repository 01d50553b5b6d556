"""Sorted sets: taking out the members with the lowest or highest scores.

Source: https://redis.io/docs/latest/commands/?group=sorted-set
"""

from __future__ import annotations

from cluster.commands.arguments import positive
from cluster.commands.collections import first_of_several, pairs, removed, target
from cluster.commands.context import Context
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, CommandError
from cluster.store.values.sorted_set import SortedSet
from protocol.resp.types import NULL_ARRAY, Reply

_EACH_POPPED = "O(M*log(N)) for M members returned, N being the sorted set's size"


@command("ZPOPMIN", "key [count:integer]", group="sorted-set", since="5.0.0", flags="WRITE FAST",
         keys="RW ACCESS DELETE", complexity=_EACH_POPPED)  # fmt: skip
def zpopmin(ctx: Context, key: bytes, *options: bytes) -> Reply:
    """Removes and returns the members with the lowest scores."""
    return _pop(ctx, key, options, lowest=True)


@command("ZPOPMAX", "key [count:integer]", group="sorted-set", since="5.0.0", flags="WRITE FAST",
         keys="RW ACCESS DELETE", complexity=_EACH_POPPED)  # fmt: skip
def zpopmax(ctx: Context, key: bytes, *options: bytes) -> Reply:
    """Removes and returns the members with the highest scores."""
    return _pop(ctx, key, options, lowest=False)


def _pop(ctx: Context, key: bytes, options: tuple[bytes, ...], *, lowest: bool) -> Reply:
    if len(options) > 1:
        raise CommandError(SYNTAX)
    count = positive(options[0]) if options else 1
    value = target(ctx, key, SortedSet)
    if value is None:
        return []
    found = pop_members(ctx, key, value, count, lowest=lowest)
    return pairs(ctx, found) if options else [part for item in found for part in item]


def pop_members(
    ctx: Context, key: bytes, value: SortedSet, count: int, *, lowest: bool
) -> list[tuple[bytes, float]]:
    """Removes up to `count` members from one end, and tells of it; the outermost comes first."""
    size = len(value)
    taken = min(count, size)
    found = value.remove_ranks(0, taken) if lowest else value.remove_ranks(size - taken, size)
    if not lowest:
        found.reverse()
    if found:
        removed(ctx, key, b"zpopmin" if lowest else b"zpopmax", len(found))
    return found


@command("ZMPOP", "numkeys:integer key+ where={MIN | MAX} [COUNT count:integer]", group="sorted-set",
         since="7.0.0", flags="WRITE MOVABLEKEYS", keys="RW ACCESS DELETE @ index:1 keynum:0,1,1",
         complexity="O(K) + O(M*log(N)) for K keys and M members returned")  # fmt: skip
def zmpop(ctx: Context, numkeys: bytes, *words: bytes) -> Reply:
    """Pops members from the first of several sorted sets that is not empty."""
    keys, lowest, count = first_of_several(numkeys, words, (b"min", b"max"))
    for key in keys:
        value = target(ctx, key, SortedSet)
        if value is not None:
            found = pop_members(ctx, key, value, count, lowest=lowest)
            ctx.propagate_instead([[b"ZPOPMIN" if lowest else b"ZPOPMAX", key, b"%d" % len(found)]])
            return [key, [[member, score] for member, score in found]]
    return NULL_ARRAY
