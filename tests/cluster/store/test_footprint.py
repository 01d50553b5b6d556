"""The twin of cluster/store/footprint.py."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from sys import getsizeof

import pytest

from cluster.store.footprint import Footprint, footprint, footprint_in, shares
from cluster.store.keyspace import Entry, Value
from cluster.store.values.hash import Hash
from cluster.store.values.list import List
from cluster.store.values.set import Set
from cluster.store.values.sorted_set import SortedSet
from tests.support.local import Local


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
        Hash.from_items((b"f%d" % at, b"value%d" % at + b"v" * 100) for at in range(1000)),
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


@pytest.mark.parametrize(
    "words",
    [
        "SET {key} 0123456789012345678901234567890123456789",
        "SET {key} {at} PX 100000",
        "RPUSH {key} element{at} other{at} third{at}",
        "HSET {key} field{at} value{at} other{at} {at}",
        "SADD {key} member{at} other{at} third{at}",
        "ZADD {key} {at} member{at} 2 other{at} {at}.5 third{at}",
        "XADD {key} 1-1 field value{at}",
    ],
)
def test_it_is_what_python_has_allocated(words: str) -> None:
    """A quarter may be missing or too much: tables that keep room, numbers that several share."""
    local, count = Local(), 1000
    local.call("SET", "{t}", 1)  # makes the slots
    requests = [words.format(key=f"{{t}}key:{at}", at=at + 1000).split() for at in range(count)]
    gc.collect()
    tracemalloc.start()
    blocks = sys.getallocatedblocks()
    for at, request in enumerate(requests):
        local.now_ms += at
        local.call(*request)
        local.events.clear()
        local.written.clear()
    gc.collect()
    blocks = sys.getallocatedblocks() - blocks
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    database = local.server.databases[0]
    found = [footprint(key, entry, 0) for slot in database.slots for key, entry in slot.items()
             if key.startswith(b"{t}key:")]  # fmt: skip
    assert sum(each.total_bytes for each in found) == pytest.approx(size, rel=0.25)
    assert sum(each.small_blocks for each in found) == pytest.approx(blocks, rel=0.25)


def test_what_keys_share_is_shared_out() -> None:
    moment = int("1700000000000")
    entries = [Entry(b"value", 0, moment) for _ in range(10)]
    assert shares(entries[0].access_ms) in (11, 12)  # with our own
    assert total_of(entries[0]) < total_of(Entry(b"value", 0, int("1700000000001")))


def total_of(entry: Entry) -> int:
    return footprint(b"key", entry, 0).total_bytes


def test_a_share_of_the_slots_table_belongs_to_the_key() -> None:
    entry = Entry(b"value", 0, 1)
    alone = footprint_in({b"key": entry}, b"key", 0)
    crowded = footprint_in({b"key": entry} | {b"k%d" % at: entry for at in range(9)}, b"key", 0)
    assert alone.total_bytes > crowded.total_bytes + 100
