"""SORT and SORT_RO, compared with a real redis-server."""

from __future__ import annotations

import pytest

from tests.parity import draws as st
from tests.parity.compare import Command, joined, play, some
from tests.parity.compare import same as same_reply
from tests.parity.drive import Drive, Family
from tests.support.frames import Frame
from tests.support.oracle import Oracle

pytestmark = pytest.mark.parity

KEYS = [b"list", b"set", b"zset", b"made"]

collection = st.sampled_from([b"list", b"list", b"set", b"zset", b"none", b"text", b"made"])
number = st.one_of(
    st.integers(-30, 30).map(lambda value: b"%d" % value), st.sampled_from([b"1.5", b"-0.5", b"inf", b"1e3"])
)
word = st.one_of(
    number,
    number,
    number,
    st.sampled_from([b"", b"x", b" 7", b"nan", b"ab", b"a", b"0x10", b"q\0z"]),
)
pattern = st.sampled_from(
    [b"w_*", b"h_*->f", b"h_*->", b"*", b"w_1", b"#", b"no", b"n_*", b"*_*", b"->*", b"h_*->no"]
)
numbers = st.lists(st.tuples(number), min_size=1, max_size=6)
words = st.lists(st.tuples(word), min_size=1, max_size=6)
scored = st.lists(st.tuples(number, word), min_size=1, max_size=4)
bound = st.sampled_from([b"0", b"1", b"2", b"-1", b"100", b"9223372036854775807", b"-9223372036854775808"])
key_of_element = st.integers(-30, 30)

fillings = st.one_of(
    joined(some(b"RPUSH", b"list"), numbers),
    joined(some(b"RPUSH", b"list"), words),
    joined(some(b"SADD", b"set"), numbers),
    joined(some(b"SADD", b"set"), words),
    joined(some(b"ZADD", b"zset"), scored),
    some(b"SET", key_of_element.map(lambda value: b"w_%d" % value), word),
    some(b"SET", key_of_element.map(lambda value: b"w_%d" % value), number),
    some(b"HSET", key_of_element.map(lambda value: b"h_%d" % value), b"f", number),
    some(b"SET", b"text", b"text"),
    some(b"DEL", collection),
)
options = st.lists(
    st.one_of(
        some(st.sampled_from([b"ASC", b"desc", b"ALPHA", b"alpha"])),
        some(b"LIMIT", bound, bound),
        some(b"BY", pattern),
        some(b"GET", pattern),
        some(b"get", pattern),
        some(b"STORE", b"made"),
        some(st.sampled_from([b"LIMIT", b"BY", b"what", b"STORE"])),
        some(b"LIMIT", b"x", b"1"),
    ),
    max_size=4,
)


def determined(command: Command) -> Command:
    """The same, but that nothing is kept whose order is left to chance."""
    if ties_by_chance(command):
        return tuple(b"GET" if word == b"STORE" else word for word in command)
    return command


def ties_by_chance(command: Command) -> bool:
    """Where the texts to sort by are alike, Redis's sort leaves them as they fall."""
    words = [word.upper() for word in command]
    return b"ALPHA" in words and b"BY" in words


commands = st.one_of(
    fillings,
    fillings,
    joined(some(b"SORT", collection), options).map(determined),
    joined(some(b"SORT", collection), options).map(determined),
    joined(some(b"SORT_RO", collection), options),
)


def same(command: Command, ours: Frame, theirs: Frame) -> bool:
    """Where nothing says how to sort a set, Redis has the order of its hash table."""
    words = [word.upper() for word in command]
    by_chance = (command[1:2] == (b"set",) and b"BY" in words) or ties_by_chance(command)
    if words[0].startswith(b"SORT") and by_chance:
        return (ours.kind, ours.text) == (theirs.kind, theirs.text)
    return same_reply(command, ours, theirs)


FAMILY = Family("sort sort_ro", mixes=(commands,), keys=KEYS, state=["LRANGE KEY 0 -1"], same=same)


def test_sorting(drive: Drive) -> None:
    drive(FAMILY)


def test_what_is_kept_is_sorted(oracle: Oracle) -> None:
    play(
        oracle,
        [
            (b"SADD", b"set", b"b", b"a", b"10", b"9"),
            (b"SORT", b"set", b"BY", b"nosort", b"STORE", b"made"),
            (b"LRANGE", b"made", b"0", b"-1"),
            (b"SORT", b"set", b"BY", b"nosort", b"DESC", b"LIMIT", b"1", b"2", b"STORE", b"made"),
            (b"LRANGE", b"made", b"0", b"-1"),
            (b"SET", b"w_a", b"2"),
            (b"SET", b"w_b", b"1"),
            (b"SORT", b"set", b"BY", b"w_*", b"GET", b"#", b"GET", b"w_*", b"STORE", b"made"),
            (b"LRANGE", b"made", b"0", b"-1"),
            (b"SORT", b"set", b"ALPHA", b"LIMIT", b"9", b"9", b"STORE", b"made"),
            (b"EXISTS", b"made"),
        ],
    )


def test_the_keys_of_requests_where_they_vary(oracle: Oracle) -> None:
    play(
        oracle,
        [
            (b"COMMAND", question, *request.split())
            for question in (b"GETKEYS", b"GETKEYSANDFLAGS")
            for request in (
                b"SORT k",
                b"SORT k BY w_* GET store STORE a LIMIT 1 2 STORE b",
                b"SORT k BY STORE STORE c",
                b"SORT k STORE",
                b"SORT_RO k BY w_*",
                b"SET k v",
                b"SET k v EX 1 get",
                b"BITFIELD k GET u8 0",
                b"BITFIELD k OVERFLOW SAT",
                b"BITFIELD k GET u8 0 SET u8 0 1",
                b"BITFIELD k GET u8",
                b"GEORADIUS k 1 1 1 km STORE a STOREDIST b",
                b"GEORADIUSBYMEMBER k m 1 km STOREDIST b",
                b"GEOSEARCHSTORE a b FROMMEMBER m BYRADIUS 1 km",
            )
        ],
    )
