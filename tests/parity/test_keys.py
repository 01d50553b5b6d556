"""Commands on keys of any type, compared with a real redis-server."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from tests.parity.compare import Command, check_parity, joined, play, some
from tests.support.oracle import Oracle

pytestmark = pytest.mark.parity

KEYS = [b"a", b"b", b"{a}c"]

key = st.sampled_from(KEYS)
far = st.sampled_from([b"100", b"5000", b"4000000000"])
far_ms = st.sampled_from([b"100000", b"5000000", b"4000000000000"])
odd_time = st.sampled_from(
    [
        b"0",
        b"-1",
        b"x",
        b"9223372036854775807",
        b"-9223372036854775808",
        b"9223372036854775",
        b"-9223372036854776",
    ]
)
seconds = st.one_of(far, odd_time)
milliseconds = st.one_of(far_ms, odd_time)
conditions = st.lists(
    st.sampled_from([b"NX", b"xx", b"GT", b"Lt", b"w\r\nhat"]).map(lambda word: (word,)), max_size=2
)
database = st.sampled_from([b"0", b"1", b"15", b"16", b"-1", b"x", b"3000000000"])
copy_option = st.one_of(some(b"REPLACE"), some(b"DB", database), some(b"DB"), some(b"WHAT"))

fill = st.one_of(
    some(
        b"SET", key, st.sampled_from([b"1", b"text", b"x" * 45, b"123456789012345678901", b"10000", b"9999"])
    ),
    some(b"SETRANGE", key, b"0", b"raw"),
    some(b"RPUSH", key, b"1", b"two"),
    some(b"SADD", key, b"1", b"2"),
    some(b"HSET", key, b"field", b"value"),
)
commands = st.one_of(
    fill,
    fill,
    some(st.sampled_from([b"DEL", b"UNLINK", b"EXISTS", b"TOUCH"]), key, key),
    some(st.sampled_from([b"TYPE", b"PERSIST", b"TTL", b"PTTL", b"EXPIRETIME", b"PEXPIRETIME"]), key),
    joined(some(st.sampled_from([b"EXPIRE", b"EXPIREAT"]), key, seconds), conditions),
    joined(some(st.sampled_from([b"PEXPIRE", b"PEXPIREAT"]), key, milliseconds), conditions),
    some(st.sampled_from([b"RENAME", b"RENAMENX"]), key, key),
    joined(some(b"COPY", key, key), st.lists(copy_option, max_size=2)),
    some(b"MOVE", key, database),
    some(b"SWAPDB", database, database),
    some(b"OBJECT", st.sampled_from([b"ENCODING", b"REFCOUNT", b"FREQ", b"idletime"]), key),
    some(b"KEYS", st.sampled_from([b"*", b"[a-b]", b"{*", b"?", b"[^b]"])),
    some(b"DBSIZE"),
    some(st.sampled_from([b"FLUSHDB", b"FLUSHALL"]), st.sampled_from([b"sync", b"ASYNC", b"what"])),
)
scans = st.one_of(
    fill,
    joined(
        some(b"SCAN", st.sampled_from([b"0", b"x", b"-", b"", b"18446744073709551616"])),
        st.lists(
            st.one_of(
                some(b"COUNT", st.sampled_from([b"1000", b"0", b"-1", b"x"])),
                some(b"MATCH", st.sampled_from([b"*", b"a*", b"x"])),
                some(b"TYPE", st.sampled_from([b"string", b"LIST", b"none"])),
                some(b"COUNT"),
            ),
            max_size=2,
        ),
    ),
)


def test_keys(oracle: Oracle) -> None:
    check_parity(oracle, commands, keys=KEYS, state=["TYPE", "PTTL", "OBJECT ENCODING", "DUMP"])


def test_scan(oracle: Oracle) -> None:
    check_parity(oracle, scans)


wild_text = st.lists(st.sampled_from([b"a", b"b", b"-", b"]", b"^", b"\\", b"*", b"\xff"]), max_size=5).map(
    b"".join
)
wild_pattern = st.lists(
    st.sampled_from([b"a", b"b", b"*", b"?", b"[", b"]", b"^", b"-", b"\\", b"\xff", b"\x80"]), max_size=7
).map(b"".join)


def test_patterns(oracle: Oracle) -> None:
    check_parity(oracle, st.one_of(some(b"SET", wild_text, b""), some(b"KEYS", wild_pattern)))


@pytest.fixture(scope="module")
def payload(oracle: Oracle) -> bytes:
    oracle.raw("SET", "payload", "hello")
    return oracle.call("DUMP", "payload").text


def test_restore(oracle: Oracle, payload: bytes) -> None:
    words = st.one_of(
        some(b"REPLACE"),
        some(b"absttl"),
        some(b"IDLETIME", st.sampled_from([b"10", b"-1", b"x"])),
        some(b"FREQ", st.sampled_from([b"10", b"-1", b"256", b"x"])),
        some(b"FREQ"),
        some(b"WHAT"),
    )
    bad = st.sampled_from([b"", payload[:-1], payload[:-1] + b"\0", b"\x00" + payload, payload[1:]])
    check_parity(
        oracle,
        st.one_of(
            joined(
                some(
                    st.sampled_from([b"RESTORE", b"RESTORE-ASKING"]),
                    key,
                    st.sampled_from([b"0", b"100000", b"-1", b"x", b"4000000000000"]),
                    st.one_of(st.just(payload), bad),
                ),
                st.lists(words, max_size=3),
            ),
            some(b"DEL", key),
        ),
        keys=KEYS,
        state=["GET", "PTTL"],
    )


def test_an_expired_key_is_gone(oracle: Oracle) -> None:
    gone: list[Command] = [
        (b"SET", b"a", b"1", b"PXAT", b"1"),
        (b"GET", b"a"),
        (b"SET", b"a", b"1"),
        (b"PEXPIREAT", b"a", b"1"),
        (b"EXISTS", b"a"),
        (b"DBSIZE",),
    ]
    play(oracle, gone)
