"""The twin of cluster/commands/hyperloglogs.py: what is propagated and notified. Replies and the very bytes
are compared in tests/parity."""

from __future__ import annotations

import random

import pytest

from cluster.commands.hyperloglogs import CORRUPT, self_test
from cluster.store.values.hyperloglog import hash_element
from cluster.store.values.sparse_registers import REGISTERS
from protocol.resp.types import ErrorReply
from tests.support.local import Local


@pytest.fixture
def local() -> Local:
    made = Local()
    made.call("PFADD", "k", "a", "b")
    made.call("PFADD", "other", "c")
    made.events.clear()
    made.written.clear()
    return made


@pytest.mark.parametrize(
    ("request_", "events"),
    [
        (b"PFADD k a", []),
        (b"PFADD k x y", [(b"pfadd", 2)]),
        (b"PFADD new", [(b"pfadd", 1)]),
        (b"PFADD new x", [(b"pfadd", 2)]),
        (b"PFCOUNT k other", []),
        (b"PFMERGE new k other", [(b"pfadd", 1)]),
        (b"PFDEBUG DECODE k", []),
    ],
)
def test_what_changes_is_told_and_propagated(
    local: Local, request_: bytes, events: list[tuple[bytes, int]]
) -> None:
    local.call(*request_.split())
    assert [(event, count) for _, event, count in local.events] == events
    assert local.written == ([request_.split()] if events else [])


def test_an_estimate_is_noted_in_the_value_and_by_replicas(local: Local) -> None:
    before = local.call("GET", "k")
    assert local.call("PFCOUNT", "k") == 2
    assert local.call("GET", "k") != before
    assert local.written == [[b"PFCOUNT", b"k"]]
    local.call("PFCOUNT", "k")
    assert len(local.written) == 1


def test_a_change_of_form_is_propagated(local: Local) -> None:
    assert local.call("PFDEBUG", "TODENSE", "k") == 1
    assert local.call("PFDEBUG", "TODENSE", "k") == 0
    assert local.written == [[b"PFDEBUG", b"TODENSE", b"k"]]


def test_what_a_corrupt_sketch_has_taken_is_propagated(local: Local) -> None:
    """Zeros for the first half of the registers, and nothing behind."""
    local.call("SET", "k", b"HYLL\x01" + bytes(11) + b"\x5f\xff")
    local.written.clear()
    elements = sorted((b"%d" % number for number in range(20)), key=hash_element)
    assert hash_element(elements[0])[0] < REGISTERS // 2 < hash_element(elements[-1])[0]
    assert local.call("PFADD", "k", elements[0], elements[-1]) == ErrorReply(CORRUPT.encode())
    assert local.written == [[b"PFADD", b"k", elements[0], elements[-1]]]


def test_the_self_test_finds_nothing_wrong() -> None:
    assert self_test(random.Random(5), 3000) == ""
