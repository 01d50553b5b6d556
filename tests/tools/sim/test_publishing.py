"""Pub/sub and waiting across simulated nodes: frames, links and clients are those of a real one."""

from __future__ import annotations

from cluster.node.server import Node
from cluster.store.values.list import List
from protocol.resp.types import Push
from tools.sim.cluster import SimCluster, SimHost


def listening(host: SimHost, *words: bytes) -> list[object]:
    """What a client of this node is sent from now on."""
    got: list[object] = []
    node: Node = host.node
    session = node.engine.open("10.0.0.9:1", "10.0.0.1:6379", got.append, lambda: None)
    node.engine.serve(session, list(words))
    got.clear()
    return got


def test_what_is_published_on_one_node_is_heard_on_all_and_in_order() -> None:
    cluster = SimCluster(5, 6)
    cluster.form(primaries=3)
    ears = [listening(host, b"SUBSCRIBE", b"news") for host in cluster.hosts]
    for number in range(20):
        cluster.hosts[0].call("PUBLISH", "news", str(number))
    cluster.simulation.run_for(1000)
    expected = [Push([b"message", b"news", b"%d" % number]) for number in range(20)]
    assert ears == [expected] * 6


def test_a_shards_messages_stay_in_the_shard() -> None:
    cluster = SimCluster(6, 6)
    cluster.form(primaries=3)
    hosts = cluster.hosts
    owner = next(host for host in hosts if _carries(host, owner=True))
    shard = [host for host in hosts if _carries(host, owner=False)]
    assert len(shard) == 2
    ears = {host.node.core: listening(host, b"SSUBSCRIBE", b"foo") for host in hosts if host.node.core}
    owner.call("SPUBLISH", "foo", "hi")
    cluster.simulation.run_for(1000)
    for host in hosts:
        assert host.node.core is not None
        heard = ears[host.node.core]
        assert heard == ([Push([b"smessage", b"foo", b"hi"])] if host in shard else [])


def _carries(host: SimHost, *, owner: bool) -> bool:
    core = host.node.core
    assert core is not None
    holder = core.owners[12182]
    assert holder is not None
    return holder is core.me or (not owner and core.me.primary_id == holder.node_id)


def test_what_a_waiting_client_is_served_leaves_the_replica_as_well() -> None:
    cluster = SimCluster(7, 6)
    cluster.form(primaries=3)
    owner = next(host for host in cluster.hosts if _carries(host, owner=True))
    replica = next(host for host in cluster.hosts if host is not owner and _carries(host, owner=False))
    listening(owner, b"BLPOP", b"foo", b"0")
    owner.call("RPUSH", "foo", "a", "b")
    cluster.simulation.run_for(1000)
    assert owner.call("LRANGE", "foo", "0", "-1") == [b"b"]
    entry = replica.node.server.databases[0].peek(b"foo")
    assert entry is not None
    assert isinstance(entry.value, List)
    assert list(entry.value) == [b"b"]


def test_loss_and_a_crash_neither_lose_nor_double_what_others_publish() -> None:
    cluster = SimCluster(8, 9)
    cluster.form(primaries=3)
    cluster.network.conditions.loss = 0.1
    ears = [listening(host, b"SUBSCRIBE", b"news") for host in cluster.hosts]
    for number in range(60):
        if number == 20:
            cluster.hosts[8].crash()
        for publisher in (0, 1):
            cluster.hosts[publisher].call("PUBLISH", "news", f"{publisher}:{number}")
        cluster.simulation.run_for(20)
    cluster.simulation.run_for(5000)
    for ear in ears[:8]:
        for publisher in (0, 1):
            said = [Push([b"message", b"news", b"%d:%d" % (publisher, number)]) for number in range(60)]
            assert [push for push in ear if push in said] == said
        assert len(ear) == 120
