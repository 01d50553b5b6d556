"""Strings and counters, compared with a real redis-server."""

from __future__ import annotations

import pytest

from tests.parity import draws as st
from tests.parity.compare import joined, play, some
from tests.parity.drive import Drive, Family
from tests.support.oracle import Oracle

pytestmark = pytest.mark.parity

KEYS = [b"a", b"", b"\0\xff\r\n b"]
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
    st.floats(width=32).map(lambda value: repr(value).encode()),
)
text = st.one_of(
    number,
    st.binary(max_size=8),
    st.sampled_from([b"x" * 44, b"y" * 45, b"hello world", b"long " * 20_000, bytes(range(256)) * 3]),
)
letters = st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=12).map(b"".join)
place = st.one_of(number, number, st.sampled_from([b"70000", b"100000", b"536870911", b"536870912"]))
time_s = st.sampled_from(
    [b"100", b"4000000000", b"0", b"-1", b"x", b"9223372036854775807", b"9223372036854775"]
)
time_ms = st.sampled_from([b"100000", b"4000000000000", b"0", b"-1", b"x", b"9223372036854775807"])


def any_case(word: bytes) -> st.Draws[bytes]:
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

sound_option = st.one_of(
    some(st.sampled_from([b"NX", b"XX", b"GET", b"KEEPTTL"])),
    some(st.sampled_from([b"EX", b"PX"]), b"100000"),
    some(b"EXAT", b"4000000000"),
    some(b"PXAT", b"4000000000000"),
)
commands = st.one_of(
    joined(some(b"SET", key, text), sound_option.map(lambda option: [option])),
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
    some(b"SETRANGE", key, place, st.sampled_from([b"", b"far"])),
    some(st.sampled_from([b"GETRANGE", b"SUBSTR"]), key, number, number),
    some(b"DEL", key),
)
counters = st.one_of(
    some(b"SET", key, decimal),
    some(st.sampled_from([b"INCR", b"DECR"]), key),
    some(st.sampled_from([b"INCRBY", b"DECRBY"]), key, number),
    some(b"INCRBYFLOAT", key, decimal),
    some(b"GET", key),
)
subsequences = st.one_of(
    some(b"SET", key, letters),
    some(b"APPEND", key, letters),
    joined(
        some(b"LCS", key, key),
        st.lists(
            st.one_of(
                some(
                    st.sampled_from(
                        [b"LEN", b"idx", b"IDX", b"IDX", b"WITHMATCHLEN", b"WHAT", b"MINMATCHLEN"]
                    )
                ),
                some(b"MINMATCHLEN", st.sampled_from([b"0", b"2", b"-1", b"x"])),
            ),
            max_size=3,
        ),
    ),
    some(b"RPUSH", key, letters),
    some(b"DEL", key),
)
FAMILY = Family(
    """append decr decrby get getdel getex getrange getset incr incrby incrbyfloat lcs mget mset msetnx psetex
    set setex setnx setrange strlen substr""",
    mixes=(commands, commands, counters, subsequences),
    keys=KEYS,
    state=["GET KEY"],
)


def test_strings(drive: Drive) -> None:
    drive(FAMILY)


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
