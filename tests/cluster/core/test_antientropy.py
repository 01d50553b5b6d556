from __future__ import annotations

import pytest

from cluster.core import antientropy
from cluster.core.core import Core
from cluster.core.effects import Send
from cluster.core.orders import Forget
from protocol.gossip import messages as bus
from protocol.gossip.codec import fact_bytes
from tests.cluster.core.alone import introduce, make_core, node_id, rumor, sent, tell
from tests.cluster.core.cluster import Cluster


def probe(view: int) -> bus.Probe:
    return bus.Probe(node_id(1), 0, 1, view, 0, 0)


def differ(core: Core, number: int = 1) -> list[Send]:
    """A member tells of a view that is not ours, a while after the last time."""
    core.now_ms += 100
    return sent(tell(core, number, probe(core.view_hash ^ 1)), bus.ViewRequest)


def test_a_view_that_differs_from_more_than_a_rumor_is_pulled() -> None:
    core = make_core()
    introduce(core, 1)
    assert not differ(core)
    assert not sent(tell(core, 1, probe(core.view_hash ^ 1)), bus.ViewRequest)
    assert not sent(tell(core, 1, probe(core.view_hash)), bus.ViewRequest)
    assert not differ(core)
    (request,) = differ(core)
    assert request.reliable


def test_a_straggler_asks_whoever_it_meets() -> None:
    core = make_core()
    for number in range(1, 4):
        introduce(core, number)
    assert not differ(core, 1)
    assert differ(core, 2)


def test_pulls_are_not_more_than_a_few_a_second() -> None:
    core = make_core()
    introduce(core, 1)
    pulls = 0
    for _ in range(1000):
        core.now_ms += 1
        pulls += len(sent(tell(core, 1, probe(core.view_hash ^ 1)), bus.ViewRequest))
    assert 2 <= pulls <= 5


def test_only_the_parts_that_differ_are_told_members_before_what_is_said_of_them() -> None:
    core = make_core()
    introduce(core, 1, slots=range(10), epoch=1)
    introduce(core, 2, slots=range(10, 20), epoch=2)
    far = f"{0xF << 156:040x}"
    tell(core, 1, rumor(1, bus.MemberFact(far, 1, "10.0.0.1", 7999, 17999)))
    tell(core, 1, rumor(1, bus.FailFact(node_id(2), 1, 2, 1, 0b11)))
    own, *others = core.view.parts(16)
    (answer,) = sent(tell(core, 1, bus.ViewRequest(node_id(1), 0, (own ^ 1, *others), False)), bus.View)
    view = answer.message
    assert isinstance(view, bus.View)
    assert (view.count, view.parts, view.more) == (16, (0,), False)
    kinds = [type(fact) for fact in view.facts]
    here = len(kinds) // 2
    assert kinds == [bus.MemberFact] * here + [bus.ClaimFact] * here + [bus.FailFact]
    assert far not in {fact.node_id for fact in view.facts}


def test_an_answer_is_answered_with_what_is_known_better() -> None:
    core = make_core()
    introduce(core, 1, slots=range(10), epoch=1)
    introduce(core, 2)
    newer = bus.MemberFact(node_id(2), 9, "10.0.0.1", 7102, 17102)
    claim = core.peers[node_id(2)].claim_fact()
    mine: list[bus.Fact] = [core.me.member_fact(), core.me.claim_fact()]
    first: list[bus.Fact] = [core.peers[node_id(1)].member_fact()]
    (answer,) = sent(
        tell(core, 1, bus.View(node_id(1), 0, (newer, claim, *mine, *first), 1, (0,), False, False)), bus.View
    )
    assert core.peers[node_id(2)].incarnation == 9
    assert isinstance(answer.message, bus.View)
    assert answer.message.facts == (core.peers[node_id(1)].claim_fact(),)
    assert answer.message.count == 0
    assert not tell(core, 1, bus.View(node_id(1), 0, (newer,), 0, (), False, False))


@pytest.mark.parametrize("parts", [(0, 0), (1,)])
def test_parts_that_there_are_not_or_not_so_often_are_not_answered(parts: tuple[int, ...]) -> None:
    core = make_core()
    introduce(core, 1)
    assert not tell(core, 1, bus.View(node_id(1), 0, (), 1, parts, False, False))


@pytest.mark.parametrize("count", [0, 3, 2048])
def test_hashes_of_no_known_division_are_not_answered(count: int) -> None:
    core = make_core()
    introduce(core, 1)
    assert not tell(core, 1, bus.ViewRequest(node_id(1), 0, (1,) * count, False))
    assert not tell(core, 1, bus.View(node_id(1), 0, (), count, (5000,), True, False))


