from __future__ import annotations

from cluster.core.orders import Forget
from protocol.gossip import messages as bus
from tests.cluster.core.alone import introduce, make_core, node_id, sent, tell
from tests.cluster.core.cluster import Cluster


def probe(view: int) -> bus.Probe:
    return bus.Probe(node_id(1), 0, 1, view, 0, 0)


def test_a_view_that_differs_twice_is_pulled() -> None:
    core = make_core()
    introduce(core, 1)
    assert not sent(tell(core, 1, probe(core.view_hash ^ 1)), bus.ViewRequest)
    assert not sent(tell(core, 1, probe(core.view_hash)), bus.ViewRequest)
    assert not sent(tell(core, 1, probe(core.view_hash ^ 1)), bus.ViewRequest)
    (request,) = sent(tell(core, 1, probe(core.view_hash ^ 1)), bus.ViewRequest)
    assert request.reliable


def test_pulls_are_not_more_than_a_few_a_second() -> None:
    core = make_core()
    introduce(core, 1)
    pulls = 0
    for _ in range(1000):
        core.now_ms += 1
        pulls += len(sent(tell(core, 1, probe(core.view_hash ^ 1)), bus.ViewRequest))
    assert 2 <= pulls <= 5


def test_a_view_has_members_before_what_is_said_of_them() -> None:
    core = make_core()
    introduce(core, 1, slots=range(10), epoch=1)
    introduce(core, 2, slots=range(10, 20), epoch=2)
    fail = bus.FailFact(node_id(2), 1, 2, 1, 0b11)
    tell(core, 1, bus.Rumors(node_id(1), 0, 1, (bus.Rumor(fail),)))
    (view,) = sent(tell(core, 1, bus.ViewRequest(node_id(1), 0, False)), bus.View)
    assert isinstance(view.message, bus.View)
    kinds = [type(fact) for fact in view.message.facts]
    assert kinds == [bus.MemberFact] * 3 + [bus.ClaimFact] * 3 + [bus.FailFact]


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
