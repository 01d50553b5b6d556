"""Hashes, compared with a real redis-server."""

from __future__ import annotations

import pytest

from tests.parity import draws as st
from tests.parity.compare import joined, play, some
from tests.parity.drive import Drive, Family, config
from tests.support.oracle import Oracle

pytestmark = pytest.mark.parity

KEYS = [b"a", b"b\x00\r\n"]

key = st.sampled_from(KEYS)
field = st.sampled_from([b"f", b"g", b"h", b"", b"1", b"n" * 64, b"N" * 65, b"\xff\x00"])
number = st.sampled_from(
    [b"1", b"-7", b"0", b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"x", b" 1"]
)
decimal = st.sampled_from(
    [b"0.1", b"-2.5e3", b"1e400", b"1e5000", b"inf", b"-inf", b"nan", b"0x10", b"3.0e-5", b"1e17", b"-0", b""]
)
text = st.one_of(
    number, decimal, st.binary(max_size=8), st.sampled_from([b"x" * 64, b"y" * 65, b"z" * 20_000])
)
count = st.sampled_from([b"0", b"10", b"-3", b"x", b"-9223372036854775808", b"9223372036854775807"])
scan_option = st.one_of(
    some(b"MATCH", st.sampled_from([b"*", b"[fg]", b"n*", b"x"])),
    some(b"count", st.sampled_from([b"1000", b"100", b"0", b"x"])),
    some(st.sampled_from([b"NOVALUES", b"TYPE", b"COUNT"])),
)

commands = st.one_of(
    some(b"HSET", key, field, text),
    some(b"HSET", key, field, text, field, text),
    some(b"HMSET", key, field, text, field, text),
    some(st.sampled_from([b"HSET", b"HMSET"]), key, field, text, field),
    some(b"HSETNX", key, field, text),
    some(st.sampled_from([b"HGET", b"HSTRLEN", b"HEXISTS"]), key, field),
    some(b"HMGET", key, field, field),
    some(st.sampled_from([b"HGETALL", b"HKEYS", b"HVALS", b"HLEN"]), key),
    some(b"HDEL", key, field),
    some(b"HDEL", key, field, field, field),
    some(b"HINCRBY", key, field, number),
    some(b"HINCRBYFLOAT", key, field, st.one_of(number, decimal)),
    some(b"HRANDFIELD", key),
    some(b"HRANDFIELD", key, count),
    some(b"HRANDFIELD", key, count, st.sampled_from([b"WITHVALUES", b"withscores"])),
    joined(
        some(b"HSCAN", key, st.sampled_from([b"0", b"", b"x", b"-1", b" 1", b"18446744073709551616"])),
        st.lists(scan_option, max_size=2),
    ),
    some(b"SET", key, b"string"),
    some(b"PEXPIREAT", key, b"4000000000000"),
    some(b"DEL", key),
)


FAMILY = Family(
    """hdel hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hrandfield hscan hset hsetnx
    hstrlen hvals""",
    mixes=(commands,),
    keys=KEYS,
    options=config(hash_max_listpack_entries=("512", "3"), hash_max_listpack_value=("64", "8")),
    state=["HGETALL KEY", "HLEN KEY"],
)


def test_hashes(drive: Drive) -> None:
    drive(FAMILY)


@pytest.mark.parametrize("fields", [512, 513])
@pytest.mark.parametrize("protocol", [2, 3])
def test_a_hash_that_grows_is_converted_and_stays_so(oracle: Oracle, fields: int, protocol: int) -> None:
    words = [b"%d" % number for number in range(fields) for _ in range(2)]
    play(
        oracle,
        [
            (b"HSET", b"a", *words),
            (b"OBJECT", b"ENCODING", b"a"),
            (b"HGETALL", b"a"),
            (b"HDEL", b"a", *words[:1000]),
            (b"OBJECT", b"ENCODING", b"a"),
            (b"HDEL", b"a", *words),
            (b"EXISTS", b"a"),
        ],
        protocol,
    )


def test_sums_of_long_doubles(oracle: Oracle) -> None:
    steps = [b"0.1", b"0.2", b"1e-17", b"123456789012345678", b"0x1p-3", b"-5.00000000000000001", b"1e300"]
    play(oracle, [(b"HINCRBYFLOAT", b"a", b"f", step) for step in steps * 3])
