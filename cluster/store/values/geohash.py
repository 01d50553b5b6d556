"""Places on earth as the scores of a sorted set: longitude and latitude, interleaved to 52 bits.

Members that are near each other mostly have scores near each other: the places whose hash begins with the
same bits fill a box. Each step of a hash is two bits, one that halves the longitudes and one that halves the
latitudes; 26 steps make a score.

Every calculation is made in the order in which Redis makes it, so that the last bits agree.

Source: https://redis.io/docs/latest/commands/geoadd/ and https://en.wikipedia.org/wiki/Geohash
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

LONGITUDE_MAX: Final = 180.0
LATITUDE_MAX: Final = 85.05112878
"""As far from the equator as the web's Mercator projection goes."""

STEPS: Final = 26

_EARTH_RADIUS_M = 6372797.560856
_DEGREE = math.pi / 180.0
_EVEN_BITS = 0x5555555555555555
_ODD_BITS = 0xAAAAAAAAAAAAAAAA
_MASK_32 = (1 << 32) - 1
_ALPHABET = "0123456789bcdefghjkmnpqrstuvwxyz"
_TEXT_LENGTH = 11


class Area(NamedTuple):
    """A box between two meridians and two parallels, in degrees."""

    west: float
    south: float
    east: float
    north: float


class Cell(NamedTuple):
    """The box of all places whose hash begins with these bits, two for each step."""

    bits: int
    steps: int

    def area(self) -> Area:
        """Its bounds."""
        cells = float(1 << self.steps)
        north_part, east_part = _squash(self.bits), _squash(self.bits >> 1)
        return Area(
            _between(LONGITUDE_MAX, east_part / cells),
            _between(LATITUDE_MAX, north_part / cells),
            _between(LONGITUDE_MAX, (east_part + 1 & _MASK_32) / cells),
            _between(LATITUDE_MAX, (north_part + 1 & _MASK_32) / cells),
        )

    def moved(self, east: int, north: int) -> Cell:
        """The neighbour one cell to the east (1), to the west (-1) or neither (0), and so to the north."""
        longitude_mask, latitude_mask = (bits >> (64 - 2 * self.steps) for bits in (_ODD_BITS, _EVEN_BITS))
        east_part, north_part = self.bits & _ODD_BITS, self.bits & _EVEN_BITS
        if east:
            east_part = _stepped(east_part, latitude_mask, east) & longitude_mask
        if north:
            north_part = _stepped(north_part, longitude_mask, north) & latitude_mask
        return Cell(east_part | north_part, self.steps)

    def scores(self) -> tuple[float, float]:
        """The lowest score in it, and the lowest beyond it."""
        shift = 2 * (STEPS - self.steps)
        return float(self.bits << shift), float((self.bits + 1) << shift)


def _stepped(part: int, gaps: int, direction: int) -> int:
    """Every second bit counted up or down by one; filled gaps let the carry through."""
    return part + gaps + 1 if direction > 0 else (part | gaps) - (gaps + 1)


def _between(bound: float, part: float) -> float:
    return -bound + part * (bound + bound)


def _spread(value: int) -> int:
    """Each bit moved to twice its place."""
    value = (value | value << 16) & 0x0000FFFF0000FFFF
    value = (value | value << 8) & 0x00FF00FF00FF00FF
    value = (value | value << 4) & 0x0F0F0F0F0F0F0F0F
    value = (value | value << 2) & 0x3333333333333333
    return (value | value << 1) & _EVEN_BITS


def _squash(value: int) -> int:
    """The even bits, each moved to half its place."""
    value &= _EVEN_BITS
    value = (value | value >> 1) & 0x3333333333333333
    value = (value | value >> 2) & 0x0F0F0F0F0F0F0F0F
    value = (value | value >> 4) & 0x00FF00FF00FF00FF
    value = (value | value >> 8) & 0x0000FFFF0000FFFF
    return (value | value >> 16) & _MASK_32


def cell_at(
    longitude: float, latitude: float, steps: int = STEPS, latitude_max: float = LATITUDE_MAX
) -> Cell:
    """The cell that has a place, which must lie within the bounds."""
    north_part = (latitude + latitude_max) / (latitude_max + latitude_max) * (1 << steps)
    east_part = (longitude + LONGITUDE_MAX) / (LONGITUDE_MAX + LONGITUDE_MAX) * (1 << steps)
    return Cell(_spread(int(north_part)) | _spread(int(east_part)) << 1, steps)


def place_of(score: float) -> tuple[float, float]:
    """Longitude and latitude of a score: the middle of its smallest cell."""
    area = Cell(_unsigned(score), STEPS).area()
    longitude, latitude = (area.west + area.east) / 2, (area.south + area.north) / 2
    return (
        max(-LONGITUDE_MAX, min(LONGITUDE_MAX, longitude)),
        max(-LATITUDE_MAX, min(LATITUDE_MAX, latitude)),
    )


def _unsigned(score: float) -> int:
    """What the processor makes of a double that is to be an unsigned number. A sorted set may have any."""
    if score >= 1 << 64:
        return 0
    return int(score) & ((1 << 64) - 1) if score >= -(1 << 63) else 1 << 63


def geohash_text(score: float) -> bytes:
    """The score's place as the usual text of 11 letters, which counts latitudes up to the poles."""
    bits = cell_at(*place_of(score), latitude_max=90.0).bits
    letters = [_ALPHABET[bits >> (2 * STEPS - 5 * at) & 31] for at in range(1, _TEXT_LENGTH)]
    # 52 bits are ten letters and two bits, which Redis leaves out.
    return "".join((*letters, "0")).encode()


def distance_m(longitude: float, latitude: float, other_longitude: float, other_latitude: float) -> float:
    """The way between two places along the surface of a globe."""
    across = math.sin((other_longitude * _DEGREE - longitude * _DEGREE) / 2)
    if across == 0:
        return latitude_distance_m(latitude, other_latitude)
    here, there = latitude * _DEGREE, other_latitude * _DEGREE
    along = math.sin((there - here) / 2)
    return (
        2.0
        * _EARTH_RADIUS_M
        * math.asin(math.sqrt(along * along + math.cos(here) * math.cos(there) * across * across))
    )


def latitude_distance_m(latitude: float, other_latitude: float) -> float:
    """The way between two parallels."""
    return _EARTH_RADIUS_M * abs(other_latitude * _DEGREE - latitude * _DEGREE)


def degrees_of(way_m: float, latitude: float = 0.0) -> float:
    """How many degrees a way along a meridian is; with a latitude, along its parallel.
    NaN where there is no such parallel."""
    if not math.isfinite(latitude):
        return math.nan
    return way_m / _EARTH_RADIUS_M / math.cos(latitude * _DEGREE) / _DEGREE
