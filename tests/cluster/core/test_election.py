from __future__ import annotations

from typing import Any

from cluster.core.core import Core
from cluster.core.effects import Effect, Persist, Send
from cluster.core.orders import AddSlots, Replicate, ReplicationStatus, SetConfigEpoch
from protocol.gossip import messages as bus
from protocol.gossip import slotset
from tests.cluster.core.alone import introduce, make_core, node_id, sent, tell
from tests.cluster.core.cluster import Cluster

SLOTS = range(100, 200)


def voter() -> Core:
    """A primary with slots; member 1 is a FAIL primary, 2 and 3 are its replicas."""
    core = make_core()
    core.order(core.now_ms, SetConfigEpoch(1))
    core.order(core.now_ms, AddSlots(tuple(range(10))))
    introduce(core, 1, slots=SLOTS, epoch=2)
    introduce(core, 2, of=1)
    introduce(core, 3, of=1)
    core.peers[node_id(1)].failed = True
    return core


def ask(core: Core, number: int, epoch: int, *, config_epoch: int = 2, force: bool = False) -> list[Effect]:
    request = bus.VoteRequest(node_id(number), epoch, epoch, config_epoch, slotset.from_slots(SLOTS), force)
    return tell(core, number, request)


def test_a_vote_is_on_disk_before_it_leaves() -> None:
    core = voter()
    effects = ask(core, 2, 9)
    kinds = [type(effect) for effect in effects]
    assert sent(effects, bus.Vote)
    assert kinds.index(Persist) < kinds.index(Send)
    assert any(isinstance(effect, Persist) and "lastVoteEpoch 9" in effect.text for effect in effects)


def test_one_vote_an_epoch_and_the_same_however_often_asked() -> None:
    core = voter()
    assert sent(ask(core, 2, 9), bus.Vote)
    assert not sent(ask(core, 3, 9), bus.Vote)
    assert sent(ask(core, 2, 9), bus.Vote)


def test_who_comes_too_late_for_an_epoch_is_told_so() -> None:
    core = voter()
    ask(core, 2, 9)
    (refused,) = sent(ask(core, 3, 9), bus.VoteRefused)
    assert isinstance(refused.message, bus.VoteRefused)
    assert (refused.to.port, refused.message.election_epoch) == (17103, 9)


def test_whoever_voted_for_a_candidate_does_so_again_in_its_next_epoch() -> None:
    core = voter()
    assert sent(ask(core, 2, 9), bus.Vote)
    assert sent(ask(core, 2, 10), bus.Vote)
    assert not sent(ask(core, 3, 11), bus.Vote)


def test_votes_for_other_shards_need_not_come_in_the_order_of_their_epochs() -> None:
    core = voter()
    introduce(core, 7, slots=range(900, 910), epoch=5)
    introduce(core, 8, of=7)
    core.peers[node_id(7)].failed = True
    assert sent(ask(core, 2, 9), bus.Vote)
    assert not sent(
        tell(core, 8, bus.VoteRequest(node_id(8), 9, 9, 5, slotset.from_slots(range(900, 910)), False)),
        bus.Vote,
    )
    assert sent(
        tell(core, 8, bus.VoteRequest(node_id(8), 9, 8, 5, slotset.from_slots(range(900, 910)), False)),
        bus.Vote,
    )
    assert core.last_vote_epoch == 9


def test_who_has_won_an_epoch_votes_only_above_it_as_whom_it_replaced_may_have_voted_up_to_there() -> None:
    core = voter()
    core.me.config_epoch = 9
    assert sent(ask(core, 2, 8), bus.VoteRefused)
    assert sent(ask(core, 2, 9), bus.VoteRefused)
    core.current_epoch = 10
    assert sent(ask(core, 2, 10), bus.Vote)


def test_votes_about_one_primary_come_in_rising_epochs() -> None:
    core = voter()
    assert sent(ask(core, 2, 9), bus.Vote)
    core.now_ms += 2000
    assert not sent(ask(core, 3, 8), bus.Vote)
    core.current_epoch = 10
    assert sent(ask(core, 3, 10), bus.Vote)


def test_a_reset_node_votes_from_the_beginning() -> None:
    core = voter()
    assert sent(ask(core, 2, 9), bus.Vote)
    core.last_vote_epoch = 0
    core.peers[node_id(1)].voted_epoch = 0
    core.now_ms += 2000
    assert sent(ask(core, 3, 7), bus.Vote)


def test_a_restart_does_not_give_a_second_vote() -> None:
    core = voter()
    saved = next(effect.text for effect in ask(core, 2, 9) if isinstance(effect, Persist))
    again = make_core(saved=saved)
    again.peers[node_id(1)].failed = True
    assert not sent(ask(again, 3, 9), bus.Vote)
    assert sent(ask(again, 3, 10), bus.Vote)


