"""The twin of cluster/engine/touched.py."""

from __future__ import annotations

from cluster.commands.statistics import Statistics
from cluster.engine.entries import Entry, Table
from cluster.engine.touched import keys_of, routed_slot

TABLE = Table(Statistics())


def _found(*argv: bytes) -> tuple[Entry, list[bytes]]:
    entry = TABLE.find(argv)
    assert entry is not None
    return entry, list(argv)


def test_keys_come_in_order_and_as_often_as_they_are_named() -> None:
    assert keys_of(*_found(b"MSET", b"b", b"1", b"a", b"2", b"b", b"3"), []) == [b"b", b"a", b"b"]
    assert keys_of(*_found(b"PING"), []) == []


def test_an_exec_touches_what_its_queue_touches() -> None:
    queued = [_found(b"SET", b"a", b"1"), _found(b"PING"), _found(b"DEL", b"b", b"c")]
    assert keys_of(*_found(b"EXEC"), queued) == [b"a", b"b", b"c"]


def test_one_slot_or_none() -> None:
    assert routed_slot([b"a"]) == routed_slot([b"{a}b", b"a", b"{a}c"]) == 15495
    assert routed_slot([b"a", b"b"]) is None
