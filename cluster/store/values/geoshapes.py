"""What GEOSEARCH looks for: circles and boxes, and the few cells that one can reach into.

A search reads the cell of its centre and the eight around it, cells that are just large enough; so its cost
follows from what is near, not from the size of the sorted set.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from cluster.store.values.geohash import (
    STEPS,
    Area,
    Cell,
    cell_at,
    degrees_of,
    distance_m,
    latitude_distance_m,
)

_HALF_EQUATOR_M = 20037726.37


@dataclass(frozen=True, slots=True)
class Circle:
    """All places within a radius, which is in the unit that `unit_m` is the metres of."""

    longitude: float
    latitude: float
    radius: float
    unit_m: float

    def reach(self) -> tuple[float, float, float]:
        """How far it reaches from its centre, in metres: east, north, and at most."""
        radius_m = self.radius * self.unit_m
        return radius_m, radius_m, radius_m

    def distance_m(self, longitude: float, latitude: float) -> float | None:
        """How far a place is from the centre; None when it is outside."""
        way_m = distance_m(self.longitude, self.latitude, longitude, latitude)
        return None if way_m > self.radius * self.unit_m else way_m


@dataclass(frozen=True, slots=True)
class Box:
    """All places within a width and a height around a centre, in the unit that `unit_m` is the metres of."""

    longitude: float
    latitude: float
    width: float
    height: float
    unit_m: float

    def reach(self) -> tuple[float, float, float]:
        """How far it reaches from its centre, in metres: east, north, and at most."""
        half_width, half_height = self.width / 2, self.height / 2
        diagonal = math.sqrt(half_width * half_width + half_height * half_height)
        return half_width * self.unit_m, half_height * self.unit_m, diagonal * self.unit_m

    def distance_m(self, longitude: float, latitude: float) -> float | None:
        """How far a place is from the centre; None when it is outside."""
        if latitude_distance_m(latitude, self.latitude) > self.height * self.unit_m / 2:
            return None
        if distance_m(longitude, latitude, self.longitude, latitude) > self.width * self.unit_m / 2:
            return None
        return distance_m(self.longitude, self.latitude, longitude, latitude)


Shape = Circle | Box


def cells_of(shape: Shape) -> Iterator[Cell]:
    """The cells that may hold places of a shape, in the order in which Redis reads them.

    Around half the globe two neighbours are one and the same cell, which is passed over when it comes twice
    in a row.
    """
    before: Cell | None = None
    for at, cell in enumerate(_around(shape)):
        if cell is None or cell == before:
            continue
        yield cell
        before = cell if at else None


def _around(shape: Shape) -> list[Cell | None]:
    """The cell of the centre and its eight neighbours; None for those that the shape cannot reach into."""
    bounds = _bounds(shape)
    steps = _steps(shape.reach()[2], shape.latitude)
    centre = cell_at(shape.longitude, shape.latitude, steps)
    if steps > 1 and not _is_covered(bounds, centre):
        steps -= 1
        centre = cell_at(shape.longitude, shape.latitude, steps)
    useless = _useless(bounds, centre.area()) if steps >= 2 else ()
    directions = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))
    return [
        None if ("east", east) in useless or ("north", north) in useless else centre.moved(east, north)
        for east, north in directions
    ]


def _useless(bounds: Area, centre: Area) -> set[tuple[str, int]]:
    """The directions in which the shape stays within the cell of its centre."""
    found = set()
    if centre.south < bounds.south:
        found.add(("north", -1))
    if centre.north > bounds.north:
        found.add(("north", 1))
    if centre.west < bounds.west:
        found.add(("east", -1))
    if centre.east > bounds.east:
        found.add(("east", 1))
    return found


def _is_covered(bounds: Area, centre: Cell) -> bool:
    """Whether the neighbours reach as far as the shape does."""
    return (
        centre.moved(0, 1).area().north >= bounds.north
        and centre.moved(0, -1).area().south <= bounds.south
        and centre.moved(1, 0).area().east >= bounds.east
        and centre.moved(-1, 0).area().west <= bounds.west
    )


def _bounds(shape: Shape) -> Area:
    """The shape's box. The side nearer to a pole spans more degrees of longitude."""
    east_m, north_m, _ = shape.reach()
    north = degrees_of(north_m)
    polewards = shape.latitude - north if shape.latitude < 0 else shape.latitude + north
    east = degrees_of(east_m, polewards)
    return Area(
        shape.longitude - east, shape.latitude - north, shape.longitude + east, shape.latitude + north
    )


def _steps(reach_m: float, latitude: float) -> int:
    """How many steps make cells so large that nine of them hold the shape, as a rule."""
    if reach_m == 0:
        return STEPS
    steps = 1
    while reach_m < _HALF_EQUATOR_M:
        reach_m *= 2
        steps += 1
    steps -= 2 + (abs(latitude) > 66) + (abs(latitude) > 80)
    return max(1, min(STEPS, steps))
