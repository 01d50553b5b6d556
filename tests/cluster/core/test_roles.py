from __future__ import annotations

import pytest

from cluster.core.effects import Persist, RoleChanged, SlotsChanged
from cluster.core.orders import AddSlots, Failover, OrderRefused, Replicate, Reset, SaveConfig
from protocol.gossip import messages as bus
from tests.cluster.core.alone import introduce, make_core, node_id, rumor, tell


def test_a_replica_is_told_whom_to_follow_and_claims_nothing() -> None:
    core = make_core()
    introduce(core, 1)
    core.order(core.now_ms, Replicate(node_id(1), 0))
    effects = core.take_effects()
    assert [effect for effect in effects if isinstance(effect, RoleChanged)] == [
        RoleChanged(node_id(1), "10.0.0.1", 7101)
    ]
    assert core.me.claims == 0
    core.order(core.now_ms, Replicate(node_id(1), 0))
    assert not [effect for effect in core.take_effects() if isinstance(effect, RoleChanged)]


@pytest.mark.parametrize(
    ("order", "text"),
    [
        (Replicate(node_id(9), 0), f"ERR Unknown node {node_id(9)}"),
        (Replicate(node_id(2), 0), "ERR I can only replicate a master, not a replica."),
        (Replicate(node_id(1), 5), "ERR To set a master the node must be empty and without assigned slots."),
    ],
)
def test_what_is_refused(order: Replicate, text: str) -> None:
    core = make_core()
    introduce(core, 1)
    introduce(core, 2, of=1)
    with pytest.raises(OrderRefused) as refused:
        core.order(core.now_ms, order)
    assert str(refused.value) == text
    core.order(core.now_ms, AddSlots((1,)))
    with pytest.raises(OrderRefused):
        core.order(core.now_ms, Replicate(node_id(1), 0))
    with pytest.raises(OrderRefused, match=r"^ERR Can't replicate myself$"):
        core.order(core.now_ms, Replicate(core.me.node_id, 0))


def test_a_new_node_is_a_primary_and_a_saved_replica_follows_at_once() -> None:
    core = make_core()
    assert not [effect for effect in core.take_effects() if isinstance(effect, RoleChanged)]
    introduce(core, 1)
    core.order(core.now_ms, Replicate(node_id(1), 0))
    core.order(core.now_ms, SaveConfig())
    saved = [effect.text for effect in core.take_effects() if isinstance(effect, Persist)][-1]
    again = make_core(saved=saved)
    assert RoleChanged(node_id(1), "10.0.0.1", 7101) in again.take_effects()


def test_the_winner_follows_nobody() -> None:
    core = make_core()
    introduce(core, 1, slots=range(3), epoch=1)
    core.order(core.now_ms, Replicate(node_id(1), 0))
    core.take_effects()
    core.order(core.now_ms, Failover("TAKEOVER"))
    effects = core.take_effects()
    assert RoleChanged(None, None, None) in effects
    assert SlotsChanged((0, 1, 2), ()) in effects


def test_a_replica_that_is_reset_keeps_no_data() -> None:
    core = make_core()
    introduce(core, 1)
    core.order(core.now_ms, Replicate(node_id(1), 0))
    core.take_effects()
    core.order(core.now_ms, Reset(False, 9))
    effects = core.take_effects()
    assert RoleChanged(None, None, None) in effects
    assert SlotsChanged((), tuple(range(16384))) in effects


def test_a_replica_of_a_replica_follows_that_ones_primary() -> None:
    core = make_core()
    introduce(core, 1)
    introduce(core, 2)
    core.order(core.now_ms, Replicate(node_id(1), 0))
    tell(core, 1, rumor(1, bus.ClaimFact(node_id(1), 2, 0, node_id(2), 0)))
    core.tick(core.now_ms + 1)
    assert core.me.primary_id == node_id(2)
