"""Lists: the commands that wait for an element where there is none yet.

Source: https://redis.io/docs/latest/commands/?group=list
"""

from __future__ import annotations

from cluster.commands.blocking import first_or_wait, timeout_s, wait_for
from cluster.commands.collections import first_of_several, target
from cluster.commands.context import Context
from cluster.commands.list_moves import is_left, move
from cluster.commands.lists import pop_elements
from cluster.spec.command import command
from cluster.store.values.list import List
from protocol.resp.types import Reply

_EACH_KEY = "O(N) where N is the number of keys given"


@command("BLPOP", "key+ timeout:double", group="list", since="2.0.0", flags="WRITE NOSCRIPT BLOCKING",
         keys="RW ACCESS DELETE", complexity=_EACH_KEY,
         history=(("6.0.0", "The timeout may have a fraction."),))  # fmt: skip
def blpop(ctx: Context, *words: bytes) -> Reply:
    """Removes and returns the first element of the first list that has any, waiting for one if need be."""
    return _pop_one(ctx, words, left=True)


@command("BRPOP", "key+ timeout:double", group="list", since="2.0.0", flags="WRITE NOSCRIPT BLOCKING",
         keys="RW ACCESS DELETE", complexity=_EACH_KEY,
         history=(("6.0.0", "The timeout may have a fraction."),))  # fmt: skip
def brpop(ctx: Context, *words: bytes) -> Reply:
    """Removes and returns the last element of the first list that has any, waiting for one if need be."""
    return _pop_one(ctx, words, left=False)


def _pop_one(ctx: Context, words: tuple[bytes, ...], *, left: bool) -> Reply:
    deadline_ms = timeout_s(ctx, words[-1])
    name = b"LPOP" if left else b"RPOP"

    def pop(key: bytes, value: List) -> Reply:
        found = pop_elements(ctx, key, value, 1, left=left)
        ctx.propagate_instead([[name, key]])
        return [key, found[0]]

    return first_or_wait(ctx, words[:-1], List, pop, deadline_ms)


@command("BLMPOP", "timeout:double numkeys:integer key+ where={LEFT | RIGHT} [COUNT count:integer]",
         group="list", since="7.0.0", flags="WRITE BLOCKING MOVABLEKEYS",
         keys="RW ACCESS DELETE @ index:2 keynum:0,1,1",
         complexity="O(N+M) for N keys and M elements returned")  # fmt: skip
def blmpop(ctx: Context, timeout: bytes, numkeys: bytes, *words: bytes) -> Reply:
    """Pops elements from the first of several lists that is not empty, waiting for one if need be."""
    deadline_ms = timeout_s(ctx, timeout)
    keys, left, count = first_of_several(numkeys, words, (b"left", b"right"))
    name = b"LPOP" if left else b"RPOP"

    def pop(key: bytes, value: List) -> Reply:
        found = pop_elements(ctx, key, value, count, left=left)
        ctx.propagate_instead([[name, key, b"%d" % len(found)]])
        return [key, found]

    return first_or_wait(ctx, keys, List, pop, deadline_ms)


@command("BLMOVE",
         "source:key destination:key wherefrom={LEFT | RIGHT} whereto={LEFT | RIGHT} timeout:double",
         group="list", since="6.2.0", flags="WRITE DENYOOM NOSCRIPT BLOCKING",
         keys="RW ACCESS DELETE; RW INSERT")  # fmt: skip
def blmove(
    ctx: Context, source: bytes, destination: bytes, where_from: bytes, where_to: bytes, timeout: bytes
) -> Reply:
    """Moves an element from one list to another and returns it, waiting for one if need be."""
    from_left, to_left = is_left(where_from), is_left(where_to)
    instead = [b"LMOVE", source, destination, _side(from_left), _side(to_left)]
    deadline_ms = timeout_s(ctx, timeout)
    return _move(ctx, source, destination, from_left, to_left, instead, deadline_ms)


@command("BRPOPLPUSH", "source:key destination:key timeout:double", group="list", since="2.2.0",
         flags="WRITE DENYOOM NOSCRIPT BLOCKING", keys="RW ACCESS DELETE; RW INSERT",
         doc_flags=("deprecated",), deprecated_since="6.2.0",
         replaced_by="`BLMOVE` with the `RIGHT` and `LEFT` arguments",
         history=(("6.0.0", "The timeout may have a fraction."),))  # fmt: skip
def brpoplpush(ctx: Context, source: bytes, destination: bytes, timeout: bytes) -> Reply:
    """Moves the last element of one list to the front of another, waiting for one if need be."""
    deadline_ms = timeout_s(ctx, timeout)
    return _move(ctx, source, destination, False, True, [b"RPOPLPUSH", source, destination], deadline_ms)


def _side(left: bool) -> bytes:
    return b"LEFT" if left else b"RIGHT"


def _move(
    ctx: Context,
    source: bytes,
    destination: bytes,
    from_left: bool,
    to_left: bool,
    instead: list[bytes],
    deadline_ms: int,
) -> Reply:
    def attempt(_key: bytes) -> Reply:
        element = move(ctx, source, destination, from_left=from_left, to_left=to_left)
        ctx.propagate_instead([instead])
        return element

    if target(ctx, source, List) is not None:
        return attempt(source)
    return wait_for(ctx, (source,), attempt, kind=List, deadline_ms=deadline_ms, in_exec=None)
