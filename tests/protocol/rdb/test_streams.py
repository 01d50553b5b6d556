from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.checksum import crc64
from protocol.rdb import codes
from protocol.rdb.decode import parse_payload
from protocol.rdb.encode import dump_payload
from protocol.rdb.packed import join_listpack, listpack_item
from protocol.rdb.records import (
    RDB_VERSION,
    CorruptPayload,
    StreamConsumerRecord,
    StreamGroupRecord,
    StreamNode,
    StreamRecord,
)
from protocol.rdb.streams import append_entry, new_node, node_bytes, pack_node, unpack_node
from tests.support.oracle import Oracle

halves = st.one_of(st.integers(0, 200), st.integers(0, (1 << 64) - 1))
ids = st.tuples(halves, halves).map(lambda pair: pair[0] << 64 | pair[1])
words = st.one_of(
    st.binary(max_size=5), st.integers(-(1 << 63), (1 << 63) - 1).map(lambda value: b"%d" % value),
    st.integers(0, 5000).map(lambda size: b"x" * size),
)  # fmt: skip
names = st.sampled_from([(b"f",), (b"g",), (b"f", b"g"), (b"17", b""), tuple(b"%d" % at for at in range(70))])


@st.composite
def nodes(draw: st.DrawFn) -> StreamNode:
    places = sorted(draw(st.sets(ids, min_size=1, max_size=150 if draw(st.booleans()) else 8)))
    word = draw(words)
    node = new_node(places[0], draw(names))
    for at, id_ in enumerate(places):
        fields = node.names if at % 3 == 0 else draw(names)
        append_entry(node, id_, tuple(part for name in fields for part in (name, word)))
    node.dead = {at for at in range(1, len(places)) if at % 2 == draw(st.integers(0, 1))}
    return node


@settings(max_examples=60)
@given(nodes())
def test_nodes_there_and_back(node: StreamNode) -> None:
    packed = pack_node(node)
    assert len(packed) == node_bytes(node)
    assert unpack_node(node.first_id, packed) == node


def record(node: StreamNode) -> StreamRecord:
    pending = [(id_, 1000 + at, at) for at, id_ in enumerate(node.ids[:3])]
    owned = [StreamConsumerRecord(b"ann", 5, node.ids[:1]), StreamConsumerRecord(b"bob", 6, node.ids[1:3])]
    groups = [
        StreamGroupRecord(b"g", node.ids[-1], None, pending, owned),
        StreamGroupRecord(b"h", 0, 7, [], []),
    ]
    living = len(node.ids) - len(node.dead)
    return StreamRecord([node], living, node.ids[-1], node.ids[0], 0, len(node.ids), groups)


@settings(max_examples=40)
@given(nodes())
def test_records_there_and_back(node: StreamNode) -> None:
    assert parse_payload(dump_payload(record(node))) == record(node)


def test_an_empty_stream_is_a_value() -> None:
    empty = StreamRecord([], 0, 5, 0, 0, 3, [])
    assert parse_payload(dump_payload(empty)) == empty


def sealed(kind: int, body: bytes) -> bytes:
    """A payload of this content."""
    whole = bytes((kind,)) + body + RDB_VERSION.to_bytes(2, "little")
    return whole + crc64(whole).to_bytes(8, "little")


ONE_NODE = pack_node(
    unpack_node(1 << 64, join_listpack(list(map(listpack_item, b"1 0 1 f 0 2 0 0 v 4".split()))))
)
HEAD = (
    b"\x01" + b"\x10" + (1 << 64).to_bytes(16, "big") + bytes((len(ONE_NODE),)) + ONE_NODE + b"\x01\x01\x00"
)


def test_a_stream_of_redis_5() -> None:
    group = b"\x01\x01g\x01\x00" + b"\x00" + b"\x00"
    read = parse_payload(sealed(codes.STREAM_LISTPACKS, HEAD + group))
    assert isinstance(read, StreamRecord)
    assert (read.first_id, read.entries_added, read.counts_reads) == (1 << 64, 1, False)


