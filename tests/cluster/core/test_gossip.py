from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.core.effects import Address, Effect, Send
from cluster.core.gossip import ALL, BITMAP_MEMBERS, PERIOD_MS, PERIODS_MIN, SENDS_MAX
from cluster.core.orders import BumpEpoch, Forget
from cluster.core.rumors import Spreading
from protocol.gossip.codec import DATAGRAM_BYTES_MAX, encode
from protocol.gossip.messages import (
    ClaimFact,
    FactKey,
    FailFact,
    MemberFact,
    Message,
    Receipt,
    Receipts,
    Rumor,
    Rumors,
    fact_key,
)
from tests.cluster.core.alone import introduce, make_core, node_id, rumor, sent, tell
from tests.cluster.core.cluster import Cluster, Node
from tests.cluster.core.test_spare_replicas import named


class Memories:
    """What each node has been told about who has which version of a fact, written down beside the nodes: who
    sent it, who acknowledged it, whom these had told or would tell, and whom the first sender said was told.

    A node may forget a rumor when its time is over; so do we.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.sends = 0
        self.broken: list[str] = []
        self._cluster = cluster
        self._known: dict[tuple[str, FactKey, int], set[str]] = {}
        self._times: dict[tuple[str, FactKey, int], Counter[str]] = {}
        self._begun_ms: dict[tuple[str, FactKey, int], int] = {}
        self._asked: dict[tuple[str, str, int], tuple[Rumor, ...]] = {}
        for node in cluster.running():
            self._watch(node)

    def _watch(self, node: Node) -> None:
        receive, take_effects = node.core.receive, node.core.take_effects

        def received(now_ms: int, source: Address, message: Message) -> None:
            self._hear(node, message)
            receive(now_ms, source, message)

        def taken() -> list[Effect]:
            effects = take_effects()
            for effect in effects:
                if isinstance(effect, Send) and isinstance(effect.message, Rumors):
                    self._check(node, effect.to, effect.message)
            return effects

        node.core.receive = received  # type: ignore[method-assign]
        node.core.take_effects = taken  # type: ignore[method-assign]

    def _hear(self, node: Node, message: Message) -> None:
        if isinstance(message, Rumors):
            for told in message.rumors:
                is_first = not self._of(node, told) and not self._times.get(_key(node, told))
                self._learn(node, told, message.sender, told.told if is_first else 0)
        elif isinstance(message, Receipts):
            asked = self._asked.get((node.name, message.sender, message.number), ())
            for told, receipt in zip(asked, message.receipts, strict=False):
                if receipt.has:
                    self._learn(node, told, message.sender, receipt.told)

    def _learn(self, node: Node, rumor: Rumor, who: str, told: int) -> None:
        roster = node.core.roster
        has = {node_id for place, node_id in enumerate(roster) if told >> place & 1}
        self._of(node, rumor).update(has, (who,))

    def _of(self, node: Node, rumor: Rumor) -> set[str]:
        key = _key(node, rumor)
        periods = max(PERIODS_MIN, 2 * math.ceil(math.log2(len(node.core.roster))))
        if self._cluster.now_ms - self._begun_ms.setdefault(key, self._cluster.now_ms) >= periods * PERIOD_MS:
            self._begun_ms[key] = self._cluster.now_ms
            self._known.pop(key, None)
            self._times.pop(key, None)
        return self._known.setdefault(key, set())

    def _check(self, node: Node, to: Address, message: Rumors) -> None:
        head = self._cluster.by_address[to]
        self._asked[node.name, head.core.me.node_id, message.number] = message.rumors
        self.sends += len(message.rumors)
        for told in message.rumors:
            if head.core.me.node_id in self._of(node, told):
                self.broken.append(f"{node.name} tells {head.name} of {told.fact}")
            times = self._times.setdefault(_key(node, told), Counter())
            times[head.name] += 1
            if times[head.name] > SENDS_MAX:
                self.broken.append(f"{node.name} tells {head.name} {times[head.name]} times of {told.fact}")


def _key(node: Node, rumor: Rumor) -> tuple[str, FactKey, int]:
    return node.name, fact_key(rumor.fact), rumor.fact.version


def equal(cluster: Cluster) -> bool:
    return len({node.core.view_hash for node in cluster.running()}) == 1


def idle(cluster: Cluster) -> bool:
    return all(node.core._gossip.is_idle() for node in cluster.running())


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 1000),
    size=st.sampled_from([4, 7, 16, 33, BITMAP_MEMBERS]),
    dead=st.integers(0, 6),
    loss=st.sampled_from([0.0, 0.05, 0.3]),
)
def test_nobody_is_told_who_is_known_to_have_it_and_each_rumor_stops(
    seed: int, size: int, dead: int, loss: float
) -> None:
    cluster = Cluster(seed)
    cluster.load(size)
    for number in range(3, 3 + min(dead, size - 3)):
        cluster.kill(f"n{number}")
    memories = Memories(cluster)
    cluster.loss = loss
    for name in ("n1", "n2", "n1"):
        cluster.order(name, BumpEpoch())
        cluster.run(3)
    cluster.run_until(lambda: idle(cluster), 5000)
    assert memories.sends >= len(cluster.running()) - 1
    assert memories.broken == []


def test_a_node_without_a_memory_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Spreading, "open_names", lambda _, duty: duty)
    cluster = Cluster(1)
    cluster.load(8)
    memories = Memories(cluster)
    cluster.order("n1", BumpEpoch())
    cluster.run(20)
    assert memories.broken


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


@pytest.mark.parametrize("size", [5, 12, 40, BITMAP_MEMBERS, BITMAP_MEMBERS + 1])
def test_several_who_find_out_the_same_thing_do_not_rely_on_each_other_in_a_circle(size: int) -> None:
    for seed in range(12):
        cluster = Cluster(seed)
        cluster.load(size)
        dead = cluster.nodes[f"n{size}"]
        cluster.kill(dead.name)
        fact = FailFact(dead.core.me.node_id, 1, size, 1, (1 << size) - 1)
        finders = cluster.rng.sample(cluster.running(), min(size - 1, 2 + seed % 6))
        by_rumor = Rumors(fact.node_id, 0, 0, (Rumor(fact),))
        for node in finders:
            node.core.receive(cluster.now_ms, dead.address, by_rumor)
            cluster._after(node)
        # Sooner than a repetition or anti-entropy could help.
        cluster.run(20)
        assert all(fact.node_id in node.core.troubled for node in cluster.running())


def test_dead_heads_are_passed_over() -> None:
    cluster = Cluster(4)
    cluster.load(80)
    cluster.run(1000)
    for number in range(2, 80, 8):
        cluster.kill(f"n{number}")
    cluster.order("n1", BumpEpoch())
    assert cluster.run_until(lambda: equal(cluster), 500) < 300


def test_those_behind_a_head_that_is_forgotten_are_told_all_the_same() -> None:
    cluster = Cluster(4)
    cluster.load(80)
    cluster.run(1000)
    cluster.order("n1", BumpEpoch())
    head = next(name for _, source, name, message in cluster.sent[::-1] if isinstance(message, Rumors))
    cluster.kill(head)
    cluster.order("n1", Forget(cluster.id(head)))
    me, epoch = cluster.id("n1"), cluster.core("n1").me.config_epoch
    told_ms = cluster.run_until(
        lambda: all(node.core.peers[me].config_epoch == epoch for node in cluster.running()), 2000
    )
    assert told_ms < 120


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


def test_who_has_acknowledged_one_stretch_is_not_sent_another_again() -> None:
    core = make_core(gossip_fanout=1)
    for number in range(1, 5):
        introduce(core, number)
    mine = core.me.node_id
    around = sorted([mine, *(node_id(number) for number in range(1, 5))])
    head, second, third, fourth = [*around[around.index(mine) + 1 :], *around[: around.index(mine)]]
    fact = MemberFact(third, 9, "10.0.0.1", 7101, 17101)
    sends = []
    for source, until in ((third, second), (fourth, fourth)):
        message = Rumors(source, 0, 5, (Rumor(fact, until=until),))
        sends += sent(tell(core, int(source, 16), message), Rumors)
    assert [send.to for send in sends] == [sends[0].to] * 2
    first = sends[0].message
    assert isinstance(first, Rumors)
    tell(core, int(head, 16), Receipts(head, 0, first.number, 0, (Receipt(True, ALL),)))
    core.now_ms += PERIOD_MS * PERIODS_MIN // 2
    core._gossip.flush()
    assert [send.to.port for send in sent(core.take_effects(), Rumors)] == [17100 + int(second, 16)]


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


@pytest.mark.parametrize("number", [0, 5, 10])
def test_who_has_it_already_owns_up_to_those_behind_it_as_seen_from_the_sender(number: int) -> None:
    core = named(make_core(), node_id(number))
    for other in range(1, 10):
        if other != number:
            introduce(core, other)
    at = core.roster.index(core.me.node_id)
    around = [int(node_id, 16) for node_id in core.roster[at:] + core.roster[:at]]
    fact = FailFact(node_id(around[4]), 1, 9, 1, (1 << 9) - 1)
    tell(core, around[-1], rumor(around[-1], fact))
    for place in range(1, len(around) - 1):
        sender = around[place]
        again = Rumors(node_id(sender), 0, 5, (Rumor(fact, core._gossip._roster_hash(), 1),))
        (answer,) = sent(tell(core, sender, again), Receipts)
        assert isinstance(answer.message, Receipts)
        (receipt,) = answer.message.receipts
        told = {int(one, 16) for bit, one in enumerate(core.roster) if receipt.told >> bit & 1}
        assert told == set(around[:place])
