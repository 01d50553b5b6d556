"""Geo: sorted sets whose scores are places on earth. Searches are in the file beside this one.

Source: https://redis.io/docs/latest/commands/?group=geo
"""

from __future__ import annotations

from typing import Final

from cluster.commands.arguments import double
from cluster.commands.context import Context
from cluster.commands.sorted_sets import zadd
from cluster.spec.command import command
from cluster.spec.errors import SYNTAX, CommandError
from cluster.store.values.geohash import (
    LATITUDE_MAX,
    LONGITUDE_MAX,
    cell_at,
    distance_m,
    geohash_text,
    place_of,
)
from cluster.store.values.sorted_set import SortedSet
from protocol.resp.types import NULL_ARRAY, DoubleText, Reply

UNITS_M: Final = {b"m": 1.0, b"km": 1000.0, b"ft": 0.3048, b"mi": 1609.34}

_DECIMALS = 17


def unit_m(text: bytes) -> float:
    """How many metres a unit has. Raises CommandError."""
    metres = UNITS_M.get(text.lower())
    if metres is None:
        raise CommandError("ERR unsupported unit provided. please use M, KM, FT, MI")
    return metres


def place(longitude_text: bytes, latitude_text: bytes) -> tuple[float, float]:
    """Longitude and latitude as a client writes them. Raises CommandError."""
    longitude, latitude = double(longitude_text), double(latitude_text)
    if abs(longitude) > LONGITUDE_MAX or abs(latitude) > LATITUDE_MAX:
        raise CommandError(f"ERR invalid longitude,latitude pair {longitude:f},{latitude:f}")
    return longitude, latitude


def shown_distance(way: float) -> bytes:
    """A distance as replies have it: four decimals."""
    return b"%.4f" % way


def shown_place(longitude: float, latitude: float) -> Reply:
    """A place as replies have it: both numbers with up to 17 decimals."""
    return [_shown_degrees(longitude), _shown_degrees(latitude)]


def _shown_degrees(value: float) -> DoubleText:
    return DoubleText((b"%.*f" % (_DECIMALS, value)).rstrip(b"0").rstrip(b"."))


@command("GEOADD", "key condition=[NX | XX] change=[CH] "
         "longitude_latitude_member={longitude:double latitude:double member}+", group="geo", since="3.2.0",
         flags="WRITE DENYOOM", keys="RW UPDATE",
         complexity="O(log(N)) for each place, N being the sorted set's size",
         history=(("6.2.0", "Takes CH, NX and XX."),))  # fmt: skip
def geoadd(ctx: Context, key: bytes, *words: bytes) -> Reply:
    """Adds members with their places to a sorted set, or moves them."""
    at = 0
    while at < len(words) and words[at].lower() in (b"nx", b"xx", b"ch"):
        at += 1
    flags = {word.lower() for word in words[:at]}
    if (len(words) - at) % 3 or flags >= {b"nx", b"xx"}:
        raise CommandError(SYNTAX)
    request = list(words[:at])
    for first in range(at, len(words), 3):
        request += [b"%d" % cell_at(*place(*words[first : first + 2])).bits, words[first + 2]]
    dirty = ctx.server.dirty
    reply = zadd(ctx, key, *request)
    if ctx.server.dirty != dirty:
        ctx.propagate_instead([[b"ZADD", key, *request]])
    return reply


@command("GEODIST", "key member1 member2 unit=[M | KM | FT | MI]", group="geo", since="3.2.0",
         flags="READONLY", keys="RO ACCESS", complexity="O(1)")  # fmt: skip
def geodist(ctx: Context, key: bytes, member: bytes, other: bytes, *words: bytes) -> Reply:
    """Tells how far two members are from each other."""
    if len(words) > 1:
        raise CommandError(SYNTAX)
    metres = unit_m(words[0]) if words else 1.0
    value = ctx.db.typed(key, SortedSet)
    scores = (value.score(member), value.score(other)) if value is not None else (None, None)
    if scores[0] is None or scores[1] is None:
        return None
    return shown_distance(distance_m(*place_of(scores[0]), *place_of(scores[1])) / metres)


@command("GEOHASH", "key member+", group="geo", since="3.2.0", flags="READONLY", keys="RO ACCESS", arity=-2,
         complexity="O(1) for each member")  # fmt: skip
def geohash(ctx: Context, key: bytes, *members: bytes) -> Reply:
    """Tells where members are, as the geohash texts that are in use elsewhere."""
    scores = _scores(ctx, key, members)
    return [None if score is None else geohash_text(score) for score in scores]


@command("GEOPOS", "key member+", group="geo", since="3.2.0", flags="READONLY", keys="RO ACCESS", arity=-2,
         complexity="O(1) for each member")  # fmt: skip
def geopos(ctx: Context, key: bytes, *members: bytes) -> Reply:
    """Tells where members are, as longitude and latitude."""
    scores = _scores(ctx, key, members)
    return [NULL_ARRAY if score is None else shown_place(*place_of(score)) for score in scores]


def _scores(ctx: Context, key: bytes, members: tuple[bytes, ...]) -> list[float | None]:
    value = ctx.db.typed(key, SortedSet)
    return [None if value is None else value.score(member) for member in members]
