"""What a voter does with the records of who is in sync."""

from __future__ import annotations

import pytest

from cluster.core.core import Core
from cluster.core.effects import Effect, Persist, Send
from cluster.core.sync_records import from_text, to_text
from protocol.gossip import messages as bus
from protocol.gossip import slotset
from protocol.gossip.messages import SyncRecord
from tests.cluster.core.alone import introduce, make_core, node_id, rumor, sent, tell
from tests.cluster.core.test_election import SLOTS, ask, candidate, lose_primary, run, voter


def record(number: int, *members: int, term: int = 2, version: int = 1, fence: int = 0) -> SyncRecord:
    return SyncRecord(node_id(number), term, version, fence, tuple(node_id(each) for each in members))


def say(core: Core, number: int, what: SyncRecord) -> list[Effect]:
    return tell(core, number, bus.InSync(node_id(number), 0, what))


def taken(effects: list[Effect]) -> bool:
    (answer,) = sent(effects, bus.InSyncReceipt)
    assert isinstance(answer.message, bus.InSyncReceipt)
    return answer.message.taken


def test_a_replica_that_the_record_leaves_out_gets_no_vote() -> None:
    core = voter()
    assert taken(say(core, 1, record(1, 2)))
    assert not sent(ask(core, 3, 9), bus.Vote)
    assert not sent(ask(core, 3, 9, force=True), bus.Vote)
    assert sent(ask(core, 2, 9), bus.Vote)


def test_a_record_is_on_disk_before_its_receipt_leaves() -> None:
    core = voter()
    effects = say(core, 1, record(1, 2))
    kinds = [type(effect) for effect in effects]
    assert kinds.index(Persist) < kinds.index(Send)
    persist = next(effect for effect in effects if isinstance(effect, Persist))
    assert persist.durable
    again = make_core(saved=persist.text)
    assert again.sync_records == core.sync_records


def test_without_a_promise_anyone_may_be_elected() -> None:
    core = voter()
    say(core, 1, record(1, 2))
    assert taken(say(core, 1, record(1, version=2)))
    assert sent(ask(core, 3, 9), bus.Vote)


def test_an_older_word_does_not_take_the_place_of_a_newer_one() -> None:
    core = voter()
    assert taken(say(core, 1, record(1, 2, version=5)))
    assert not taken(say(core, 1, record(1, 3, version=4)))
    assert taken(say(core, 1, record(1, 2, version=5)))
    assert core.sync_records[node_id(1)].members == (node_id(2),)


def test_after_a_vote_against_a_primary_its_word_is_not_taken_in_that_term() -> None:
    core = voter()
    say(core, 1, record(1, 2))
    assert sent(ask(core, 2, 9), bus.Vote)
    (answer,) = sent(say(core, 1, record(1, 3, version=2)), bus.InSyncReceipt)
    assert isinstance(answer.message, bus.InSyncReceipt)
    assert (answer.message.taken, answer.message.fence) == (False, 9)
    # It survives a restart.
    again = make_core(saved="".join(_saved(core)))
    assert again.sync_records[node_id(1)].fence == 9


def test_votes_and_answers_name_those_whom_their_sender_has_voted_to_replace() -> None:
    core = voter()
    core.settings.write_acks = 1
    introduce(core, 5, slots=range(300, 400), epoch=5)
    (vote,) = sent(ask(core, 2, 9), bus.Vote)
    probe = bus.Probe(node_id(5), 0, 1, 0, 0, 0)
    (pong,) = sent(tell(core, 5, probe), bus.Ack)
    assert isinstance(vote.message, bus.Vote) and isinstance(pong.message, bus.Ack)
    assert vote.message.doubted == pong.message.doubted == (node_id(1),)


def test_after_a_vote_for_a_primary_to_stay_no_earlier_winners_word_is_taken() -> None:
    core = voter()
    core.settings.write_acks = 1
    core.peers[node_id(1)].failed = False
    assert sent(ask(core, 1, 9, force=True), bus.Vote)
    # 2 has won an earlier election, which others decided.
    tell(core, 2, rumor(2, bus.ClaimFact(node_id(2), 9, 8, "", slotset.from_slots(SLOTS))))
    (answer,) = sent(say(core, 2, record(2, 3, term=8)), bus.InSyncReceipt)
    assert isinstance(answer.message, bus.InSyncReceipt)
    assert (answer.message.taken, answer.message.fence) == (False, 9)


def test_who_has_just_come_to_its_place_takes_no_record_for_node_timeout() -> None:
    core = voter()
    core.settings.write_acks = 1
    core.save(durable=True)
    again = make_core(core.now_ms, saved="".join(_saved(core)), write_acks=1)
    assert not taken(say(again, 1, record(1, 2)))
    again.tick(again.now_ms + again.settings.node_timeout_ms + 1)
    again.take_effects()
    assert taken(say(again, 1, record(1, 2)))


