"""Streams, compared with a real redis-server."""

from __future__ import annotations

import re

import pytest

from tests.parity import draws as st
from tests.parity.compare import Command, joined, play, same, some
from tests.parity.drive import Drive, Family, config
from tests.support.frames import Frame
from tests.support.local import Local
from tests.support.oracle import Oracle

pytestmark = pytest.mark.parity

KEYS = [b"s", b"\xff\x00t"]
GROUPS = [b"g", b"h"]
key = st.sampled_from(KEYS)
group = st.sampled_from(GROUPS)
consumer = st.sampled_from([b"ann", b"bob", b""])

plain_id = st.sampled_from(
    [b"1-1", b"1-2", b"1-3", b"2-0", b"2-1", b"3", b"3-5", b"4-1", b"5-1", b"6-1", b"7", b"8-1", b"9-9"]
)
odd_id = st.sampled_from(
    [b"0-0", b"0", b"-", b"+", b"$", b">", b"", b"x", b"1-", b"-1", b"1-x", b"1--1", b"1-+1", b" 1-1",
     b"01-01", b"1-1\0x", b"18446744073709551615-18446744073709551615", b"18446744073709551615",
     b"18446744073709551616-0", b"99999999999999999999999-1", b"1" * 130]
)  # fmt: skip
mostly_id = st.one_of(plain_id, plain_id, plain_id, odd_id)
new_id = st.one_of(plain_id, st.sampled_from([b"1-*", b"3-*", b"5-*", b"7-*", b"0-*", b"x-*"]), mostly_id)
bound = st.one_of(
    mostly_id,
    st.sampled_from([b"-", b"+", b"(1-1", b"(3", b"(0-0", b"(", b"(x", b"(-", b"(18446744073709551615"]),
)
number = st.sampled_from([b"0", b"1", b"2", b"3", b"10"])
odd_number = st.sampled_from(
    [b"-1", b"x", b"", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"01"]
)
odd_timeout = st.sampled_from([b"-1", b"x", b"", b"9223372036854775808"])
count = st.one_of(number, number, number, odd_number)
field = st.sampled_from([b"f", b"g", b"17", b"", b"long" * 30])
value = st.sampled_from([b"v", b"-5", b"12345678901234567890", b"", b"5000", b"word " * 40])
sign = st.sampled_from([(), (b"~",), (b"=",), (b"?",)])

threshold = st.one_of(
    st.tuples(st.sampled_from([b"MAXLEN", b"maxlen"]), sign, count),
    st.tuples(st.just(b"MINID"), sign, mostly_id),
).map(lambda parts: (parts[0], *parts[1], parts[2]))
add_option = st.one_of(threshold, threshold, some(b"NOMKSTREAM"), some(b"LIMIT", count), some(b"MAXLEN"))
pairs = st.lists(st.tuples(field, value), min_size=1, max_size=3).map(
    lambda found: tuple(word for pair in found for word in pair)
)
limit = some(b"COUNT", count)

