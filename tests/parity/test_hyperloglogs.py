"""HyperLogLogs, compared with a real redis-server byte by byte, corrupt ones included."""

from __future__ import annotations

import random

import pytest

from cluster.store.values import hyperloglog
from tests.parity import draws as st
from tests.parity.compare import Command, joined, play, some
from tests.parity.drive import Drive, Family, config
from tests.support.oracle import Oracle

pytestmark = pytest.mark.parity

KEYS = [b"a", b"b", b"c"]
USUAL = b"3000"

key = st.sampled_from(KEYS)
element = st.one_of(st.binary(max_size=20), st.integers(0, 400).map(lambda value: b"%d" % value))
elements = st.lists(st.tuples(element), max_size=30)


def sketch_of(*shown: bytes, dense: bool = False) -> bytes:
    made = hyperloglog.new_sketch()
    if dense:
        hyperloglog.to_dense(made)
    for each in shown:
        hyperloglog.add(made, each, 3000)
    return bytes(made)


ENDS = hyperloglog.new_sketch()[:16]
corrupt = st.one_of(
    st.binary(max_size=30),
    # The byte at the end: else a run may lack its second half, which Redis reads and writes all the same.
    st.binary(max_size=6).map(lambda tail: bytes(ENDS) + tail + b"\0"),
    st.binary(max_size=6).map(lambda tail: sketch_of(b"x", b"y") + tail + b"\0"),
    st.sampled_from([b"12", sketch_of()[:-2], sketch_of(b"x", dense=True)[:-1], sketch_of(b"x", dense=True)]),
)

commands = st.one_of(
    joined(some(b"PFADD", key), elements),
    joined(some(b"PFADD", key), elements),
    some(b"PFCOUNT", key),
    some(b"PFCOUNT", key, key),
    some(b"PFMERGE", key, key),
    some(b"PFMERGE", key, key, key),
    some(b"PFMERGE", key),
    some(b"PFDEBUG", st.sampled_from([b"GETREG", b"decode", b"ENCODING", b"TODENSE", b"what"]), key),
    some(b"DEL", key),
    some(b"EXPIRE", key, b"1000"),
    some(b"LPUSH", b"list", b"element"),
    some(st.sampled_from([b"PFADD", b"PFCOUNT", b"PFMERGE"]), b"list", key),
)
broken = st.one_of(
    commands,
    some(b"SET", key, corrupt),
    some(b"SET", key, corrupt),
    some(b"SETRANGE", key, st.integers(0, 16).map(lambda value: b"%d" % value), st.binary(max_size=1)),
)


FAMILY = Family(
    "pfadd pfcount pfdebug pfmerge",
    mixes=(commands, commands, broken),
    keys=KEYS,
    options=config(hll_sparse_max_bytes=("3000", "120")),
    state=["GET KEY"],
)


def test_sketches(drive: Drive) -> None:
    drive(FAMILY)


@pytest.mark.parametrize("sparse_bytes_max", [b"200", USUAL, b"20000"])
def test_a_sketch_that_grows(oracle: Oracle, sparse_bytes_max: bytes) -> None:
    script: list[Command] = [(b"CONFIG", b"SET", b"hll-sparse-max-bytes", sparse_bytes_max)]
    for part in range(60):
        script.append((b"PFADD", b"a", *(b"a%d" % number for number in range(part * 40, part * 40 + 40))))
        script.append((b"PFADD", b"b", b"b%d" % part, b"a%d" % part))
        if part % 6 == 0:
            script += [(b"PFDEBUG", b"ENCODING", b"a"), (b"PFCOUNT", b"a"), (b"GET", b"a"), (b"GET", b"b")]
            script += [(b"PFMERGE", b"c", b"b"), (b"PFMERGE", b"d", b"a", b"b"), (b"PFCOUNT", b"a", b"b")]
            script += [(b"GET", b"c"), (b"GET", b"d"), (b"PFCOUNT", b"d")]
    play(oracle, script)


@pytest.mark.parametrize("dense", [False, True])
def test_each_byte_flipped(oracle: Oracle, dense: bool) -> None:
    sketch = sketch_of(b"x", b"y", b"z", *(b"%d" % number for number in range(40)), dense=dense)
    random_bits = random.Random(4)
    script: list[Command] = []
    for at in range(len(sketch)) if not dense else (*range(20), 5000, 12303):
        flipped = bytearray(sketch)
        flipped[at] ^= 1 << random_bits.randrange(8)
        script += [(b"SET", b"a", bytes(flipped)), (b"SET", b"b", bytes(flipped))]
        script += [(b"PFCOUNT", b"a"), (b"PFCOUNT", b"b", b"none"), (b"PFDEBUG", b"ENCODING", b"a")]
        script += [(b"PFADD", b"a", b"p", b"q", b"r", b"s"), (b"PFMERGE", b"c", b"b"), (b"GET", b"a")]
        script += [(b"PFDEBUG", b"TODENSE", b"b"), (b"DEL", b"c")]
    play(oracle, script)


def test_registers_that_cannot_be(oracle: Oracle) -> None:
    """Where all of them are too high there is nothing to estimate from."""
    full = sketch_of(dense=True)[:15] + b"\x80" + b"\xff" * (hyperloglog.DENSE_BYTES - 16)
    play(oracle, [(b"SET", b"a", full), (b"PFCOUNT", b"a"), (b"PFCOUNT", b"a", b"b"), (b"GET", b"a")])


def test_self_test(oracle: Oracle) -> None:
    play(oracle, [(b"PFSELFTEST",)])
