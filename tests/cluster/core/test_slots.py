from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.core.core import Core
from cluster.core.effects import RoleChanged, SlotsChanged
from cluster.core.orders import AddSlots, DelSlots, FlushSlots, Forget, OrderRefused, Replicate
from protocol.gossip import messages as bus
from protocol.gossip import slotset
from tests.cluster.core.alone import introduce, make_core, node_id, rumor, tell

claims = st.lists(
    st.tuples(st.integers(1, 3), st.integers(2, 9), st.integers(1, 4), st.sets(st.integers(0, 12))),
    min_size=1,
    max_size=8,
)


def owners(core: Core) -> list[str | None]:
    return [peer.node_id if peer else None for peer in core.owners[:13]]


@settings(max_examples=60, deadline=None)
@given(claims, st.randoms(use_true_random=False))
def test_who_owns_what_does_not_depend_on_the_order_of_the_news(
    made: list[tuple[int, int, int, set[int]]], shuffler: Random
) -> None:
    # One version of a node's claim is one claim: the author never says two things under one number.
    said = {(who, version): (epoch, slots) for who, version, epoch, slots in made}
    facts = [
        bus.ClaimFact(node_id(who), version, epoch, "", slotset.from_slots(slots))
        for (who, version), (epoch, slots) in said.items()
    ]
    seen = []
    for _ in range(2):
        core = make_core()
        for number in (1, 2, 3):
            introduce(core, number)
        for fact in facts:
            tell(core, 1, rumor(1, fact))
        seen.append((owners(core), core.view_hash))
        shuffler.shuffle(facts)
    assert seen[0] == seen[1]


def test_the_greater_epoch_wins_and_what_it_lets_go_falls_back() -> None:
    core = make_core()
    introduce(core, 1, slots=range(10), epoch=1)
    introduce(core, 2, slots=range(5, 8), epoch=2)
    assert core.slot_ranges(node_id(1)) == [(0, 4), (8, 9)]
    assert core.slot_ranges(node_id(2)) == [(5, 7)]
    tell(core, 2, rumor(2, bus.ClaimFact(node_id(2), 2, 2, "", slotset.from_slots([5]))))
    assert core.slot_ranges(node_id(1)) == [(0, 4), (6, 9)]


def test_slots_lost_to_another_are_dropped_and_no_more_claimed() -> None:
    core = make_core()
    core.order(core.now_ms, AddSlots(tuple(range(10))))
    introduce(core, 1)
    effects = tell(core, 1, rumor(1, bus.ClaimFact(node_id(1), 2, 5, "", slotset.from_slots(range(3)))))
    assert SlotsChanged((), (0, 1, 2)) in effects
    assert core.me.claims == core.me.owned == slotset.from_slots(range(3, 10))
    assert not any(isinstance(effect, RoleChanged) for effect in effects)


@pytest.mark.parametrize("allowed", [True, False])
def test_whoever_loses_its_last_slot_follows_the_winner(allowed: bool) -> None:
    core = make_core(allow_replica_migration=allowed)
    core.order(core.now_ms, AddSlots((1, 2)))
    introduce(core, 1)
    tell(core, 1, rumor(1, bus.ClaimFact(node_id(1), 2, 5, "", slotset.from_slots(range(3)))))
    assert core.me.is_replica is allowed


def test_a_whole_shard_taken_over_is_followed_even_if_replicas_do_not_migrate() -> None:
    core = make_core(allow_replica_migration=False)
    core.order(core.now_ms, AddSlots((1, 2)))
    introduce(core, 1)
    effects = tell(core, 1, rumor(1, bus.ClaimFact(node_id(1), 2, 5, "", slotset.from_slots([1, 2]))))
    assert RoleChanged(node_id(1), "10.0.0.1", 7101) in effects


def test_a_replica_follows_the_one_that_took_its_primarys_slots() -> None:
    core = make_core()
    introduce(core, 1, slots=range(5), epoch=1)
    introduce(core, 2, of=1)
    core.order(core.now_ms, Replicate(node_id(1), 0))
    tell(core, 2, rumor(2, bus.ClaimFact(node_id(2), 2, 5, "", slotset.from_slots(range(5)))))
    assert core.me.primary_id == node_id(2)


def test_a_slot_of_another_that_is_deleted_here_comes_back() -> None:
    core = make_core()
    introduce(core, 1, slots=range(5), epoch=1)
    core.order(core.now_ms, DelSlots((3,)))
    assert core.owners[3] is None
    core.tick(core.now_ms + 1000)
    assert core.owners[3] is core.peers[node_id(1)]


def test_add_delete_and_flush() -> None:
    core = make_core()
    core.order(core.now_ms, AddSlots((1, 2, 3)))
    core.order(core.now_ms, DelSlots((2,)))
    assert core.slot_ranges(core.me.node_id) == [(1, 1), (3, 3)]
    core.order(core.now_ms, FlushSlots())
    assert core.slots_assigned() == 0
    assert core.me.claims == 0
    with pytest.raises(OrderRefused, match=r"^ERR Slot 1 is already unassigned$"):
        core.order(core.now_ms, DelSlots((1,)))
    with pytest.raises(OrderRefused, match=r"^ERR Slot 4 specified multiple times$"):
        core.order(core.now_ms, AddSlots((4, 4)))
    core.order(core.now_ms, AddSlots((4,)))
    with pytest.raises(OrderRefused, match=r"^ERR Slot 4 is already busy$"):
        core.order(core.now_ms, AddSlots((5, 4)))
    assert core.owners[5] is None


def test_a_forgotten_owners_slots_are_nobodys() -> None:
    core = make_core()
    introduce(core, 1, slots=range(5), epoch=1)
    introduce(core, 2, slots=range(3), epoch=2)
    core.order(core.now_ms, Forget(node_id(2)))
    assert core.slot_ranges(node_id(1)) == [(0, 4)]
    core.order(core.now_ms, Forget(node_id(1)))
    assert core.slots_assigned() == 0


def test_our_own_word_from_before_our_disk_went_back_is_said_anew() -> None:
    core = make_core()
    introduce(core, 1)
    core.order(core.now_ms, AddSlots((1,)))
    old = core.me.claim_version
    tell(core, 1, bus.Update(node_id(1), 0, bus.ClaimFact(core.me.node_id, old + 100, 0, "", 0)))
    assert core.me.claim_version > old + 100
    assert core.me.owned == 2


def test_claims_that_only_some_nodes_conf_remembers_are_weighed_alike_everywhere() -> None:
    """They have no versions, and who made them may never come back."""
    gone, younger = node_id(1), slotset.from_slots(range(5, 9))
    facts = [
        bus.ClaimFact(gone, 0, 3, "", slotset.from_slots(range(5))),
        bus.ClaimFact(gone, 0, 4, "", younger),
        bus.ClaimFact(gone, 0, 4, node_id(2), 0),
    ]
    views = set()
    for order in (facts, facts[::-1], [facts[1], facts[0], facts[2]]):
        core = make_core()
        core._merge(bus.MemberFact(gone, 1, "10.0.0.1", 7101, 17101), core.me)
        for fact in order:
            core._merge(fact, core.me)
        assert core.peers[gone].owned == younger
        views.add(core.peers[gone].record_hash)
    assert len(views) == 1
    assert not core._merge(facts[0], core.me)
    assert core._merge(bus.ClaimFact(gone, 1, 1, "", 0), core.me)
