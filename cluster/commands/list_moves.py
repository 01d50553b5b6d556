"""Lists: moving an element from one to another, and popping from the first of several that has any.

Source: https://redis.io/docs/latest/commands/?group=list
"""

from __future__ import annotations

from cluster.commands.collections import first_of_several, removed, target
from cluster.commands.context import Context
from cluster.commands.lists import pop_elements
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, CommandError
from cluster.store.values.list import List
from protocol.resp.types import NULL_ARRAY, Reply


def is_left(word: bytes) -> bool:
    """LEFT or RIGHT. Raises CommandError."""
    side = word.lower()
    if side not in (b"left", b"right"):
        raise CommandError(SYNTAX)
    return side == b"left"


@command("LMOVE", "source:key destination:key wherefrom={LEFT | RIGHT} whereto={LEFT | RIGHT}", group="list",
         since="6.2.0", flags="WRITE DENYOOM", keys="RW ACCESS DELETE; RW INSERT")  # fmt: skip
def lmove(ctx: Context, source: bytes, destination: bytes, where_from: bytes, where_to: bytes) -> Reply:
    """Moves an element from an end of one list to an end of another, and returns it."""
    return move(ctx, source, destination, from_left=is_left(where_from), to_left=is_left(where_to))


@command("RPOPLPUSH", "source:key destination:key", group="list", since="1.2.0", flags="WRITE DENYOOM",
         keys="RW ACCESS DELETE; RW INSERT", doc_flags=("deprecated",), deprecated_since="6.2.0",
         replaced_by="`LMOVE` with the `RIGHT` and `LEFT` arguments")  # fmt: skip
def rpoplpush(ctx: Context, source: bytes, destination: bytes) -> Reply:
    """Moves the last element of one list to the front of another, and returns it."""
    return move(ctx, source, destination, from_left=False, to_left=True)


def move(ctx: Context, source: bytes, destination: bytes, *, from_left: bool, to_left: bool) -> Reply:
    """Moves an element, if the source has any, and returns it. Raises CommandError before anything moves."""
    giver = target(ctx, source, List)
    if giver is None:
        return None
    taker = target(ctx, destination, List)
    element = giver.elements.popleft() if from_left else giver.elements.pop()
    if taker is None:
        taker = ctx.db.typed_or_new(destination, List)
    if to_left:
        taker.elements.appendleft(element)
    else:
        taker.elements.append(element)
    ctx.changed(destination, b"lpush" if to_left else b"rpush", 0)
    removed(ctx, source, b"lpop" if from_left else b"rpop", 1)
    return element


@command("LMPOP", "numkeys:integer key+ where={LEFT | RIGHT} [COUNT count:integer]", group="list",
         since="7.0.0", flags="WRITE MOVABLEKEYS", keys="RW ACCESS DELETE @ index:1 keynum:0,1,1",
         complexity="O(N+M) for N keys and M elements returned")  # fmt: skip
def lmpop(ctx: Context, numkeys: bytes, *words: bytes) -> Reply:
    """Pops elements from the first of several lists that is not empty."""
    keys, left, count = first_of_several(numkeys, words, (b"left", b"right"))
    for key in keys:
        value = target(ctx, key, List)
        if value is not None:
            found = pop_elements(ctx, key, value, count, left=left)
            ctx.propagate_instead([[b"LPOP" if left else b"RPOP", key, b"%d" % len(found)]])
            return [key, found]
    return NULL_ARRAY
