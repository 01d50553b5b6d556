"""Publish and subscribe, keyspace events among it, compared with a real redis-server: several clients."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.parity.test_blocking import request, steps
from tests.support.oracle import Oracle
from tests.support.several import Step, play_together

pytestmark = pytest.mark.parity

EXAMPLES = os.environ.get("STARLING_PARITY_EXAMPLES")
SETTINGS = settings(
    max_examples=int(EXAMPLES or 40),
    derandomize=EXAMPLES is None,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

channel = st.sampled_from(["a", "b", "ab"])
pattern = st.sampled_from(["a*", "*", "b"])
chatter = st.one_of(
    request(st.sampled_from(["SUBSCRIBE", "UNSUBSCRIBE", "SSUBSCRIBE", "SUNSUBSCRIBE"]), channel),
    request(st.sampled_from(["SUBSCRIBE", "UNSUBSCRIBE", "SSUBSCRIBE", "SUNSUBSCRIBE"]), channel, channel),
    request(st.sampled_from(["PSUBSCRIBE", "PUNSUBSCRIBE"]), pattern),
    request(st.sampled_from(["PUBLISH", "SPUBLISH"]), channel, "message"),
    request("PUBSUB", st.sampled_from(["NUMSUB", "SHARDNUMSUB"]), channel, channel),
    request("PUBSUB", "NUMPAT"),
    request(st.sampled_from(["PING", "RESET", "SUBSCRIBE", "PUBLISH", "SPUBLISH", "UNSUBSCRIBE", "GET"])),
    request("GET", channel),
)


@SETTINGS
@given(
    st.lists(st.builds(Step, st.integers(0, 2), chatter), min_size=1, max_size=30), st.sampled_from([2, 3])
)
def test_who_hears_what(oracle: Oracle, script: list[Step], protocol: int) -> None:
    play_together(oracle, _answered_one_by_one(script), protocol=protocol)


def _answered_one_by_one(script: list[Step]) -> list[Step]:
    """Without what leaves all of several: in which order it does so is the hash table's affair."""
    return [step for step in script if step.argv not in (("UNSUBSCRIBE",), ("RESET",))]


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


@SETTINGS
@given(
    st.lists(st.builds(Step, st.integers(1, 2), changes), min_size=1, max_size=20),
    st.sampled_from(["KEA", "KEAmn", "KEn", "Em", "Kg$", "A", "KElshz"]),
)
def test_keyspace_events(oracle: Oracle, script: list[Step], classes: str) -> None:
    start = steps(f"1 CONFIG SET notify-keyspace-events {classes}", "0 PSUBSCRIBE __key*")
    play_together(oracle, [*start, *script])
