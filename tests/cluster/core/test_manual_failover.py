from __future__ import annotations

import pytest

from cluster.core.effects import PauseWrites
from cluster.core.orders import AddSlots, Failover, OrderRefused, Replicate, ReplicationStatus
from protocol.gossip import messages as bus
from tests.cluster.core.alone import introduce, make_core, node_id, sent, tell
from tests.cluster.core.cluster import Cluster


def test_the_primary_holds_its_writes_and_tells_the_offset_that_it_has_then() -> None:
    core = make_core()
    core.order(core.now_ms, AddSlots((1, 2)))
    introduce(core, 1)
    claim = bus.ClaimFact(node_id(1), 5, 0, core.me.node_id, 0)
    tell(core, 1, bus.Update(node_id(1), 0, claim))
    core.order(core.now_ms, ReplicationStatus(100, False, 0))
    effects = tell(core, 1, bus.PauseRequest(node_id(1), 0))
    assert PauseWrites(core.now_ms + 10_000) in effects
    core.tick(core.now_ms)
    assert not sent(core.take_effects(), bus.PausedOffset)
    core.order(core.now_ms, ReplicationStatus(170, False, 0))
    core.tick(core.now_ms + 200)
    (answer,) = sent(core.take_effects(), bus.PausedOffset)
    assert answer.message == bus.PausedOffset(core.me.node_id, core.current_epoch, 170)
    core.tick(core.now_ms + 5000)
    assert PauseWrites(0) in core.take_effects()


def test_only_ones_own_replica_may_ask_for_a_pause() -> None:
    core = make_core()
    core.order(core.now_ms, AddSlots((1, 2)))
    introduce(core, 1)
    assert not [
        effect for effect in tell(core, 1, bus.PauseRequest(node_id(1), 0)) if isinstance(effect, PauseWrites)
    ]


def test_the_replica_waits_until_it_has_all_that_the_primary_had() -> None:
    cluster = Cluster()
    cluster.form(3, 1)
    cluster.run(1000)
    cluster.nodes["n1"].offset = 5000
    cluster.order("n4", Failover(""))
    cluster.run(2000)
    assert cluster.servers(0) == ["n4"]
    assert cluster.nodes["n4"].offset == 5000
    pauses = [pause.until_ms for pause in cluster.nodes["n1"].pauses]
    assert len(pauses) == 2
    assert pauses[-1] == 0


def test_a_replica_that_does_not_catch_up_gives_up_and_the_primary_goes_on() -> None:
    cluster = Cluster()
    cluster.form(3, 1)
    cluster.run(1000)
    cluster.nodes["n4"].offset = 9999
    cluster.order("n4", Failover(""))
    cluster.run(6000)
    assert cluster.servers(0) == ["n1"]
    assert cluster.nodes["n1"].pauses[-1] == PauseWrites(0)
    assert "Manual failover timed out." in cluster.nodes["n4"].log


def test_what_is_refused() -> None:
    core = make_core()
    with pytest.raises(OrderRefused, match=r"^ERR You should send CLUSTER FAILOVER to a replica$"):
        core.order(core.now_ms, Failover(""))
    introduce(core, 1, slots=range(10), epoch=1)
    core.order(core.now_ms, Replicate(node_id(1), 0))
    core.peers[node_id(1)].failed = True
    with pytest.raises(
        OrderRefused, match=r"^ERR Master is down or failed, please use CLUSTER FAILOVER FORCE$"
    ):
        core.order(core.now_ms, Failover(""))


def test_force_asks_the_voters_though_the_primary_lives() -> None:
    core = make_core()
    introduce(core, 1, slots=range(10), epoch=1)
    introduce(core, 2, slots=range(10, 20), epoch=2)
    core.order(core.now_ms, Replicate(node_id(1), 0))
    core.take_effects()
    core.order(core.now_ms, Failover("FORCE"))
    core.tick(core.now_ms)
    requests = sent(core.take_effects(), bus.VoteRequest)
    assert all(isinstance(each.message, bus.VoteRequest) and each.message.force for each in requests)
    assert {each.to.port for each in requests} == {17101, 17102}


@pytest.mark.parametrize("primaries", [1, 2])
@pytest.mark.parametrize("mode", ["", "FORCE"])
def test_of_few_primaries_the_one_to_be_replaced_votes(primaries: int, mode: str) -> None:
    cluster = Cluster()
    cluster.form(primaries, 1)
    cluster.run(1000)
    replica = f"n{primaries + 1}"
    cluster.order(replica, Failover(mode))
    cluster.run(2000)
    assert cluster.servers(0) == [replica]


def test_where_writes_wait_for_replicas_no_primary_votes_for_its_own_place() -> None:
    core = make_core(write_acks=1)
    core.order(core.now_ms, AddSlots((1, 2)))
    introduce(core, 1)
    tell(core, 1, bus.Update(node_id(1), 0, bus.ClaimFact(node_id(1), 5, 0, core.me.node_id, 0)))
    request = bus.VoteRequest(node_id(1), 9, 9, 0, core.me.owned, True)
    assert not sent(tell(core, 1, request), bus.Vote)
    core.settings.write_acks = 0
    assert sent(tell(core, 1, request), bus.Vote)


def test_takeover_asks_nobody() -> None:
    core = make_core()
    introduce(core, 1, slots=range(10), epoch=1)
    introduce(core, 2, slots=range(10, 20), epoch=2)
    core.order(core.now_ms, Replicate(node_id(1), 0))
    core.take_effects()
    core.order(core.now_ms, Failover("TAKEOVER"))
    assert not sent(core.take_effects(), bus.VoteRequest)
    assert core.slot_ranges(core.me.node_id) == [(0, 9)]
    assert core.me.config_epoch == 3
