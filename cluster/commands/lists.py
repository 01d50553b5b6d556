"""Lists: pushing, popping, reading and changing one list. What moves elements between lists is in list_moves.

Source: https://redis.io/docs/latest/commands/?group=list
"""

from __future__ import annotations

from itertools import islice

from cluster.commands.arguments import integer, positive
from cluster.commands.collections import removed, target, wrong_arity
from cluster.commands.context import Context
from cluster.spec.command import command
from cluster.spec.errors import NO_SUCH_KEY, OUT_OF_RANGE, SYNTAX, CommandError
from cluster.store.values.list import List
from protocol.resp.types import NULL_ARRAY, OK, Reply

_EACH_PUSHED = "O(1) for each element pushed"


@command("LPUSH", "key element+", group="list", since="1.0.0", flags="WRITE DENYOOM FAST", keys="RW INSERT",
         complexity=_EACH_PUSHED, history=(("2.4.0", "Takes more than one element."),))  # fmt: skip
def lpush(ctx: Context, key: bytes, *elements: bytes) -> Reply:
    """Puts elements before the first of a list, which is made where there is none."""
    value = ctx.db.typed_or_new(key, List)
    value.elements.extendleft(elements)
    ctx.changed(key, b"lpush", len(elements))
    return len(value.elements)


@command("RPUSH", "key element+", group="list", since="1.0.0", flags="WRITE DENYOOM FAST", keys="RW INSERT",
         complexity=_EACH_PUSHED, history=(("2.4.0", "Takes more than one element."),))  # fmt: skip
def rpush(ctx: Context, key: bytes, *elements: bytes) -> Reply:
    """Puts elements behind the last of a list, which is made where there is none."""
    value = ctx.db.typed_or_new(key, List)
    value.elements.extend(elements)
    ctx.changed(key, b"rpush", len(elements))
    return len(value.elements)


@command("LPUSHX", "key element+", group="list", since="2.2.0", flags="WRITE DENYOOM FAST", keys="RW INSERT",
         complexity=_EACH_PUSHED, history=(("4.0.0", "Takes more than one element."),))  # fmt: skip
def lpushx(ctx: Context, key: bytes, *elements: bytes) -> Reply:
    """Puts elements before the first of a list that is there already."""
    if target(ctx, key, List) is None:
        return 0
    return lpush(ctx, key, *elements)


@command("RPUSHX", "key element+", group="list", since="2.2.0", flags="WRITE DENYOOM FAST", keys="RW INSERT",
         complexity=_EACH_PUSHED, history=(("4.0.0", "Takes more than one element."),))  # fmt: skip
def rpushx(ctx: Context, key: bytes, *elements: bytes) -> Reply:
    """Puts elements behind the last of a list that is there already."""
    if target(ctx, key, List) is None:
        return 0
    return rpush(ctx, key, *elements)


@command("LPOP", "key [count:integer]", group="list", since="1.0.0", flags="WRITE FAST",
         keys="RW ACCESS DELETE", complexity="O(N) for N elements returned",
         history=(("6.2.0", "Takes a count."),))  # fmt: skip
def lpop(ctx: Context, key: bytes, *count: bytes) -> Reply:
    """Removes and returns the first elements of a list."""
    return _pop(ctx, key, count, "lpop", left=True)


@command("RPOP", "key [count:integer]", group="list", since="1.0.0", flags="WRITE FAST",
         keys="RW ACCESS DELETE", complexity="O(N) for N elements returned",
         history=(("6.2.0", "Takes a count."),))  # fmt: skip
def rpop(ctx: Context, key: bytes, *count: bytes) -> Reply:
    """Removes and returns the last elements of a list, the very last one first."""
    return _pop(ctx, key, count, "rpop", left=False)


def _pop(ctx: Context, key: bytes, count: tuple[bytes, ...], name: str, *, left: bool) -> Reply:
    if len(count) > 1:
        raise wrong_arity(name)
    wanted = positive(count[0]) if count else 1
    value = target(ctx, key, List)
    if value is None:
        return NULL_ARRAY if count else None
    found = pop_elements(ctx, key, value, wanted, left=left)
    return found if count else found[0]


def pop_elements(ctx: Context, key: bytes, value: List, count: int, *, left: bool) -> list[Reply]:
    """Removes up to `count` elements from one end, and tells of it; they come outermost first."""
    take = value.elements.popleft if left else value.elements.pop
    found: list[Reply] = [take() for _ in range(min(count, len(value.elements)))]
    if found:
        removed(ctx, key, b"lpop" if left else b"rpop", len(found))
    return found


@command("LLEN", "key", group="list", since="1.0.0", flags="READONLY FAST", keys="RO")
def llen(ctx: Context, key: bytes) -> Reply:
    """How many elements a list has."""
    value = ctx.db.typed(key, List)
    return 0 if value is None else len(value)


@command("LINDEX", "key index:integer", group="list", since="1.0.0", flags="READONLY", keys="RO ACCESS",
         complexity="O(N) for N elements between the index and the nearer end")  # fmt: skip
def lindex(ctx: Context, key: bytes, index: bytes) -> Reply:
    """The element at an index, which counts from the end when negative."""
    value = ctx.db.typed(key, List)
    if value is None:
        return None
    place = integer(index)
    size = len(value)
    return value.elements[place] if -size <= place < size else None


