"""What this process's two allocators have handed out: Python's count of small objects, and the C library's
bytes.

Counting walks all pools and all free chunks, so it takes longer the more there are: 10 ms at a million
keys, several times that where memory is fragmented. A count is kept until it is so old that the next one
costs no more than 5% of the time.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cluster.commands.gauge import Allocated

REST_PER_COST = 20
"""A count is kept for so many times what it took."""


class _MallInfo(ctypes.Structure):
    """glibc's struct mallinfo2: see mallinfo(3)."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    )


class OsMemory:
    """Counts, when it may."""

    def __init__(self) -> None:
        self._count = _counter()
        self._kept: Allocated | None = None
        self._keep_until = 0.0

    def allocated(self) -> Allocated:
        """A count that is new, or not older than it may be."""
        start = time.perf_counter()
        if self._kept is None or start >= self._keep_until:
            self._kept = self._count()
            end = time.perf_counter()
            self._keep_until = end + REST_PER_COST * (end - start)
        return self._kept

    def release(self) -> None:
        """Has the C library give back what it keeps for later. Python's pools are given back by themselves
        when all that is in one has gone."""
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)
        self._keep_until = 0.0


def _counter() -> Callable[[], Allocated]:
    """How to count here."""
    try:
        ask = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError):
        return resident
    ask.restype = _MallInfo

    def count() -> Allocated:
        told = ask()
        return Allocated(sys.getallocatedblocks(), int(told.uordblks) + int(told.hblkhd))

    return count


def resident() -> Allocated:
    """For a C library that keeps its figures to itself: all that is resident. It grows as what is allocated
    does but does not shrink with it, so eviction may take more than it must."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Allocated(0, pages * os.sysconf("SC_PAGE_SIZE"))
