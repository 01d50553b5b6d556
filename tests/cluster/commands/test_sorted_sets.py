from __future__ import annotations

from tests.support.local import Local


def test_what_changes_is_told() -> None:
    local = Local()
    local.call("ZADD", "z", 1, "a", 2, "b")
    local.call("ZADD", "z", 5, "a", 3, "c")
    local.call("ZINCRBY", "z", 1, "a")
    local.call("ZREM", "z", "a", "b", "c")
    assert local.events == [
        (b"z", b"zadd", 2),
        (b"z", b"zadd", 2),
        (b"z", b"zincr", 1),
        (b"z", b"zrem", 3),
        (b"z", b"del", 0),
    ]


def test_what_changes_nothing_tells_nothing() -> None:
    local = Local()
    local.call("ZADD", "z", 1, "a")
    local.events.clear()
    for request in (
        ("ZADD", "z", 1, "a"),
        ("ZADD", "z", "-0", "b", "x"),
        ("ZADD", "z", "NX", 9, "a"),
        ("ZADD", "none", "XX", 9, "a"),
        ("ZREM", "z", "none"),
        ("ZINCRBY", "z", 0, "a"),
    ):
        local.call(*request)
    assert local.events == []
    assert local.call("EXISTS", "none") == 0


def test_flags_of_zadd() -> None:
    local = Local()
    local.call("ZADD", "z", 5, "a")
    assert local.call("ZADD", "z", "GT", "CH", 4, "a", 1, "b") == 1
    assert local.call("ZADD", "z", "lt", "CH", 4, "a", 9, "b") == 1
    assert local.call("ZADD", "z", "XX", "INCR", 1, "none") is None
    assert local.call("ZADD", "z", "GT", "INCR", -1, "a") is None
    assert local.call("ZRANGE", "z", 0, -1, "WITHSCORES") == [b"b", 1.0, b"a", 4.0]


def test_a_score_that_is_no_number_is_refused() -> None:
    local = Local()
    local.call("ZADD", "z", "inf", "a")
    assert local.call("ZINCRBY", "z", "-inf", "a") == b"ERR resulting score is not a number (NaN)"
    assert local.call("ZSCORE", "z", "a") == float("inf")


def test_random_members() -> None:
    local = Local(protocol=3)
    local.call("ZADD", "z", 1, "a", 2, "b", 3, "c")
    assert {local.call("ZRANDMEMBER", "z") for _ in range(50)} == {b"a", b"b", b"c"}
    pairs = local.call("ZRANDMEMBER", "z", -20, "WITHSCORES")
    assert isinstance(pairs, list)
    assert len(pairs) == 20
    assert all(pair in ([b"a", 1.0], [b"b", 2.0], [b"c", 3.0]) for pair in pairs)


def test_a_scan_of_a_big_one_brings_scores() -> None:
    local = Local()
    local.call("ZADD", "z", *(word for number in range(300) for word in (number, f"m{number}")))
    reply = local.call("ZSCAN", "z", 0, "COUNT", 1000)
    assert isinstance(reply, list)
    assert isinstance(reply[1], list)
    assert reply[0] == b"0"
    assert dict(zip(reply[1][::2], reply[1][1::2], strict=True)) == {
        b"m%d" % number: b"%d" % number for number in range(300)
    }
