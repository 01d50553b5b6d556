"""The twin of cluster/commands/sorting.py: what is propagated and notified, and what a cluster refuses.
Replies are compared in tests/parity."""

from __future__ import annotations

import pytest

from protocol.resp.types import ErrorReply
from tests.support.local import Local


@pytest.fixture
def local() -> Local:
    made = Local()
    made.call("RPUSH", "k", "3", "1", "2")
    made.events.clear()
    made.written.clear()
    return made


def test_what_is_kept_is_told_and_propagated(local: Local) -> None:
    assert local.call("SORT", "k", "STORE", "made") == 3
    assert local.events == [(b"made", b"sortstore", 3)]
    assert local.written == [[b"SORT", b"k", b"STORE", b"made"]]
    assert local.call("SORT", "none", "STORE", "made") == 0
    assert local.events[1:] == [(b"made", b"del", 1)]


def test_sorting_alone_writes_nothing(local: Local) -> None:
    assert local.call("SORT", "k", "DESC") == [b"3", b"2", b"1"]
    assert local.written == []


def test_an_expiry_goes_with_what_was_there(local: Local) -> None:
    local.call("SET", "made", "x", "EX", 1000)
    local.call("SORT", "k", "STORE", "made")
    assert local.call("TTL", "made") == -1


def test_a_cluster_refuses_what_may_be_elsewhere() -> None:
    local = Local(cluster=True)
    local.call("RPUSH", "k", "2", "1")
    assert local.call("SORT", "k", "BY", "w_*") == ErrorReply(
        b"ERR BY option of SORT denied in Cluster mode."
    )
    assert local.call("SORT", "k", "GET", "#") == ErrorReply(
        b"ERR GET option of SORT denied in Cluster mode."
    )
    assert local.call("SORT", "k", "BY", "nosort") == [b"2", b"1"]
    assert local.call("SORT", "k", "STORE", "{k}made") == 2
    assert local.call("SORT", "k", "STORE", "made") == ErrorReply(
        b"CROSSSLOT Keys in request don't hash to the same slot"
    )


def test_what_is_kept_is_sorted_by_all_bytes(local: Local) -> None:
    local.call("RPUSH", "zeros", b"\0b", b"\0a", b"")
    assert local.call("SORT", "zeros", "ALPHA") == [b"\0b", b"\0a", b""]
    local.call("SORT", "zeros", "ALPHA", "STORE", "made")
    assert local.call("LRANGE", "made", 0, -1) == [b"", b"\0a", b"\0b"]
