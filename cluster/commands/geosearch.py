"""Searches for members within a circle or a box: GEOSEARCH, and the GEORADIUS family that it replaces.

Source: https://redis.io/docs/latest/commands/?group=geo
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cluster.commands.arguments import double, integer
from cluster.commands.collections import limits, store_result
from cluster.commands.context import Context
from cluster.commands.geo import place, shown_distance, shown_place, unit_m
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, CommandError
from cluster.store.values.geohash import Cell, place_of
from cluster.store.values.geoshapes import Box, Circle, Shape, cells_of
from cluster.store.values.ranges import ScoreRange
from cluster.store.values.sorted_set import SortedSet
from protocol.resp.types import Reply

_PIECE = 256
"""How many members of a cell are read at once."""

_INT64_BOUND = 1 << 63


class _Point(NamedTuple):
    """A member within the shape."""

    distance_m: float
    member: bytes
    score: float
    place: tuple[float, float]


class _Request:
    """What a search is asked for, as far as it has been read.

    `value` is the sorted set to search; without one a member's place is not to be had, and `centre` stays
    empty.
    """

    def __init__(self, ctx: Context, key: bytes) -> None:
        """Raises CommandError for a key of another type."""
        self.ctx = ctx
        self.value = ctx.db.typed(key, SortedSet)
        self.centre: tuple[float, ...] = ()
        self.placed_by = b""
        self.extent: tuple[float, ...] = ()
        self.shaped_by = b""
        self.unit_m = 1.0
        self.count = 0
        self.any = False
        self.order = b""
        self.shown: set[bytes] = set()
        self.store: bytes | None = None
        self.store_distances = False

    # Reading

    def place_at(self, member: bytes) -> None:
        """Makes a member's place the centre. Raises CommandError."""
        if self.value is None:
            return
        score = self.value.score(member)
        if score is None:
            raise CommandError("ERR could not decode requested zset member")
        self.centre = place_of(score)

    def give_radius(self, radius_text: bytes, unit: bytes) -> None:
        """Raises CommandError."""
        radius = double(radius_text, "ERR need numeric radius")
        if radius < 0:
            raise CommandError("ERR radius cannot be negative")
        self.extent, self.unit_m = (radius,), unit_m(unit)

    def give_box(self, width_text: bytes, height_text: bytes, unit: bytes) -> None:
        """Raises CommandError."""
        width = double(width_text, "ERR need numeric width")
        height = double(height_text, "ERR need numeric height")
        if width < 0 or height < 0:
            raise CommandError("ERR height or width cannot be negative")
        self.extent, self.unit_m = (width, height), unit_m(unit)

    def read(self, words: Sequence[bytes], *, stores: bool = False, searches: bool = False) -> None:
        """Reads options: those of GEOSEARCH where it `searches`, and STORE where a GEORADIUS `stores`.

        Raises CommandError.
        """
        at = 0
        while at < len(words):
            word, rest = words[at].lower(), words[at + 1 : at + 4]
            taken = self._take(word, rest)
            if not taken and stores and word in (b"store", b"storedist") and rest:
                self.store, self.store_distances = rest[0], word == b"storedist"
                taken = 2
            elif not taken and searches:
                taken = self._take_centre(word, rest) or self._take_extent(word, rest)
            if not taken:
                raise CommandError(SYNTAX)
            at += taken

    def _take(self, word: bytes, rest: Sequence[bytes]) -> int:
        """Reads an option that all searches have; how many words it is, 0 when it is none."""
        if word in (b"withdist", b"withhash", b"withcoord"):
            self.shown.add(word)
        elif word in (b"asc", b"desc"):
            self.order = word
        elif word == b"any":
            self.any = True
        elif word == b"count" and rest:
            self.count = integer(rest[0])
            if self.count <= 0:
                raise CommandError("ERR COUNT must be > 0")
            return 2
        else:
            return 0
        return 1

    def _take_centre(self, word: bytes, rest: Sequence[bytes]) -> int:
        if self.placed_by not in (b"", word):
            return 0
        if word == b"frommember" and rest:
            self.place_at(rest[0])
            taken = 2
        elif word == b"fromlonlat" and len(rest) > 1:
            self.centre = place(rest[0], rest[1])
            taken = 3
        else:
            return 0
        self.placed_by = word
        return taken

    def _take_extent(self, word: bytes, rest: Sequence[bytes]) -> int:
        if word == b"storedist" and self.store is not None:
            self.store_distances = True
            return 1
        if self.shaped_by not in (b"", word):
            return 0
        if word == b"byradius" and len(rest) > 1:
            self.give_radius(rest[0], rest[1])
            taken = 3
        elif word == b"bybox" and len(rest) > 2:
            self.give_box(rest[0], rest[1], rest[2])
            taken = 4
        else:
            return 0
        self.shaped_by = word
        return taken

    # Searching

    def answer(self, store_name: str, event: bytes) -> Reply:
        """The reply, or the size of what has been kept. Raises CommandError."""
        if self.store is not None and self.shown:
            raise CommandError(
                f"ERR {store_name} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            )
        if self.any and not self.count:
            raise CommandError("ERR the ANY argument requires COUNT argument")
        points = [] if self.value is None else self._found(self.value)
        if self.store is not None:
            return self._keep(self.store, event, points)
        return [self._shown(point) for point in points]

    def _found(self, value: SortedSet) -> list[_Point]:
        """The points wanted, in the order wanted."""
        points: list[_Point] = []
        for point in _points(value, self._shape()):
            points.append(point)
            if self.any and len(points) >= self.count:
                break
        if self.order or (self.count and not self.any):
            points.sort(key=lambda point: point.distance_m, reverse=self.order == b"desc")
        return points[: self.count] if self.count else points

    def _shape(self) -> Shape:
        longitude, latitude = self.centre
        if len(self.extent) == 1:
            return Circle(longitude, latitude, self.extent[0], self.unit_m)
        return Box(longitude, latitude, self.extent[0], self.extent[1], self.unit_m)

    def _keep(self, key: bytes, event: bytes, points: Sequence[_Point]) -> int:
        items = [
            (point.member, point.distance_m / self.unit_m if self.store_distances else point.score)
            for point in points
        ]
        made = SortedSet.from_items(items, limits(self.ctx))
        return store_result(self.ctx, key, event, made, changes=len(items))

    def _shown(self, point: _Point) -> Reply:
        if not self.shown:
            return point.member
        row: list[Reply] = [point.member]
        if b"withdist" in self.shown:
            row.append(shown_distance(point.distance_m / self.unit_m))
        if b"withhash" in self.shown:
            row.append(_signed(point.score))
        if b"withcoord" in self.shown:
            row.append(shown_place(*point.place))
        return row


def _points(value: SortedSet, shape: Shape) -> Iterator[_Point]:
    for cell in cells_of(shape):
        for member, score in _members(value, cell):
            place_ = place_of(score)
            distance_m = shape.distance_m(*place_)
            if distance_m is not None:
                yield _Point(distance_m, member, score, place_)


def _members(value: SortedSet, cell: Cell) -> Iterator[tuple[bytes, float]]:
    """The members of a cell, piece by piece: who wants any few need not read them all."""
    low, high = cell.scores()
    start, stop = value.score_bounds(ScoreRange(low, high, high_exclusive=True))
    for at in range(start, stop, _PIECE):
        yield from value.slice(at, min(stop, at + _PIECE))


def _signed(score: float) -> int:
    """What the processor makes of a double that is to be a whole number."""
    return int(score) if -_INT64_BOUND <= score < _INT64_BOUND else -_INT64_BOUND


_COST = "O(N+log(M)) for N members in the cells around the shape, M being the sorted set's size"
_UNIT = "unit={M | KM | FT | MI}"
_COUNT = "[COUNT count:integer [ANY]]"
_ORDER = "order=[ASC | DESC]"
_SHOWN = "[WITHCOORD] [WITHDIST] [WITHHASH]"
_FROM = "from={member=FROMMEMBER member | longitude_latitude=FROMLONLAT {longitude:double latitude:double}}"
_BY = (
    "by={circle={radius=BYRADIUS radius:double " + _UNIT + "} |"
    " box={width=BYBOX width:double height:double " + _UNIT + "}}"
)
_STORE = " [STORE key] [STOREDIST key]"
_STORE_KEYS = (
    "RO ACCESS; OW UPDATE @ keyword:STORE,{at} range:0,1,0; OW UPDATE @ keyword:STOREDIST,{at} range:0,1,0"
)
_RADIUS = "key longitude:double latitude:double radius:double " + _UNIT + f" {_SHOWN} {_COUNT} {_ORDER}"
_BY_MEMBER = "key member radius:double " + _UNIT + f" {_SHOWN} {_COUNT} {_ORDER}"
_ANY_ADDED = ("6.2.0", "COUNT takes ANY.")
_UPPERCASE_ADDED = ("7.0.0", "Names of units may be uppercase.")


@command("GEOSEARCH", f"key {_FROM} {_BY} {_ORDER} {_COUNT} {_SHOWN}", group="geo", since="6.2.0",
         flags="READONLY", keys="RO ACCESS", complexity=_COST, history=(_UPPERCASE_ADDED,))  # fmt: skip
def geosearch(ctx: Context, key: bytes, *words: bytes) -> Reply:
    """Finds the members within a circle or a box."""
    return _search(ctx, key, words, None)


@command("GEOSEARCHSTORE", f"destination:key source:key {_FROM} {_BY} {_ORDER} {_COUNT} [STOREDIST]",
         group="geo", since="6.2.0", flags="WRITE DENYOOM", keys="OW UPDATE; RO ACCESS", complexity=_COST,
         history=(_UPPERCASE_ADDED,))  # fmt: skip
def geosearchstore(ctx: Context, destination: bytes, source: bytes, *words: bytes) -> Reply:
    """Keeps under a key the members within a circle or a box."""
    return _search(ctx, source, words, destination)


def _search(ctx: Context, key: bytes, words: Sequence[bytes], store: bytes | None) -> Reply:
    request = _Request(ctx, key)
    request.store = store
    request.read(words, searches=True)
    if store is not None and request.shown:
        return request.answer("GEOSEARCHSTORE", b"")
    if not request.placed_by:
        raise CommandError(
            b"ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %b" % ctx.argv[0]
        )
    if not request.shaped_by:
        raise CommandError(b"ERR exactly one of BYRADIUS and BYBOX can be specified for %b" % ctx.argv[0])
    return request.answer("GEOSEARCHSTORE", b"geosearchstore")


@command("GEORADIUS", _RADIUS + _STORE, group="geo", since="3.2.0", flags="WRITE DENYOOM MOVABLEKEYS",
         keys=_STORE_KEYS.format(at=6), complexity=_COST, doc_flags=("deprecated",), deprecated_since="6.2.0",
         replaced_by="`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
         history=(_ANY_ADDED, _UPPERCASE_ADDED))  # fmt: skip
def georadius(
    ctx: Context, key: bytes, longitude: bytes, latitude: bytes, radius: bytes, unit: bytes, *words: bytes
) -> Reply:
    """Finds the members around a place, and may keep them under a key."""
    return _around_place(ctx, key, (longitude, latitude), (radius, unit), words, stores=True)


@command("GEORADIUS_RO", _RADIUS, group="geo", since="3.2.10", flags="READONLY", keys="RO ACCESS",
         complexity=_COST, doc_flags=("deprecated",), deprecated_since="6.2.0",
         replaced_by="`GEOSEARCH` with the `BYRADIUS` argument", history=(_ANY_ADDED,))  # fmt: skip
def georadius_ro(
    ctx: Context, key: bytes, longitude: bytes, latitude: bytes, radius: bytes, unit: bytes, *words: bytes
) -> Reply:
    """Finds the members around a place."""
    return _around_place(ctx, key, (longitude, latitude), (radius, unit), words, stores=False)


@command("GEORADIUSBYMEMBER", _BY_MEMBER + _STORE, group="geo", since="3.2.0",
         flags="WRITE DENYOOM MOVABLEKEYS", keys=_STORE_KEYS.format(at=5), complexity=_COST,
         doc_flags=("deprecated",), deprecated_since="6.2.0",
         replaced_by="`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
         history=(_UPPERCASE_ADDED,))  # fmt: skip
def georadiusbymember(
    ctx: Context, key: bytes, member: bytes, radius: bytes, unit: bytes, *words: bytes
) -> Reply:
    """Finds the members around a member, and may keep them under a key."""
    return _around_member(ctx, key, member, (radius, unit), words, stores=True)


@command("GEORADIUSBYMEMBER_RO", _BY_MEMBER, group="geo", since="3.2.10", flags="READONLY", keys="RO ACCESS",
         complexity=_COST, doc_flags=("deprecated",), deprecated_since="6.2.0",
         replaced_by="`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments")  # fmt: skip
def georadiusbymember_ro(
    ctx: Context, key: bytes, member: bytes, radius: bytes, unit: bytes, *words: bytes
) -> Reply:
    """Finds the members around a member."""
    return _around_member(ctx, key, member, (radius, unit), words, stores=False)


def _around_place(
    ctx: Context,
    key: bytes,
    centre: tuple[bytes, bytes],
    radius: tuple[bytes, bytes],
    words: Sequence[bytes],
    *,
    stores: bool,
) -> Reply:
    request = _Request(ctx, key)
    request.centre = place(*centre)
    request.give_radius(*radius)
    request.read(words, stores=stores)
    return request.answer("STORE option in GEORADIUS", b"georadiusstore")


def _around_member(
    ctx: Context,
    key: bytes,
    member: bytes,
    radius: tuple[bytes, bytes],
    words: Sequence[bytes],
    *,
    stores: bool,
) -> Reply:
    request = _Request(ctx, key)
    if request.value is not None:  # else Redis reads only the options
        request.place_at(member)
        request.give_radius(*radius)
    request.read(words, stores=stores)
    return request.answer("STORE option in GEORADIUS", b"georadiusstore")