adds = st.one_of(
    st.tuples(key, new_id, pairs).map(lambda parts: (b"XADD", parts[0], parts[1], *parts[2])),
    st.tuples(key, st.lists(add_option, max_size=2), new_id, pairs).map(
        lambda parts: (b"XADD", parts[0], *(w for option in parts[1] for w in option), parts[2], *parts[3])
    ),
)
odd_adds = st.one_of(
    some(b"XADD", key, new_id, field),
    some(b"XADD", key, b"MAXLEN", count),
    some(b"XADD", key, b"1-1", b"a", b"b", b"c"),
)
reads = st.one_of(
    joined(some(b"XRANGE", key, bound, bound), st.lists(limit, max_size=2)),
    joined(some(b"XREVRANGE", key, bound, bound), st.lists(limit, max_size=2)),
    some(b"XRANGE", key, bound, bound, st.sampled_from([b"COUNT", b"x"])),
    some(b"XLEN", key),
    joined(st.just((b"XREAD",)), st.tuples(limit, some(b"STREAMS", key, mostly_id))),
    some(b"XREAD", b"COUNT", number, b"streams", key, key, mostly_id, mostly_id),
    some(
        b"XREAD",
        st.sampled_from([b"COUNT", b"GROUP", b"NOACK", b"x"]),
        count,
        b"STREAMS",
        key,
        plain_id,
    ),
    some(b"XREAD", b"BLOCK", odd_timeout, b"STREAMS", key, plain_id),
    some(b"XREAD", b"STREAMS", key, key, plain_id),
    some(b"XINFO", b"STREAM", key),
)
removals = st.one_of(
    some(b"XTRIM", key, b"MAXLEN", b"~", number, b"LIMIT", number),
    some(b"XDEL", key, mostly_id),
    some(b"XDEL", key, plain_id, plain_id, plain_id),
    joined(some(b"XTRIM", key), st.lists(threshold, min_size=1, max_size=1)),
    joined(some(b"XTRIM", key), st.lists(add_option, max_size=3)),
    some(b"XSETID", key, mostly_id),
    some(b"XSETID", key, plain_id, b"ENTRIESADDED", count, b"MAXDELETEDID", mostly_id),
    some(b"XSETID", key, plain_id, st.sampled_from([b"ENTRIESADDED", b"MAXDELETEDID", b"x"])),
    some(b"DEL", key),
    some(b"SET", key, b"string"),
    some(b"COPY", key, key, b"REPLACE"),
)

entries_read = some(b"ENTRIESREAD", count)
group_writes = st.one_of(
    some(b"XGROUP", b"SETID", key, group, b"$"),
    some(b"XGROUP", b"CREATE", key, group, mostly_id),
    some(b"XGROUP", b"CREATE", key, group, st.sampled_from([b"$", b"0", b"2-1"]), b"MKSTREAM"),
    joined(some(b"XGROUP", b"CREATE", key, group, b"0", b"mkstream"), st.lists(entries_read, max_size=2)),
    joined(some(b"XGROUP", b"SETID", key, group, bound), st.lists(entries_read, max_size=2)),
    some(b"XGROUP", b"SETID", key, group, b"0", st.sampled_from([b"ENTRIESREAD", b"MKSTREAM"])),
    some(b"XGROUP", b"DESTROY", key, group),
    some(b"XGROUP", b"CREATECONSUMER", key, group, consumer),
    some(b"XGROUP", b"DELCONSUMER", key, group, consumer),
    some(b"XACK", key, group, mostly_id),
    some(b"XACK", key, group, plain_id, plain_id),
)
who = some(b"XREADGROUP", b"GROUP", group, consumer)
group_reads = st.one_of(
    *[joined(who, st.tuples(some(b"STREAMS", key, st.sampled_from([b">", b"0", b"2-1"]))))] * 3,
    joined(who, st.tuples(limit, some(b"STREAMS", key, mostly_id))),
    joined(who, st.tuples(some(b"NOACK"), limit, some(b"STREAMS", key, key, mostly_id, mostly_id))),
    joined(who, st.tuples(some(b"STREAMS", key))),
    some(b"XREADGROUP", b"COUNT", b"1", b"NOACK", b"STREAMS", key, key, b">", b">"),
)
idle = st.sampled_from([b"0", b"0", b"0", b"-1", b"3600000", b"x"])
claim_option = st.one_of(
    some(b"IDLE", count),
    some(b"TIME", count),
    some(b"RETRYCOUNT", count),
    some(b"FORCE"),
    some(b"justid"),
    some(b"LASTID", mostly_id),
    some(st.sampled_from([b"IDLE", b"x", b"LASTID"])),
)
claims = st.one_of(
    some(b"XCLAIM", key, group, consumer, b"0", plain_id, plain_id, b"JUSTID"),
    some(b"XPENDING", key, group),
    some(b"XPENDING", key, group, bound, bound, count),
    some(b"XPENDING", key, group, b"-", b"+", b"10", consumer),
    some(b"XPENDING", key, group, b"IDLE", idle, bound, bound, count, consumer),
    some(b"XPENDING", key, group, b"IDLE", b"0", b"-", b"+"),
    some(b"XPENDING", key, group, b"-"),
    joined(some(b"XCLAIM", key, group, consumer, idle, plain_id), st.lists(claim_option, max_size=3)),
    joined(
        some(b"XCLAIM", key, group, consumer, b"0", plain_id, plain_id, mostly_id),
        st.lists(claim_option, max_size=2),
    ),
    some(b"XAUTOCLAIM", key, group, consumer, idle, bound),
    joined(
        some(b"XAUTOCLAIM", key, group, consumer, b"0", bound), st.lists(limit | some(b"JUSTID"), max_size=2)
    ),
)
questions = st.one_of(
    some(b"XINFO", b"STREAM", key, b"FULL"),
    some(
        b"XINFO", b"STREAM", key, st.sampled_from([b"FULL", b"x"]), st.sampled_from([b"COUNT", b"x"]), count
    ),
    some(b"XINFO", b"STREAM", key, b"FULL", b"COUNT"),
    some(b"XINFO", b"GROUPS", key),
    some(b"XINFO", b"CONSUMERS", key, group),
)


