"""One command's work does not grow with the size of what it works on, or as a logarithm: counted, not timed.

What Python runs is counted as instructions, what the C library's functions copy as bytes allocated at the
highest. The median request counts: that a table doubles now and then is paid for by the requests between.
"""

from __future__ import annotations

import statistics
import sys
import tracemalloc
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from tests.cluster.commands.complexity import CASES, Case, filled
from tests.support.local import Local

SIZES = (2_000, 20_000)
REQUESTS = 11
STEPS_RATIO_MAX = 1.5
"""log 20,000 / log 2,000 is 1.30."""
STEPS_SLACK = 60
BYTES_RATIO_MAX = 2.0
BYTES_SLACK = 2000
"""The small size holds 16,000 bytes of pointers, the large 160,000: no copy of either goes unnoticed."""


class Instructions:
    """Counts what Python executes while it is entered."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Instructions:
        self._before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        self.count += event in ("opcode", "call")
        return self._trace


def steps(node: Local, case: Case, size: int, first: int) -> float:
    found = []
    for at in range(first, first + REQUESTS):
        request = case.request(at, size)
        with Instructions() as ran:
            node.call(*request)
        found.append(ran.count)
    return statistics.median(found)


def most_bytes(node: Local, case: Case, size: int, first: int) -> float:
    found = []
    for at in range(first, first + REQUESTS):
        request = case.request(at, size)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        node.call(*request)
        found.append(tracemalloc.get_traced_memory()[1] - before)
    return statistics.median(found)


@pytest.fixture(scope="module")
def nodes() -> dict[tuple[str, int], Local]:
    """Each kind at each size, made once."""
    kinds = dict.fromkeys(case.kind for case in CASES)
    return {(kind, size): filled(kind, size) for kind in kinds for size in SIZES}


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_work_does_not_follow_the_size(nodes: dict[tuple[str, int], Local], traced: None, case: Case) -> None:
    counted = []
    for size in SIZES:
        node = nodes[case.kind, size]
        node.call(*case.request(0, size))  # the first makes what the others use
        counted.append((steps(node, case, size, 1), most_bytes(node, case, size, 1 + REQUESTS)))
    (steps_small, bytes_small), (steps_large, bytes_large) = counted
    assert steps_large <= steps_small * STEPS_RATIO_MAX + STEPS_SLACK
    assert bytes_large <= bytes_small * BYTES_RATIO_MAX + BYTES_SLACK


def test_a_walk_and_a_copy_are_found() -> None:
    """The measure measures."""
    walk = Case("HGETALL", "hash", lambda at, size: ("HGETALL", "k"))
    scan = Case("LPOS", "list", lambda at, size: ("LPOS", "k", "absent"))
    node = filled("hash", 5000)
    tracemalloc.start()
    assert most_bytes(node, walk, 0, 0) > 40_000
    tracemalloc.stop()
    few, many = (steps(filled("list", size), scan, size, 0) for size in (100, 1000))
    assert many > 5 * few
