from __future__ import annotations

from typing import Any

from cluster.core.core import Core
from cluster.core.effects import RoleChanged
from cluster.core.orders import AddSlots, Forget, Replicate, ReplicationStatus
from protocol.gossip import messages as bus
from protocol.gossip.slotset import SLOTS
from tests.cluster.core.alone import introduce, make_core, node_id, sent, tell

FIRST, LAST = "0" * 40, "f" * 40


def spare(**settings: Any) -> Core:
    """A replica of member 1, as are 12 and 13; 2 has the replica 14."""
    core = make_core(**settings)
    introduce(core, 1, slots=range(SLOTS // 2), epoch=1)
    introduce(core, 2, slots=range(SLOTS // 2, SLOTS), epoch=2)
    for number, of in ((12, 1), (13, 1), (14, 2)):
        introduce(core, number, of=of)
    core.order(core.now_ms, Replicate(node_id(1), 0))
    core.order(core.now_ms, ReplicationStatus(5, True, 0))
    core.take_effects()
    return core


def named(core: Core, node_id: str) -> Core:
    """Gives this node another id."""
    me = core.me
    del core.peers[me.node_id]
    me.node_id = node_id
    core.peers[me.node_id] = me
    core.list_members()
    return core


def fail(core: Core, number: int) -> None:
    peer = core.peers[node_id(number)]
    peer.failed, peer.failed_incarnation = True, peer.incarnation
    core.judged(peer)


def followed(core: Core, duration_ms: int) -> list[str | None]:
    """Whom it is told to follow while time passes and everyone answers."""
    end_ms = core.now_ms + duration_ms
    told: list[str | None] = []
    while (deadline_ms := core.deadline_ms()) is not None and deadline_ms <= end_ms:
        core.tick(deadline_ms)
        effects = core.take_effects()
        for send in sent(effects, bus.Probe):
            number = send.to.port - 17100
            assert isinstance(send.message, bus.Probe)
            ack = bus.Ack(node_id(number), 0, send.message.number, core.view_hash, 0, 0, False)
            effects += tell(core, number, ack)
        told += [effect.primary_id for effect in effects if isinstance(effect, RoleChanged)]
    core.now_ms = end_ms
    return told


def test_the_spare_replica_with_the_smallest_id_moves_after_a_while() -> None:
    core = named(spare(), FIRST)
    fail(core, 14)
    assert followed(core, 4900) == []
    assert followed(core, 1200) == [node_id(2)]
    assert not core.synced
    assert followed(core, 10_000) == []


def test_another_one_does_not() -> None:
    core = named(spare(), LAST)
    fail(core, 14)
    assert followed(core, 10_000) == []


def test_a_dead_one_with_a_smaller_id_does_not_keep_it_back() -> None:
    core = spare()
    introduce(core, 16, of=1)
    for number in (12, 13, 14):
        fail(core, number)
    named(core, node_id(15))
    assert followed(core, 10_000) == [node_id(2)]


def test_the_barrier_and_the_permission_are_looked_at_when_it_is_time() -> None:
    core = named(spare(migration_barrier=3), FIRST)
    fail(core, 14)
    assert followed(core, 10_000) == []
    core.settings.migration_barrier = 2
    core.settings.allow_replica_migration = False
    assert followed(core, 10_000) == []
    core.settings.allow_replica_migration = True
    core.settings_changed(core.now_ms)
    assert followed(core, 10_000) == [node_id(2)]


def test_the_time_begins_anew_when_the_orphan_had_a_replica_meanwhile() -> None:
    core = named(spare(), FIRST)
    fail(core, 14)
    assert followed(core, 4000) == []
    core.peers[node_id(14)].failed = False
    core.judged(core.peers[node_id(14)])
    assert followed(core, 1000) == []
    fail(core, 14)
    assert followed(core, 4000) == []
    assert followed(core, 2000) == [node_id(2)]


def test_a_primary_that_never_had_a_replica_stays_alone() -> None:
    core = spare()
    named(core, FIRST)
    core.order(core.now_ms, Forget(node_id(14)))
    assert not core.peers[node_id(2)].wants_replicas
    assert followed(core, 10_000) == []


def test_first_slots_make_it_want_one_where_others_have_some() -> None:
    core = spare()
    introduce(core, 3)
    assert not core.peers[node_id(3)].wants_replicas
    claim = bus.ClaimFact(node_id(3), 2, 9, "", 1)
    core._merge(claim, core.peers[node_id(3)])
    assert core.peers[node_id(3)].wants_replicas
    alone = make_core()
    introduce(alone, 3, slots=range(10))
    alone.order(alone.now_ms, AddSlots((20,)))
    assert not alone.peers[node_id(3)].wants_replicas


def test_a_replica_that_does_not_answer_is_not_among_those_that_stay() -> None:
    core = named(spare(migration_barrier=2), FIRST)
    suspect = core.peers[node_id(13)]
    suspect.suspected = True
    core.judged(suspect)
    assert not core._spare._is_ours_to_move()
    suspect.suspected = False
    core.judged(suspect)
    assert core._spare._is_ours_to_move()


def test_the_last_working_replica_stays_whatever_the_barrier_is() -> None:
    core = named(spare(migration_barrier=0), FIRST)
    fail(core, 12)
    assert core._spare._is_ours_to_move()
    fail(core, 13)
    assert not core._spare._is_ours_to_move()


def test_of_primaries_with_as_many_replicas_the_smallest_id_of_all_moves() -> None:
    for other, is_ours in ((5, False), (15, True)):
        core = named(spare(), node_id(11))
        introduce(core, other, of=2)
        introduce(core, 16, of=2)
        assert core._spare._is_ours_to_move() is is_ours


def test_a_primary_with_more_replicas_gives_one_first_unless_it_is_dead_itself() -> None:
    core = named(spare(), FIRST)
    for number in (15, 16, 17):
        introduce(core, number, of=2)
    assert not core._spare._is_ours_to_move()
    fail(core, 2)
    assert core._spare._is_ours_to_move()