_TIME = re.compile(rb"\d{13}\Z")


def same_up_to_time(command: Command, ours: Frame, theirs: Frame) -> bool:
    """Both tell the time, but not at the same moment."""
    return same(command, ours, theirs) or _without_time(ours) == _without_time(theirs)


def _without_time(frame: Frame) -> Frame:
    """Without the times at which something was delivered or seen, and for how long it has been idle."""
    children = list(frame.children)
    for at, child in enumerate(children):
        is_idle = at > 0 and children[at - 1].text == b"idle" and int(child.text) < 60_000
        if child.kind == b":" and (_TIME.match(child.text) or is_idle):
            children[at] = Frame(b":", b"some time")
    if frame.kind == b"*" and len(children) == 4 and children[2].kind == b":":
        # An entry of XPENDING: its idle time stands third.
        children[2] = Frame(b":", b"some time")
    return Frame(frame.kind, frame.text, tuple(map(_without_time, children)))


def much_to_claim() -> st.Draws[Command]:
    """One stream full of what others have not acknowledged yet."""
    ids = [b"1-1", b"1-2", b"1-3", b"2-0", b"2-1", b"3-0", b"3-5", b"4-1", b"5-1"]
    before: list[Command] = [(b"XADD", KEYS[0], id_, b"f", b"v") for id_ in ids]
    before += [(b"XGROUP", b"CREATE", KEYS[0], name, b"0") for name in GROUPS]
    before += [
        (b"XREADGROUP", b"GROUP", b"g", b"ann", b"COUNT", b"4", b"STREAMS", KEYS[0], b">"),
        (b"XREADGROUP", b"GROUP", b"g", b"bob", b"COUNT", b"3", b"STREAMS", KEYS[0], b">"),
        (b"XREADGROUP", b"GROUP", b"h", b"ann", b"COUNT", b"9", b"STREAMS", KEYS[0], b">"),
        (b"XDEL", KEYS[0], b"1-2", b"5-1"),
    ]
    return st.sampled_from(before)


FAMILY = Family(
    """xack xadd xautoclaim xclaim xdel xgroup|create xgroup|createconsumer xgroup|delconsumer xgroup|destroy
    xgroup|setid xinfo|consumers xinfo|groups xinfo|stream xlen xpending xrange xread xreadgroup xrevrange
    xsetid xtrim""",
    mixes=(
        st.one_of(adds, adds, odd_adds, reads, removals),
        st.one_of(adds, adds, group_writes, group_reads, group_reads, claims, questions, removals),
        st.one_of(
            much_to_claim(), claims, claims, group_reads, group_writes, questions, removals, much_to_claim()
        ),
    ),
    keys=KEYS,
    options=config(stream_node_max_entries=("100", "3")),
    state=["XINFO STREAM KEY FULL", "XINFO GROUPS KEY", "XRANGE KEY - +"],
    same=same_up_to_time,
    untaken=frozenset({("xread", "BLOCK"), ("xreadgroup", "BLOCK"), ("xadd", "*")}),
)


