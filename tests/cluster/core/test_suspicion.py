from __future__ import annotations

from dataclasses import replace

import pytest

from cluster.core.core import Core
from cluster.core.orders import AddSlots, Forget
from cluster.core.suspicion import LOOKS_MAX
from protocol.gossip import messages as bus
from tests.cluster.core.alone import introduce, make_core, node_id, rumor, sent, tell
from tests.cluster.core.cluster import Cluster


def ballots(core: Core, suspect: int, *voters: int, incarnation: int = 1, age_ms: int = 0) -> bus.Ballots:
    """Votes against a member, as its voters would tell them."""
    core._suspicion._follow_roster()
    bitmap = sum(1 << (core.place(node_id(voter)) or 0) for voter in voters)
    ballot = bus.Ballot(node_id(suspect), incarnation, 0, age_ms)
    place = core.place(node_id(voters[0])) or 0
    cuts = (bus.Cut(bitmap, (ballot,)),)
    return bus.Ballots(node_id(voters[0]), 0, core._suspicion._roster_hash, place, cuts)


def test_fail_needs_a_majority_of_those_that_own_slots() -> None:
    core = make_core()
    for number in range(1, 6):
        introduce(core, number, slots=range(100 * number, 100 * number + 10), epoch=number)
    introduce(core, 6)
    suspect = core.peers[node_id(5)]
    suspect.suspected = True
    tell(core, 6, ballots(core, 5, 6))
    tell(core, 1, ballots(core, 5, 1))
    tell(core, 1, ballots(core, 5, 1))
    tell(core, 2, ballots(core, 5, 2))
    assert core.failure_reports(node_id(5)) == 2
    assert core.slots_fail() == 0
    tell(core, 3, ballots(core, 5, 3))
    assert core.slots_fail() == 10
    assert core.fail_voters(node_id(5)) == [node_id(1), node_id(2), node_id(3)]


def test_votes_grown_old_count_no_more() -> None:
    core = make_core()
    for number in range(1, 6):
        introduce(core, number, slots=range(100 * number, 100 * number + 10), epoch=number)
    tell(core, 1, ballots(core, 5, 1))
    tell(core, 1, ballots(core, 4, 1, age_ms=2000))
    assert (core.failure_reports(node_id(5)), core.failure_reports(node_id(4))) == (1, 0)
    core.now_ms += 1999
    assert core.failure_reports(node_id(5)) == 1
    core.now_ms += 1
    assert core.failure_reports(node_id(5)) == 0


def test_of_ballots_over_another_list_of_members_the_senders_own_vote_counts() -> None:
    core = make_core()
    for number in (2, 3, 4):
        introduce(core, number, slots=range(10 * number, 10 * number + 10), epoch=number)
    message = ballots(core, 4, 2, 3)
    introduce(core, 1)
    tell(core, 2, message)
    assert core.failure_reports(node_id(4)) == 1
    tell(core, 3, replace(message, sender=node_id(3), place=200))
    assert core.failure_reports(node_id(4)) == 1


def test_who_has_forgotten_a_member_fails_over_with_those_who_have_not() -> None:
    cluster = Cluster()
    cluster.form(3, 1)
    cluster.kill("n6")
    cluster.order("n1", Forget(cluster.id("n6")))
    cluster.order("n3", Forget(cluster.id("n4")))
    cluster.kill("n2")
    cluster.run_until(lambda: not cluster.core("n5").me.is_replica, 4000)


def test_a_vote_for_places_that_no_list_has_is_cut_to_the_list() -> None:
    core = make_core()
    introduce(core, 1, slots=range(10), epoch=1)
    introduce(core, 2, slots=range(10, 20), epoch=2)
    message = ballots(core, 2, 1)
    (cut,) = message.cuts
    tell(core, 1, replace(message, cuts=(replace(cut, voters=cut.voters | 1 << 30_000),)))
    assert core.failure_reports(node_id(2)) == 1
    assert core._suspicion._votes.voters(node_id(2), 1).bit_length() <= len(core.roster)