def test_a_consumer_of_redis_7_2_says_when_it_was_active() -> None:
    rest = (
        b"\x01\x00\x00\x00\x01"
        + b"\x01\x01g\x01\x00\x01"
        + b"\x00"
        + b"\x01\x01c"
        + b"\x05"
        + bytes(15)
        + b"\x00"
    )
    read = parse_payload(sealed(codes.STREAM_LISTPACKS_3, HEAD + rest))
    assert isinstance(read, StreamRecord)
    [group] = read.groups
    assert group.consumers == [StreamConsumerRecord(b"c", 5, [])]


@pytest.mark.parametrize(
    "items",
    ["", "1 0 1 f", "1 0 1 f 1", "1 0 1 f 0", "1 0 x f 0", "1 0 -1 f 0", "1 1 1 f 0 2 0 0 v 4",
     "1 0 1 f 0 2 0 0 v 5", "1 0 1 f 0 2 0 0", "0 0 1 f 0 2 0 0 v 4", "1 0 1 f 0 0 0 0 2 g v 4",
     "1 0 1 f 0 2 0 0 v 4 9"],
)  # fmt: skip
def test_nodes_that_do_not_hold_together(items: str) -> None:
    with pytest.raises(CorruptPayload):
        unpack_node(1, join_listpack(list(map(listpack_item, items.encode().split()))))


NODE_AND_LENGTH = HEAD + b"\x01\x00\x00\x00\x01"


@pytest.mark.parametrize(
    "body",
    [
        b"\x01\x01x",
        b"\x02" + HEAD[1:-3] * 2,
        HEAD[:-3] + b"\x02\x01\x00",
        NODE_AND_LENGTH + b"\x02" + b"\x01g\x01\x00\x01\x00\x00" * 2,
        NODE_AND_LENGTH + b"\x01\x01g\x01\x00\x01\x80\xff\xff\xff\xff",
        NODE_AND_LENGTH + b"\x01\x01g\x01\x00\x01\x01" + bytes(16 + 8) + b"\x01" + b"\x00",
        NODE_AND_LENGTH + b"\x01\x01g\x01\x00\x01\x00\x01\x01c" + bytes(8) + b"\x01" + bytes(16),
        NODE_AND_LENGTH + b"\x01\x01g\x01\x00\x01\x00\x02" + (b"\x01c" + bytes(8) + b"\x00") * 2,
    ],
)
def test_streams_that_do_not_hold_together(body: bytes) -> None:
    with pytest.raises(CorruptPayload):
        parse_payload(sealed(codes.STREAM_LISTPACKS_2, body))


def test_a_flipped_byte_or_a_cut_is_refused_or_read_and_nothing_else() -> None:
    node = new_node(5, (b"f", b"17"))
    for at in range(5):
        append_entry(node, 5 + at, (b"f", b"%d" % at, b"17" if at % 2 else b"g", b"text"))
    node.dead.add(2)
    whole = dump_payload(record(node), compress=False)[1:-10]
    broken = [whole[:end] for end in range(len(whole))]
    broken += [
        whole[:at] + bytes((whole[at] ^ mask,)) + whole[at + 1 :]
        for at in range(len(whole))
        for mask in (1, 2, 64, 128, 255)
    ]
    for body in broken:
        with suppress(CorruptPayload):
            read = parse_payload(sealed(codes.STREAM_LISTPACKS_2, body))
            assert isinstance(read, StreamRecord)
            dump_payload(read)


@pytest.mark.parity
@settings(max_examples=20)
@given(nodes())
def test_redis_takes_our_payloads_and_gives_them_back(oracle: Oracle, node: StreamNode) -> None:
    payload = dump_payload(record(node))
    oracle.call("DEL", "s")
    assert oracle.call("RESTORE", "s", 0, payload).text == b"OK"
    assert oracle.call("DUMP", "s").text == payload
    oracle.call("DEL", "s")
