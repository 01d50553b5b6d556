"""Sorted sets: waiting for a member. Who gets what is compared with a real server in tests/parity."""

from __future__ import annotations

from protocol.resp.types import LATER
from tests.support.served import Client, Served


def test_a_full_sorted_set_is_served_at_once_and_propagated_as_a_plain_pop() -> None:
    served = Served()
    served.feeds()
    served.call("ZADD", "k", 1, "a", 2, "b", 3, "c")
    served.feeds()
    assert served.call("BZPOPMAX", "none", "k", 0) == [b"k", b"c", 3.0]
    assert b"$7\r\nZPOPMAX\r\n$1\r\nk\r\n" in served.feeds()
    assert served.call("BZMPOP", 0, 1, "k", "MIN", "COUNT", 9) == [b"k", [[b"a", 1.0], [b"b", 2.0]]]
    assert b"$7\r\nZPOPMIN\r\n$1\r\nk\r\n$1\r\n2\r\n" in served.feeds()


def test_a_list_serves_nobody_who_waits_for_a_sorted_set() -> None:
    served = Served()
    waiting = Client(served)
    assert waiting.call("BZPOPMIN", "k", 0) is LATER
    served.call("RPUSH", "k", "1")
    assert waiting.got == []
    served.call("DEL", "k")
    served.call("ZADD", "k", "1.5", "m")
    assert waiting.got == [[b"k", b"m", 1.5]]
