from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.store.values.geohash import cell_at
from cluster.store.values.geoshapes import Box, Circle, Shape, cells_of

longitudes = st.floats(-170, 170)
latitudes = st.floats(-75, 75)
KM = 1000.0


def has(shape: Shape, longitude: float, latitude: float) -> bool:
    score = cell_at(longitude, latitude).bits
    return any(low <= score < high for low, high in (cell.scores() for cell in cells_of(shape)))


@given(longitudes, latitudes, st.floats(0.01, 500), st.floats(-4, 4), st.floats(-4, 4))
def test_what_lies_in_a_shape_lies_in_its_cells(
    longitude: float, latitude: float, size: float, east: float, north: float
) -> None:
    place = (longitude + east, latitude + north)
    for shape in (Circle(longitude, latitude, size, KM), Box(longitude, latitude, size, size / 3, KM)):
        if shape.distance_m(*place) is not None:
            assert has(shape, *place)


@given(longitudes, latitudes, st.floats(0, 5000))
def test_there_are_at_most_nine_cells(longitude: float, latitude: float, size: float) -> None:
    assert 1 <= len(list(cells_of(Circle(longitude, latitude, size, KM)))) <= 9


def test_cells_are_about_as_large_as_the_shape() -> None:
    """So a search costs what is near, and not all there is."""
    area = [cell.area() for cell in cells_of(Circle(13, 38, 1, KM))]
    assert max(each.east for each in area) - min(each.west for each in area) < 0.1


def test_the_whole_globe_is_read_once() -> None:
    cells = list(cells_of(Circle(13, 38, 25_000, KM)))
    assert len(cells) == len(set(cells)) == 4
    assert sum(high - low for low, high in (cell.scores() for cell in cells)) == 1 << 52


def test_without_bounds() -> None:
    for shape in (Circle(13, 38, float("inf"), KM), Box(13, 38, float("inf"), 0, KM)):
        assert len(list(cells_of(shape))) == 4


def test_a_box_has_a_width_and_a_height() -> None:
    box = Box(0, 0, 400, 200, KM)
    assert box.distance_m(1.7, 0) == pytest.approx(189_000, rel=0.01)
    assert box.distance_m(1.9, 0) is None
    assert box.distance_m(0, 0.8) == pytest.approx(89_000, rel=0.01)
    assert box.distance_m(0, 1) is None
    assert Circle(0, 0, 100, KM).distance_m(0.8, 0.8) is None
