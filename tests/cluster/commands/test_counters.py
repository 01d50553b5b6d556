"""The twin of cluster/commands/counters.py. Replies are compared in tests/parity/test_strings.py."""

from __future__ import annotations

from tests.support.local import Local


def test_a_sum_of_whole_numbers_travels_as_the_command() -> None:
    local = Local()
    local.call("INCRBY", "k", 5)
    local.call("DECR", "k")
    assert local.written == [[b"INCRBY", b"k", b"5"], [b"DECR", b"k"]]
    assert [event for _, event, _ in local.events] == [b"incrby", b"incrby"]


def test_a_sum_of_fractions_travels_as_the_result() -> None:
    local = Local()
    local.call("SET", "k", "10.5", "PX", 1000)
    assert local.call("INCRBYFLOAT", "k", "0.1") == b"10.6"
    assert local.written[-1] == [b"SET", b"k", b"10.6", b"KEEPTTL"]
    assert local.events[-1][1] == b"incrbyfloat"
    assert local.call("PTTL", "k") == 1000


def test_what_is_refused_changes_nothing() -> None:
    local = Local()
    local.call("SET", "k", "9223372036854775807")
    local.written.clear()
    for command in ("INCR k", "INCRBY k x", "INCRBYFLOAT k nan", "DECRBY k -9223372036854775808"):
        assert isinstance(local.call(*command.split()), bytes)
    assert local.written == []
    assert local.call("GET", "k") == b"9223372036854775807"