def test_a_fail_by_more_voters_than_there_are_is_not_taken() -> None:
    core = make_core()
    introduce(core, 1, slots=range(10), epoch=1)
    introduce(core, 2, slots=range(10, 20), epoch=2)
    tell(core, 1, rumor(1, bus.FailFact(node_id(2), 1, 3, 1, (1 << 30_000) - 1)))
    assert not core.peers[node_id(2)].failed


@pytest.mark.parametrize("incarnation", [bus.COUNTER_MAX - 1, bus.COUNTER_MAX])
def test_no_accusation_is_beyond_what_its_subject_can_refute(incarnation: int) -> None:
    core, other = make_core(), make_core(seed=8)
    introduce(core, 1, slots=range(10), epoch=1)
    introduce(other, 1, slots=range(10), epoch=1)
    other._merge(core.me.member_fact(), other.peers[node_id(1)])
    fail = rumor(1, bus.FailFact(core.me.node_id, incarnation, 1, 1, 1))
    tell(core, 1, fail)
    tell(other, 1, fail)
    other._merge(core.me.member_fact(), other.peers[node_id(1)])
    assert not other.peers[core.me.node_id].fail_holds()


def test_whoever_has_come_back_owes_no_answer_from_before() -> None:
    core = owed_an_answer()
    peer = core.peers[node_id(2)]
    tell(core, 1, rumor(1, bus.FailFact(node_id(2), 1, 1, 1, 1)))
    assert peer.failed
    pass_time(core, 900)
    tell(core, 1, rumor(1, bus.MemberFact(node_id(2), 2, "10.0.0.1", 7102, 17102)))
    core._prober.probe(peer)
    pass_time(core, 900)
    assert not peer.suspected
    # From then on it is waited for as for any other.
    pass_time(core, 200)
    assert peer.suspected


def test_whoever_shows_itself_and_then_dies_is_waited_for_from_then_on() -> None:
    core = owed_an_answer()
    peer = core.peers[node_id(2)]
    pass_time(core, 300)
    tell(core, 1, rumor(1, bus.MemberFact(node_id(2), 2, "10.0.0.1", 7102, 17102)))
    pass_time(core, 900)
    assert not peer.suspected
    pass_time(core, 500)
    assert peer.suspected


def owed_an_answer() -> Core:
    """A node that has just probed member 2; member 1 is a primary."""
    core = make_core()
    introduce(core, 1, slots=range(10), epoch=1)
    introduce(core, 2)
    core._prober.probe(core.peers[node_id(2)])
    return core


def pass_time(core: Core, duration_ms: int) -> None:
    """In steps that are not late, while nobody answers."""
    for _ in range(0, duration_ms, 50):
        core.tick(core.now_ms + 50)
        core.take_effects()


def test_a_higher_incarnation_voids_votes_and_fail() -> None:
    core = make_core()
    for number in range(1, 4):
        introduce(core, number, slots=range(100 * number, 100 * number + 10), epoch=number)
    introduce(core, 4, of=3)
    tell(core, 1, ballots(core, 4, 1))
    assert core.failure_reports(node_id(4)) == 1
    fail = bus.FailFact(node_id(4), 1, 3, 1, 0b11)
    tell(core, 1, rumor(1, fail))
    assert core.peers[node_id(4)].failed
    tell(core, 1, rumor(1, bus.MemberFact(node_id(4), 2, "10.0.0.1", 7104, 17104)))
    assert not core.peers[node_id(4)].failed
    tell(core, 2, rumor(2, fail))
    tell(core, 1, ballots(core, 4, 1))
    assert not core.peers[node_id(4)].failed
    assert core.failure_reports(node_id(4)) == 0


@pytest.mark.parametrize("voters", [0, 1, 1 << 70])
def test_fail_without_its_voters_is_not_believed(voters: int) -> None:
    core = make_core()
    introduce(core, 1, slots=range(10), epoch=1)
    introduce(core, 2, slots=range(10, 20), epoch=2)
    tell(core, 1, rumor(1, bus.FailFact(node_id(2), 1, 3, 1, voters)))
    assert not core.peers[node_id(2)].failed


