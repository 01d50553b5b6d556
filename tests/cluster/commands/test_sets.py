from __future__ import annotations

from tests.support.local import Local


def members(local: Local, key: str) -> set[object]:
    reply = local.call("SMEMBERS", key)
    assert isinstance(reply, list)
    return set(map(str, reply))


def test_what_changes_is_told() -> None:
    local = Local()
    local.call("SADD", "s", "a", "b", "a")
    local.call("SADD", "s", "a")
    local.call("SMOVE", "s", "t", "a")
    local.call("SREM", "s", "b", "x")
    assert local.events == [
        (b"s", b"sadd", 2),
        (b"s", b"srem", 1),
        (b"t", b"sadd", 1),
        (b"s", b"srem", 1),
        (b"s", b"del", 0),
    ]


def test_a_member_moved_onto_itself_stays() -> None:
    local = Local()
    local.call("SADD", "s", "a")
    assert local.call("SMOVE", "s", "s", "a") == 1
    assert local.call("SMOVE", "s", "s", "b") == 0
    assert local.call("SCARD", "s") == 1


def test_a_pop_is_propagated_as_the_removal_of_what_it_took() -> None:
    local = Local()
    local.call("SADD", "s", *range(10))
    taken = local.call("SPOP", "s", 4)
    assert isinstance(taken, list)
    assert local.written[-5:-1] == [[b"SREM", b"s", member] for member in taken]
    assert not members(local, "s") & set(map(str, taken))
    one = local.call("SPOP", "s")
    assert local.written[-1] == [b"SREM", b"s", one]
    local.call("SPOP", "s", 100)
    assert local.written[-1] == [b"DEL", b"s"]
    assert local.events[-2:] == [(b"s", b"spop", 5), (b"s", b"del", 0)]


def test_a_pop_of_nothing_is_no_change() -> None:
    local = Local()
    local.call("SADD", "s", "a")
    local.events.clear()
    assert local.call("SPOP", "s", 0) == []
    assert local.call("SPOP", "none") is None
    assert local.events == []


def test_every_member_comes_up_in_time() -> None:
    local = Local()
    local.call("SADD", "s", *"abcdef")
    assert {local.call("SRANDMEMBER", "s") for _ in range(200)} == {bytes([code]) for code in b"abcdef"}
    local.call("SADD", "s", "g")
    local.call("SREM", "s", "a")
    assert {local.call("SRANDMEMBER", "s") for _ in range(200)} == {bytes([code]) for code in b"bcdefg"}
    drawn = local.call("SRANDMEMBER", "s", 3)
    assert isinstance(drawn, list)
    assert len(set(map(str, drawn))) == 3


def test_a_scan_finds_all_of_a_big_set() -> None:
    local = Local()
    local.call("SADD", "s", *(f"m{number}" for number in range(1000)))
    found: set[object] = set()
    cursor: object = b"0"
    calls = 0
    while cursor != b"0" or not calls:
        assert isinstance(cursor, bytes)
        reply = local.call("SSCAN", "s", cursor, "COUNT", 100, "MATCH", "m*")
        assert isinstance(reply, list)
        assert isinstance(reply[1], list)
        cursor = reply[0]
        found |= set(map(str, reply[1]))
        calls += 1
    assert len(found) == 1000
    assert calls >= 10
