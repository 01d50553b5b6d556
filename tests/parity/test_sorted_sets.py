"""Sorted sets, compared with a real redis-server."""

from __future__ import annotations

import pytest

from tests.parity import draws as st
from tests.parity.compare import joined, play, some
from tests.parity.drive import Drive, Family, config
from tests.support.oracle import Oracle

pytestmark = pytest.mark.parity

KEYS = [b"a", b"\xff\x00b", b"c"]

key = st.sampled_from(KEYS)
member = st.sampled_from([b"a", b"b", b"c", b"d", b"", b"7", b"m" * 64, b"M" * 65, b"\xff\x00"])
score = st.one_of(
    st.sampled_from([b"0", b"1", b"2", b"2.5", b"-1", b"1e17", b"0.1", b"-0", b"inf", b"-inf"]),
    st.sampled_from([b"nan", b"x", b"", b"0x10", b"1e400", b" 1", b"3.3333333333333335", b"1_0"]),
    st.integers(-3, 3).map(lambda value: b"%d" % value),
)
plain_score = st.sampled_from([b"0", b"1", b"2", b"3", b"-1", b"0.1", b"0.2"])
score_bound = st.one_of(
    st.sampled_from(
        [b"-inf", b"+inf", b"(1", b"1", b"(2", b"2.5", b"0", b"(", b"", b"( 1", b"x", b"(inf", b"(-inf"]
    ),
    score,
)
lex_bound = st.sampled_from([b"-", b"+", b"[a", b"(a", b"[c", b"(c", b"[", b"(", b"", b"a", b"[zz"])
index = st.sampled_from([b"0", b"1", b"2", b"-1", b"-2", b"9", b"-9", b"x", b"9223372036854775807"])
count = st.sampled_from([b"0", b"1", b"2", b"100", b"-1", b"x"])
numkeys = st.sampled_from([b"1", b"2", b"3", b"0", b"-1", b"x"])
flag = st.sampled_from([b"NX", b"xx", b"GT", b"lt", b"CH", b"INCR"]).map(lambda word: (word,))
limit = some(
    b"LIMIT", st.sampled_from([b"0", b"1", b"-1", b"5", b"x"]), st.sampled_from([b"-1", b"0", b"1", b"9"])
)
scores_wanted = some(b"WITHSCORES")
range_option = st.one_of(
    some(b"BYSCORE"), some(b"REV"), some(b"REV"), limit, scores_wanted, some(b"LIMIT", b"0"), some(b"x")
)
any_bound = st.one_of(index, score_bound, lex_bound)
algebra_option = st.one_of(
    some(b"WEIGHTS", score, score),
    some(b"weights", st.sampled_from([b"2", b"inf", b"0"]), st.sampled_from([b"-1", b"0.5"])),
    some(b"AGGREGATE", st.sampled_from([b"SUM", b"min", b"MAX", b"x"])),
    scores_wanted,
    some(b"LIMIT", count),
    some(b"AGGREGATE"),
)

