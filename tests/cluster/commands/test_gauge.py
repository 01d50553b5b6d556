"""The twin of cluster/commands/gauge.py."""

from __future__ import annotations

from cluster.commands.gauge import SMALL_OBJECT_BYTES, WRITE_BYTES, Allocated, Gauge
from cluster.store.clock import Clock
from cluster.store.keyspace import Keyspace

START = Allocated(1000, 50_000)


class Process:
    def __init__(self) -> None:
        self.told = START

    def allocated(self) -> Allocated:
        return self.told


def gauge(*databases: Keyspace) -> tuple[Gauge, Process]:
    process = Process()
    return Gauge(process, databases), process


def test_what_was_there_at_the_start_does_not_count() -> None:
    measured, _ = gauge()
    assert measured.used_bytes() == 0


def test_it_grows_and_shrinks_with_what_is_allocated() -> None:
    measured, process = gauge()
    process.told = Allocated(1100, 60_000)
    assert measured.used_bytes() == 100 * SMALL_OBJECT_BYTES + 10_000
    process.told = Allocated(1050, 55_000)
    assert measured.used_bytes() == 50 * SMALL_OBJECT_BYTES + 5_000
    assert measured.peak_bytes == 100 * SMALL_OBJECT_BYTES + 10_000
    process.told = Allocated(0, 0)
    assert measured.used_bytes() == 0


def test_between_counts_it_goes_by_what_was_written_and_freed() -> None:
    measured, process = gauge()
    measured.wrote([b"SET", b"k", b"v" * 100])
    assert measured.used_bytes() == 104 + WRITE_BYTES
    measured.freed(50)
    assert measured.used_bytes() == 54 + WRITE_BYTES
    process.told = Allocated(1000, 50_007)
    assert measured.used_bytes() == 7


def test_the_average_small_object_comes_from_the_keys() -> None:
    database = Keyspace(Clock(1))
    for number in range(1000):
        database.put(b"key%d" % number, b"v" * 400)
    measured, process = gauge(database)
    for count in range(20):
        process.told = Allocated(3000 * (count + 1), 50_000)
        measured.used_bytes()
    # a key of 48 bytes, a value of 448, and the entry between the two
    assert 150 < measured.small_object_bytes < 250


def test_new_keys_are_known_at_once() -> None:
    """All at once there are many more, of another size: what was sampled before says little of them."""
    database = Keyspace(Clock(1))
    for number in range(1000):
        database.put(b"old%d" % number, b"v")
    measured, process = gauge(database)
    process.told = Allocated(4000, 50_000)
    measured.used_bytes()
    assert 50 < measured.small_object_bytes < 80
    for number in range(100_000):
        database.put(b"new%d" % number, b"%0400d" % number)
    process.told = Allocated(400_000, 50_000)
    measured.used_bytes()
    assert 150 < measured.small_object_bytes < 200


def test_all_keys_may_be_in_one_slot() -> None:
    database = Keyspace(Clock(1))
    for number in range(1000):
        database.put(b"{tag}%d" % number, b"%0400d" % number)
    measured, process = gauge(database)
    process.told = Allocated(400_000, 50_000)
    measured.used_bytes()
    assert measured.small_object_bytes > 150