def test_no_second_vote_about_a_primary_before_its_time() -> None:
    core = voter()
    assert sent(ask(core, 2, 9), bus.Vote)
    assert not sent(ask(core, 3, 10), bus.Vote)
    core.now_ms += 2000
    assert sent(ask(core, 3, 11), bus.Vote)


def test_what_is_refused() -> None:
    core = voter()
    assert not sent(ask(core, 2, core.peers[node_id(1)].config_epoch), bus.Vote)
    core.peers[node_id(1)].failed = False
    assert not sent(ask(core, 2, 21), bus.Vote)
    assert sent(ask(core, 2, 22, force=True), bus.Vote)
    assert not sent(ask(core, 1, 23), bus.Vote)


def test_an_epoch_that_the_asker_has_not_come_to_is_refused() -> None:
    core = voter()
    request = bus.VoteRequest(node_id(2), 5, bus.COUNTER_MAX, 2, slotset.from_slots(SLOTS), False)
    assert not sent(tell(core, 2, request), bus.Vote)
    assert sent(ask(core, 2, 6), bus.Vote)


def test_a_stale_claim_is_told_who_owns_the_slots() -> None:
    core = voter()
    effects = ask(core, 2, 9, config_epoch=1)
    assert not sent(effects, bus.Vote)
    (update,) = sent(effects, bus.Update)
    assert isinstance(update.message, bus.Update)
    assert update.message.claim.node_id == node_id(1)


def test_who_owns_no_slots_does_not_vote() -> None:
    core = make_core()
    introduce(core, 1, slots=SLOTS, epoch=2)
    introduce(core, 2, of=1)
    core.peers[node_id(1)].failed = True
    assert not sent(ask(core, 2, 9), bus.Vote)


def candidate(**settings: Any) -> Core:
    """A replica of member 1, whose other primaries are 2 and 3; 4 is a sibling."""
    core = make_core(**settings)
    introduce(core, 1, slots=SLOTS, epoch=1)
    introduce(core, 2, slots=range(200, 300), epoch=2)
    introduce(core, 3, slots=range(300, 400), epoch=3)
    introduce(core, 4, of=1)
    core.order(core.now_ms, Replicate(node_id(1), 0))
    core.order(core.now_ms, ReplicationStatus(500, True, 0))
    core.take_effects()
    return core


def lose_primary(core: Core, *, link_down_for_ms: int = 0) -> None:
    core.order(core.now_ms, ReplicationStatus(500, False, core.now_ms - link_down_for_ms))
    fail = bus.FailFact(node_id(1), 1, 3, 1, 0b11)
    tell(core, 2, bus.Rumors(node_id(2), 0, 1, (bus.Rumor(fail),)))


def run(core: Core, duration_ms: int) -> list[Effect]:
    """Lets time pass, while every probe is answered."""
    end_ms = core.now_ms + duration_ms
    effects: list[Effect] = []
    while (deadline_ms := core.deadline_ms()) is not None and deadline_ms <= end_ms:
        core.tick(deadline_ms)
        new = core.take_effects()
        for send in sent(new, bus.Probe):
            assert isinstance(send.message, bus.Probe)
            number = send.to.port - 17100
            if number != 1:
                offset = core.peers[node_id(number)].replication_offset
                ack = bus.Ack(node_id(number), 0, send.message.number, core.view_hash, offset, 0, False)
                new += tell(core, number, ack)
        effects += new
    return effects


def test_a_majority_makes_a_primary() -> None:
    core = candidate()
    lose_primary(core)
    asked = sent(run(core, 600), bus.VoteRequest)
    assert {send.to.port for send in asked} == {17102, 17103}
    epoch = core.current_epoch
    tell(core, 2, bus.Vote(node_id(2), epoch, epoch - 1))
    tell(core, 4, bus.Vote(node_id(4), epoch, epoch))
    tell(core, 2, bus.Vote(node_id(2), epoch, epoch))
    tell(core, 2, bus.Vote(node_id(2), epoch, epoch))
    assert core.primary() is not None
    effects = tell(core, 3, bus.Vote(node_id(3), epoch, epoch))
    assert core.primary() is None
    assert core.me.config_epoch == epoch
    assert core.slot_ranges(core.me.node_id) == [(100, 199)]
    kinds = [type(effect) for effect in effects]
    assert kinds.index(Persist) < kinds.index(Send)