fill = st.one_of(
    some(b"ZADD", key, plain_score, member),
    some(b"ZADD", key, plain_score, member, plain_score, member, plain_score, member),
    some(b"ZADD", key, b"0", b"a", b"0", b"b", b"0", b"c", b"0", b"d"),
)
changes = st.one_of(
    fill,
    some(b"ZADD", key, score, member),
    joined(some(b"ZADD", key), st.tuples(flag, flag, some(plain_score, member)).map(list)),
    joined(some(b"ZADD", key), st.tuples(flag, some(score, member)).map(list)),
    joined(some(b"ZADD", key), st.tuples(flag, some(plain_score, member, plain_score, member)).map(list)),
    some(b"ZADD", key, score, member, score),
    some(b"ZADD", key, b"INCR", b"CH"),
    some(b"ZINCRBY", key, score, member),
    some(b"ZREM", key, member, member),
    some(b"ZREMRANGEBYRANK", key, index, index),
    some(b"ZREMRANGEBYSCORE", key, score_bound, score_bound),
    some(st.sampled_from([b"ZPOPMIN", b"ZPOPMAX"]), key),
    some(st.sampled_from([b"ZPOPMIN", b"ZPOPMAX"]), key, count),
    some(b"ZPOPMIN", key, count, count),
    some(b"ZMPOP", numkeys, key, key, st.sampled_from([b"MIN", b"max", b"x"])),
    some(b"ZMPOP", b"2", key, key, st.sampled_from([b"MIN", b"MAX"]), b"COUNT", count),
    some(b"SADD", key, b"a", b"b", b"x"),
    some(b"SET", key, b"string"),
    some(b"PEXPIREAT", key, b"4000000000000"),
    some(b"DEL", key),
)
reads = st.one_of(
    some(b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"),
    some(st.sampled_from([b"ZSCORE", b"ZRANK", b"ZREVRANK"]), key, member),
    some(b"ZCARD", key),
    some(b"ZRANDMEMBER", key),
    some(b"ZMSCORE", key, member, member),
    some(b"ZCOUNT", key, score_bound, score_bound),
    some(b"ZRANDMEMBER", key, st.sampled_from([b"0", b"100", b"-3", b"x", b"-9223372036854775808"])),
    some(b"ZRANDMEMBER", key, st.sampled_from([b"9", b"-3"]), st.sampled_from([b"WITHSCORES", b"x"])),
    joined(
        some(b"ZSCAN", key, st.sampled_from([b"0", b"x"])),
        st.lists(st.one_of(some(b"MATCH", b"[ab]"), some(b"COUNT", b"1000")), max_size=2),
    ),
)
ranges = st.one_of(
    some(
        st.sampled_from([b"ZRANGEBYSCORE", b"ZREVRANGEBYSCORE"]),
        key,
        st.sampled_from([b"-inf", b"1", b"+inf"]),
        st.sampled_from([b"+inf", b"(2", b"-inf"]),
        b"LIMIT",
        b"0",
        b"2",
    ),
    joined(
        some(st.sampled_from([b"ZRANGEBYLEX", b"ZREVRANGEBYLEX"]), key, b"-", b"+"),
        st.tuples(limit).map(list),
    ),
    joined(some(b"ZRANGE", key, index, index), st.lists(range_option, max_size=3)),
    joined(some(b"ZRANGE", key, score_bound, score_bound, b"BYSCORE"), st.lists(range_option, max_size=3)),
    joined(some(b"ZRANGE", key, any_bound, any_bound), st.lists(range_option, max_size=3)),
    joined(some(b"ZREVRANGE", key, index, index), st.lists(range_option, max_size=2)),
    joined(
        some(st.sampled_from([b"ZRANGEBYSCORE", b"ZREVRANGEBYSCORE"]), key, score_bound, score_bound),
        st.lists(range_option, max_size=2),
    ),
    joined(some(b"ZRANGESTORE", key, key, any_bound, any_bound), st.lists(range_option, max_size=2)),
)
sound_algebra_option = st.one_of(
    some(b"WEIGHTS", st.sampled_from([b"2", b"0.5"]), st.sampled_from([b"-1", b"3"])),
    some(b"AGGREGATE", st.sampled_from([b"SUM", b"MIN", b"MAX"])),
)
sound_algebra = st.one_of(
    joined(
        some(st.sampled_from([b"ZUNION", b"ZINTER"]), b"2", key, key),
        st.lists(sound_algebra_option, max_size=2),
    ),
    joined(
        some(st.sampled_from([b"ZUNIONSTORE", b"ZINTERSTORE"]), key, b"2", key, key),
        st.lists(sound_algebra_option, max_size=2),
    ),
    some(b"ZINTERCARD", b"2", key, key, b"LIMIT", count),
)
algebra = st.one_of(
    sound_algebra,
    sound_algebra,
    joined(
        some(st.sampled_from([b"ZUNION", b"ZINTER", b"ZDIFF", b"ZINTERCARD"]), numkeys, key, key),
        st.lists(algebra_option, max_size=2),
    ),
    joined(
        some(st.sampled_from([b"ZUNION", b"ZINTER", b"ZDIFF"]), b"2", key, key),
        st.lists(algebra_option, max_size=2),
    ),
    some(st.sampled_from([b"ZUNION", b"ZINTER"]), b"3", key, key, key, b"WITHSCORES"),
    joined(
        some(st.sampled_from([b"ZUNIONSTORE", b"ZINTERSTORE", b"ZDIFFSTORE"]), key, b"2", key, key),
        st.lists(algebra_option, max_size=2),
    ),
)
same_scores = st.one_of(
    some(b"ZADD", key, b"5", member, b"5", member),
    some(b"ZADD", key, b"5", b"a", b"5", b"b", b"5", b"c", b"5", b"d"),
    some(b"ZREM", key, member),
    joined(
        some(st.sampled_from([b"ZRANGEBYLEX", b"ZREVRANGEBYLEX"]), key, lex_bound, lex_bound),
        st.lists(range_option, max_size=2),
    ),
    joined(some(b"ZRANGE", key, lex_bound, lex_bound, b"BYLEX"), st.lists(range_option, max_size=2)),
    joined(
        some(b"ZRANGESTORE", key, key, lex_bound, lex_bound, b"BYLEX"), st.lists(range_option, max_size=2)
    ),
    some(st.sampled_from([b"ZLEXCOUNT", b"ZREMRANGEBYLEX"]), key, lex_bound, lex_bound),
)


FAMILY = Family(
    """zadd zcard zcount zdiff zdiffstore zincrby zinter zintercard zinterstore zlexcount zmpop zmscore
    zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrangestore zrank zrem zremrangebylex
    zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion
    zunionstore""",
    mixes=(
        st.one_of(changes, changes, reads),
        st.one_of(fill, changes, ranges, ranges, reads),
        st.one_of(fill, changes, algebra, algebra, reads),
    ),
    # A range of members where scores differ: a skiplist's levels, which are drawn by lot, decide what it is.
    careful=(same_scores,),
    keys=KEYS,
    options=config(zset_max_listpack_entries=("128", "2"), zset_max_listpack_value=("64", "4")),
    state=["ZRANGE KEY 0 -1 WITHSCORES", "ZCARD KEY"],
)


def test_sorted_sets(drive: Drive) -> None:
    drive(FAMILY)


@pytest.mark.parametrize("members", [128, 129])
@pytest.mark.parametrize("protocol", [2, 3])
def test_a_sorted_set_that_grows_is_converted_and_stays_so(
    oracle: Oracle, members: int, protocol: int
) -> None:
    pairs = [(b"%d" % (number % 40), b"m%d" % (number * 97 % 1009)) for number in range(members)]
    words = [word for pair in pairs for word in pair]
    play(
        oracle,
        [
            (b"ZADD", b"{a}", *words),
            (b"OBJECT", b"ENCODING", b"{a}"),
            (b"ZRANGE", b"{a}", b"0", b"-1", b"WITHSCORES"),
            (b"ZREVRANGEBYSCORE", b"{a}", b"(30", b"3", b"WITHSCORES", b"LIMIT", b"5", b"20"),
            (b"ZUNIONSTORE", b"{a}b", b"2", b"{a}", b"{a}"),
            (b"OBJECT", b"ENCODING", b"{a}b"),
            (b"ZREMRANGEBYRANK", b"{a}", b"5", b"-5"),
            (b"OBJECT", b"ENCODING", b"{a}"),
            (b"ZRANGESTORE", b"{a}c", b"{a}", b"0", b"-1"),
            (b"OBJECT", b"ENCODING", b"{a}c"),
            (b"ZPOPMAX", b"{a}", b"3"),
        ],
        protocol,
    )
