from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.core.gossip import ALL, BITMAP_MEMBERS, SENDS_MAX
from cluster.core.orders import BumpEpoch
from protocol.gossip.codec import DATAGRAM_BYTES_MAX, encode
from protocol.gossip.messages import ClaimFact, MemberFact, Receipt, Receipts, Rumor, Rumors
from tests.cluster.core.alone import introduce, make_core, node_id, rumor, sent, tell
from tests.cluster.core.cluster import Cluster, Node


class Watched(Cluster):
    """A cluster in which each send of a rumor is held against its sender's memory as it was before."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.broken: list[str] = []

    def watch(self, node: Node) -> None:
        gossip = node.core._gossip
        send = gossip._send_parcel
        told: dict[tuple[int, str], int] = {}
        kept = []  # Were it gone, another could have its id.

        def watched(parcel, number=0):  # type: ignore[no-untyped-def]
            for spreading, _ in parcel.items:
                kept.append(spreading)
                if parcel.head in spreading.has:
                    self.broken.append(f"{node.name} told {parcel.head}, who has it")
                times = told[id(spreading), parcel.head] = told.get((id(spreading), parcel.head), 0) + 1
                if times > SENDS_MAX:
                    self.broken.append(f"{node.name} told {parcel.head} {times} times")
            send(parcel, number)

        gossip._send_parcel = watched  # type: ignore[method-assign]


def equal(cluster: Cluster) -> bool:
    return len({node.core.view_hash for node in cluster.running()}) == 1


def idle(cluster: Cluster) -> bool:
    return all(node.core._gossip.is_idle() for node in cluster.running())


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 1000), st.integers(4, 24), st.sampled_from([0.0, 0.05, 0.3]))
def test_nobody_is_told_who_is_known_to_have_it_and_each_rumor_stops(
    seed: int, size: int, loss: float
) -> None:
    cluster = Watched(seed)
    cluster.form(size, 0)
    cluster.run_until(lambda: idle(cluster), 5000)
    for node in cluster.running():
        cluster.watch(node)
    cluster.loss = loss
    cluster.order("n1", BumpEpoch())
    cluster.order("n2", BumpEpoch())
    cluster.run_until(lambda: idle(cluster), 5000)
    cluster.loss = 0.0
    cluster.run_until(cluster.agree, 10_000)
    assert cluster.broken == []


@pytest.mark.parametrize("size", [8, 32, BITMAP_MEMBERS, BITMAP_MEMBERS + 1, 200])
def test_a_rumor_costs_about_one_message_a_node(size: int) -> None:
    cluster = Cluster(3)
    cluster.load(size)
    cluster.run(1000)
    before = len(cluster.sent)
    cluster.order("n1", BumpEpoch())
    took_ms = cluster.run_until(lambda: equal(cluster), 1000)
    cluster.run_until(lambda: idle(cluster), 500)
    rumors = [message for _, _, _, message in cluster.sent[before:] if isinstance(message, Rumors)]
    assert size - 1 <= len(rumors) <= 1.1 * size
    assert took_ms < 20


def test_dead_heads_are_passed_over() -> None:
    cluster = Cluster(4)
    cluster.load(80)
    cluster.run(1000)
    for number in range(2, 80, 8):
        cluster.kill(f"n{number}")
    cluster.order("n1", BumpEpoch())
    assert cluster.run_until(lambda: equal(cluster), 500) < 300


def test_an_idle_cluster_spreads_nothing() -> None:
    cluster = Cluster(3)
    cluster.form(3, 1)
    cluster.run(5000)
    before = len(cluster.sent)
    cluster.run(5000)
    assert not [message for _, _, _, message in cluster.sent[before:] if isinstance(message, Rumors)]


def test_a_newer_version_replaces_the_older_in_flight() -> None:
    core = make_core()
    introduce(core, 1)
    introduce(core, 2)
    gossip = core._gossip
    for version in (5, 7, 6):
        gossip.spread(MemberFact(node_id(1), version, "10.0.0.1", 1, 2))
    assert [spreading.fact.version for spreading in gossip._spreading.values()] == [7]
    gossip.flush()
    core.take_effects()
    gossip.spread(MemberFact(node_id(1), 9, "10.0.0.1", 1, 2))
    versions = set()
    for _ in range(100):
        core.now_ms += 10
        gossip.flush()
        for send in sent(core.take_effects(), Rumors):
            assert isinstance(send.message, Rumors)
            versions |= {told.fact.version for told in send.message.rumors}
    assert versions == {9}


def test_what_is_not_acknowledged_is_sent_again_and_then_given_up() -> None:
    core = make_core()
    introduce(core, 1)
    core._gossip.spread(core.me.member_fact())
    sends = 0
    for _ in range(100):
        core.now_ms += 10
        core._gossip.flush()
        sends += len(sent(core.take_effects(), Rumors))
    assert sends == SENDS_MAX
    assert core._gossip.is_idle()


def test_an_acknowledged_rumor_is_not_sent_again() -> None:
    core = make_core()
    introduce(core, 1)
    core._gossip.spread(core.me.member_fact())
    core._gossip.flush()
    (send,) = sent(core.take_effects(), Rumors)
    assert isinstance(send.message, Rumors)
    tell(core, 1, Receipts(node_id(1), 0, send.message.number, 0, (Receipt(True, ALL),)))
    assert core._gossip.is_idle()
    assert core._gossip.deadline_ms() is None


def test_receipts_of_what_was_not_sent_are_passed_over() -> None:
    core = make_core()
    introduce(core, 1)
    introduce(core, 2)
    core._gossip.spread(core.me.member_fact())
    core._gossip.flush()
    rumors = [send.message for send in sent(core.take_effects(), Rumors)]
    numbers = [message.number for message in rumors]  # type: ignore[attr-defined]
    tell(core, 1, Receipts(node_id(1), 0, 99, 0, (Receipt(True, ALL),)))
    tell(core, 1, Receipts(node_id(1), 0, numbers[0], 0, ()))
    tell(core, 1, Receipts(node_id(1), 0, numbers[1], 0, (Receipt(True, ALL),)))
    assert not core._gossip.is_idle()


def test_who_takes_nothing_on_leaves_the_rest_to_the_sender() -> None:
    core = make_core(gossip_fanout=1)
    for number in (1, 2, 3):
        introduce(core, number)
    core._gossip.spread(core.me.member_fact())
    core._gossip.flush()
    told = []
    for _ in range(3):
        (send,) = sent(core.take_effects(), Rumors)
        assert isinstance(send.message, Rumors)
        number = send.to.port - 17100
        told.append(number)
        tell_back = Receipts(node_id(number), 0, send.message.number, 4711, (Receipt(True, 0),))
        core.receive(core.now_ms, send.to, tell_back)
    assert sorted(told) == [1, 2, 3]
    assert core._gossip.is_idle()


def test_a_rumor_heard_twice_is_acknowledged_twice_and_passed_on_once() -> None:
    core = make_core()
    introduce(core, 1)
    introduce(core, 2)
    fact = MemberFact(node_id(1), 9, "10.0.0.1", 7101, 17101)
    first = tell(core, 1, rumor(1, fact))
    again = tell(core, 1, rumor(1, fact))
    assert len(sent(first, Receipts)) == len(sent(again, Receipts)) == 1
    assert [send.to.port for send in sent(first, Rumors)] == [17102]
    assert not sent(again, Rumors)


def test_a_list_of_other_members_is_not_gone_by() -> None:
    core = make_core()
    introduce(core, 1)
    introduce(core, 2)
    fact = MemberFact(node_id(1), 9, "10.0.0.1", 7101, 17101)
    effects = tell(core, 1, Rumors(node_id(1), 0, 5, (Rumor(fact, 4711, 1),)))
    (answer,) = sent(effects, Receipts)
    assert isinstance(answer.message, Receipts)
    assert (answer.message.number, answer.message.receipts) == (5, (Receipt(True, 0),))
    assert not sent(effects, Rumors)


def test_a_stretch_is_told_to_those_in_it_and_a_second_time_to_nobody() -> None:
    core = make_core()
    for number in range(1, 5):
        introduce(core, number)
    mine = core.me.node_id
    around = sorted([mine, *(node_id(number) for number in range(1, 5))])
    until = around[(around.index(mine) + 2) % 5]
    fact = MemberFact(node_id(1), 9, "10.0.0.1", 7101, 17101)
    message = Rumors(node_id(1), 0, 5, (Rumor(fact, until=until),))
    assert len(sent(tell(core, 1, message), Rumors)) == 2
    assert not sent(tell(core, 1, message), Rumors)


def test_an_old_version_is_acknowledged_and_harmless() -> None:
    core = make_core()
    introduce(core, 1)
    introduce(core, 2)
    core.peers[node_id(1)].incarnation = 9
    effects = tell(core, 1, rumor(1, MemberFact(node_id(1), 3, "10.6.6.6", 1, 2)))
    assert sent(effects, Receipts)
    assert not sent(effects, Rumors)
    assert core.peers[node_id(1)].host == "10.0.0.1"


def test_a_fact_about_a_stranger_is_not_acknowledged_until_it_is_introduced() -> None:
    core = make_core()
    introduce(core, 1)
    claim = ClaimFact(node_id(77), 3, 1, "", 1)
    (answer,) = sent(tell(core, 1, rumor(1, claim)), Receipts)
    assert answer.message.receipts == (Receipt(False, 0),)  # type: ignore[attr-defined]
    member = MemberFact(node_id(77), 1, "10.0.0.1", 7177, 17177)
    (answer,) = sent(tell(core, 1, rumor(1, claim, member)), Receipts)
    assert [receipt.has for receipt in answer.message.receipts] == [True, True]  # type: ignore[attr-defined]


def test_who_could_not_take_it_is_told_again() -> None:
    core = make_core()
    introduce(core, 1)
    core._gossip.spread(core.me.member_fact())
    sends = 0
    for _ in range(100):
        core.now_ms += 10
        core.tick(core.now_ms)
        for send in sent(core.take_effects(), Rumors):
            sends += 1
            assert isinstance(send.message, Rumors)
            tell(core, 1, Receipts(node_id(1), 0, send.message.number, 0, (Receipt(False, 0),)))
    assert sends == SENDS_MAX


@pytest.mark.parametrize("count", [5, 80])
def test_several_rumors_share_datagrams_that_are_not_too_long(count: int) -> None:
    core = make_core()
    introduce(core, 1)
    for number in range(count):
        core._gossip.spread(MemberFact(node_id(100 + number), 1, "10.0.0.1", 1, 2))
    core._gossip.flush()
    messages = [send.message for send in sent(core.take_effects(), Rumors)]
    assert all(len(encode(message)) <= DATAGRAM_BYTES_MAX for message in messages)
    assert len(messages) < count / 4 + 1


def test_a_rumor_ends_after_so_many_periods_whoever_is_left() -> None:
    core = make_core(gossip_fanout=1)
    for number in range(1, 101):
        introduce(core, number)
    core._gossip.spread(core.me.member_fact())
    for _ in range(2000):
        core.now_ms += 1
        core._gossip.flush()
        core.take_effects()
    assert core._gossip.is_idle()


def test_what_is_over_is_forgotten() -> None:
    core = make_core()
    introduce(core, 1)
    for _ in range(100):
        core.order(core.now_ms + 1000, BumpEpoch())
        core._announcer.member()
        core._gossip.spread(MemberFact(node_id(1), core.now_ms, "10.0.0.1", 1, 2))
    assert len(core._gossip._spreading) <= 4
