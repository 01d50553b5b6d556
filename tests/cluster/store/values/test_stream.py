from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.spec.options import Options
from cluster.store.values.stream import Stream, Trim
from cluster.store.values.stream_groups import Group
from cluster.store.values.stream_id import ID_MAX

LIMITS = Options()
SMALL = Options()
SMALL.set("stream-node-max-entries", ["3"])


def filled(count: int, limits: Options = LIMITS) -> Stream:
    """Entries 1 to count."""
    stream = Stream()
    for id_ in range(1, count + 1):
        stream.append(id_, (b"f", b"%d" % id_), limits)
    return stream


def ids(stream: Stream, low: int = 0, high: int = ID_MAX) -> list[int]:
    found = [id_ for id_, _ in stream.range(low, high)]
    assert found == [id_ for id_, _ in stream.reversed_range(low, high)][::-1]
    return found


def test_ranges() -> None:
    stream = filled(1000)
    assert ids(stream) == list(range(1, 1001))
    assert ids(stream, 100, 102) == [100, 101, 102]
    assert ids(stream, 1000) == [1000]
    assert ids(stream, 1001) == ids(stream, 5, 4) == []
    assert stream.entry(7) == (b"f", b"7")
    assert stream.entry(1001) is None


def test_a_node_takes_so_many_entries() -> None:
    assert filled(201).node_ids() == [1, 101, 201]
    assert filled(7, SMALL).node_ids() == [1, 4, 7]


def test_a_node_takes_so_many_bytes() -> None:
    stream = Stream()
    for id_ in range(1, 10):
        stream.append(id_, (b"f", b"x" * 1500), LIMITS)
    assert stream.node_ids() == [1, 3, 5, 7, 9]


operations = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 5)),
        st.tuples(st.just("delete"), st.integers(1, 40)),
        st.tuples(st.just("length"), st.integers(0, 20)),
        st.tuples(st.just("min"), st.integers(1, 40)),
    ),
    max_size=40,
)


@given(operations)
def test_against_a_plain_list(script: list[tuple[str, int]]) -> None:
    stream, model = Stream(), list[int]()
    for what, number in script:
        if what == "add":
            id_ = stream.last_id + number
            stream.append(id_, (b"f", b"v"), SMALL)
            model.append(id_)
        elif what == "delete":
            assert stream.delete([number]) == (number in model)
            model = [id_ for id_ in model if id_ != number]
        else:
            kept = model[-number:] if number else []
            kept = kept if what == "length" else [id_ for id_ in model if id_ >= number]
            trim = Trim(number) if what == "length" else Trim(None, number)
            assert stream.trim(trim) == len(model) - len(kept)
            model = kept
        assert ids(stream) == model
        assert len(stream) == len(model)
        assert stream.first_id == (model[0] if model else 0)
        assert stream.last_living_id() == (model[-1] if model else 0)


def test_approximate_trimming_removes_whole_nodes_only() -> None:
    stream = filled(12, SMALL)
    assert stream.trim(Trim(5, exact=False)) == 6
    assert stream.trim(Trim(None, 9, exact=False)) == 0
    assert stream.trim(Trim(None, 10, exact=False)) == 3
    assert ids(stream) == [10, 11, 12]


def test_a_limit_is_not_exceeded() -> None:
    stream = filled(12, SMALL)
    assert stream.trim(Trim(0, exact=False, limit=7)) == 6
    assert stream.trim(Trim(0, exact=False, limit=2)) == 0


def test_a_node_whose_last_entries_were_deleted_stays_when_the_others_are_trimmed() -> None:
    stream = filled(3, SMALL)
    stream.delete([3])
    assert stream.trim(Trim(None, 3)) == 2
    assert (len(stream), stream.node_ids(), stream.lowest_id()) == (0, [1], 1)
    assert Stream().lowest_id() == ID_MAX


def test_ids_may_go_back_below_deleted_ones() -> None:
    stream = filled(5, SMALL)
    stream.delete([5])
    stream.last_id = 4
    stream.append(5, (b"new", b"v"), SMALL)
    assert (ids(stream), ids(stream, 5, 5), stream.entry(5)) == ([1, 2, 3, 4, 5], [5], (b"new", b"v"))
    assert Stream.from_record(stream.record()).delete([5]) == 1


def test_ids_may_go_back_below_a_node_that_has_only_deleted_entries() -> None:
    stream = Stream()
    for id_ in (10, 11):
        stream.append(id_, (b"f", b"v"), SMALL)
    stream.delete([11])
    assert stream.trim(Trim(None, 11)) == 1
    stream.last_id = 4
    stream.append(5, (b"new", b"v"), SMALL)
    assert (ids(stream), ids(stream, 5, 5), ids(stream, 6)) == ([5], [5], [])
    assert stream.delete([5]) == 1


def test_what_a_group_has_read_and_has_not() -> None:
    stream = filled(10)
    group = Group(0, None)
    assert stream.lag(group) == 10
    stream.advance(group, 1)
    assert (group.entries_read, stream.lag(group)) == (1, 9)
    stream.delete([5])
    assert stream.lag(group) is None
    stream.advance(group, 2)
    unknown = group.entries_read
    assert unknown is None
    stream.advance(group, 10)
    assert [group.entries_read, stream.lag(group)] == [10, 0]
    assert Stream().lag(Group(5, None)) == 0


@pytest.mark.parametrize("counts_reads", [True, False])
def test_records_there_and_back(counts_reads: bool) -> None:
    stream = filled(250)
    stream.delete([1, 100, 249])
    group = stream.groups[b"g"] = Group(250, 7)
    group.deliver(2, group.add_consumer(b"ann", 5), 6)
    record = stream.copy().record()
    record.counts_reads = counts_reads
    twin = Stream.from_record(record)
    assert list(twin.range(0, ID_MAX)) == list(stream.range(0, ID_MAX))
    assert (twin.first_id, twin.last_id, twin.max_deleted_id, twin.entries_added) == (2, 250, 249, 250)
    assert twin.groups[b"g"].consumers[b"ann"].pending.ids() == [2]
    assert twin.groups[b"g"].entries_read == (7 if counts_reads else 250)
    twin.append(251, (b"f", b"v"), LIMITS)
    assert twin.node_ids() == [1, 101, 201]


def test_a_copy_is_independent() -> None:
    stream = filled(5)
    stream.groups[b"g"] = Group(0, None)
    twin = stream.copy()
    twin.append(6, (b"f", b"v"), LIMITS)
    twin.delete([1])
    twin.groups[b"g"].add_consumer(b"ann", 1)
    assert ids(stream) == [1, 2, 3, 4, 5]
    assert not stream.groups[b"g"].consumers


def test_appending_and_finding_need_no_walk_over_the_nodes() -> None:
    """The nodes that are looked at, at 100 times the size."""
    stream = filled(30_000, SMALL)
    assert len(stream.node_ids()) == 10_000
    assert len(list(stream._nodes_between(15_000, 15_002))) <= 2
    assert stream.entry(29_999) == (b"f", b"29999")