def test_streams(drive: Drive) -> None:
    drive(FAMILY)


@pytest.mark.parametrize("protocol", [2, 3])
def test_long_streams(oracle: Oracle, protocol: int) -> None:
    """Nodes fill, are trimmed approximately and exactly, have holes: what DUMP shows stays equal."""
    script: list[Command] = []
    for at in range(1, 701):
        word = b"%d" % at
        fields = (b"n", word, b"text", b"x" * (at % 90)) if at % 7 else (b"other", word)
        script.append((b"XADD", b"s", b"%d-%d" % (at // 3, at), *fields))
        if at % 50 == 0:
            script += [
                (b"XTRIM", b"s", b"MAXLEN", b"~", b"120"),
                (b"XINFO", b"STREAM", b"s"),
                (b"DUMP", b"s"),
            ]
        if at % 30 == 0:
            script += [(b"XDEL", b"s", b"%d-%d" % ((at - 20) // 3, at - 20), b"%d-%d" % (at // 3, at))]
        if at % 110 == 0:
            script += [(b"XTRIM", b"s", b"MINID", b"%d" % ((at - 60) // 3)), (b"DUMP", b"s")]
            script += [(b"XTRIM", b"s", b"MAXLEN", b"37"), (b"DUMP", b"s"), (b"XLEN", b"s")]
    script += [
        (b"XRANGE", b"s", b"-", b"+"),
        (b"XREVRANGE", b"s", b"220", b"210"),
        (b"XTRIM", b"s", b"MAXLEN", b"~", b"1", b"LIMIT", b"20"),
        (b"XADD", b"s", b"MAXLEN", b"~", b"0", b"LIMIT", b"1000", b"9999-*", b"a", b"b"),
        (b"DUMP", b"s"),
    ]
    play(oracle, script, protocol)


@pytest.mark.parametrize(("entries", "size"), [(0, 0), (7, 0), (0, 200), (200, 1 << 20), (3, 50)])
def test_the_size_of_nodes_is_an_option(oracle: Oracle, entries: int, size: int) -> None:
    options = [(b"stream-node-max-entries", b"%d" % entries), (b"stream-node-max-bytes", b"%d" % size)]
    script: list[Command] = [(b"CONFIG", b"SET", name, text) for name, text in options]
    script += [(b"XADD", b"s", b"%d-1" % at, b"f", b"v" * (at % 20)) for at in range(1, 300)]
    script += [
        (b"XDEL", b"s", b"5-1", b"6-1", b"299-1"),
        (b"XTRIM", b"s", b"MAXLEN", b"~", b"100"),
        (b"XINFO", b"STREAM", b"s"),
        (b"DUMP", b"s"),
        (b"XTRIM", b"s", b"MINID", b"~", b"250", b"LIMIT", b"0"),
        (b"DUMP", b"s"),
    ]
    play(oracle, script)


def test_streams_with_groups_travel_both_ways(oracle: Oracle) -> None:
    local = Local()
    oracle.raw("FLUSHALL")
    for at in range(1, 251):
        oracle.raw("XADD", "s", f"{at}-{at % 3}", "f", at, "g" if at % 5 else "h", "x" * at)
    for request in (
        "XDEL s 7-1 120-0 250-1",
        "XGROUP CREATE s g 0",
        "XGROUP CREATE s empty 100-1 ENTRIESREAD 5",
        "XREADGROUP GROUP g ann COUNT 130 STREAMS s >",
        "XREADGROUP GROUP g bob STREAMS s >",
        "XCLAIM s g eve 0 3-0 RETRYCOUNT 300",
        "XGROUP CREATECONSUMER s g idle",
    ):
        oracle.raw(*request.split())
    payload = oracle.call("DUMP", "s").text
    assert local.call("RESTORE", "s", 0, payload) == b"OK"
    assert local.call("DUMP", "s") == payload
    assert oracle.call("RESTORE", "t", 0, payload).text == b"OK"
    assert oracle.call("DUMP", "t").text == payload
