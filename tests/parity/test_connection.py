"""Connections, compared byte by byte with a real server: each request on a new connection of its own."""

from __future__ import annotations

import shlex

import pytest

from tests.support.oracle import Connection, Oracle
from tests.support.served import Served

pytestmark = pytest.mark.parity

REQUESTS = """
PING
PING x
PING a b
ECHO
ECHO x
SELECT x
SELECT 99
SELECT 3
HELLO x
HELLO 4
HELLO 3 FOO
HELLO 2 AUTH a
HELLO 2 SETNAME "a b"
AUTH a b c
AUTH x
AUTH foo bar
QUIT
RESET
CLIENT
CLIENT FOO
CLIENT GETNAME
CLIENT SETNAME "a b"
CLIENT SETNAME good
CLIENT KILL ID x
CLIENT KILL ID 99999
CLIENT KILL ID
CLIENT KILL ID 99 TYPE
CLIENT KILL TYPE foo
CLIENT KILL 1.2.3.4:5
CLIENT KILL FOO bar
CLIENT KILL USER nobody
CLIENT KILL SKIPME maybe
CLIENT LIST FOO
CLIENT LIST TYPE foo
CLIENT LIST TYPE replica
CLIENT LIST ID x
CLIENT LIST ID 99999
CLIENT PAUSE x
CLIENT PAUSE -1
CLIENT PAUSE 1 FOO
CLIENT UNPAUSE
CLIENT REPLY x
CLIENT UNBLOCK x
CLIENT UNBLOCK 1 x
CLIENT UNBLOCK 99999
CLIENT NO-EVICT x
CLIENT NO-EVICT on
CLIENT GETREDIR
CLIENT TRACKINGINFO
COMMAND INFO nosuch
COMMAND GETKEYS foo bar
COMMAND GETKEYS get
COMMAND GETKEYS ping a
COMMAND GETKEYS set a b
COMMAND GETKEYSANDFLAGS mset a b c d
COMMAND LIST FILTERBY FOO x
COMMAND LIST FILTERBY ACLCAT foo
COMMAND LIST FOO
COMMAND DOCS nosuch
SLOWLOG GET -2
SLOWLOG GET x
LATENCY HISTORY foo
LATENCY RESET
LATENCY LATEST
SHUTDOWN FOO
SHUTDOWN ABORT
SHUTDOWN SAVE NOSAVE
SHUTDOWN ABORT NOW
BGSAVE FOO
LOLWUT VERSION x
PUBSUB NUMSUB a
PUBSUB NUMPAT
PUBSUB CHANNELS
UNSUBSCRIBE
UNSUBSCRIBE a
PUNSUBSCRIBE
SUBSCRIBE a
PSUBSCRIBE a*
PUBLISH a b
TIME x
SAVE x
CONFIG SET hz
CONFIG SET nosuch 1
CONFIG SET hz 10 hz 10
CONFIG SET appendonly maybe hz x
CONFIG GET
CONFIG GET slave-p*
CONFIG NOSUCH
INFO nosuch
INFO cluster
NOSUCH "a b" c
"a\\nb" c
"""


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("line", REQUESTS.strip().splitlines())
def test_replies(oracle: Oracle, line: str, protocol: int) -> None:
    request = shlex.split(line)
    real = Connection(oracle.port, protocol)
    client = Served().client
    if protocol == 3:
        client.raw("HELLO", "3")
    theirs, ours = real.raw(*request), client.raw(*request)
    real.close()
    assert ours == theirs