def test_who_has_just_won_an_election_takes_no_record_for_node_timeout() -> None:
    core = candidate(write_acks=1)
    lose_primary(core)
    run(core, 600)
    for number in (2, 3):
        tell(core, number, bus.Vote(node_id(number), core.current_epoch, core.current_epoch))
    assert not core.me.is_replica
    assert not taken(say(core, 2, record(2, 4)))
    run(core, core.settings.node_timeout_ms + 1)
    assert taken(say(core, 2, record(2, 4)))


def _saved(core: Core) -> list[str]:
    core.save(durable=True)
    core._settle()
    return [effect.text for effect in core.take_effects() if isinstance(effect, Persist)]


def test_a_vote_carries_what_the_voter_knows_and_names_whom_it_doubts() -> None:
    core = voter()
    introduce(core, 5, slots=range(300, 400), epoch=4)
    say(core, 5, record(5, 6, term=4))
    (vote,) = sent(ask(core, 2, 9), bus.Vote)
    assert isinstance(vote.message, bus.Vote)
    assert record(5, 6, term=4) in vote.message.records
    (answer,) = sent(say(core, 5, record(5, 7, term=4, version=2)), bus.InSyncReceipt)
    assert isinstance(answer.message, bus.InSyncReceipt)
    assert answer.message.doubted == (node_id(1),)


def test_a_successors_replicas_are_judged_by_the_record_that_names_it() -> None:
    core = voter()
    say(core, 1, record(1, 2))
    # 2 has taken over from 1, and has said nothing of its own replicas yet.
    tell(core, 2, rumor(2, bus.ClaimFact(node_id(2), 9, 9, "", slotset.from_slots(SLOTS))))
    tell(core, 3, rumor(3, bus.ClaimFact(node_id(3), 9, 0, node_id(2), 0)))
    core.peers[node_id(2)].failed = True
    core.current_epoch = 10
    assert not sent(ask(core, 3, 10, config_epoch=9), bus.Vote)


def test_a_successors_word_waits_while_the_one_it_replaced_may_count_on_our_answer() -> None:
    core = voter()
    tell(core, 1, bus.Probe(node_id(1), 0, 1, 0, 0, 0))
    tell(core, 2, rumor(2, bus.ClaimFact(node_id(2), 9, 9, "", slotset.from_slots(SLOTS))))
    assert not taken(say(core, 2, record(2, 3, term=9)))
    core.now_ms += core.settings.node_timeout_ms
    assert taken(say(core, 2, record(2, 3, term=9)))


def test_nobodys_word_about_another_and_no_replicas_is_taken() -> None:
    core = voter()
    assert not sent(say(core, 2, record(1, 2)), bus.InSyncReceipt)
    assert not taken(say(core, 2, record(2, 3)))
    assert not core.sync_records


def test_records_as_text_and_back() -> None:
    records = [record(1, 2, 3, term=7, version=9, fence=8), record(4)]
    assert list(from_text(to_text(records)).values()) == records
    assert from_text("") == {}
    for bad in ("x", "zz:1:2:3:", f"{node_id(1)}:1:2:x:", f"{node_id(1)}:1:2:3:ab"):
        with pytest.raises(ValueError):
            from_text(bad)


def test_a_primary_may_hold_its_own_seat_anew_whoever_is_in_sync() -> None:
    core = voter()
    say(core, 1, record(1, 2))
    primary = core.peers[node_id(1)]
    assert not core._records.forbids(primary, primary)
    assert core._records.forbids(core.peers[node_id(3)], primary)


def test_a_fence_alone_is_no_word_on_who_is_in_sync() -> None:
    core = voter()
    core.settings.write_acks = 1
    core._records.fence(core.peers[node_id(1)], 9)
    assert core.sync_records[node_id(1)].fence == 9
    assert core._records.about(core.peers[node_id(1)]) is None


def test_the_word_of_a_predecessor_holds_until_the_successor_has_one_and_not_while_it_still_owns_slots() -> (
    None
):
    core = voter()
    say(core, 1, record(1, 2, 3, version=7))
    successor = core.peers[node_id(2)]
    assert core._records.about(successor) is None
    claim = bus.ClaimFact(node_id(2), 2, 9, "", slotset.from_slots(SLOTS))
    core._merge(claim, successor)
    assert core._records.about(successor) == core.sync_records[node_id(1)]
    core.sync_records[node_id(2)] = record(2, 3, term=9)
    assert core._records.about(successor) == core.sync_records[node_id(2)]
