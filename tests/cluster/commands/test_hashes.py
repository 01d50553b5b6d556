from __future__ import annotations

from protocol.resp.types import ErrorReply
from tests.support.local import Local


def test_what_changes_is_told() -> None:
    local = Local()
    local.call("HSET", "h", "a", 1, "b", 2)
    local.call("HINCRBY", "h", "a", 5)
    local.call("HDEL", "h", "a", "x")
    local.call("HDEL", "h", "b")
    assert local.events == [
        (b"h", b"hset", 2),
        (b"h", b"hincrby", 1),
        (b"h", b"hdel", 1),
        (b"h", b"hdel", 1),
        (b"h", b"del", 0),
    ]
    assert local.call("EXISTS", "h") == 0


def test_what_changes_nothing_tells_nothing() -> None:
    local = Local()
    local.call("HSET", "h", "a", "text")
    local.events.clear()
    for request in (
        ("HSETNX", "h", "a", 1),
        ("HDEL", "h", "x"),
        ("HDEL", "y", "x"),
        ("HINCRBY", "h", "a", 1),
    ):
        local.call(*request)
    assert local.events == []


def test_a_refused_sum_leaves_no_key_behind() -> None:
    local = Local()
    assert isinstance(local.call("HINCRBYFLOAT", "h", "f", "inf"), ErrorReply)
    assert isinstance(local.call("HSET", "h", "f"), ErrorReply)
    assert local.call("EXISTS", "h") == 0


def test_a_sum_of_floats_is_propagated_as_its_outcome() -> None:
    local = Local()
    assert local.call("HINCRBYFLOAT", "h", "f", "10.50") == b"10.5"
    assert local.call("HINCRBYFLOAT", "h", "f", "0.1") == b"10.6"
    assert local.written[-1] == [b"HSET", b"h", b"f", b"10.6"]


def test_random_fields() -> None:
    local = Local()
    local.call("HSET", "h", "a", 1, "b", 2, "c", 3)
    assert {local.call("HRANDFIELD", "h") for _ in range(50)} == {b"a", b"b", b"c"}
    two = local.call("HRANDFIELD", "h", 2)
    assert isinstance(two, list)
    assert len(set(map(str, two))) == 2
    many = local.call("HRANDFIELD", "h", -50, "WITHVALUES")
    assert isinstance(many, list)
    values = {b"a": b"1", b"b": b"2", b"c": b"3"}
    pairs = zip(many[::2], many[1::2], strict=True)
    assert all(values[field] == value for field, value in pairs)  # type: ignore[index]


def test_more_repeats_than_anyone_can_want_are_refused() -> None:
    local = Local()
    local.call("HSET", "h", "a", 1)
    assert local.call("HRANDFIELD", "h", -(1 << 40)) == b"ERR value is out of range"


def test_a_reply_does_not_change_with_the_hash() -> None:
    local = Local()
    local.call("HSET", "h", "a", 1)
    before = local.call("HGETALL", "h")
    local.call("HSET", "h", "b", 2)
    assert before == {b"a": b"1"}
