from __future__ import annotations

import pytest

from cluster.core.effects import Effect
from cluster.core.probe import SAMPLE
from cluster.core.snapshot import saved_text
from protocol.gossip import messages as bus
from tests.cluster.core.alone import introduce, make_core, node_id, sent, tell
from tests.cluster.core.cluster import Cluster


@pytest.mark.parametrize(("primaries", "node_timeout_ms"), [(8, 1000), (8, 15_000), (2, 1000)])
def test_each_is_probed_within_half_of_node_timeout_by_somebody_at_what_an_idle_node_may_send(
    primaries: int, node_timeout_ms: int
) -> None:
    cluster = Cluster(node_timeout_ms=node_timeout_ms)
    cluster.form(primaries, 1)
    cluster.run(2000)
    nodes, begin, before = 2 * primaries, cluster.now_ms, len(cluster.sent)
    cluster.run(8000)
    last = dict.fromkeys(cluster.nodes, begin)
    pairs = set()
    for at, source, target, message in cluster.sent[before:]:
        if isinstance(message, bus.Probe):
            assert at - last[target] <= min(1000, node_timeout_ms // 2)
            last[target] = at
            pairs.add((source, target))
    probes = sum(isinstance(message, bus.Probe) for _, _, _, message in cluster.sent[before:])
    assert probes / nodes / 8 <= min(nodes - 1, 3) * 2.2
    assert len(pairs) >= 0.7 * nodes * (nodes - 1)


@pytest.mark.parametrize(("primaries", "name"), [(100, "n1"), (100, "n200"), (20, "n40")])
def test_who_is_cut_off_alone_misses_the_majority_however_large_it_is(primaries: int, name: str) -> None:
    cluster = Cluster()
    cluster.load(primaries, 1)
    cluster.run(1500)
    core = cluster.core(name)
    assert core.is_ok
    cluster.split({name}, set(cluster.nodes) - {name})
    assert cluster.run_until(lambda: not core.is_ok, 2000) >= 1000


@pytest.mark.parametrize(("silent", "asked"), [(0, False), (8, False), (16, True), (32, True)])
def test_all_primaries_are_asked_only_when_many_of_a_sample_are_silent(silent: int, asked: bool) -> None:
    core = make_core()
    for number in range(1, 101):
        introduce(core, number, slots=range(10 * number, 10 * number + 10), epoch=number)
    effects: list[Effect] = []
    while len(sent(effects, bus.Probe)) < SAMPLE:
        core.tick(core.deadline_ms() or 0)
        effects = core.take_effects()
    for send in sent(effects, bus.Probe)[-SAMPLE:][silent:]:
        assert isinstance(send.message, bus.Probe)
        number = send.to.port - 17100
        tell(core, number, bus.Ack(node_id(number), 0, send.message.number, core.view_hash, 0, 0, False))
    end_ms, probed = core.now_ms + 300, set[int]()
    while (deadline_ms := core.deadline_ms() or 0) <= end_ms:
        core.tick(deadline_ms)
        probed |= {send.to.port for send in sent(core.take_effects(), bus.Probe)}
    assert (len(probed) > 60) is asked


def test_in_a_large_cluster_the_rate_is_the_fanout_a_period() -> None:
    core = make_core()
    for number in range(1, 101):
        introduce(core, number)
    probes = 0
    while core.now_ms < 1_010_000:
        core.tick(core.deadline_ms() or 0)
        for send in sent(core.take_effects(), bus.Probe):
            assert isinstance(send.message, bus.Probe)
            number = int(next(p.node_id for p in core.members if p.bus_port == send.to.port), 16)
            ack = bus.Ack(node_id(number), 0, send.message.number, core.view_hash, 0, 0, False)
            tell(core, number, ack)
            probes += 1
    assert 60 <= probes <= 66


def test_a_broken_path_between_two_is_no_death() -> None:
    cluster = Cluster()
    cluster.form(4, 0)
    cluster.run(1000)
    cluster.cut = lambda source, target: {source.name, target.name} == {"n1", "n2"}
    cluster.run(10_000)
    assert not any(peer.suspected or peer.failed for node in cluster.running() for peer in node.core.members)


def test_a_helper_vouches_only_for_who_answers_it() -> None:
    core = make_core()
    introduce(core, 1)
    introduce(core, 2)
    asked = tell(core, 1, bus.ProbeRequest(node_id(1), 0, node_id(2)))
    (probe,) = sent(asked, bus.Probe)
    assert probe.to.port == 17102
    assert not sent(asked, bus.Vouch)
    assert isinstance(probe.message, bus.Probe)
    answer = bus.Ack(node_id(2), 0, probe.message.number, 0, 0, 0, False)
    (vouch,) = sent(tell(core, 2, answer), bus.Vouch)
    assert vouch.to.port == 17101
    assert not sent(tell(core, 2, answer), bus.Vouch)


def test_errands_are_bounded() -> None:
    core = make_core()
    introduce(core, 1)
    for number in range(2, 30):
        introduce(core, number)
    for _ in range(200):
        for number in range(2, 30):
            tell(core, 1, bus.ProbeRequest(node_id(1), 0, node_id(number)))
            tell(core, 1, bus.ProbeRequest(node_id(1), 0, node_id(9999)))
    assert len(core._prober._errands) <= 28


def test_an_answer_tells_the_offset_and_when_it_came() -> None:
    core = make_core()
    introduce(core, 1)
    peer = core.peers[node_id(1)]
    peer.ping_sent_ms = core.now_ms
    tell(core, 1, bus.Ack(node_id(1), 0, 1, 0, 4711, 0, False))
    assert (peer.replication_offset, peer.pong_received_ms, peer.ping_sent_ms) == (4711, core.now_ms, 0)


def test_some_unanswered_tries_make_a_doubt_that_all_are_told_of() -> None:
    core = make_core()
    for number in range(1, 5):
        introduce(core, number)
    core._prober.probe(core.members[0], helped=True)
    doubted = core.members[0]
    asked = told = 0
    until_ms = core.now_ms + 900
    while (deadline_ms := core.deadline_ms() or 0) < until_ms:
        core.tick(deadline_ms)
        effects = core.take_effects()
        for send in sent(effects, bus.Probe):
            number = send.to.port - 17100
            if node_id(number) != doubted.node_id and isinstance(send.message, bus.Probe):
                answer = bus.Ack(node_id(number), 0, send.message.number, core.view_hash, 0, 0, False)
                tell(core, number, answer)
        asked += len(sent(effects, bus.ProbeRequest))
        for send in sent(effects, bus.Rumors):
            told += isinstance(send.message, bus.Rumors) and isinstance(
                send.message.rumors[0].fact, bus.DoubtFact
            )
    assert asked >= 3
    assert told >= 3
    assert not doubted.suspected


def test_who_probes_for_another_asks_nobody_in_turn() -> None:
    core = make_core()
    for number in range(1, 5):
        introduce(core, number)
    core._prober._next_ms = core.now_ms + 100_000
    tell(core, 1, bus.ProbeRequest(node_id(1), 0, node_id(2)))
    for _ in range(90):
        core.tick(core.now_ms + 10)
        assert not sent(core.take_effects(), bus.ProbeRequest)


def test_who_is_probed_as_a_suspect_is_told_where_we_are_though_we_never_heard_of_it_in_this_life() -> None:
    saved = make_core()
    introduce(saved, 1)
    introduce(saved, 2)
    core = make_core(saved=saved_text(saved))
    told: set[int] = set()
    until_ms = core.now_ms + 2500
    while (deadline_ms := core.deadline_ms() or 0) < until_ms:
        core.tick(deadline_ms)
        effects = core.take_effects()
        for send in sent(effects, bus.Probe):
            if send.to.port == 17102 and isinstance(send.message, bus.Probe):
                tell(core, 2, bus.Ack(node_id(2), 0, send.message.number, core.view_hash, 0, 0, False))
        for send in sent(effects, bus.Rumors):
            assert isinstance(send.message, bus.Rumors)
            if bus.Rumor(core.me.member_fact()) in send.message.rumors:
                told.add(send.to.port)
                assert core.peers[node_id(1)].suspected
    assert told == {17101}