def test_a_primary_with_slots_stays_fail_until_nobody_has_taken_them_for_long() -> None:
    core = make_core()
    introduce(core, 1, slots=range(10), epoch=1)
    introduce(core, 2, slots=range(10, 20), epoch=2)
    failed = core.peers[node_id(2)]
    tell(core, 1, rumor(1, bus.FailFact(node_id(2), 1, 2, 1, 0b11)))
    tell(core, 1, rumor(1, bus.MemberFact(node_id(2), 2, "10.0.0.1", 7102, 17102)))
    assert failed.failed
    core.now_ms += 1999
    core.tick(core.now_ms)
    assert failed.failed
    core.tick(core.now_ms + 1)
    assert not failed.failed


def test_who_is_accused_answers_to_the_accusers_face() -> None:
    core = make_core()
    introduce(core, 1)
    before = core.me.incarnation
    effects = tell(core, 1, bus.Probe(node_id(1), 0, 1, 0, 0, before))
    assert core.me.incarnation > before
    told = [send for send in sent(effects, bus.Rumors) if send.to.port == 17101]
    assert told
    against_us = bus.Ballot(core.me.node_id, core.me.incarnation, 0, 0)
    roster = ballots(core, 1, 1).roster
    tell(core, 1, bus.Ballots(node_id(1), 0, roster, 0, (bus.Cut(1, (against_us,)),)))
    assert core.me.incarnation == before + 2


def test_of_many_that_defend_themselves_at_once_only_some_are_looked_at_again() -> None:
    core = make_core()
    numbers = range(1, 2 * LOOKS_MAX + 1)
    for number in numbers:
        introduce(core, number)
        peer = core.peers[node_id(number)]
        peer.suspected, peer.reachable = True, False
        core.judged(peer)
    looks = []
    for number in numbers:
        fact = bus.MemberFact(node_id(number), 2, "10.0.0.1", 7100 + number, 17100 + number)
        looks.append(len(sent(tell(core, number, rumor(number, fact)), bus.Probe)))
        core.now_ms += 10
    assert looks == [1] * LOOKS_MAX + [0] * LOOKS_MAX
    assert not core.troubled
    assert all(core.peers[node_id(number)].reachable for number in numbers)


def test_hearsay_of_a_suspect_makes_those_look_whose_votes_count() -> None:
    for slots, probed in (((1,), [17102]), ((), [])):
        for make in (lambda core: ballots(core, 2, 1), lambda core: rumor(1, bus.DoubtFact(node_id(2), 1))):
            core = make_core()
            if slots:
                core.order(core.now_ms, AddSlots(slots))
            introduce(core, 1, slots=range(10, 20), epoch=1)
            introduce(core, 2, slots=range(20, 30), epoch=2)
            effects = tell(core, 1, make(core))
            assert [send.to.port for send in sent(effects, bus.Probe)] == probed


def test_a_doubt_about_who_has_answered_again_is_passed_on_by_nobody() -> None:
    core = make_core()
    introduce(core, 1)
    introduce(core, 2)
    core.peers[node_id(2)].incarnation = 5
    assert not sent(tell(core, 1, rumor(1, bus.DoubtFact(node_id(2), 4))), bus.Rumors)


def test_a_node_whose_own_loop_was_late_accuses_nobody() -> None:
    cluster = Cluster()
    cluster.form(3, 1)
    cluster.run(1000)
    for _ in range(5):
        cluster.stop("n1")
        cluster.run(700)
        cluster.resume("n1")
        cluster.run(700)
        for node in cluster.running():
            assert not any(peer.failed for peer in node.core.members)
    assert not any(
        isinstance(message, bus.Ballots) for _, source, _, message in cluster.sent if source == "n1"
    )


def fall_silent(core: Core, number: int) -> None:
    """The member has owed an answer for node-timeout."""
    peer = core.peers[node_id(number)]
    peer.ping_sent_ms = core.now_ms - 1000
    core._prober.probe(peer)
    core.tick(core.now_ms)
    assert peer.suspected


