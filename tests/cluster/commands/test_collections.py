from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.commands.collections import REPEATS_MAX, first_of_several, random_count, random_places
from cluster.spec.errors import CommandError
from cluster.store.values.hash import Hash
from cluster.store.values.list import List
from cluster.store.values.set import Set
from cluster.store.values.sorted_set import SortedSet
from tests.support.local import Local

key = st.sampled_from([b"{k}1", b"{k}2", b"{k}3"])
member = st.sampled_from([b"a", b"b", b"c", b"1", b"22"])
number = st.sampled_from([b"0", b"1", b"2", b"-1", b"0.1"])
side = st.sampled_from([b"LEFT", b"RIGHT"])


def words(*parts: bytes | st.SearchStrategy[bytes]) -> st.SearchStrategy[tuple[bytes, ...]]:
    return st.tuples(*(st.just(part) if isinstance(part, bytes) else part for part in parts))


writes = st.one_of(
    words(b"HSET", key, member, number),
    words(b"HINCRBYFLOAT", key, member, number),
    words(b"HDEL", key, member),
    words(b"RPUSH", key, member, member, member),
    words(b"LMOVE", key, key, side, side),
    words(b"LMPOP", b"2", key, key, side, b"COUNT", b"2"),
    words(b"LREM", key, number, member),
    words(b"LTRIM", key, number, number),
    words(b"SADD", key, member, member, member),
    words(b"SPOP", key),
    words(b"SPOP", key, number),
    words(b"SMOVE", key, key, member),
    words(b"SUNIONSTORE", key, key, key),
    words(b"SDIFFSTORE", key, key, key),
    words(b"ZADD", key, number, member, number, member),
    words(b"ZINCRBY", key, number, member),
    words(b"ZMPOP", b"2", key, key, b"MIN", b"COUNT", b"2"),
    words(b"ZPOPMAX", key, number),
    words(b"ZUNIONSTORE", key, b"2", key, key),
    words(b"ZRANGESTORE", key, key, number, number),
    words(b"ZREMRANGEBYRANK", key, number, number),
    words(b"DEL", key),
)


def contents(local: Local) -> Iterator[tuple[bytes, object]]:
    """Every key with what it holds: lists and sorted sets in order."""
    keyspace = local.server.databases[0]
    for name in sorted(keyspace.keys()):
        value = keyspace.get(name)
        assert isinstance(value, Hash | List | Set | SortedSet)
        assert len(value), "an empty collection is no key"
        yield name, dict(value.items()) if isinstance(value, Hash) else _plain(value)


def _plain(value: List | Set | SortedSet) -> object:
    return set(value) if isinstance(value, Set) else list(value)


@settings(max_examples=50)
@given(st.lists(writes, max_size=30))
def test_a_replica_that_applies_what_is_propagated_holds_the_same(script: list[tuple[bytes, ...]]) -> None:
    primary, replica = Local(cluster=True), Local(cluster=True)
    replica.server.random.seed(2)
    for command in script:
        primary.call(*command)
    for argv in primary.written:
        replica.call(*argv)
    assert list(contents(primary)) == list(contents(replica))


@given(st.integers(1, 20), st.integers(-30, 30))
def test_random_places(size: int, count: int) -> None:
    places = random_places(random.Random(1), size, count)
    assert all(0 <= place < size for place in places)
    if count < 0:
        assert len(places) == -count
    else:
        assert len(places) == len(set(places)) == min(size, count)


def test_counts_of_random_members_are_bounded() -> None:
    assert random_count(b"%d" % -REPEATS_MAX) == -REPEATS_MAX
    assert random_count(b"9223372036854775807") == (1 << 63) - 1
    for text, doubled in ((b"%d" % (-REPEATS_MAX - 1), False), (b"9223372036854775807", True)):
        with pytest.raises(CommandError, match="value is out of range"):
            random_count(text, doubled=doubled)


def test_keys_side_and_count_of_a_pop() -> None:
    sides = (b"left", b"right")
    assert first_of_several(b"2", [b"a", b"b", b"LEFT"], sides) == ([b"a", b"b"], True, 1)
    assert first_of_several(b"1", [b"a", b"right", b"count", b"7"], sides) == ([b"a"], False, 7)
    for numkeys, rest in ((b"2", [b"a", b"LEFT"]), (b"1", [b"a", b"x"]), (b"1", [b"a", b"LEFT", b"COUNT"])):
        with pytest.raises(CommandError, match="syntax error"):
            first_of_several(numkeys, rest, sides)
    with pytest.raises(CommandError, match="numkeys should be greater than 0"):
        first_of_several(b"0", [b"a", b"LEFT"], sides)
    with pytest.raises(CommandError, match="count should be greater than 0"):
        first_of_several(b"1", [b"a", b"LEFT", b"COUNT", b"0"], sides)


def test_a_write_counts_neither_hit_nor_miss() -> None:
    local = Local()
    for request in (
        ("HDEL", "h", "f"),
        ("HSET", "h", "f", 1),
        ("HDEL", "h", "f"),
        ("SPOP", "s"),
        ("LPOP", "l"),
    ):
        local.call(*request)
    keyspace = local.server.databases[0]
    assert (keyspace.hits, keyspace.misses) == (0, 0)


def test_a_read_does() -> None:
    local = Local()
    local.call("RPUSH", "l", "a")
    local.call("LLEN", "l")
    local.call("LLEN", "none")
    keyspace = local.server.databases[0]
    assert (keyspace.hits, keyspace.misses) == (1, 1)


@pytest.mark.parametrize(
    ("directive", "value", "request_line", "encoding"),
    [
        ("hash-max-listpack-entries", "1", "HSET k a 1 b 2", b"hashtable"),
        ("hash-max-listpack-value", "3", "HSET k a long", b"hashtable"),
        ("set-max-intset-entries", "1", "SADD k 1 2", b"hashtable"),
        ("zset-max-listpack-entries", "0", "ZADD k 1 a", b"skiplist"),
        ("zset-max-listpack-value", "3", "ZADD k 1 long", b"skiplist"),
    ],
)
def test_a_node_packs_as_far_as_its_options_say(
    directive: str, value: str, request_line: str, encoding: bytes
) -> None:
    local = Local(cluster=True)
    request = request_line.split()
    local.call(*request)
    packed = local.call("OBJECT", "ENCODING", "k")
    assert packed != encoding
    local.call("DEL", "k")
    local.server.options.change({directive: value})
    local.call(*request)
    assert local.call("OBJECT", "ENCODING", "k") == encoding


@pytest.mark.parametrize(
    "request_",
    ["SUNIONSTORE d none", "ZRANGESTORE d none 0 -1", "SORT none STORE d", "BITOP AND d none"],
)
def test_an_empty_result_takes_away_even_what_is_over(request_: str) -> None:
    local = Local()
    local.call("SET", "d", "1", "PX", "100")
    local.now_ms += 101
    local.events.clear()
    assert local.call(*request_.split()) == 0
    assert local.events == [(b"d", b"del", 1)]
    assert local.written[-1] == request_.encode().split()
    assert local.server.databases[0].stored(b"d") is None
