"""Lists, compared with a real redis-server."""

from __future__ import annotations

import pytest

from tests.parity import draws as st
from tests.parity.compare import joined, play, some
from tests.parity.drive import Drive, Family, config
from tests.support.oracle import Oracle

pytestmark = pytest.mark.parity

KEYS = [b"a", b"\r\nb", b"c"]
key = st.sampled_from(KEYS)
element = st.sampled_from([b"x", b"y", b"z", b"", b"17", b"long" * 50, b"\xff\x00", b"big" * 3000])
index = st.sampled_from(
    [
        b"0",
        b"1",
        b"2",
        b"-1",
        b"-2",
        b"-3",
        b"9",
        b"-9",
        b"x",
        b"",
        b"9223372036854775807",
        b"-9223372036854775808",
    ]
)
rank = st.sampled_from([b"1", b"2", b"-1", b"-2", b"0", b"x", b"9223372036854775807"])
count = st.sampled_from(
    [b"0", b"1", b"2", b"-1", b"100", b"x", b"9223372036854775807", b"9223372036854775808"]
)
side = st.sampled_from([b"LEFT", b"right", b"BEFORE"])
position_option = st.one_of(
    some(b"RANK", rank),
    some(b"count", count),
    some(b"MAXLEN", count),
    some(st.sampled_from([b"RANK", b"x"])),
)

commands = st.one_of(
    some(st.sampled_from([b"LPUSH", b"RPUSH", b"LPUSHX", b"RPUSHX"]), key, element),
    some(st.sampled_from([b"LPUSH", b"RPUSH"]), key, element, element, element, element),
    some(st.sampled_from([b"LPOP", b"RPOP"]), key),
    some(st.sampled_from([b"LPOP", b"RPOP"]), key, count),
    some(st.sampled_from([b"LPOP", b"RPOP"]), key, count, count),
    some(b"LLEN", key),
    some(b"LINDEX", key, index),
    some(b"LSET", key, index, element),
    some(st.sampled_from([b"LRANGE", b"LTRIM"]), key, index, index),
    some(b"LRANGE", key, b"0", b"-1"),
    some(b"LREM", key, index, element),
    some(b"LINSERT", key, st.sampled_from([b"BEFORE", b"after", b"x"]), element, element),
    joined(some(b"LPOS", key, element), st.lists(position_option, max_size=3)),
    some(b"LMOVE", key, key, side, side),
    some(b"RPOPLPUSH", key, key),
    some(b"LMPOP", st.sampled_from([b"1", b"2", b"3", b"0", b"x"]), key, key, side),
    some(b"LMPOP", b"2", key, key, side, st.sampled_from([b"COUNT", b"x"]), count),
    some(b"LMPOP", b"1", key, side, b"COUNT", count, b"COUNT", count),
    some(b"SET", key, b"string"),
    some(b"PEXPIREAT", key, b"4000000000000"),
    some(b"DEL", key),
)


FAMILY = Family(
    """lindex linsert llen lmove lmpop lpop lpos lpush lpushx lrange lrem lset ltrim rpop rpoplpush rpush
    rpushx""",
    mixes=(commands,),
    keys=KEYS,
    options=config(list_max_listpack_size=("-2", "2", "-5"), list_compress_depth=("0", "1")),
    state=["LRANGE KEY 0 -1", "LLEN KEY"],
)


def test_lists(drive: Drive) -> None:
    drive(FAMILY)


@pytest.mark.parametrize("protocol", [2, 3])
def test_ranges_of_a_long_list(oracle: Oracle, protocol: int) -> None:
    numbers = [b"%d" % number for number in range(3000)]
    ranges = [(0, 10), (1400, 1500), (1490, 2900), (2990, -1), (-20, -10), (-3000, 5), (2, 1), (3000, 4000)]
    play(
        oracle,
        [
            (b"RPUSH", b"a", *numbers),
            *((b"LRANGE", b"a", b"%d" % start, b"%d" % stop) for start, stop in ranges),
            (b"LINDEX", b"a", b"1500"),
            (b"LSET", b"a", b"1500", b"here"),
            (b"LINSERT", b"a", b"AFTER", b"here", b"there"),
            (b"LPOS", b"a", b"there", b"RANK", b"-1"),
            (b"LTRIM", b"a", b"1000", b"-1000"),
            (b"LRANGE", b"a", b"0", b"-1"),
        ],
        protocol,
    )
