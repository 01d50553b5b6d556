from __future__ import annotations

from cluster.core.orders import AddSlots
from tests.cluster.core.alone import introduce, make_core, node_id


def test_the_views_count_slots_by_their_owners_state() -> None:
    core = make_core()
    core.order(core.now_ms, AddSlots(tuple(range(10))))
    introduce(core, 1, slots=range(100, 120), epoch=1)
    introduce(core, 2, slots=range(200, 230), epoch=2)
    introduce(core, 3, of=2)
    core.peers[node_id(1)].suspected = True
    core.peers[node_id(2)].failed = True
    assert (core.slots_assigned(), core.slots_ok(), core.slots_pfail(), core.slots_fail()) == (60, 10, 20, 30)
    assert core.size() == 3
    assert core.slot_ranges(node_id(1)) == [(100, 119)]
    assert core.slot_ranges(node_id(9)) == []
    assert [peer.node_id for peer in core.replicas_of(node_id(2))] == [node_id(3)]
