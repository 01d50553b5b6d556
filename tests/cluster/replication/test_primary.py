"""Attached replicas, and the waits for what they acknowledge."""

from __future__ import annotations

from cluster.replication.primary import ONLINE, Replica, Replicas, Waiter


def replicas(count: int) -> Replicas:
    return Replicas([Replica(number, "10.0.0.1", state=ONLINE) for number in range(count)])


def waiting(group: Replicas, offset: int, count: int, *, alive: bool = True) -> list[int]:
    replies: list[int] = []
    group.waiters.append(
        Waiter(
            lambda: group.acknowledged_by(offset) >= count,
            lambda: replies.append(group.acknowledged_by(offset)),
            lambda: alive,
        )
    )
    return replies


def test_only_replicas_that_are_online_and_so_far_count() -> None:
    group = replicas(3)
    group.attached[2].state = "send_bulk"
    for replica in group.attached:
        group.acknowledge(replica, 100, 5000)
    group.acknowledge(group.attached[0], 200, 6000)
    assert [group.acknowledged_by(offset) for offset in (100, 101, 201)] == [2, 1, 0]


def test_an_acknowledged_offset_never_goes_back() -> None:
    group = replicas(1)
    group.acknowledge(group.attached[0], 100, 5000)
    group.acknowledge(group.attached[0], 90, 6000)
    assert (group.attached[0].ack_offset, group.attached[0].ack_ms) == (100, 6000)


def test_good_replicas_have_been_heard_of_lately() -> None:
    group = replicas(2)
    group.acknowledge(group.attached[0], 1, 10_000)
    group.acknowledge(group.attached[1], 1, 1_000)
    assert group.good(12_000, 10) == 1
    assert group.good(12_000, 11) == 2


def test_a_wait_ends_when_enough_have_acknowledged() -> None:
    group = replicas(2)
    replies = waiting(group, 50, 2)
    group.acknowledge(group.attached[0], 50, 1)
    assert replies == []
    group.acknowledge(group.attached[1], 60, 1)
    assert replies == [2]
    assert group.waiters == []


def test_what_is_on_disk_is_told_beside_what_has_been_applied() -> None:
    group = replicas(3)
    group.acknowledge(group.attached[0], 100, 1, synced_offset=60)
    group.acknowledge(group.attached[1], 100, 1)
    group.acknowledge(group.attached[0], 100, 1, synced_offset=50)
    assert [group.synced_by(offset) for offset in (0, 60, 61)] == [1, 1, 0]
    group.attached[0].state = "send_bulk"
    assert group.synced_by(0) == 0


def test_a_wait_whose_client_has_gone_is_dropped_unanswered() -> None:
    group = replicas(1)
    replies = waiting(group, 50, 1, alive=False)
    group.look()
    assert (replies, group.waiters) == ([], [])
