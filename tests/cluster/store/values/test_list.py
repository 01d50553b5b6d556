from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.store.values.list import List

elements = st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=12)


@given(elements, st.integers(0, 12), st.integers(0, 12))
def test_slices(items: list[bytes], start: int, stop: int) -> None:
    stop = min(stop, len(items))
    assert List.from_items(items).slice(start, stop) == items[start:stop]


@given(elements, st.integers(0, 12), st.integers(0, 12))
def test_keep_drops_the_rest(items: list[bytes], start: int, stop: int) -> None:
    value = List.from_items(items)
    value.keep(start, min(stop, len(items)))
    assert list(value) == items[start:stop]


@given(elements, st.integers(-5, 5))
def test_remove_goes_from_the_end_that_the_sign_says(items: list[bytes], count: int) -> None:
    value = List.from_items(items)
    places = [place for place, item in enumerate(items) if item == b"a"]
    gone = set(places if count == 0 else places[:count] if count > 0 else places[count:])
    assert value.remove(b"a", count) == len(gone)
    assert list(value) == [item for place, item in enumerate(items) if place not in gone]


@pytest.mark.parametrize(("before", "expected"), [(True, b"xab"), (False, b"axb")])
def test_insert_beside_the_first_that_is_equal(before: bool, expected: bytes) -> None:
    value = List.from_items([b"a", b"b", b"a"])
    assert value.insert(b"a", b"x", before=before)
    assert b"".join(value) == expected + b"a"
    assert not value.insert(b"y", b"x", before=before)
    assert len(value) == 4


def test_a_copy_goes_its_own_way() -> None:
    value = List.from_items([b"a"])
    value.copy().elements.append(b"b")
    assert list(value) == [b"a"]
    assert value.encoding() == "quicklist"