@pytest.mark.parametrize("slots", [(), (1,)])
def test_only_owners_of_slots_vote(slots: tuple[int, ...]) -> None:
    core = make_core()
    if slots:
        core.order(core.now_ms, AddSlots(slots))
    introduce(core, 1, slots=range(10, 20), epoch=1)
    introduce(core, 2, slots=range(20, 30), epoch=2)
    introduce(core, 3)
    fall_silent(core, 3)
    core.take_effects()
    core.tick(core.now_ms + 50)
    assert {send.to.port for send in sent(core.take_effects(), bus.Ballots)} == (
        {17101, 17102} if slots else set()
    )


def test_a_standing_suspicion_is_said_again_when_its_round_is_over() -> None:
    cluster = Cluster()
    cluster.form(4, 0)
    cluster.run(1000)
    cluster.kill("n3")
    cluster.kill("n4")
    cluster.run(10_000)
    core = cluster.core("n1")
    cluster.run_until(lambda: core.failure_reports(cluster.id("n4")) == 1, 1000)
    assert not core.peers[cluster.id("n4")].failed


def test_many_that_die_at_once_are_voted_on_together() -> None:
    cluster = Cluster()
    cluster.load(15, 1)
    cluster.run(1000)
    for number in range(1, 8):
        cluster.kill(f"n{number}")
    dead = [cluster.id(f"n{number}") for number in range(1, 8)]
    cluster.run_until(
        lambda: all(node.core.peers[node_id].failed for node in cluster.running() for node_id in dead), 2500
    )
    cuts = [
        len(cut.ballots)
        for *_, message in cluster.sent
        if isinstance(message, bus.Ballots)
        for cut in message.cuts
    ]
    assert max(cuts) >= 2


def test_two_that_own_slots_cannot_fail_each_other() -> None:
    core = make_core()
    core.order(core.now_ms, AddSlots((1,)))
    introduce(core, 1, slots=range(10, 20), epoch=2)
    fall_silent(core, 1)
    assert not core.peers[node_id(1)].failed


def test_an_accusation_that_is_refuted_already_is_answered_to_its_face_and_costs_no_incarnation() -> None:
    core = make_core()
    refuted = core.me.incarnation
    core._announcer.member()
    introduce(core, 1)
    effects = tell(core, 1, bus.Probe(node_id(1), 0, 1, core.view_hash, 0, refuted))
    assert core.me.incarnation == refuted + 1
    (told,) = sent(effects, bus.Rumors)
    assert (told.to.port, told.message) == (17101, rumor_of(core))


def rumor_of(core: Core) -> bus.Rumors:
    """What tells one member alone where this node is."""
    return bus.Rumors(core.me.node_id, core.current_epoch, 0, (bus.Rumor(core.me.member_fact()),))


def test_an_incarnation_that_nobody_can_have_is_not_gone_by() -> None:
    core = make_core()
    introduce(core, 1)
    before = core.me.incarnation
    tell(core, 1, bus.Probe(node_id(1), 0, 1, core.view_hash, 0, bus.COUNTER_MAX + 1))
    assert core.me.incarnation == before


def test_a_verdict_against_this_node_is_refuted() -> None:
    core = make_core()
    introduce(core, 1, slots=range(10), epoch=1)
    before = core.me.incarnation
    tell(core, 1, rumor(1, bus.FailFact(core.me.node_id, before, 1, 1, 1)))
    assert core.me.incarnation > before


@pytest.mark.parametrize("sign", ["answers", "shows a higher incarnation"])
def test_who_is_heard_of_again_has_our_vote_no_more(sign: str) -> None:
    core = make_core()
    core.order(core.now_ms, AddSlots((1,)))
    introduce(core, 1, slots=range(10, 20), epoch=1)
    introduce(core, 2, slots=range(20, 30), epoch=2)
    introduce(core, 3)
    fall_silent(core, 3)
    core.tick(core.now_ms + 50)
    assert sent(core.take_effects(), bus.Ballots)
    if sign == "answers":
        tell(core, 3, bus.Ack(node_id(3), 0, 0, core.view_hash, 0, 0, False))
    else:
        tell(core, 1, rumor(1, bus.MemberFact(node_id(3), 2, "10.0.0.1", 7103, 17103)))
    assert not core.peers[node_id(3)].suspected
    for _ in range(20):
        core.tick(core.now_ms + 50)
        assert not sent(core.take_effects(), bus.Ballots)
