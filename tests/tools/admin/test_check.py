from __future__ import annotations

from tests.tools.admin.flock import three
from tools.admin.check import check


def test_a_sound_cluster() -> None:
    health = check(three().cluster(1))
    assert health.is_sound
    assert health.lines() == [
        "[OK] All nodes agree about slots configuration.",
        "[OK] All 16384 slots covered.",
    ]


def test_a_slot_without_owner() -> None:
    flock = three()
    flock.nodes[2].slots.discard(6000)
    health = check(flock.cluster(1))
    assert not health.is_sound
    assert "[ERR] Not all 16384 slots are covered by nodes: [6000]." in health.lines()


def test_an_open_slot() -> None:
    flock = three()
    flock.nodes[1].migrating[5] = flock.nodes[2].id
    flock.nodes[2].importing[5] = flock.nodes[1].id
    health = check(flock.cluster(1))
    assert not health.is_sound
    assert "[WARNING] The following slots are open: 5." in health.lines()
    assert len(health.open_slots[5]) == 2


def test_disagreement() -> None:
    cluster = three().cluster(1)
    cluster.views[cluster.members[0].id][1].slots.discard(6000)
    health = check(cluster)
    assert not health.agreed
    assert "[ERR] Nodes don't agree about configuration!" in health.lines()


def test_a_silent_node() -> None:
    flock = three()
    flock.nodes[3].is_down = True
    health = check(flock.cluster(1))
    assert not health.is_sound
    assert any("Connection refused" in line for line in health.lines())
