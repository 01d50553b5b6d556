"""Sorted sets: the commands that wait for a member where there is none yet.

Source: https://redis.io/docs/latest/commands/?group=sorted-set
"""

from __future__ import annotations

from cluster.commands.blocking import first_or_wait, timeout_s
from cluster.commands.collections import first_of_several
from cluster.commands.context import Context
from cluster.commands.sorted_set_pops import pop_members
from cluster.spec.command import command
from cluster.store.values.sorted_set import SortedSet
from protocol.resp.types import Reply

_ONE_POPPED = "O(log(N)) with N being the number of elements in the sorted set."


@command("BZPOPMIN", "key+ timeout:double", group="sorted-set", since="5.0.0",
         flags="WRITE NOSCRIPT BLOCKING FAST", keys="RW ACCESS DELETE", complexity=_ONE_POPPED,
         history=(("6.0.0", "The timeout may have a fraction."),))  # fmt: skip
def bzpopmin(ctx: Context, *words: bytes) -> Reply:
    """Removes and returns the lowest member of the first sorted set that has any, waiting if need be."""
    return _pop_one(ctx, words, lowest=True)


@command("BZPOPMAX", "key+ timeout:double", group="sorted-set", since="5.0.0",
         flags="WRITE NOSCRIPT BLOCKING FAST", keys="RW ACCESS DELETE", complexity=_ONE_POPPED,
         history=(("6.0.0", "The timeout may have a fraction."),))  # fmt: skip
def bzpopmax(ctx: Context, *words: bytes) -> Reply:
    """Removes and returns the highest member of the first sorted set that has any, waiting if need be."""
    return _pop_one(ctx, words, lowest=False)


def _pop_one(ctx: Context, words: tuple[bytes, ...], *, lowest: bool) -> Reply:
    deadline_ms = timeout_s(ctx, words[-1])
    name = b"ZPOPMIN" if lowest else b"ZPOPMAX"

    def pop(key: bytes, value: SortedSet) -> Reply:
        member, score = pop_members(ctx, key, value, 1, lowest=lowest)[0]
        ctx.propagate_instead([[name, key]])
        return [key, member, score]

    return first_or_wait(ctx, words[:-1], SortedSet, pop, deadline_ms)


@command("BZMPOP", "timeout:double numkeys:integer key+ where={MIN | MAX} [COUNT count:integer]",
         group="sorted-set", since="7.0.0", flags="WRITE BLOCKING MOVABLEKEYS",
         keys="RW ACCESS DELETE @ index:2 keynum:0,1,1",
         complexity="O(K) + O(M*log(N)) for K keys and M members returned")  # fmt: skip
def bzmpop(ctx: Context, timeout: bytes, numkeys: bytes, *words: bytes) -> Reply:
    """Pops members from the first of several sorted sets that is not empty, waiting for one if need be."""
    deadline_ms = timeout_s(ctx, timeout)
    keys, lowest, count = first_of_several(numkeys, words, (b"min", b"max"))
    name = b"ZPOPMIN" if lowest else b"ZPOPMAX"

    def pop(key: bytes, value: SortedSet) -> Reply:
        found = pop_members(ctx, key, value, count, lowest=lowest)
        ctx.propagate_instead([[name, key, b"%d" % len(found)]])
        return [key, [[member, score] for member, score in found]]

    return first_or_wait(ctx, keys, SortedSet, pop, deadline_ms)
