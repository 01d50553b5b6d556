from __future__ import annotations

import pytest

from tests.support.local import Local


@pytest.fixture
def local() -> Local:
    made = Local()
    made.call("ZADD", "a", 1, "x", 2, "y")
    made.call("ZADD", "b", 10, "y", 20, "z")
    made.call("SADD", "s", "x", "w")
    made.events.clear()
    made.written.clear()
    return made


def test_scores_are_weighed_and_added(local: Local) -> None:
    assert local.call("ZUNION", 2, "a", "b", "WEIGHTS", 2, 1, "WITHSCORES") == [
        b"x", 2.0, b"y", 14.0, b"z", 20.0,
    ]  # fmt: skip
    assert local.call("ZINTER", 2, "a", "b", "AGGREGATE", "MAX", "WITHSCORES") == [b"y", 10.0]
    assert local.call("ZDIFF", 2, "a", "b", "WITHSCORES") == [b"x", 1.0]


def test_members_of_a_set_score_one(local: Local) -> None:
    assert local.call("ZUNION", 2, "a", "s", "WITHSCORES") == [b"w", 1.0, b"x", 2.0, b"y", 2.0]
    assert local.call("ZINTERCARD", 2, "a", "s") == 1


def test_what_is_no_number_counts_as_zero(local: Local) -> None:
    local.call("ZADD", "up", "inf", "m")
    local.call("ZADD", "down", "-inf", "m")
    assert local.call("ZUNION", 2, "up", "down", "WITHSCORES") == [b"m", 0.0]
    assert local.call("ZUNION", 1, "up", "WEIGHTS", 0, "WITHSCORES") == [b"m", 0.0]


def test_stored_results(local: Local) -> None:
    assert local.call("ZUNIONSTORE", "a", 2, "a", "b") == 3
    assert local.call("ZINTERSTORE", "b", 2, "b", "none") == 0
    assert local.call("ZDIFFSTORE", "d", 2, "a", "s") == 2
    assert local.events == [(b"a", b"zunionstore", 1), (b"b", b"del", 1), (b"d", b"zdiffstore", 1)]
    assert local.written == [
        [b"ZUNIONSTORE", b"a", b"2", b"a", b"b"],
        [b"ZINTERSTORE", b"b", b"2", b"b", b"none"],
        [b"ZDIFFSTORE", b"d", b"2", b"a", b"s"],
    ]
