"""Clients that wait for keys, compared with a real redis-server: three clients, random requests, and one who
hears the keyspace events."""

from __future__ import annotations

import pytest

from tests.parity import draws as st
from tests.parity.drive import Drive
from tests.parity.together import Talk, listening, request, steps
from tests.support.oracle import Oracle
from tests.support.several import Id, play_together

pytestmark = pytest.mark.parity

KEYS = ["{k}a", "{k}b", "{k}c"]
CLIENTS = range(1, 4)

key = st.sampled_from(KEYS)
side = st.sampled_from(["LEFT", "RIGHT"])
end = st.sampled_from(["MIN", "MAX"])
count = st.sampled_from(["1", "2", "9"])
bad_timeout = st.sampled_from(["-1", "x", "1e400", "nan", "9223372036854775807"])
waits = st.one_of(
    request(st.sampled_from(["BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX"]), key, "0"),
    request(st.sampled_from(["BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX"]), key, key, "0"),
    request("BLMOVE", key, key, side, side, "0"),
    request("BRPOPLPUSH", key, key, "0"),
    request("BLMPOP 0 2", key, key, side),
    request("BLMPOP 0 2", key, key, side, "COUNT", count),
    request("BZMPOP 0 2", key, key, end, "COUNT", count),
    request("XREAD BLOCK 0 STREAMS", key, st.sampled_from(["$", "0", "1-1"])),
    request("XREADGROUP GROUP g me BLOCK 0 STREAMS", key, st.sampled_from([">", ">", "0"])),
)
refused = st.one_of(
    request(st.sampled_from(["BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX"]), key, bad_timeout),
    request("BLMOVE", key, key, side, side, bad_timeout),
    request("BLMOVE", key, key, side, "MIDDLE 0"),
    request("BRPOPLPUSH", key, key, bad_timeout),
    request("BLMPOP", bad_timeout, "2", key, key, side),
    request("BZMPOP 0", st.sampled_from(["0", "x", "3"]), key, key, end),
    request("BZMPOP 0 1", key, end, "COUNT 0"),
    request("XREAD BLOCK", bad_timeout, "STREAMS", key, "$"),
    request("WAIT x 0"),
    request("WAIT 0 -1"),
)
fills = st.one_of(
    request(st.sampled_from(["LPUSH", "RPUSH"]), key, "x"),
    request(st.sampled_from(["LPUSH", "RPUSH"]), key, "x y z"),
    request("ZADD", key, "1 m 2 n"),
    request("XADD", key, st.sampled_from(["1-1", "1-2", "2-1"]), "f v"),
    request("XGROUP CREATE", key, "g $ MKSTREAM"),
    request("XGROUP DESTROY", key, "g"),
    request("SADD", key, "2 1"),
    request("SET", key, "s"),
    request("DEL", key),
    request(st.sampled_from(["RENAME", "RENAMENX", "LMOVE"]), key, key).map(
        lambda words: (*words, "LEFT", "RIGHT") if words[0] == "LMOVE" else words
    ),
    request("COPY", key, key, "REPLACE"),
    request("SORT", key, "ALPHA STORE", key),
    request(st.sampled_from(["ZUNIONSTORE", "ZDIFFSTORE"]), key, "2", key, key),
    request(st.sampled_from(["SUNIONSTORE", "SINTERSTORE"]), key, key, key),
    request("ZRANGESTORE", key, key, "0 -1"),
    request("GEOADD", key, "1 1 place"),
    request("GEOSEARCHSTORE", key, key, "FROMLONLAT 1 1 BYRADIUS 9 m"),
    request("XTRIM", key, "MAXLEN 0"),
    request("XDEL", key, "1-1"),
    request("XSETID", key, "9-9"),
)
others = st.one_of(
    request(st.sampled_from(["MULTI", "EXEC", "EXEC", "FLUSHALL", "DISCARD", "WAIT 0 0"])).map(
        lambda words: tuple(str(words[0]).split())
    ),
    request("TYPE", key),
    request("CLIENT UNBLOCK", st.sampled_from(CLIENTS).map(Id), st.sampled_from(["ERROR", "TIMEOUT"])),
    request("LRANGE", key, "0 -1"),
)
FAMILY = Talk(
    "blmove blmpop blpop brpop brpoplpush bzmpop bzpopmax bzpopmin wait",
    mixes=(st.one_of(waits, waits, fills, fills, fills, others, refused),),
    clients=CLIENTS.stop,
    listeners=CLIENTS.start,
    before=st.just(listening()),
)


def test_who_gets_what(drive: Drive) -> None:
    drive(FAMILY)


@pytest.mark.parametrize("protocol", [2, 3])
def test_what_the_end_of_time_gives(oracle: Oracle, protocol: int) -> None:
    script = steps("0 BLPOP a b 0.5", "1 BLMOVE a b LEFT RIGHT 0.5", "2 BZMPOP 0.5 1 a MIN", "3 WAIT 5 500")
    play_together(oracle, script, clients=4, protocol=protocol, runs_out=True)


@pytest.mark.parametrize("protocol", [2, 3])
def test_other_databases(oracle: Oracle, protocol: int) -> None:
    script = steps(
        "0 BLPOP k 0",
        "1 SELECT 1",
        "1 RPUSH k here",
        "1 SWAPDB 0 1",
        "0 BZPOPMIN z 0",
        "1 ZADD z 1 m",
        "1 MOVE z 0",
        "0 BLPOP c 0",
        "1 RPUSH c x",
        "1 COPY c c DB 0",
    )
    play_together(oracle, script, clients=2, protocol=protocol)


@pytest.mark.parametrize("protocol", [2, 3])
def test_the_end_of_a_group_wakes_readers_of_a_stream_whose_entries_have_gone(
    oracle: Oracle, protocol: int
) -> None:
    script = steps(
        "1 XGROUP CREATE s g $ MKSTREAM",
        "1 XGROUP CREATE s h 1-1",
        "1 XSETID s 9-9",
        "0 XREAD BLOCK 0 STREAMS s 1-1",
        "2 XREADGROUP GROUP h ann BLOCK 0 STREAMS s >",
        "1 XSETID s 10-1 ENTRIESADDED 50",
        "1 XGROUP CREATE s i 0",
        "1 XGROUP DESTROY s nothing",
        "1 XGROUP DESTROY s g",
    )
    play_together(oracle, script, clients=3, protocol=protocol)
