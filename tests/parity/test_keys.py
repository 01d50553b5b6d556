"""Commands on keys of any type, compared with a real redis-server."""

from __future__ import annotations

import pytest

from cluster.store.dump import dump
from tests.parity import draws as st
from tests.parity.compare import Command, joined, play, some
from tests.parity.drive import Drive, Family
from tests.support.oracle import Oracle

pytestmark = pytest.mark.parity

KEYS = [b"a", b"b", b"{a}\x00\r\n\xff"]

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
    some(
        st.sampled_from([b"EXPIRE", b"PEXPIRE"]),
        key,
        st.sampled_from([b"70000", b"700000000"]),
        st.sampled_from([b"NX", b"XX", b"GT", b"LT"]),
    ),
    some(
        st.sampled_from([b"EXPIREAT", b"PEXPIREAT"]),
        key,
        st.sampled_from([b"4000000000000", b"5000000000000"]),
        st.sampled_from([b"NX", b"XX", b"GT", b"LT"]),
    ),
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
    some(b"RANDOMKEY"),
    some(b"SELECT", st.sampled_from([b"0", b"0", b"1"])),
    some(b"ZADD", key, b"1", b"m"),
    some(b"XADD", key, b"1-1", b"f", b"v"),
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
                some(b"TYPE", st.sampled_from([b"string", b"LIST", b"nosuch"])),
                some(b"COUNT"),
            ),
            max_size=2,
        ),
    ),
)


wild_text = st.lists(st.sampled_from([b"a", b"b", b"-", b"]", b"^", b"\\", b"*", b"\xff"]), max_size=5).map(
    b"".join
)
wild_pattern = st.lists(
    st.sampled_from([b"a", b"b", b"*", b"?", b"[", b"]", b"^", b"-", b"\\", b"\xff", b"\x80"]), max_size=7
).map(b"".join)


patterns = st.one_of(some(b"SET", wild_text, b""), some(b"KEYS", wild_pattern))

PAYLOADS = [dump(value) for value in (b"hello", b"12", b"x" * 300)]
damaged = st.builds(
    lambda payload, at, bit: payload[:at] + bytes([payload[at] ^ 1 << bit]) + payload[at + 1 :],
    st.sampled_from(PAYLOADS),
    st.integers(0, 10),
    st.integers(0, 7),
)
payload = st.one_of(
    *map(st.just, PAYLOADS),
    damaged,
    st.sampled_from([b"", PAYLOADS[0][:-1], PAYLOADS[0][:-1] + b"\0", b"\0" + PAYLOADS[0]]),
)
restore_option = st.one_of(
    some(b"REPLACE"),
    some(b"REPLACE"),
    some(b"absttl"),
    some(b"IDLETIME", st.sampled_from([b"10", b"-1", b"x"])),
    some(b"FREQ", st.sampled_from([b"10", b"-1", b"256", b"x"])),
    some(b"FREQ"),
    some(b"WHAT"),
)
restores = st.one_of(
    joined(
        some(
            st.sampled_from([b"RESTORE", b"RESTORE-ASKING"]),
            key,
            st.sampled_from([b"0", b"100000", b"-1", b"x", b"4000000000000"]),
            payload,
        ),
        st.lists(restore_option, max_size=3),
    ),
    some(b"DUMP", key),
    some(b"GET", key),
    some(b"DEL", key),
)

FAMILY = Family(
    """copy dbsize del dump exists expire expireat expiretime flushall flushdb keys move object|encoding
    object|freq object|idletime object|refcount persist pexpire pexpireat pexpiretime pttl randomkey rename
    renamenx restore restore-asking scan swapdb touch ttl type unlink""",
    mixes=(commands, commands, scans, patterns, restores),
    keys=KEYS,
    untaken=frozenset({("randomkey", "error")}),
)


def test_keys(drive: Drive) -> None:
    drive(FAMILY)


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
