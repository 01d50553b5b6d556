"""MONITOR, compared with a real redis-server up to the time and the client's address."""

from __future__ import annotations

import re

import pytest

from tests.support.oracle import Connection, Oracle
from tests.support.served import Client, Served
from tests.support.several import encoded

pytestmark = pytest.mark.parity

REQUESTS: list[tuple[str | bytes | int, ...]] = [
    ("GET", "k"),
    ("set", "k", b'a"b\\\n\r\t\x07\x08\x00\xff \x7f~'),
    ("NOSUCH", "x"),
    ("GET",),
    ("LPOP", "k"),
    ("MULTI",),
    ("INCR", "n"),
    ("BLPOP", "q", 0),
    ("EXEC",),
    ("CONFIG", "GET", "hz"),
    ("AUTH", "x"),
    ("AUTH", "nobody", "secret"),
    ("HELLO", 3, "AUTH", "nobody", "secret"),
    ("SELECT", 3),
    ("RPUSH", "q", ""),
    ("BLPOP", "q", 0),
    ("SELECT", 0),
    ("SUBSCRIBE", "end"),
]


def comparable(shown: bytes) -> bytes:
    return re.sub(rb"\+\d+\.\d{6} \[(\d+) [^\]]*\]", rb"+time [\1 address]", shown)


def test_what_is_shown(oracle: Oracle) -> None:
    watching, asking = Connection(oracle.port), Connection(oracle.port)
    assert watching.raw("MONITOR") == b"+OK\r\n"
    served = Served()
    monitor = Client(served)
    assert monitor.raw("MONITOR") == b"+OK\r\n"
    for request in REQUESTS:
        asking.raw(*request)
        served.client.raw(*request)
    theirs = b""
    while b"SUBSCRIBE" not in theirs:
        theirs += watching.next_reply()
    assert comparable(encoded(monitor)) == comparable(theirs)
    for argv in (("GET", "k"), ("SET", "k", "v"), ("MONITOR",), ("RESET",), ("GET", "none")):
        if argv != ("MONITOR",):
            assert monitor.raw(*argv) == watching.raw(*argv)
    assert not served.server.monitors.sessions
    watching.close()
    asking.close()


def test_not_in_a_transaction(oracle: Oracle) -> None:
    real, client = Connection(oracle.port), Served().client
    for argv in (("MULTI",), ("MONITOR",), ("EXEC",)):
        assert client.raw(*argv) == real.raw(*argv)
    real.close()
