"""DEBUG's subcommands about data, compared with a real redis-server: digests above all."""

from __future__ import annotations

import pytest

from tests.parity import draws as st
from tests.parity.compare import Command, joined, play, some
from tests.parity.compare import same as same_reply
from tests.parity.drive import Drive, Family
from tests.support.frames import Frame
from tests.support.oracle import Oracle

pytestmark = pytest.mark.parity

KEYS = [b"string", b"list", b"set", b"zset", b"hash", b"stream"]

key = st.sampled_from(KEYS)
text = st.one_of(st.binary(max_size=6), st.integers(-20, 20).map(lambda value: b"%d" % value))
texts = st.lists(st.tuples(text), min_size=1, max_size=4)
score = st.floats().map(lambda value: repr(value).encode())

commands = st.one_of(
    some(b"SET", b"string", text),
    joined(some(b"RPUSH", b"list"), texts),
    joined(some(b"SADD", b"set"), texts),
    joined(some(b"ZADD", b"zset"), st.lists(st.tuples(score, text), min_size=1, max_size=3)),
    joined(some(b"HSET", b"hash"), st.lists(st.tuples(text, text), min_size=1, max_size=3)),
    some(
        b"XADD", b"stream", st.sampled_from([b"1-1", b"1-*", b"2-7", b"18446744073709551615-3"]), text, text
    ),
    some(b"XDEL", b"stream", b"1-1"),
    some(b"EXPIRE", key, b"1000"),
    some(b"DEL", key),
    some(b"MOVE", key, b"1"),
    some(b"DEBUG", b"DIGEST"),
    some(b"DEBUG", b"DIGEST-VALUE", key, key),
    some(b"DEBUG", b"object", b"none"),
    some(b"DEBUG", st.sampled_from([b"digest", b"OBJECT", b"what", b"ERROR", b"POPULATE", b""])),
    some(b"DEBUG", b"POPULATE", st.sampled_from([b"0", b"3", b"-1", b"x"])),
    some(b"DEBUG", b"POPULATE", b"2", b"string", st.sampled_from([b"0", b"3", b"12", b"x"])),
    some(b"DEBUG", b"ERROR", text),
)


def test_digests(drive: Drive) -> None:
    drive(Family("", mixes=(commands,), keys=KEYS))


def same_object(command: Command, ours: Frame, theirs: Frame) -> bool:
    """All but the address, the clock that follows from the time of the last use, and how quicklists are laid
    out."""
    if b"OBJECT" not in command:
        return same_reply(command, ours, theirs)
    facts = [
        dict(pair.split(b":") for pair in frame.text.removeprefix(b"Value ").split())
        for frame in (ours, theirs)
    ]
    return all(facts[0][name] == facts[1][name] for name in (b"refcount", b"encoding", b"serializedlength"))


def test_objects(oracle: Oracle) -> None:
    fillings: list[Command] = [
        (b"SET", b"a", b"12"),
        (b"SET", b"b", b"x" * 50),
        (b"SET", b"c", b"some text"),
        (b"RPUSH", b"d", b"1", b"two"),
        (b"SADD", b"e", b"1", b"2"),
        (b"HSET", b"f", b"1", b"two"),
        (b"ZADD", b"g", b"1", b"two"),
    ]
    questions: list[Command] = [(b"DEBUG", b"OBJECT", words[1]) for words in fillings]
    play(oracle, [*fillings, *questions], same=same_object)
