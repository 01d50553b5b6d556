"""A primary and the voters agree on who is in sync."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.core.core import Core
from cluster.core.effects import Effect, Send
from cluster.core.orders import AddSlots, ProposeInSync, ReplicationStatus, SetConfigEpoch
from cluster.core.snapshot import saved_text
from protocol.gossip import messages as bus
from protocol.gossip.messages import SyncRecord
from tests.cluster.core.alone import introduce, make_core, node_id, rumor, sent, tell
from tests.cluster.core.test_election import candidate, lose_primary, run

R2, R3 = node_id(2), node_id(3)


def primary() -> Core:
    """A primary with replicas 2 and 3; 4 and 5 are the other primaries."""
    core = make_core(write_acks=1)
    core.order(core.now_ms, SetConfigEpoch(1))
    core.order(core.now_ms, AddSlots(tuple(range(10))))
    introduce(core, 4, slots=range(100, 200), epoch=4)
    introduce(core, 5, slots=range(200, 300), epoch=5)
    for number in (2, 3):
        address = introduce(core, number)
        assert address
        core.peers[node_id(number)].is_replica = True
        core.peers[node_id(number)].primary_id = core.me.node_id
    return core


def propose(core: Core, *members: str) -> SyncRecord:
    core.order(core.now_ms, ProposeInSync(members))
    asked = sent(core.take_effects(), bus.InSync)
    assert len(asked) == 2
    message = asked[0].message
    assert isinstance(message, bus.InSync)
    return message.record


def answer(
    core: Core, number: int, record: SyncRecord, *, taken: bool = True, fence: int = 0, doubts: str = ""
) -> list[Effect]:
    doubted = (doubts,) if doubts else ()
    return tell(
        core, number,
        bus.InSyncReceipt(node_id(number), 0, record.term, record.version, taken, fence, doubted),
    )  # fmt: skip


def test_a_majority_makes_an_agreement() -> None:
    core = primary()
    record = propose(core, R2)
    assert (core.agreed_in_sync, core.asked_in_sync) == (None, (R2,))
    answer(core, 4, record)
    assert core.agreed_in_sync == (R2,)


def test_until_then_nothing_else_is_asked_and_who_is_silent_is_asked_again() -> None:
    core = primary()
    record = propose(core, R2)
    core.order(core.now_ms, ProposeInSync((R3,)))
    assert not sent(core.take_effects(), bus.InSync)
    core.tick(core.now_ms + 100)
    again = sent(core.take_effects(), bus.InSync)
    assert len(again) == 2
    answer(core, 5, record)
    core.tick(core.now_ms + 1000)
    assert len(sent(core.take_effects(), bus.InSync)) == 1


@pytest.mark.parametrize("steps_down", [False, True])
def test_a_successor_does_not_count_itself_while_its_predecessor_may(steps_down: bool) -> None:
    core = candidate(write_acks=1)
    lose_primary(core)
    run(core, 600)
    for number in (2, 3):
        tell(core, number, bus.Vote(node_id(number), core.current_epoch, core.current_epoch))
    won_ms = core.now_ms
    if steps_down:
        tell(core, 2, rumor(2, bus.ClaimFact(node_id(1), 9, 1, core.me.node_id, 0)))
    core.order(core.now_ms, ProposeInSync((node_id(4),)))
    core.take_effects()
    answer(core, 2, core.sync_records[core.me.node_id])
    assert (core.agreed_in_sync is not None) == steps_down
    run(core, core.settings.node_timeout_ms + 200)
    assert core.now_ms > won_ms
    assert core.agreed_in_sync == (node_id(4),)


def test_an_old_or_refused_answer_counts_for_nothing() -> None:
    core = primary()
    first = propose(core, R2)
    answer(core, 4, first)
    second = propose(core, R2, R3)
    answer(core, 4, first)
    answer(core, 5, second, taken=False)
    assert core.agreed_in_sync == (R2,)
    assert second.version > first.version


def test_a_voter_that_another_has_voted_to_replace_does_not_count_with_it() -> None:
    core = primary()
    introduce(core, 6, slots=range(300, 400), epoch=6)
    introduce(core, 7, slots=range(400, 500), epoch=7)
    core.order(core.now_ms, ProposeInSync((R2,)))
    record = core.sync_records[core.me.node_id]
    answer(core, 4, record)
    answer(core, 5, record, doubts=node_id(4))
    assert core.agreed_in_sync is None
    answer(core, 6, record)
    assert core.agreed_in_sync == (R2,)


def test_a_new_epoch_is_told_the_voters() -> None:
    core = primary()
    answer(core, 4, propose(core, R2))
    core.me.config_epoch = 17
    core.tick(core.now_ms + 1)
    (asked, *_) = sent(core.take_effects(), bus.InSync)
    assert isinstance(asked.message, bus.InSync)
    assert asked.message.record.term == 17
    assert core.agreed_in_sync == (R2,)


def test_a_primary_that_was_voted_against_has_itself_elected_anew() -> None:
    core = primary()
    answer(core, 4, propose(core, R2), taken=False, fence=30)
    core.tick(core.now_ms + 100)
    (request, *_) = sent(core.take_effects(), bus.VoteRequest)
    assert isinstance(request.message, bus.VoteRequest)
    epoch = request.message.election_epoch
    assert epoch > 30
    for number in (4, 5):
        tell(core, number, bus.Vote(node_id(number), epoch, epoch))
    assert core.me.config_epoch == epoch


def test_a_primary_with_nothing_to_ask_learns_from_a_probes_answer_that_it_was_voted_against() -> None:
    core = primary()
    answer(core, 4, propose(core, R2))
    assent(core, 4, doubts=core.me.node_id)
    core.tick(core.now_ms + 1)
    (request, *_) = sent(core.take_effects(), bus.VoteRequest)
    assert isinstance(request.message, bus.VoteRequest)
    epoch = request.message.election_epoch
    for number in (4, 5):
        tell(core, number, bus.Vote(node_id(number), epoch, epoch))
    assert core.me.config_epoch == epoch
    # An answer that was on its way meanwhile starts no other election, then or when the time of this is over.
    assent(core, 4, doubts=core.me.node_id)
    for after_ms in (100, 2000):
        core.tick(core.now_ms + after_ms)
        assert not sent(core.take_effects(), bus.VoteRequest)


def test_a_voter_lets_a_primary_hold_its_own_place_anew_but_not_one_that_was_replaced() -> None:
    core = make_core()
    core.order(core.now_ms, AddSlots(tuple(range(10))))
    introduce(core, 1, slots=range(100, 200), epoch=2)
    request = bus.VoteRequest(node_id(1), 9, 9, 2, core.peers[node_id(1)].owned, True)
    assert sent(tell(core, 1, request), bus.Vote)
    introduce(core, 2, slots=range(100, 200), epoch=12)
    request = bus.VoteRequest(node_id(1), 14, 14, 2, core.peers[node_id(2)].owned, True)
    assert not sent(tell(core, 1, request), bus.Vote)


def assent(core: Core, number: int, *, doubts: str = "", stale: bool = False) -> int:
    """Has a voter answer the next probe; when that was sent."""
    core.tick(core.now_ms + 250)
    at_ms = core.now_ms
    probe = [each for each in sent(core.take_effects(), bus.Probe) if _goes_to(each, number)][-1]
    assert isinstance(probe.message, bus.Probe)
    doubted = (doubts,) if doubts else ()
    tell(core, number, bus.Ack(node_id(number), 0, probe.message.number, 0, 0, 0, stale, doubted))
    return at_ms


def test_the_lease_lasts_from_the_probe_that_a_majority_has_answered() -> None:
    core = primary()
    assert core.leased_until_ms() == 0
    at_ms = assent(core, 4)
    assert core.leased_until_ms() == at_ms + 1000 - 125


def test_a_voter_that_another_has_voted_to_replace_gives_no_lease() -> None:
    core = primary()
    introduce(core, 6, slots=range(300, 400), epoch=6)
    introduce(core, 7, slots=range(400, 500), epoch=7)
    assent(core, 4)
    assent(core, 5, doubts=node_id(4))
    assert core.leased_until_ms() < core.now_ms
    at_ms = assent(core, 6)
    assert core.leased_until_ms() == at_ms - 250 + 1000 - 125


def _goes_to(send: Send, number: int) -> bool:
    return send.to.port == 17100 + number


def test_who_calls_our_claim_stale_gives_no_lease() -> None:
    core = primary()
    assent(core, 4, stale=True)
    assert core.leased_until_ms() == 0


def restarted(**settings: Any) -> Core:
    core = primary()
    answer(core, 4, propose(core, R2))
    return make_core(core.now_ms + 50, saved_text(core), write_acks=1, **settings)


def test_a_restarted_primary_asks_those_in_sync_and_serves_when_none_has_its_data() -> None:
    core = restarted()
    assert core.hollow
    core.tick(core.now_ms + 1)
    (question,) = sent(core.take_effects(), bus.Hollow)
    assert _goes_to(question, 2)
    tell(core, 2, bus.HollowAnswer(R2, 0, True))
    core.tick(core.now_ms + 1000)
    assert core.hollow
    tell(core, 2, bus.HollowAnswer(R2, 0, False))
    core.tick(core.now_ms + 1000)
    assert not core.hollow


def test_a_disk_that_keeps_all_makes_no_hollow_primary() -> None:
    assert not restarted(keeps_all=True).hollow


def test_a_replica_takes_over_from_a_hollow_primary_if_it_has_the_data() -> None:
    for synced in (True, False):
        core = make_core(write_acks=1)
        introduce(core, 1, slots=range(100, 200), epoch=2)
        introduce(core, 4, slots=range(200, 300), epoch=4)
        core.me.is_replica, core.me.primary_id = True, node_id(1)
        core.order(core.now_ms, ReplicationStatus(10, synced, 0))
        effects = tell(core, 1, bus.Hollow(node_id(1), 2))
        (reply,) = sent(effects, bus.HollowAnswer)
        assert isinstance(reply.message, bus.HollowAnswer)
        assert reply.message.has is synced
        core.tick(core.now_ms + 1)
        assert bool(sent(core.take_effects(), bus.VoteRequest)) is synced
