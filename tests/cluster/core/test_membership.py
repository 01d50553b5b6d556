from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cluster.core.effects import Address, Persist
from cluster.core.orders import Forget, Meet, OrderRefused, Replicate, Reset
from cluster.core.viewhash import PARTS_MAX
from protocol.gossip import messages as bus
from tests.cluster.core.alone import introduce, make_core, node_id, rumor, sent, tell
from tests.cluster.core.cluster import Cluster


def test_a_chain_of_meets_makes_all_know_all() -> None:
    cluster = Cluster(2, loss=0.1)
    for number in range(1, 11):
        cluster.add(f"n{number}")
    for number in range(1, 10):
        cluster.meet(f"n{number}", f"n{number + 1}")
    took_ms = cluster.run_until(lambda: all(len(node.core.members) == 9 for node in cluster.running()), 5000)
    assert took_ms < 4000


def test_two_clusters_become_one() -> None:
    cluster = Cluster(2)
    for number in range(1, 9):
        cluster.add(f"n{number}")
    for other in ("n2", "n3", "n4"):
        cluster.meet("n1", other)
    for other in ("n6", "n7", "n8"):
        cluster.meet("n5", other)
    cluster.run(2000)
    cluster.meet("n2", "n7")
    took_ms = cluster.run_until(lambda: all(len(node.core.members) == 7 for node in cluster.running()), 5000)
    assert took_ms < 2000


def test_nodes_that_listen_on_every_address_learn_their_own() -> None:
    cluster = Cluster()
    cluster.add("n1", host="")
    cluster.add("n2", host="")
    assert cluster.core("n1").nodes_text().split()[1] == ":7001@17001"
    cluster.meet("n1", "n2")
    cluster.run(1000)
    assert cluster.agree()
    for name in ("n1", "n2"):
        assert {peer.host for peer in cluster.core(name).peers.values()} == {"10.0.0.1"}


@pytest.mark.parametrize(
    ("host", "port", "bus_port"), [("999.1.1.1", 70, 71), ("localhost", 70, 71), ("127.0.0.1", 70000, 80000)]
)
def test_meet_wants_an_address(host: str, port: int, bus_port: int) -> None:
    with pytest.raises(OrderRefused, match=f"^ERR Invalid node address specified: {host}:{port}$"):
        make_core().order(1_000_000, Meet(host, port, bus_port))


def test_a_handshake_that_is_not_answered_is_dropped() -> None:
    core = make_core()
    core.order(core.now_ms, Meet("10.0.0.9", 7009, 17009))
    core.order(core.now_ms, Meet("10.0.0.9", 7009, 17009))
    assert core.nodes_text().count("handshake") == 1
    meets = 0
    while core.now_ms < 1_002_000:
        core.tick(core.deadline_ms() or 0)
        meets += len(sent(core.take_effects(), bus.Meet))
    assert meets > 2
    assert len(core.peers) == 1


def test_a_welcome_that_nobody_asked_for_is_not_listened_to() -> None:
    core = make_core()
    member = bus.MemberFact(node_id(5), 1, "10.0.0.5", 7005, 17005)
    claim = bus.ClaimFact(node_id(5), 1, 9, "", 1)
    core.receive(core.now_ms, Address("10.0.0.5", 17005), bus.Welcome(node_id(5), 9, member, claim, ""))
    assert len(core.peers) == 1
    assert core.current_epoch == 0


def test_who_meets_itself_stays_alone() -> None:
    cluster = Cluster()
    cluster.add("n1")
    cluster.meet("n1", "n1")
    cluster.run(2000)
    assert len(cluster.core("n1").peers) == 1


def test_a_node_that_comes_back_elsewhere_is_found_there() -> None:
    cluster = Cluster()
    cluster.form(3, 1)
    cluster.run(1000)
    cluster.kill("n4")
    cluster.run(500)
    saved = cluster.nodes["n4"].disk
    moved = cluster.nodes.pop("n4")
    node = cluster.add("n14", saved=saved)
    assert node.core.me.node_id == moved.core.me.node_id
    cluster.run_until(cluster.agree, 3000)
    for other in cluster.running():
        assert other.core.peers[node.core.me.node_id].port == 7014


def test_a_replica_is_told_where_its_primary_has_gone() -> None:
    core = make_core()
    introduce(core, 1)
    core.order(core.now_ms, Replicate(node_id(1), 0))
    core.take_effects()
    effects = tell(core, 1, rumor(1, bus.MemberFact(node_id(1), 5, "10.0.0.77", 7777, 17101)))
    assert any(getattr(effect, "host", None) == "10.0.0.77" for effect in effects)


