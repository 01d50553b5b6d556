"""SORT: a list, set or sorted set in another order, by its own elements or by what other keys say of them.

Source: https://redis.io/docs/latest/commands/sort/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from cluster.commands.arguments import integer, parse_double
from cluster.commands.context import Context
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, WRONG_TYPE, CommandError
from cluster.store.keyspace import Keyspace
from cluster.store.values.hash import Hash
from cluster.store.values.list import List
from cluster.store.values.set import Set
from cluster.store.values.sorted_set import SortedSet
from protocol.resp.types import Reply

_Lookup = Callable[[bytes], bytes | None]
"""Finds what a pattern stands for where an element is put in its place."""

_WORDS_BEHIND: Final = {b"limit": 2, b"by": 1, b"get": 1, b"store": 1}
_C_SPACES = b" \t\n\v\f\r"
_NO_WEIGHT = "ERR One or more scores can't be converted into double"


class _Wanted:
    """What SORT is asked for."""

    def __init__(self, ctx: Context, words: Sequence[bytes], *, stores: bool) -> None:
        """Raises CommandError."""
        self.reverse = False
        self.by_text = False
        self.offset, self.limit = 0, -1
        self.by: bytes | None = None
        self.unsorted = False
        self.get: list[bytes] = []
        self.store: bytes | None = None
        at = 0
        while at < len(words):
            name = words[at].lower()
            size = 1 + _WORDS_BEHIND.get(name, 0)
            if at + size > len(words) or (name == b"store" and not stores):
                raise CommandError(SYNTAX)
            self._take(ctx, name, words[at + 1 : at + size])
            at += size

    def _take(self, ctx: Context, name: bytes, rest: Sequence[bytes]) -> None:
        if name in (b"asc", b"desc"):
            self.reverse = name == b"desc"
        elif name == b"alpha":
            self.by_text = True
        elif name == b"limit":
            self.offset, self.limit = integer(rest[0]), integer(rest[1])
        elif name == b"store":
            self.store = rest[0]
        elif name == b"by":
            self.by = rest[0]
            if b"*" in self.by.partition(b"\0")[0]:
                _refuse_in_cluster(ctx, "BY")
            else:
                self.unsorted = True  # whatever a later BY says, as in Redis
        elif name == b"get":
            _refuse_in_cluster(ctx, "GET")
            self.get.append(rest[0])
        else:
            raise CommandError(SYNTAX)

    def bounds(self, size: int) -> tuple[int, int]:
        """The places that LIMIT leaves of so many, the last not included."""
        start = max(0, self.offset)
        return start, size if self.limit < 0 else min(size, start + self.limit)


def _refuse_in_cluster(ctx: Context, option: str) -> None:
    """The keys that the option finds may be anywhere."""
    if ctx.server.core is not None:
        raise CommandError(f"ERR {option} option of SORT denied in Cluster mode.")


def _sort_keys(argv: list[bytes]) -> list[int]:
    """The key to sort, and the last one that STORE names."""
    found, at = [1], 2
    while at < len(argv):
        name = argv[at].lower()
        if name == b"store" and at + 1 < len(argv):
            found = [1, at + 1]
        at += 1 + _WORDS_BEHIND.get(name, 0)
    return found if len(argv) > 1 else []


_SYNTAX = (
    "key [BY pattern:pattern@1] [offset_count=LIMIT {offset:integer count:integer}] [GET+ pattern:pattern@1]"
    " order=[ASC | DESC] sorting=[ALPHA]"
)
_COST = "O(N+M*log(M)) for N elements of which M are returned, O(N) where they are not sorted"
_ELSEWHERE = "RO ACCESS @ unknown: unknown: # For BY and GET, which make names of keys from the elements"


@command("SORT", _SYNTAX + " [STORE destination:key@2]", group="generic", since="1.0.0",
         flags="WRITE DENYOOM MOVABLEKEYS", acl="SET SORTEDSET LIST DANGEROUS", complexity=_COST,
         keys=f"RO ACCESS; {_ELSEWHERE}; OW UPDATE @ unknown: unknown: # For STORE, which may stand anywhere",
         key_finder=_sort_keys,
         key_flags=lambda argv: "OW UPDATE" if len(_sort_keys(argv)) > 1 else "RO ACCESS")  # fmt: skip
def sort(ctx: Context, key: bytes, *words: bytes) -> Reply:
    """Sorts the elements of a list, set or sorted set, and may keep them under a key."""
    return _sort(ctx, key, _Wanted(ctx, words, stores=True))


@command("SORT_RO", _SYNTAX, group="generic", since="7.0.0", flags="READONLY MOVABLEKEYS",
         acl="SET SORTEDSET LIST DANGEROUS", complexity=_COST, keys=f"RO ACCESS; {_ELSEWHERE}",
         key_finder=lambda argv: [1] if len(argv) > 1 else [])  # fmt: skip
def sort_ro(ctx: Context, key: bytes, *words: bytes) -> Reply:
    """Sorts the elements of a list, set or sorted set."""
    return _sort(ctx, key, _Wanted(ctx, words, stores=False))


def _sort(ctx: Context, key: bytes, wanted: _Wanted) -> Reply:
    elements = _ordered(ctx, ctx.db.get(key), wanted)
    start, stop = wanted.bounds(len(elements))
    chosen: list[bytes | None] = [*elements[start:stop]]
    if wanted.get:
        finds = [_lookup(ctx.db, pattern) for pattern in wanted.get]
        chosen = [find(element) for element in elements[start:stop] for find in finds]
    if wanted.store is None:
        return [*chosen]
    if chosen:
        ctx.db.put(wanted.store, List.from_items(element or b"" for element in chosen))
        ctx.changed(wanted.store, b"sortstore", len(chosen))
    elif ctx.db.discard(wanted.store):
        ctx.changed(wanted.store, b"del")
    return len(chosen)


def _ordered(ctx: Context, value: object, wanted: _Wanted) -> list[bytes]:
    """The elements in the order wanted. Raises CommandError."""
    if value is None:
        return []
    elements = _elements(value)
    if not wanted.unsorted:
        find = None if wanted.by is None else _lookup(ctx.db, wanted.by)
        order = _by_text(find, wanted) if wanted.by_text else _by_weight(elements, find)
        return sorted(elements, key=order, reverse=wanted.reverse)
    if isinstance(value, Set):
        # A set has no order of its own; what is kept must be the same on each replica.
        return sorted(elements, reverse=wanted.reverse) if wanted.store is not None else elements
    return elements[::-1] if wanted.reverse else elements


def _elements(value: object) -> list[bytes]:
    """Raises CommandError(WRONG_TYPE)."""
    if isinstance(value, SortedSet):
        value.unpack()  # as in Redis, where that shows in OBJECT ENCODING
        return [member for member, _ in value]
    if isinstance(value, (List, Set)):
        return list(value)
    raise CommandError(WRONG_TYPE)


def _by_text(find: _Lookup | None, wanted: _Wanted) -> Callable[[bytes], bytes]:
    """The order of C's strcoll in the plain locale, or that of all bytes for what is kept: a replica has to
    come to the same. What is not there comes first."""
    order = _collated if wanted.store is None else bytes
    if find is None:
        return order
    return lambda element: b"" if (text := find(element)) is None else b"\1" + order(text)


def _collated(text: bytes) -> bytes:
    return text.partition(b"\0")[0]


def _by_weight(elements: Iterable[bytes], find: _Lookup | None) -> Callable[[bytes], tuple[float, bytes]]:
    """By number, and by their bytes where numbers are equal; what is not there weighs 0.

    Raises CommandError when anything is no number.
    """
    texts = [(element, find(element) if find else element) for element in elements]
    weights = {element: _weight(text) for element, text in texts}
    return lambda element: (weights[element], element)


def _weight(text: bytes | None) -> float:
    number = (text or b"").partition(b"\0")[0]
    if not number:
        return 0.0
    try:
        return parse_double(number.lstrip(_C_SPACES))
    except ValueError:
        raise CommandError(_NO_WEIGHT) from None


def _lookup(database: Keyspace, pattern: bytes) -> _Lookup:
    """What `weight_*` or `object_*->field` stands for; `#` is the element itself."""
    if pattern == b"#":
        return lambda element: element
    before, star, behind = pattern.partition(b"*")
    if not star or b"\0" in before:
        return lambda _element: None
    end, arrow, field = behind.partition(b"->")
    if not (arrow and field):
        return lambda element: _string(database, before + element + behind)
    return lambda element: _field(database, before + element + end, field)


def _string(database: Keyspace, key: bytes) -> bytes | None:
    value = database.get(key)
    return bytes(value) if isinstance(value, (bytes, bytearray)) else None


def _field(database: Keyspace, key: bytes, field: bytes) -> bytes | None:
    value = database.get(key)
    return value.get(field) if isinstance(value, Hash) else None
