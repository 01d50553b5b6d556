"""Bitmaps and bit fields, compared with a real redis-server."""

from __future__ import annotations

import pytest

from tests.parity import draws as st
from tests.parity.compare import Command, joined, play, some
from tests.parity.drive import Drive, Family
from tests.support.oracle import Oracle

pytestmark = pytest.mark.parity

KEYS = [b"a", b"\x00b\xff", b"c" * 300]

key = st.sampled_from(KEYS)
number = st.one_of(
    st.integers(-12, 90).map(lambda value: b"%d" % value),
    st.sampled_from(
        [b"x", b"", b"+1", b"1.5", b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808"]
    ),
)
offset = st.one_of(
    st.integers(0, 130).map(lambda value: b"%d" % value),
    st.sampled_from([b"-1", b"x", b"#1", b"4294967296", b"9223372036854775807", b"9000", b"300001"]),
)
bit = st.sampled_from([b"0", b"1", b"0", b"1", b"0", b"1", b"2", b"-1", b"x"])
text = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [b"\xff" * 12, bytes(12), b"12", b"", b"\xff\xff\x7f", b"x" * 45, b"\xff" * 5000, bytes(30_000)]
    ),
)
unit = st.sampled_from([b"BYTE", b"bit", b"BIT", b"what"])

others = st.one_of(
    some(b"SET", key, text),
    some(b"SET", key, text, b"EX", b"1000"),
    some(b"DEL", key),
    some(b"LPUSH", key, b"element"),
    some(b"APPEND", key, text),
    some(b"INCR", key),
)
bits = st.one_of(
    some(b"SETBIT", key, offset, bit),
    some(b"GETBIT", key, offset),
    some(b"BITCOUNT", key),
    some(b"BITCOUNT", key, number),
    some(b"BITCOUNT", key, number, number),
    some(b"BITCOUNT", key, number, number, unit),
    some(b"BITCOUNT", key, number, number, unit, unit),
    some(b"BITPOS", key, bit),
    some(b"BITPOS", key, bit, number),
    some(b"BITPOS", key, bit, number, number),
    some(b"BITPOS", key, bit, number, number, unit),
    some(b"BITPOS", key, bit, number, number, unit, unit),
    some(b"BITOP", st.sampled_from([b"AND", b"or", b"XOR", b"NOT", b"ANDOR"]), key, key),
    some(b"BITOP", st.sampled_from([b"and", b"OR", b"xor", b"NOT"]), key, key, key),
)

wide = st.one_of(
    st.integers(1, 63).map(lambda value: b"u%d" % value),
    st.integers(1, 64).map(lambda value: b"i%d" % value),
    st.sampled_from([b"u8", b"i8", b"i64", b"u63", b"u64", b"i65", b"i0", b"x8", b"u", b"i-1", b""]),
)
place = st.one_of(
    st.integers(0, 130).map(lambda value: b"%d" % value),
    st.integers(0, 9).map(lambda value: b"#%d" % value),
    st.sampled_from([b"-1", b"#-1", b"x", b"#", b"4294967296", b"#9223372036854775807"]),
)
operand = st.one_of(
    number,
    st.integers(-(2**63), 2**63 - 1).map(lambda value: b"%d" % value),
    st.integers(-300, 300).map(lambda value: b"%d" % value),
)
sound_wide = st.sampled_from([b"u1", b"u8", b"i8", b"i5", b"u13", b"i64", b"u63", b"i63"])
sound_place = st.sampled_from([b"0", b"3", b"8", b"17", b"64", b"#0", b"#1", b"#2"])
sound_operand = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([-(2**63), -(2**63) + 100, 2**63 - 1, -1, 1, 128, -129, 255]),
).map(lambda value: b"%d" % value)
overflow = some(b"OVERFLOW", st.sampled_from([b"WRAP", b"sat", b"FAIL"]))


def operations(kind: st.Draws[bytes], where: st.Draws[bytes], value: st.Draws[bytes]) -> st.Draws[Command]:
    return st.one_of(
        some(st.sampled_from([b"GET", b"get"]), kind, where),
        some(b"SET", kind, where, value),
        some(b"INCRBY", kind, where, value),
        overflow,
    )


sound = st.tuples(
    overflow, st.lists(operations(sound_wide, sound_place, sound_operand), min_size=1, max_size=5)
).map(lambda parts: [parts[0], *parts[1]])
any_operation = st.lists(
    st.one_of(operations(wide, place, operand), some(b"OVERFLOW", b"what"), some(b"SET", wide)), max_size=3
)
fields = st.one_of(
    joined(some(b"BITFIELD", key), sound),
    joined(some(b"BITFIELD", key), any_operation),
    joined(some(b"BITFIELD_RO", key), any_operation),
    joined(some(b"BITFIELD_RO", key), st.lists(some(b"GET", sound_wide, sound_place), max_size=3)),
)


FAMILY = Family(
    "bitcount bitfield bitfield_ro bitop bitpos getbit setbit",
    mixes=(st.one_of(bits, bits, others), st.one_of(fields, fields, others)),
    keys=KEYS,
    state=["GET KEY"],
)


def test_bitmaps(drive: Drive) -> None:
    drive(FAMILY)


def test_long_strings(oracle: Oracle) -> None:
    """What is done piece by piece must not show where the pieces meet."""
    script: list[Command] = [(b"SETBIT", b"a", b"2097160", b"1"), (b"BITOP", b"NOT", b"b", b"a")]
    for name, value in ((b"a", b"1"), (b"b", b"0"), (b"a", b"0"), (b"b", b"1")):
        script += [
            (b"BITCOUNT", name),
            (b"BITPOS", name, value),
            (b"BITPOS", name, value, b"65536"),
            (b"BITPOS", name, value, b"1", b"-2"),
            (b"BITCOUNT", name, b"524287", b"-3", b"BIT"),
        ]
    script += [
        (b"SETBIT", b"c", b"524288", b"1"),
        (b"BITOP", b"XOR", b"d", b"a", b"b", b"c"),
        (b"BITOP", b"AND", b"e", b"a", b"c"),
        (b"BITOP", b"OR", b"f", b"a", b"c", b"none"),
        *((b"GET", name) for name in (b"b", b"d", b"e", b"f")),
    ]
    play(oracle, script)