@command("LSET", "key index:integer element", group="list", since="1.0.0", flags="WRITE DENYOOM",
         keys="RW UPDATE", complexity="O(N) for N elements between the index and the nearer end")  # fmt: skip
def lset(ctx: Context, key: bytes, index: bytes, element: bytes) -> Reply:
    """Replaces the element at an index."""
    value = target(ctx, key, List)
    if value is None:
        raise CommandError(NO_SUCH_KEY)
    place = integer(index)
    size = len(value)
    if not -size <= place < size:
        raise CommandError(OUT_OF_RANGE)
    value.elements[place] = element
    ctx.changed(key, b"lset")
    return OK


@command("LRANGE", "key start:integer stop:integer", group="list", since="1.0.0", flags="READONLY",
         keys="RO ACCESS",
         complexity="O(S+N), S being how far the start is from the nearer end, for N elements")  # fmt: skip
def lrange(ctx: Context, key: bytes, start: bytes, stop: bytes) -> Reply:
    """The elements between two indexes, both included."""
    first, last = integer(start), integer(stop)
    value = ctx.db.typed(key, List)
    if value is None:
        return []
    return [*value.slice(*bounds(first, last, len(value)))]


def bounds(first: int, last: int, size: int) -> tuple[int, int]:
    """Two indexes, both included and counting from the end when negative, as start and excluded stop."""
    start = max(0, first + size if first < 0 else first)
    stop = min(size, (last + size if last < 0 else last) + 1)
    return (start, stop) if start < stop else (0, 0)


@command("LTRIM", "key start:integer stop:integer", group="list", since="1.0.0", flags="WRITE",
         keys="RW DELETE", complexity="O(N) for N elements removed")  # fmt: skip
def ltrim(ctx: Context, key: bytes, start: bytes, stop: bytes) -> Reply:
    """Removes all elements of a list but those between two indexes."""
    first, last = integer(start), integer(stop)
    value = target(ctx, key, List)
    if value is not None:
        size = len(value)
        value.keep(*bounds(first, last, size))
        removed(ctx, key, b"ltrim", size - len(value))
    return OK


@command("LREM", "key count:integer element", group="list", since="1.0.0", flags="WRITE", keys="RW DELETE",
         complexity="O(N+M) for a list of N elements and M removed")  # fmt: skip
def lrem(ctx: Context, key: bytes, count: bytes, element: bytes) -> Reply:
    """Removes elements equal to one: the first ones, the last ones when negative, or all when 0."""
    wanted = integer(count)
    value = target(ctx, key, List)
    if value is None:
        return 0
    gone = value.remove(element, wanted)
    if gone:
        removed(ctx, key, b"lrem", gone)
    return gone


@command("LINSERT", "key where={BEFORE | AFTER} pivot element", group="list", since="2.2.0",
         flags="WRITE DENYOOM", keys="RW INSERT",
         complexity="O(N) for N elements before the pivot")  # fmt: skip
def linsert(ctx: Context, key: bytes, where: bytes, pivot: bytes, element: bytes) -> Reply:
    """Puts an element before or behind the first one that is equal to a pivot."""
    side = where.lower()
    if side not in (b"before", b"after"):
        raise CommandError(SYNTAX)
    value = target(ctx, key, List)
    if value is None:
        return 0
    if not value.insert(pivot, element, before=side == b"before"):
        return -1
    ctx.changed(key, b"linsert")
    return len(value)


_RANK_ZERO = (
    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... "
    "or use negative to start from the end of the list"
)


@command("LPOS", "key element [RANK rank:integer] [COUNT num-matches:integer] [MAXLEN len:integer]",
         group="list", since="6.0.6", flags="READONLY", keys="RO ACCESS",
         complexity="O(N) for N elements compared, which MAXLEN bounds")  # fmt: skip
def lpos(ctx: Context, key: bytes, element: bytes, *options: bytes) -> Reply:
    """The index of an element in a list, or the indexes of several equal ones."""
    rank, count, compared_max = _lpos_options(options)
    value = ctx.db.typed(key, List)
    found: list[Reply] = []
    if value is not None:
        size = len(value)
        elements = reversed(value.elements) if rank < 0 else iter(value.elements)
        skip = abs(rank) - 1
        wanted = size if count == 0 else 1 if count is None else count
        for place, candidate in enumerate(islice(elements, min(compared_max or size, size))):
            if candidate == element:
                if skip:
                    skip -= 1
                    continue
                found.append(size - 1 - place if rank < 0 else place)
                if len(found) >= wanted:
                    break
    if count is None:
        return found[0] if found else None
    return found


def _lpos_options(options: tuple[bytes, ...]) -> tuple[int, int | None, int]:
    """Rank, count (None where it is not given) and how many elements to compare at most (0: all)."""
    rank, count, compared_max = 1, None, 0
    for at in range(0, len(options), 2):
        word = options[at].lower()
        if at + 1 == len(options):
            raise CommandError(SYNTAX)
        if word == b"rank":
            rank = integer(options[at + 1])
            if rank == 0:
                raise CommandError(_RANK_ZERO)
        elif word == b"count":
            count = positive(options[at + 1], "ERR COUNT can't be negative")
        elif word == b"maxlen":
            compared_max = positive(options[at + 1], "ERR MAXLEN can't be negative")
        else:
            raise CommandError(SYNTAX)
    return rank, count, compared_max
