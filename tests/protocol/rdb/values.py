"""Records of all kinds and sizes, for the tests of this folder."""

from __future__ import annotations

from hypothesis import strategies as st

from protocol.rdb.records import (
    HashRecord,
    ListRecord,
    Record,
    SetRecord,
    SortedSetRecord,
    StreamRecord,
)

integers = st.one_of(*(st.integers(-(1 << bits), (1 << bits) - 1) for bits in (7, 12, 15, 23, 31, 63)))
words = st.one_of(
    integers.map(lambda value: b"%d" % value),
    st.binary(max_size=64),
    st.lists(st.sampled_from([b"ab", b"\x00", b"hello "]), max_size=10).map(b"".join),
)
texts = words | st.tuples(words, st.integers(0, 3000)).map(lambda pair: (pair[0] * pair[1])[:20_000])
scores = st.floats(allow_nan=False) | st.integers(-(1 << 53), 1 << 53).map(float)

strings = texts
lists = st.builds(ListRecord, st.lists(texts, min_size=1, max_size=30))
intsets = st.sets(integers, min_size=1).map(
    lambda members: SetRecord([b"%d" % member for member in sorted(members)], "intset")
)
hashes = st.dictionaries(words, words, min_size=1, max_size=60).map(
    lambda fields: HashRecord(fields, "listpack")
)


def _ordered(members: dict[bytes, float]) -> SortedSetRecord:
    return SortedSetRecord(sorted(members.items(), key=lambda pair: (pair[1], pair[0])), "listpack")


sorted_sets = st.dictionaries(words, scores, min_size=1, max_size=60).map(_ordered)

packed = st.one_of(strings, lists, intsets, hashes, sorted_sets)


def unpacked(record: Record) -> Record:
    """The same, in the encoding for large collections."""
    match record:
        case SetRecord(members):
            return SetRecord(members, "hashtable")
        case HashRecord(fields):
            return HashRecord(fields, "hashtable")
        case SortedSetRecord(members):
            return SortedSetRecord(members, "skiplist")
    return record


records = packed | packed.map(unpacked)


def commands(key: bytes, record: Record) -> list[list[bytes]]:
    """What makes this value on a real server."""
    match record:
        case bytes(value):
            return [[b"SET", key, value]]
        case ListRecord(items):
            return [[b"RPUSH", key, *items]]
        case SetRecord(members):
            return [[b"SADD", key, *members]]
        case HashRecord(fields):
            return [[b"HSET", key, *(word for pair in fields.items() for word in pair)]]
        case SortedSetRecord(pairs):
            return [[b"ZADD", key, *(word for member, score in pairs for word in (b"%.17g" % score, member))]]
        case StreamRecord(nodes):
            entries = (entry for node in nodes for entry in zip(node.ids, node.entries, strict=True))
            return [[b"XADD", key, b"%d-%d" % divmod(id_, 1 << 64), *items] for id_, items in entries]
