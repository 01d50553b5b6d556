from __future__ import annotations

from cluster.store.values.stream_groups import Group


def filled() -> Group:
    """Ann has 1 and 3 pending, Bob 2."""
    group = Group(3, 3)
    ann, bob = group.add_consumer(b"ann", 100), group.add_consumer(b"bob", 200)
    for id_, consumer in ((1, ann), (2, bob), (3, ann)):
        group.deliver(id_, consumer, 1000 + id_)
    return group


def pending(group: Group) -> dict[int, tuple[bytes, int, int]]:
    """What is pending, which the group's and the consumers' lists have to agree on."""
    listed = {
        id_: (each.consumer.name, each.delivered_ms, each.deliveries) for id_, each in group.pending.items()
    }
    owned = {
        id_: (consumer.name, each.delivered_ms, each.deliveries)
        for consumer in group.consumers.values()
        for id_, each in consumer.pending.items()
    }
    assert listed == owned
    return listed


def test_delivered_entries_are_pending() -> None:
    assert pending(filled()) == {1: (b"ann", 1001, 1), 2: (b"bob", 1002, 1), 3: (b"ann", 1003, 1)}


def test_an_entry_delivered_anew_changes_hands_and_counts_from_one() -> None:
    group = filled()
    each = group.pending.get(1)
    assert each is not None
    each.deliveries = 7
    group.deliver(1, group.consumers[b"bob"], 5000)
    assert pending(group)[1] == (b"bob", 5000, 1)


def test_assigning_keeps_the_counts() -> None:
    group = filled()
    each = group.pending.get(2)
    assert each is not None
    for _ in range(2):
        group.assign(2, each, group.consumers[b"ann"])
        assert pending(group)[2] == (b"ann", 1002, 1)


def test_acknowledging() -> None:
    group = filled()
    assert group.acknowledge(1)
    assert not group.acknowledge(1)
    assert sorted(pending(group)) == [2, 3]


def test_a_consumer_goes_with_what_it_has_pending() -> None:
    group = filled()
    assert group.remove_consumer(b"ann") == 2
    assert sorted(pending(group)) == [2]


def test_a_copy_is_independent() -> None:
    group = filled()
    twin = group.copy()
    assert (pending(twin), twin.last_id, twin.entries_read) == (pending(group), 3, 3)
    assert [consumer.seen_ms for consumer in twin.sorted_consumers()] == [100, 200]
    twin.acknowledge(1)
    assert 1 in pending(group)


def test_ranges_of_what_is_pending() -> None:
    entries = filled().pending
    assert [id_ for id_, _ in entries.items(2)] == [2, 3]
    assert [id_ for id_, _ in entries.items(0, 2)] == [1, 2]
    assert (entries.ends(), entries.ids()) == ((1, 3), [1, 2, 3])
