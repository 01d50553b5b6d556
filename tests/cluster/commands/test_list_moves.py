from __future__ import annotations

from protocol.resp.types import NULL_ARRAY
from tests.support.local import Local


def test_an_element_moves_and_both_lists_tell_of_it() -> None:
    local = Local()
    local.call("RPUSH", "a", "1")
    local.events.clear()
    assert local.call("LMOVE", "a", "b", "LEFT", "RIGHT") == b"1"
    assert local.events == [(b"b", b"rpush", 0), (b"a", b"lpop", 1), (b"a", b"del", 0)]
    assert local.call("LRANGE", "b", 0, -1) == [b"1"]


def test_a_list_turned_round_keeps_its_last_element() -> None:
    local = Local()
    local.call("RPUSH", "a", "1")
    assert local.call("RPOPLPUSH", "a", "a") == b"1"
    assert local.call("LRANGE", "a", 0, -1) == [b"1"]
    local.call("RPUSH", "a", "2", "3")
    local.call("LMOVE", "a", "a", "LEFT", "RIGHT")
    assert local.call("LRANGE", "a", 0, -1) == [b"2", b"3", b"1"]


def test_an_element_is_not_lost_where_it_cannot_go() -> None:
    local = Local()
    local.call("RPUSH", "a", "1")
    local.call("SET", "b", "string")
    assert local.call("RPOPLPUSH", "a", "b") == (
        b"WRONGTYPE Operation against a key holding the wrong kind of value"
    )
    assert local.call("LLEN", "a") == 1


def test_lmpop_is_propagated_as_the_pop_that_it_became() -> None:
    local = Local()
    local.call("RPUSH", "b", "1", "2", "3")
    assert local.call("LMPOP", 2, "a", "b", "RIGHT", "COUNT", 9) == [b"b", [b"3", b"2", b"1"]]
    assert local.written[-1] == [b"RPOP", b"b", b"3"]
    assert local.call("LMPOP", 2, "a", "b", "RIGHT") is NULL_ARRAY
