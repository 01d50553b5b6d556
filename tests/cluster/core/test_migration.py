from __future__ import annotations

import pytest

from cluster.core.core import Core
from cluster.core.orders import (
    AddSlots,
    Order,
    OrderRefused,
    Replicate,
    SetSlotImporting,
    SetSlotMigrating,
    SetSlotNode,
    SetSlotStable,
)
from protocol.gossip import messages as bus
from protocol.gossip import slotset
from tests.cluster.core.alone import introduce, make_core, node_id, rumor, tell


def source() -> Core:
    core = make_core()
    core.order(core.now_ms, AddSlots((1, 2)))
    introduce(core, 1, slots=range(10, 20), epoch=4)
    introduce(core, 2, of=1)
    return core


@pytest.mark.parametrize(
    ("order", "text"),
    [
        (SetSlotMigrating(9, node_id(1)), "ERR I'm not the owner of hash slot 9"),
        (SetSlotMigrating(1, node_id(7)), f"ERR I don't know about node {node_id(7)}"),
        (SetSlotMigrating(1, node_id(2)), "ERR Target node is not a master"),
        (SetSlotImporting(1, node_id(1)), "ERR I'm already the owner of hash slot 1"),
        (SetSlotImporting(9, node_id(7)), f"ERR I don't know about node {node_id(7)}"),
        (SetSlotImporting(9, node_id(2)), "ERR Target node is not a master"),
        (SetSlotNode(1, node_id(7), 0), f"ERR Unknown node {node_id(7)}"),
        (SetSlotNode(1, node_id(2), 0), "ERR Target node is not a master"),
        (
            SetSlotNode(1, node_id(1), 3),
            "ERR Can't assign hashslot 1 to a different node while I still hold keys for this hash slot.",
        ),
    ],
)
def test_what_is_refused(order: Order, text: str) -> None:
    core = source()
    before = core.nodes_text()
    with pytest.raises(OrderRefused) as refused:
        core.order(core.now_ms, order)
    assert str(refused.value) == text
    assert core.nodes_text() == before


def test_a_replica_refuses() -> None:
    core = make_core()
    introduce(core, 1)
    core.order(core.now_ms, Replicate(node_id(1), 0))
    with pytest.raises(OrderRefused, match=r"^ERR Please use SETSLOT only with masters\.$"):
        core.order(core.now_ms, SetSlotStable(1))


def test_open_slots_are_shown_and_closed() -> None:
    core = source()
    core.order(core.now_ms, SetSlotMigrating(1, node_id(1)))
    core.order(core.now_ms, SetSlotImporting(12, node_id(1)))
    line = core.node_line(core.me.node_id)
    assert line.endswith(f"1-2 [1->-{node_id(1)}] [12-<-{node_id(1)}]")
    core.order(core.now_ms, SetSlotStable(1))
    core.order(core.now_ms, SetSlotStable(12))
    assert core.node_line(core.me.node_id).endswith(" 1-2")


def test_the_target_takes_the_greatest_epoch_once() -> None:
    core = source()
    for slot, epoch in ((12, 5), (13, 5)):
        core.order(core.now_ms, SetSlotImporting(slot, node_id(1)))
        core.order(core.now_ms, SetSlotNode(slot, core.me.node_id, 0))
        assert core.me.config_epoch == epoch
    assert core.importing == {}
    assert core.slot_ranges(core.me.node_id) == [(1, 2), (12, 13)]


def test_the_source_claims_until_the_targets_claim_is_seen() -> None:
    core = source()
    core.order(core.now_ms, SetSlotMigrating(1, node_id(1)))
    core.order(core.now_ms, SetSlotNode(1, node_id(1), 0))
    assert core.migrating == {}
    assert core.owners[1] is core.peers[node_id(1)]
    assert core.me.claims == slotset.from_slots([1, 2])
    core.tick(core.now_ms + 5000)
    assert core.owners[1] is core.peers[node_id(1)]
    claim = bus.ClaimFact(node_id(1), 2, 4, "", slotset.from_slots([1, *range(10, 20)]))
    tell(core, 1, rumor(1, claim))
    assert core.me.claims == slotset.from_slots([2])
    assert core.owners[1] is core.peers[node_id(1)]


def test_a_third_node_that_is_told_too_early_waits_for_the_owners_word() -> None:
    core = make_core()
    introduce(core, 1, slots=range(10), epoch=4)
    introduce(core, 2, slots=range(10, 20), epoch=5)
    core.order(core.now_ms, SetSlotNode(3, node_id(2), 0))
    assert core.owners[3] is core.peers[node_id(2)]
    core.tick(core.now_ms + 1000)
    assert core.owners[3] is core.peers[node_id(1)]
