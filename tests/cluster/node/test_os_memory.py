"""The twin of cluster/node/os_memory.py."""

from __future__ import annotations

from cluster.node.os_memory import OsMemory, resident

MEGABYTE = 1 << 20


def counted(memory: OsMemory) -> tuple[int, int]:
    memory.release()  # so that it counts anew
    told = memory.allocated()
    return told.small_blocks, told.large_bytes


def test_large_objects_are_counted_by_their_bytes_and_given_back() -> None:
    memory = OsMemory()
    _, before = counted(memory)
    large = [bytes(MEGABYTE) for _ in range(20)]
    assert 20 * MEGABYTE <= counted(memory)[1] - before < 22 * MEGABYTE
    large.clear()
    assert counted(memory)[1] - before < 2 * MEGABYTE


def test_small_objects_are_counted() -> None:
    memory = OsMemory()
    before, _ = counted(memory)
    small = [b"%d" % number for number in range(10_000, 30_000)]
    assert 20_000 <= counted(memory)[0] - before < 21_000
    small.clear()
    assert counted(memory)[0] - before < 1_000


def test_a_count_is_kept_for_a_while() -> None:
    memory = OsMemory()
    first = memory.allocated()
    memory._keep_until = float("inf")
    kept = [bytes(MEGABYTE)]
    assert memory.allocated() is memory.allocated()
    del kept
    memory.release()
    assert memory.allocated() is not first


def test_resident_memory_is_what_there_is_without_the_library() -> None:
    told = resident()
    assert told.small_blocks == 0
    assert told.large_bytes > MEGABYTE
