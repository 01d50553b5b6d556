"""What the commands of hashes, lists, sets and sorted sets have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import Final, TypeVar

from cluster.commands.arguments import integer, integer_between, scan_cursor, scan_options
from cluster.commands.context import Context
from cluster.spec.errors import SYNTAX, CommandError
from cluster.store.glob import matcher
from cluster.store.values.hash import Hash
from cluster.store.values.limits import Limits
from cluster.store.values.list import List
from cluster.store.values.set import Set
from cluster.store.values.sorted_set import SortedSet
from cluster.store.values.stream import Stream
from cluster.store.values.string import INT64_MAX
from protocol.resp.types import Reply

REPEATS_MAX: Final = 1 << 22
"""How many random members one request may draw, repeats among them. Redis has no bound but its memory."""

NO_KEYS: Final = "ERR numkeys should be greater than 0"

_V = TypeVar("_V", Hash, List, Set, SortedSet, Stream)
_S = TypeVar("_S", Hash, Set, SortedSet)


def limits(ctx: Context) -> Limits:
    """Up to where a collection is packed: the node's options of these names."""
    return ctx.server.options


def target(ctx: Context, key: bytes, kind: type[_V]) -> _V | None:
    """The value that a command is about to change; unlike a read it counts neither hit nor miss.

    Raises CommandError(WRONG_TYPE).
    """
    return ctx.db.typed_target(key, kind)


def removed(ctx: Context, key: bytes, event: bytes, count: int) -> None:
    """Says that so many members have gone, and removes the key when they were the last."""
    ctx.changed(key, event, count)
    if ctx.db.drop_if_empty(key):
        ctx.changed(key, b"del", 0)


def wrong_arity(name: str) -> CommandError:
    """For what a declared arity alone cannot tell."""
    return CommandError(f"ERR wrong number of arguments for '{name}' command")


def store_result(ctx: Context, key: bytes, event: bytes, made: Set | SortedSet, changes: int = 1) -> int:
    """What SINTERSTORE and its kin do with a result: an empty one removes the key, also one that is over but
    still there, as in Redis. The reply is its size; it counts as so many changes."""
    if len(made):
        ctx.db.put(key, made)
        ctx.changed(key, event, changes)
    elif ctx.db.discard(key):
        ctx.changed(key, b"del")
    return len(made)


def first_of_several(
    numkeys: bytes, words: Sequence[bytes], sides: tuple[bytes, bytes]
) -> tuple[Sequence[bytes], bool, int]:
    """What LMPOP and ZMPOP are asked for: the keys, whether to pop at the first of `sides`, and how many.

    Raises CommandError.
    """
    size = integer_between(numkeys, 1, INT64_MAX, NO_KEYS)
    if size >= len(words):
        raise CommandError(SYNTAX)
    side, options = words[size].lower(), words[size + 1 :]
    if side not in sides:
        raise CommandError(SYNTAX)
    count = 1
    if options:
        if len(options) == 1 or options[0].lower() != b"count":
            raise CommandError(SYNTAX)
        count = integer_between(options[1], 1, INT64_MAX, "ERR count should be greater than 0")
        if len(options) > 2:
            raise CommandError(SYNTAX)
    return words[:size], side == sides[0], count


def random_count(text: bytes, *, doubled: bool = False) -> int:
    """How many random members a client wants, negative when repeats are welcome. Raises CommandError.

    `doubled` is for replies that hold two elements a member.
    """
    count = integer(text)
    if count < -INT64_MAX:
        raise CommandError(f"ERR value is out of range, value must between {-INT64_MAX} and {INT64_MAX}")
    if count < -REPEATS_MAX or (doubled and count > INT64_MAX // 2):
        raise CommandError("ERR value is out of range")
    return count


def random_places(source: Random, size: int, count: int) -> Sequence[int]:
    """Places below `size`: `count` distinct ones (at most all), or with repeats when `count` is negative."""
    if count >= size:
        return range(size)
    if count >= 0:
        return source.sample(range(size), count)
    return [int(source.random() * size) for _ in range(-count)]


def pairs(ctx: Context, items: Iterable[tuple[bytes, Reply]]) -> list[Reply]:
    """Members with what belongs to them: a flat array in RESP2, an array of pairs in RESP3."""
    if ctx.session.protocol == 3:
        return [[member, rest] for member, rest in items]
    return [part for item in items for part in item]


def scan(
    ctx: Context, key: bytes, kind: type[_S], cursor_text: bytes, options: Sequence[bytes]
) -> tuple[_S | None, int, list[bytes]]:
    """What HSCAN, SSCAN and ZSCAN share: the value, the cursor to go on with and the members of this piece.

    Raises CommandError.
    """
    cursor = scan_cursor(cursor_text)
    value = ctx.db.typed(key, kind)
    if value is None:
        return None, 0, []
    wanted = scan_options(options)
    following, members = value.scan(cursor, wanted.count)
    if wanted.pattern is not None:
        matches = matcher(wanted.pattern)
        members = [member for member in members if matches(member)]
    return value, following, members
