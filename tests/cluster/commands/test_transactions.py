from __future__ import annotations

import pytest

from protocol.resp.types import NULL_ARRAY, OK, QUEUED, ErrorReply
from tests.support.served import Client, Served


def test_what_is_queued_runs_at_once() -> None:
    served = Served()
    assert served.call("MULTI") == OK
    assert served.call("SET", "k", "1") == QUEUED
    assert served.call("INCR", "k") == QUEUED
    assert Client(served).call("GET", "k") is None
    assert served.call("EXEC") == [OK, 2]
    assert served.call("GET", "k") == b"2"


def test_an_error_within_does_not_stop_the_rest() -> None:
    served = Served()
    for argv in (("MULTI",), ("SET", "k", "x"), ("INCR", "k"), ("GET", "k")):
        served.call(*argv)
    assert served.call("EXEC") == [OK, b"ERR value is not an integer or out of range", b"x"]


@pytest.mark.parametrize("argv", [("nosuch",), ("GET",), ("CONFIG", "nosuch"), ("SAVE",)])
def test_a_refused_request_aborts(argv: tuple[str, ...]) -> None:
    served = Served()
    served.call("MULTI")
    assert isinstance(served.call(*argv), ErrorReply)
    assert served.call("EXEC") == b"EXECABORT Transaction discarded because of previous errors."
    assert served.call("EXEC") == b"ERR EXEC without MULTI"


def test_what_multi_does_not_allow() -> None:
    served = Served()
    assert served.call("DISCARD") == b"ERR DISCARD without MULTI"
    served.call("MULTI")
    assert served.call("MULTI") == b"ERR MULTI calls can not be nested"
    assert served.call("WATCH", "k") == b"ERR WATCH inside MULTI is not allowed"
    assert served.call("DISCARD") == OK
    assert served.call("EXEC") == b"ERR EXEC without MULTI"


@pytest.mark.parametrize(
    "argv",
    [
        ("SET", "k", "w"),
        ("DEL", "k"),
        ("FLUSHALL",),
        ("FLUSHDB",),
        ("RENAME", "k", "j"),
        ("SWAPDB", "0", "1"),
    ],
)
def test_a_watched_key_that_changes_stops_exec(argv: tuple[str, ...]) -> None:
    served = Served()
    served.call("SET", "k", "v")
    served.call("WATCH", "k")
    Client(served).call(*argv)
    served.call("MULTI")
    served.call("PING")
    assert served.call("EXEC") is NULL_ARRAY
    served.call("MULTI")
    assert served.call("EXEC") == []


def test_what_a_client_tells_itself_stands_where_it_was_told() -> None:
    served = Served()
    for line in ("MULTI", "PING", "SUBSCRIBE a b", "PING"):
        served.call(*line.split())
    told = b"".join(
        b"*3\r\n$9\r\nsubscribe\r\n$1\r\n%b\r\n:%d\r\n" % (b"ab"[at : at + 1], at + 1) for at in (0, 1)
    )
    pong = b"*2\r\n$4\r\npong\r\n$0\r\n\r\n"
    assert served.client.raw("EXEC") == b"*3\r\n+PONG\r\n" + told + pong


def test_a_watched_key_that_expires_stops_exec() -> None:
    served = Served()
    served.call("SET", "k", "v", "PX", 5)
    served.call("WATCH", "k")
    served.clock.now_ms += 10
    served.call("MULTI")
    assert served.call("EXEC") is NULL_ARRAY


def test_a_key_that_was_over_when_watched_has_not_changed() -> None:
    served = Served()
    served.server.active_expiry = False
    served.call("SET", "k", "v", "PX", 5)
    served.clock.now_ms += 10
    served.call("WATCH", "k")
    served.engine.tick()
    served.call("MULTI")
    assert served.call("EXEC") == []


def test_reading_and_other_keys_do_not_disturb() -> None:
    served = Served()
    served.call("WATCH", "k", "k")
    other = Client(served)
    other.call("GET", "k")
    other.call("SET", "j", "v")
    served.call("MULTI")
    assert served.call("EXEC") == []


def test_unwatch() -> None:
    served = Served()
    served.call("WATCH", "k")
    served.call("SET", "k", "v")
    assert served.call("UNWATCH") == OK
    served.call("MULTI")
    assert served.call("EXEC") == []
