"""Lists: waiting for an element. Who gets what is compared with a real server in tests/parity."""

from __future__ import annotations

from protocol.resp.types import LATER
from tests.support.served import Client, Served


def test_a_full_list_is_served_at_once_and_propagated_as_a_plain_pop() -> None:
    served = Served()
    served.feeds()
    served.call("RPUSH", "k", "1", "2", "3", "4")
    served.feeds()
    assert served.call("BRPOP", "none", "k", 0) == [b"k", b"4"]
    assert b"$4\r\nRPOP\r\n$1\r\nk\r\n" in served.feeds()
    assert served.call("BLMPOP", 0, 2, "none", "k", "LEFT", "COUNT", 2) == [b"k", [b"1", b"2"]]
    assert b"$4\r\nLPOP\r\n$1\r\nk\r\n$1\r\n2\r\n" in served.feeds()
    assert served.call("BRPOPLPUSH", "k", "d", 0) == b"3"
    assert b"RPOPLPUSH" in served.feeds()


def test_a_moved_element_serves_who_waits_at_the_destination() -> None:
    served = Served()
    last, between = Client(served), Client(served)
    assert last.call("BLPOP", "b", 0) is LATER
    assert between.call("BLMOVE", "a", "b", "LEFT", "LEFT", 0) is LATER
    served.call("RPUSH", "a", "x")
    assert between.got == [b"x"]
    assert last.got == [[b"b", b"x"]]
    assert served.call("EXISTS", "a", "b") == 0