def test_what_is_too_much_for_one_answer_comes_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(antientropy, "ANSWER_BYTES_MAX", 2000)
    cluster = Cluster()
    cluster.load(60, 0)
    cluster.run(1000)
    names = sorted(cluster.nodes)
    cluster.split(set(names[:30]), set(names[30:]))
    for name in names:
        cluster.core(name)._announcer.member()
        cluster.core(name)._gossip.clear()
    cluster.run(100)
    cluster.heal()
    begin = len(cluster.sent)
    cluster.core(names[0])._antientropy.pull(cluster.core(names[0]).members[-1])
    cluster.run(50)
    views = [message for _, _, _, message in cluster.sent[begin:] if isinstance(message, bus.View)]
    assert sum(view.more for view in views) >= 3
    assert all(sum(map(fact_bytes, view.facts)) < 6000 for view in views)


def test_with_every_rumor_lost_the_views_become_equal_all_the_same() -> None:
    cluster = Cluster(3)
    cluster.form(3, 1)
    cluster.run(2000)
    cluster.cut = lambda source, target: source.name == "n1" and target.name != "n2"
    cluster.order("n1", Forget(cluster.id("n6")))
    cluster.core("n1")._announcer.claim()
    cluster.core("n1")._gossip.clear()
    cluster.heal()
    cluster.run(70_000)
    took_ms = cluster.run_until(cluster.agree, 5000)
    assert took_ms < 5000
    assert len(cluster.core("n1").members) == 5


def test_healed_halves_find_each_other_though_each_is_fail_to_the_other() -> None:
    for seed in range(6):
        cluster = Cluster(seed, loss=0.02)
        cluster.form(6, 1)
        cluster.run(1000)
        names = sorted(cluster.nodes)
        cluster.split(set(names[:7]), set(names[7:]))
        cluster.run(8000)
        cluster.heal()
        assert cluster.run_until(cluster.agree, 6000) < 6000


def known(core: Core, *numbers: int) -> tuple[bus.Fact, ...]:
    """What the core knows of itself and these."""
    peers = [core.me, *(core.peers[node_id(number)] for number in numbers)]
    return tuple(fact for peer in peers for fact in (peer.member_fact(), peer.claim_fact()))


def test_the_rest_is_asked_for_as_long_as_anything_comes_of_it() -> None:
    core = make_core()
    introduce(core, 1)
    introduce(core, 2)
    nothing_new = bus.View(node_id(1), 0, known(core, 1, 2), 1, (0,), True, False)
    assert not tell(core, 1, nothing_new)
    we_know_better = bus.View(node_id(1), 0, known(core, 1), 1, (0,), True, False)
    effects = tell(core, 1, we_know_better)
    assert sent(effects, bus.View)
    assert sent(effects, bus.ViewRequest)
    newer = bus.MemberFact(node_id(2), 9, "10.0.0.1", 7102, 17102)
    facts = (newer, core.peers[node_id(2)].claim_fact(), *known(core, 1))
    effects = tell(core, 1, bus.View(node_id(1), 0, facts, 1, (0,), True, False))
    assert sent(effects, bus.ViewRequest)
    assert not sent(effects, bus.View)


@pytest.mark.parametrize("spread", [False, True])
def test_what_is_new_of_one_just_met_is_passed_on(spread: bool) -> None:
    core = make_core()
    introduce(core, 1)
    introduce(core, 2)
    newer = bus.MemberFact(node_id(2), 9, "10.0.0.1", 7102, 17102)
    introduce(core, 3)
    effects = tell(core, 1, bus.View(node_id(1), 0, (newer,), 0, (), False, spread))
    assert {send.to.port for send in sent(effects, bus.Rumors)} == ({17103} if spread else set())


def test_an_answer_has_a_part_however_large_and_begins_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(antientropy, "ANSWER_BYTES_MAX", 1)
    core = make_core()
    introduce(core, 1)
    for digit in range(1, 16):
        far = f"{digit << 156:040x}"
        tell(core, 1, rumor(1, bus.MemberFact(far, 1, "10.0.0.1", 7200 + digit, 17200 + digit)))
    parts = set()
    for _ in range(50):
        nothing = bus.ViewRequest(node_id(1), 0, (0,) * 16, False)
        (answer,) = sent(tell(core, 1, nothing), bus.View)
        assert isinstance(answer.message, bus.View)
        assert answer.message.more
        assert answer.message.facts
        (part,) = answer.message.parts
        parts.add(part)
    assert len(parts) > 3