def test_a_vote_of_one_whom_another_voter_has_voted_to_replace_does_not_count() -> None:
    core = candidate(write_acks=1)
    lose_primary(core)
    run(core, 600)
    epoch = core.current_epoch
    tell(core, 2, bus.Vote(node_id(2), epoch, epoch, (), (node_id(3),)))
    tell(core, 3, bus.Vote(node_id(3), epoch, epoch))
    assert core.me.is_replica
    # It may have been elected anew: both are asked again.
    assert {send.to.port for send in sent(run(core, 600), bus.VoteRequest)} == {17102, 17103}
    tell(core, 2, bus.Vote(node_id(2), epoch, epoch))
    assert not core.me.is_replica


def test_an_epoch_that_is_another_shards_is_left_for_a_newer_one_at_once() -> None:
    core = candidate()
    lose_primary(core)
    run(core, 600)
    first = core.current_epoch
    assert not sent(tell(core, 2, bus.VoteRefused(node_id(2), first, first - 1)), bus.VoteRequest)
    assert not sent(tell(core, 2, bus.VoteRefused(node_id(2), first, first)), bus.VoteRequest)
    assert not sent(tell(core, 4, bus.VoteRefused(node_id(4), first, first)), bus.VoteRequest)
    tell(core, 3, bus.VoteRefused(node_id(3), first, first))
    asked = sent(run(core, 0), bus.VoteRequest)
    assert core.current_epoch > first
    assert {send.to.port for send in asked} == {17102, 17103}
    tell(core, 2, bus.Vote(node_id(2), first, first))
    tell(core, 3, bus.Vote(node_id(3), first, first))
    assert core.me.is_replica


def test_the_dead_are_asked_only_when_the_living_do_not_suffice() -> None:
    core = candidate()
    core.peers[node_id(2)].failed = True
    lose_primary(core)
    effects = run(core, 1000)
    asked = [send.to.port for send in sent(effects, bus.VoteRequest)]
    assert asked[:2] == [17103, 17102]


def test_the_one_with_less_of_the_data_waits() -> None:
    core = candidate()
    core.peers[node_id(4)].replication_offset = 600
    lose_primary(core)
    assert not sent(run(core, 1100), bus.VoteRequest)
    assert sent(run(core, 600), bus.VoteRequest)


def test_a_lost_election_is_tried_again_in_a_newer_epoch() -> None:
    core = candidate()
    lose_primary(core)
    run(core, 600)
    first = core.current_epoch
    again = sent(run(core, 5000), bus.VoteRequest)
    epochs = {send.message.election_epoch for send in again if isinstance(send.message, bus.VoteRequest)}
    assert epochs == {first, first + 1}


def test_data_that_is_too_old_stands_for_nothing() -> None:
    core = candidate()
    lose_primary(core, link_down_for_ms=60_000)
    assert not sent(run(core, 3000), bus.VoteRequest)
    core = candidate(replica_validity_factor=0)
    lose_primary(core, link_down_for_ms=60_000)
    assert sent(run(core, 3000), bus.VoteRequest)


def test_a_replica_that_was_never_in_step_or_is_being_copied_to_stands_for_nothing() -> None:
    for status in (ReplicationStatus(0, False, 0), ReplicationStatus(500, False, 999_999, syncing=True)):
        core = candidate()
        core.synced = status.syncing
        lose_primary(core)
        core.order(core.now_ms, status)
        assert not sent(run(core, 3000), bus.VoteRequest)


def test_a_candidate_whose_data_is_no_longer_fit_does_not_wait_for_what_is_not_to_come() -> None:
    core = candidate()
    lose_primary(core)
    assert sent(run(core, 600), bus.VoteRequest)
    core.order(core.now_ms, ReplicationStatus(500, False, core.now_ms, syncing=True))
    for wait_ms in (150, 3000, 6000):
        core.tick(core.now_ms + wait_ms)
        assert not sent(core.take_effects(), bus.VoteRequest)
        deadline_ms = core.deadline_ms()
        assert deadline_ms is not None and deadline_ms > core.now_ms
    core.order(core.now_ms, ReplicationStatus(500, False, core.now_ms))
    assert sent(run(core, 600), bus.VoteRequest)


def test_no_failover_means_no_failover() -> None:
    core = candidate(replica_no_failover=True)
    lose_primary(core)
    assert not sent(run(core, 3000), bus.VoteRequest)
    assert ",nofailover " in core.nodes_text()


def test_many_shards_elect_at_once() -> None:
    cluster = Cluster(4)
    cluster.form(7, 1)
    cluster.run(2000)
    for name in ("n1", "n2", "n3"):
        cluster.kill(name)
    took_ms = cluster.run_until(
        lambda: all(len(cluster.servers(slot)) == 1 for slot in (0, 3000, 6000, 16383)), 8000
    )
    assert took_ms < 4000
    epochs = [node.core.me.config_epoch for node in cluster.running() if node.core.me.owned]
    assert len(set(epochs)) == len(epochs) == 7