def test_a_forgotten_node_is_not_taken_back_by_hearsay_for_a_minute() -> None:
    core = make_core()
    introduce(core, 1)
    introduce(core, 2)
    core.order(core.now_ms, Forget(node_id(2)))
    assert any(isinstance(effect, Persist) for effect in core.take_effects())
    news = rumor(1, bus.MemberFact(node_id(2), 9, "10.0.0.1", 7102, 17102))
    tell(core, 1, news)
    assert node_id(2) not in core.peers
    core.now_ms += 60_000
    tell(core, 1, news)
    assert node_id(2) in core.peers


def test_forgetting_has_its_limits() -> None:
    core = make_core()
    introduce(core, 1)
    core.order(core.now_ms, Replicate(node_id(1), 0))
    for unwanted, text in (
        (core.me.node_id, "ERR I tried hard but I can't forget myself..."),
        (node_id(1), "ERR Can't forget my master!"),
        (node_id(8), f"ERR Unknown node {node_id(8)}"),
    ):
        with pytest.raises(OrderRefused) as refused:
            core.order(core.now_ms, Forget(unwanted))
        assert str(refused.value) == text


def test_a_hard_reset_makes_a_new_node_and_a_soft_one_does_not() -> None:
    core = make_core()
    introduce(core, 1, slots=range(100), epoch=7)
    before = core.me.node_id
    core.order(core.now_ms, Reset(False, 0))
    assert core.me.node_id == before
    assert len(core.peers) == 1
    assert core.slots_assigned() == 0
    assert core.current_epoch == 7
    core.order(core.now_ms, Reset(True, 0))
    assert core.me.node_id != before
    assert core.current_epoch == 0
    assert core.nodes_text().count("\n") == 1
    with pytest.raises(OrderRefused, match="can't be called with master nodes containing keys"):
        core.order(core.now_ms, Reset(True, 1))


def test_a_member_may_not_name_a_version_without_end() -> None:
    core = make_core()
    introduce(core, 1)
    claim = bus.MemberFact(core.me.node_id, bus.VERSION_MAX - 1, "10.0.0.1", 1, 1)
    before = core.me.incarnation
    tell(core, 1, rumor(1, claim))
    tell(core, 1, bus.Probe(node_id(1), bus.VERSION_MAX - 1, 1, 0, 0, bus.VERSION_MAX - 1))
    assert (core.me.incarnation, core.current_epoch) == (before, bus.COUNTER_MAX)


@pytest.mark.parametrize(
    "boast",
    [
        {"member": bus.MemberFact(node_id(1), bus.COUNTER_MAX + 1, "10.0.0.1", 7101, 17101)},
        {"claim": bus.ClaimFact(node_id(1), 1, bus.COUNTER_MAX + 1, "", 1)},
        {"claim": bus.ClaimFact(node_id(2), 1, 1, "", 1)},
    ],
)
def test_a_stranger_who_says_what_nobody_would_believe_is_not_taken_in(boast: dict[str, Any]) -> None:
    core = make_core()
    member = bus.MemberFact(node_id(1), 1, "10.0.0.1", 7101, 17101)
    meet = bus.Meet(node_id(1), 0, member, bus.ClaimFact(node_id(1), 1, 0, "", 0), "10.0.0.1")
    assert not sent(tell(core, 1, replace(meet, **boast)), bus.Welcome)
    assert core.member(node_id(1)) is None
    assert sent(tell(core, 1, meet), bus.Welcome)


def test_elections_go_on_where_a_lie_has_brought_the_epoch() -> None:
    cluster = Cluster()
    cluster.form(3, 1)
    liar = bus.MemberFact(node_id(9), 1, "10.0.0.9", 7109, 17109)
    meet = bus.Meet(node_id(9), bus.COUNTER_MAX, liar, bus.ClaimFact(node_id(9), 1, 0, "", 0), "")
    tell(cluster.core("n3"), 9, meet)
    cluster.order("n3", Forget(node_id(9)))
    cluster.run(3000)
    cluster.kill("n1")
    cluster.run_until(lambda: not cluster.core("n4").me.is_replica, 4000)
    cluster.run_until(lambda: cluster.core("n2").is_ok and cluster.core("n3").is_ok, 1000)
    assert cluster.core("n2").peers[cluster.id("n4")].config_epoch > bus.COUNTER_MAX


def test_a_new_nodes_view_has_nothing_of_who_it_was() -> None:
    core = make_core()
    core.order(core.now_ms, Reset(True, 0))
    assert len([part for part in core.view.parts(PARTS_MAX) if part]) == 1
