from __future__ import annotations

import pytest

from tests.support.local import Local


@pytest.fixture
def local() -> Local:
    made = Local()
    made.call("ZADD", "z", 1, "a", 2, "b", 3, "c", 4, "d")
    made.events.clear()
    return made


def test_limits_count_from_the_end_that_comes_first(local: Local) -> None:
    assert local.call("ZRANGE", "z", "-inf", "+inf", "BYSCORE", "LIMIT", 1, 2) == [b"b", b"c"]
    assert local.call("ZRANGE", "z", "+inf", "-inf", "BYSCORE", "REV", "LIMIT", 1, 2) == [b"c", b"b"]
    assert local.call("ZREVRANGEBYSCORE", "z", 3, "(1", "LIMIT", 0, -1) == [b"c", b"b"]
    assert local.call("ZRANGEBYSCORE", "z", 1, 4, "LIMIT", -1, 9) == []
    assert local.call("ZRANGEBYSCORE", "z", 1, 4, "LIMIT", 9, 9) == []


def test_ranks_count_from_the_end_that_comes_first(local: Local) -> None:
    assert local.call("ZREVRANGE", "z", 0, 1) == [b"d", b"c"]
    assert local.call("ZRANGE", "z", -2, -1, "REV") == [b"b", b"a"]


def test_a_stored_range(local: Local) -> None:
    assert local.call("ZRANGESTORE", "y", "z", "(1", "3", "BYSCORE") == 2
    assert local.call("ZRANGE", "y", 0, -1, "WITHSCORES") == [b"b", 2.0, b"c", 3.0]
    assert local.call("ZRANGESTORE", "y", "none", 0, -1) == 0
    assert local.events == [(b"y", b"zrangestore", 1), (b"y", b"del", 1)]


def test_removed_ranges(local: Local) -> None:
    assert local.call("ZREMRANGEBYSCORE", "z", "(3", "inf") == 1
    assert local.call("ZREMRANGEBYRANK", "z", 0, 0) == 1
    assert local.call("ZREMRANGEBYRANK", "z", 7, 9) == 0
    local.call("ZADD", "l", 0, "a", 0, "b")
    assert local.call("ZREMRANGEBYLEX", "l", "[a", "+") == 2
    assert local.events == [
        (b"z", b"zremrangebyscore", 1),
        (b"z", b"zremrangebyrank", 1),
        (b"l", b"zadd", 2),
        (b"l", b"zremrangebylex", 2),
        (b"l", b"del", 0),
    ]


def test_counts(local: Local) -> None:
    assert local.call("ZCOUNT", "z", "(1", 3) == 2
    assert local.call("ZCOUNT", "z", 3, 1) == 0
    assert local.call("ZLEXCOUNT", "none", "-", "+") == 0
