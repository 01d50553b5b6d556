from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.store.values.geohash import (
    LATITUDE_MAX,
    STEPS,
    Cell,
    cell_at,
    degrees_of,
    distance_m,
    geohash_text,
    latitude_distance_m,
    place_of,
)

longitudes = st.floats(-180, 179.999)
latitudes = st.floats(-LATITUDE_MAX, 85.05)
PALERMO, CATANIA = (13.361389, 38.115556), (15.087269, 37.502669)


@given(longitudes, latitudes)
def test_a_score_keeps_a_place_within_a_metre(longitude: float, latitude: float) -> None:
    there = place_of(float(cell_at(longitude, latitude).bits))
    assert distance_m(longitude, latitude, *there) < 1


@given(longitudes, latitudes, st.integers(1, STEPS))
def test_a_cell_has_its_place_and_the_scores_of_all_in_it(
    longitude: float, latitude: float, steps: int
) -> None:
    cell = cell_at(longitude, latitude, steps)
    area = cell.area()
    hair = 1e-12
    assert area.west - hair <= longitude <= area.east + hair
    assert area.south - hair <= latitude <= area.north + hair
    low, high = cell.scores()
    assert low <= cell_at(longitude, latitude).bits < high


@given(st.floats(-170, 170), st.floats(-70, 70), st.integers(6, STEPS))
def test_neighbours_touch(longitude: float, latitude: float, steps: int) -> None:
    cell = cell_at(longitude, latitude, steps)
    here, there = cell.area(), cell.moved(1, 1).area()
    assert (there.west, there.south) == pytest.approx((here.east, here.north))
    assert cell.moved(1, -1).moved(-1, 1) == cell.moved(0, 0) == cell


def test_east_of_the_last_cell_is_the_first() -> None:
    last = cell_at(179.99, 0, 4)
    assert last.moved(1, 0).area().west == -180


def test_known_places() -> None:
    scores = [float(cell_at(*place).bits) for place in (PALERMO, CATANIA)]
    assert scores == [3479099956230698, 3479447370796909]
    assert [geohash_text(score) for score in scores] == [b"sqc8b49rny0", b"sqdtr74hyu0"]
    assert distance_m(*place_of(scores[0]), *place_of(scores[1])) == pytest.approx(166274.1516, abs=1e-4)


@pytest.mark.parametrize("score", [0.0, -1.0, 3.5, 1e300, -1e300, math.inf, -math.inf, 2.0**63, 2.0**64])
def test_any_score_is_some_place(score: float) -> None:
    longitude, latitude = place_of(score)
    assert abs(longitude) <= 180
    assert abs(latitude) <= LATITUDE_MAX
    assert len(geohash_text(score)) == 11


def test_ways_along_a_meridian() -> None:
    assert distance_m(5, 10, 5, 11) == latitude_distance_m(10, 11)
    assert degrees_of(latitude_distance_m(10, 11)) == pytest.approx(1)
    assert degrees_of(distance_m(0, 60, 0.001, 60), 60) == pytest.approx(0.001)
    assert math.isnan(degrees_of(1, math.inf))


def test_a_cell_is_a_plain_value() -> None:
    assert cell_at(0.0, 0.0, 1) == Cell(3, 1)
