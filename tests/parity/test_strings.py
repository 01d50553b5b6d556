"""Strings and counters, compared with a real redis-server."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from tests.parity.compare import check_parity, joined, play, some
from tests.support.oracle import Oracle

pytestmark = pytest.mark.parity

KEYS = [b"a", b"b", b"c"]
FAR_MS = 4_000_000_000_000

key = st.sampled_from(KEYS)
number = st.one_of(
    st.integers(-5, 20).map(lambda value: b"%d" % value),
    st.sampled_from([b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"0", b"-1"]),
    st.sampled_from([b"x", b"", b" 1", b"+1", b"01", b"1.5", b"-0", b"1_0"]),
)
decimal = st.one_of(
    number,
    st.sampled_from(
        [b"0.1", b"-2.5e3", b"1e400", b"1e5000", b"inf", b"-inf", b"nan", b"0x10", b"3.0e-5", b"1e17"]
    ),
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(lambda value: repr(value).encode()),
)
text = st.one_of(number, st.binary(max_size=8), st.sampled_from([b"x" * 44, b"y" * 45, b"hello world"]))
time_s = st.sampled_from(
    [b"100", b"4000000000", b"0", b"-1", b"x", b"9223372036854775807", b"9223372036854775"]
)
time_ms = st.sampled_from([b"100000", b"4000000000000", b"0", b"-1", b"x", b"9223372036854775807"])


def any_case(word: bytes) -> st.SearchStrategy[bytes]:
    return st.sampled_from([word, word.lower(), word.title()])


plain_option = (
    st.sampled_from([b"NX", b"XX", b"GET", b"KEEPTTL", b"PERSIST", b"WHAT"])
    .flatmap(any_case)
    .map(lambda word: (word,))
)
timed_option = st.one_of(
    some(b"EX", time_s), some(b"px", time_ms), some(b"EXAT", time_s), some(b"PXAT", time_ms), some(b"EX")
)
options = st.lists(st.one_of(plain_option, timed_option), max_size=3)

commands = st.one_of(
    some(b"GET", key),
    some(b"SET", key, text),
    joined(some(b"SET", key, text), options),
    some(b"SETNX", key, text),
    some(b"SETEX", key, time_s, text),
    some(b"PSETEX", key, time_ms, text),
    some(b"GETSET", key, text),
    some(b"GETDEL", key),
    joined(some(b"GETEX", key), options),
    some(b"MGET", key, key),
    some(b"MSET", key, text, key, text),
    some(b"MSET", key, text, key),
    some(b"MSETNX", key, text, key, text),
    some(b"STRLEN", key),
    some(b"APPEND", key, text),
    some(b"SETRANGE", key, number, text),
    some(st.sampled_from([b"GETRANGE", b"SUBSTR"]), key, number, number),
    some(b"LPUSH", key, b"element"),
    some(b"DEL", key),
)
counters = st.one_of(
    some(b"SET", key, decimal),
    some(st.sampled_from([b"INCR", b"DECR"]), key),
    some(st.sampled_from([b"INCRBY", b"DECRBY"]), key, number),
    some(b"INCRBYFLOAT", key, decimal),
    some(b"GET", key),
    some(b"LPUSH", key, b"element"),
)
STATE = ["TYPE", "GET", "TTL", "PEXPIRETIME", "STRLEN"]


def test_strings(oracle: Oracle) -> None:
    check_parity(oracle, commands, keys=KEYS, state=[*STATE, "OBJECT ENCODING"])


def test_counters(oracle: Oracle) -> None:
    check_parity(oracle, counters, keys=KEYS, state=STATE)


def test_a_string_that_would_be_too_long(oracle: Oracle) -> None:
    play(
        oracle,
        [
            (b"SETRANGE", b"a", b"536870911", b"xx"),
            (b"SETRANGE", b"a", b"536870912", b""),
            (b"SETRANGE", b"a", b"9223372036854775807", b"x"),
            (b"EXISTS", b"a"),
        ],
    )
