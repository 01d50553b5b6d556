from __future__ import annotations

from tests.support.local import Local


def test_what_changes_is_told() -> None:
    local = Local()
    local.call("RPUSH", "l", "a", "b", "c", "d", "e")
    local.call("LTRIM", "l", 1, -1)
    local.call("LSET", "l", 0, "B")
    local.call("LINSERT", "l", "BEFORE", "B", "x")
    local.call("LREM", "l", 0, "x")
    local.call("LPOP", "l")
    local.call("RPOP", "l", 9)
    assert local.events == [
        (b"l", b"rpush", 5),
        (b"l", b"ltrim", 1),
        (b"l", b"lset", 1),
        (b"l", b"linsert", 1),
        (b"l", b"lrem", 1),
        (b"l", b"lpop", 1),
        (b"l", b"rpop", 3),
        (b"l", b"del", 0),
    ]


def test_what_changes_nothing_tells_nothing() -> None:
    local = Local()
    local.call("RPUSH", "l", "a", "b")
    local.events.clear()
    for request in (
        ("LPUSHX", "none", "x"),
        ("LPOP", "l", 0),
        ("LPOP", "none"),
        ("LINSERT", "l", "AFTER", "none", "x"),
        ("LREM", "l", 0, "none"),
        ("LSET", "l", 7, "x"),
    ):
        local.call(*request)
    assert local.events == []


def test_positions_are_looked_for_from_either_end() -> None:
    local = Local()
    local.call("RPUSH", "l", *"abcabcab")
    assert local.call("LPOS", "l", "a", "RANK", 2) == 3
    assert local.call("LPOS", "l", "a", "RANK", -2) == 3
    assert local.call("LPOS", "l", "b", "COUNT", 0) == [1, 4, 7]
    assert local.call("LPOS", "l", "b", "COUNT", 2, "RANK", -1) == [7, 4]
    assert local.call("LPOS", "l", "c", "MAXLEN", 2) is None


def test_a_trim_that_drops_nothing_touches_the_key_and_is_not_propagated() -> None:
    local = Local()
    local.call("RPUSH", "l", "a", "b")
    local.call("LTRIM", "l", 0, -1)
    assert local.events[1:] == [(b"l", b"ltrim", 0)]
    assert local.written == [[b"RPUSH", b"l", b"a", b"b"]]
