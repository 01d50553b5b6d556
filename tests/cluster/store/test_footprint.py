"""The twin of cluster/store/footprint.py."""

from __future__ import annotations

from sys import getsizeof

import pytest

from cluster.store.footprint import Footprint, footprint
from cluster.store.keyspace import Entry, Value
from cluster.store.values.hash import Hash
from cluster.store.values.list import List
from cluster.store.values.set import Set
from cluster.store.values.sorted_set import SortedSet


def total(value: Value, samples: int = 0) -> int:
    return footprint(b"key", Entry(value, 0, 1), samples).total_bytes


def test_small_and_large_objects_are_told_apart() -> None:
    found = Footprint()
    found.add(b"x" * 100, 0)
    found.add(b"x" * 1000, 0)
    assert found.small_blocks == 1
    assert found.small_bytes == 144  # 33 bytes of header, 100 of text, in steps of 16
    assert 1000 < found.large_bytes < 1100


def test_shared_objects_cost_nothing() -> None:
    found = Footprint()
    for thing in (None, 0, 256, -5, bytes):
        found.add(thing, 0)
    assert found.total_bytes == 0


@pytest.mark.parametrize(
    "value",
    [
        Hash.from_items((b"f%d" % at, b"v" * 100) for at in range(1000)),
        Set.from_items(b"member%d" % at + b"m" * 100 for at in range(1000)),
        List.from_items(b"element%d" % at + b"e" * 100 for at in range(1000)),
        SortedSet.from_items((b"member%d" % at + b"m" * 100, float(at)) for at in range(1000)),
    ],
)
def test_a_collection_is_as_large_as_its_members_and_a_sample_tells_it(value: Value) -> None:
    whole = total(value)
    assert whole > 1000 * getsizeof(b"x" * 100)
    assert abs(total(value, 5) - whole) < whole / 5


def test_a_longer_string_takes_more() -> None:
    sizes = [total(b"x" * length) for length in (1, 100, 1000, 100_000)]
    assert sizes == sorted(set(sizes))
    assert total(bytearray(100_000)) > 100_000


def test_a_cycle_ends() -> None:
    cycle: list[object] = []
    cycle.append(cycle)
    found = Footprint()
    found.add(cycle, 0)
    assert found.small_blocks < 20
