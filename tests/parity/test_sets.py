"""Sets, compared with a real redis-server."""

from __future__ import annotations

import pytest

from tests.parity import draws as st
from tests.parity.compare import Command, joined, play, some
from tests.parity.drive import Drive, Family, config
from tests.support.frames import Frame
from tests.support.oracle import Oracle

pytestmark = pytest.mark.parity

KEYS = [b"a", b"\x00b", b""]

key = st.sampled_from(KEYS)
integer = st.sampled_from([b"1", b"2", b"-3", b"10", b"9223372036854775807", b"-9223372036854775808"])
member = st.one_of(
    integer,
    integer,
    st.sampled_from(
        [b"x", b"y", b"", b"01", b"+1", b"9223372036854775808", b"-0", b"\xff" * 9, b"long" * 3000]
    ),
)
all_or_none = st.sampled_from([b"0", b"100", b"x", b"-1", b"9223372036854775808"])
numkeys = st.sampled_from([b"1", b"2", b"3", b"0", b"-1", b"x"])
scan_option = st.one_of(
    some(b"MATCH", st.sampled_from([b"*", b"[12]", b"?", b"zz"])),
    some(b"count", st.sampled_from([b"1000", b"0", b"x"])),
    some(st.sampled_from([b"TYPE", b"COUNT"])),
)

commands = st.one_of(
    some(b"SADD", key, integer),
    some(b"SADD", key, integer, integer),
    some(b"SADD", key, member, member, member),
    some(b"SREM", key, member, member),
    some(st.sampled_from([b"SMEMBERS", b"SCARD"]), key),
    some(b"SISMEMBER", key, member),
    some(b"SMISMEMBER", key, member, member),
    some(b"SMOVE", key, key, member),
    some(b"SPOP", key),
    some(b"SPOP", key, all_or_none),
    some(b"SPOP", key, st.sampled_from([b"1", b"2", b"7"])),
    some(b"SRANDMEMBER", key),
    some(st.sampled_from([b"SPOP", b"SRANDMEMBER"]), key, b"0", b"0"),
    some(
        b"SRANDMEMBER",
        key,
        st.one_of(all_or_none, st.sampled_from([b"-9223372036854775808", b"-5", b"2", b"-1000", b"1000"])),
    ),
    some(st.sampled_from([b"SINTER", b"SUNION", b"SDIFF"]), key, key),
    some(st.sampled_from([b"SINTER", b"SUNION", b"SDIFF"]), key, key, key),
    some(st.sampled_from([b"SINTERSTORE", b"SUNIONSTORE", b"SDIFFSTORE"]), key, key, key),
    some(b"SINTERCARD", numkeys, key, key),
    some(
        b"SINTERCARD", b"2", key, key, st.sampled_from([b"LIMIT", b"x"]), st.sampled_from([b"0", b"1", b"-1"])
    ),
    some(b"SINTERCARD", b"1", key, b"LIMIT", b"1", b"LIMIT"),
    joined(
        some(b"SSCAN", key, st.sampled_from([b"0", b"x"])),
        st.lists(scan_option, max_size=2),
    ),
    some(b"SET", key, b"string"),
    some(b"PEXPIREAT", key, b"4000000000000"),
    some(b"DEL", key),
)


FAMILY = Family(
    """sadd scard sdiff sdiffstore sinter sintercard sinterstore sismember smembers smismember smove spop
    srandmember srem sscan sunion sunionstore""",
    mixes=(commands,),
    keys=KEYS,
    options=config(set_max_intset_entries=("512", "2")),
    state=["SMEMBERS KEY", "SCARD KEY"],
)


def test_sets(drive: Drive) -> None:
    drive(FAMILY)


def test_one_member_left_to_draw(oracle: Oracle) -> None:
    for protocol in (2, 3):
        script: list[Command] = [(b"SPOP", b"a"), (b"SRANDMEMBER", b"a"), (b"SADD", b"a", b"only")]
        script += [(b"SRANDMEMBER", b"a"), (b"SPOP", b"a"), (b"EXISTS", b"a")]
        play(oracle, script, protocol)


@pytest.mark.parametrize("members", [512, 513])
def test_a_set_of_integers_is_sorted_until_it_is_too_big(oracle: Oracle, members: int) -> None:
    numbers = [b"%d" % (number * 7919 % 1009 - 500) for number in range(members)]
    play(
        oracle,
        [
            (b"SADD", b"a", *numbers),
            (b"OBJECT", b"ENCODING", b"a"),
            (b"SMEMBERS", b"a"),
            (b"SINTER", b"a", b"a"),
            (b"SREM", b"a", *numbers[:500]),
            (b"OBJECT", b"ENCODING", b"a"),
        ],
    )


def test_an_intset_is_listed_in_order(oracle: Oracle) -> None:
    def exact(_command: Command, ours: Frame, theirs: Frame) -> bool:
        return ours == theirs

    script: list[Command] = [
        (b"SADD", b"a", b"10", b"-2", b"9", b"100"),
        (b"SADD", b"b", b"100", b"9", b"-2"),
    ]
    script += [(b"SMEMBERS", b"a"), (b"SSCAN", b"a", b"0"), (b"SUNION", b"b", b"a"), (b"SINTER", b"a", b"b")]
    script += [(b"SDIFF", b"a", b"c"), (b"SRANDMEMBER", b"a", b"4")]
    play(oracle, script, same=exact)
