"""Transactions of random commands, compared with a real redis-server: two clients who watch the same keys,
and one who hears the keyspace events."""

from __future__ import annotations

import pytest

from tests.parity import draws as st
from tests.parity.drive import Drive
from tests.parity.together import Talk, listening, request

pytestmark = pytest.mark.parity

KEYS = ["k", "l"]
key = st.sampled_from(KEYS)
control = st.one_of(
    request(st.sampled_from(["MULTI", "MULTI", "EXEC", "EXEC", "EXEC", "DISCARD", "UNWATCH"])),
    request(st.sampled_from(["MULTI", "EXEC", "DISCARD", "UNWATCH"]), "now"),
    request("WATCH", key),
    request("WATCH", key, key),
    request("WATCH"),
)
commands = st.one_of(
    request("SET", key, st.sampled_from(["1", "x"])),
    request(st.sampled_from(["GET", "INCR", "DEL", "TYPE", "LPOP", "EXISTS", "PERSIST", "TTL"]), key),
    request("LPUSH", key, "x"),
    request(st.sampled_from(["NOSUCH", "GET", "PING", "SELECT 1", "SELECT 0", "FLUSHALL", "SWAPDB 0 1"])).map(
        lambda words: tuple(str(words[0]).split())
    ),
    request("BLPOP", key, "0"),
    request("BLMOVE", key, key, "LEFT RIGHT 0"),
    request("BZPOPMIN", key, "0"),
    request("XREAD BLOCK 0 STREAMS", key, "$"),
    request("WAIT 0 0"),
    request("PUBLISH a m"),
    request("SUBSCRIBE a"),
    request("RENAME", key, key),
    request("PEXPIREAT", key, st.sampled_from(["1", "4000000000000"])),
)
FAMILY = Talk(
    "discard exec multi unwatch watch",
    mixes=(st.one_of(control, commands),),
    clients=3,
    listeners=1,
    before=st.just(listening()),
    ends=KEYS,
)


def test_transactions(drive: Drive) -> None:
    drive(FAMILY)
