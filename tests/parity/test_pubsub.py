"""Publish and subscribe, keyspace events among it, compared with a real redis-server: several clients."""

from __future__ import annotations

import pytest

from tests.parity import draws as st
from tests.parity.drive import Drive
from tests.parity.together import Talk, listening, request

pytestmark = pytest.mark.parity

channel = st.sampled_from(["a", "b", "ab"])
# No two match one channel: which of a client's patterns is served first is the hash table's affair.
pattern = st.sampled_from(["a*", "[b-c]", "?x"])
chatter = st.one_of(
    request(st.sampled_from(["SUBSCRIBE", "UNSUBSCRIBE", "SSUBSCRIBE", "SUNSUBSCRIBE"]), channel),
    request(st.sampled_from(["SUBSCRIBE", "UNSUBSCRIBE", "SSUBSCRIBE", "SUNSUBSCRIBE"]), channel, channel),
    request(st.sampled_from(["PSUBSCRIBE", "PUNSUBSCRIBE"]), pattern),
    request(st.sampled_from(["PUBLISH", "SPUBLISH"]), channel, "message"),
    request("PUBSUB", st.sampled_from(["NUMSUB", "SHARDNUMSUB"]), channel, channel),
    request("PUBSUB", st.sampled_from(["NUMSUB", "SHARDNUMSUB", "NUMPAT"])),
    # With a pattern that one channel matches at the most: their order is the hash table's affair as well.
    request("PUBSUB", st.sampled_from(["CHANNELS", "SHARDCHANNELS"]), st.sampled_from(["b", "[b-c]"])),
    request("PUBSUB", st.sampled_from(["CHANNELS", "SHARDCHANNELS", "NUMPAT"]), "a b"),
    # What leaves all of several is left out: in which order it does so is the hash table's affair.
    request(st.sampled_from(["PING", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "PUBLISH", "SPUBLISH", "GET"])),
    request(st.sampled_from(["MULTI", "EXEC", "EXEC", "DISCARD"])),
    request(st.sampled_from(["PUBLISH", "SPUBLISH"]), channel),
    request("PUBLISH", channel, "a b"),
    request("GET", channel),
)


def unrefused(name: str) -> tuple[str, str]:
    return (name, "error")


FAMILY = Talk(
    """psubscribe publish pubsub|channels pubsub|numpat pubsub|numsub pubsub|shardchannels pubsub|shardnumsub
    punsubscribe spublish ssubscribe subscribe sunsubscribe unsubscribe""",
    mixes=(chatter,),
    untaken=frozenset(map(unrefused, ["punsubscribe", "sunsubscribe", "unsubscribe"])),
)


def test_who_hears_what(drive: Drive) -> None:
    drive(FAMILY)


key = st.sampled_from(["k", "l"])
changes = st.one_of(
    request("SET", key, "1"),
    request("SET", key, "1", "EX", "100"),
    request("GETEX", key, "PERSIST"),
    request("GETSET", key, "2"),
    request(st.sampled_from(["GET", "DEL", "TYPE", "INCR", "EXISTS", "PERSIST", "GETDEL", "LLEN"]), key),
    request("EXPIRE", key, st.sampled_from(["100", "-1"])),
    request("APPEND", key, "x"),
    request("RPUSH", key, "a", "b"),
    request("BLPOP", key, "0"),
    request("LMOVE", key, key, "LEFT", "RIGHT"),
    request("SORT", key, "ALPHA", "STORE", key),
    request("RENAME", key, key),
    request("COPY", key, key),
    request("COPY", key, key, "DB", "1"),
    request("MOVE", key, "1"),
    request("FLUSHALL"),
    request("HSET", key, "f", "1"),
    request("ZADD", key, "1", "m"),
    request("ZRANGESTORE", key, key, "0", "-1"),
    request("ZPOPMIN", key),
    request("SADD", key, "m"),
    request("SPOP", key),
    request("SUNIONSTORE", key, key, key),
    request("MSET", key, "1", key, "2"),
    request("PFADD", key, "1"),
    request("SETBIT", key, "1", "1"),
    request("BITOP", "NOT", key, key),
)


EVENTS = Talk(
    "",
    mixes=(changes,),
    listeners=1,  # for its own changes Redis sends some replies before the event and some behind it
    before=st.sampled_from(["KEA", "KEAmn", "KEn", "Em", "Kg$", "A", "KElshz"]).map(listening),
    ends=["k", "l"],
)


def test_keyspace_events(drive: Drive) -> None:
    drive(EVENTS)
