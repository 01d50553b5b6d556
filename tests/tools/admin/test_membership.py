from __future__ import annotations

import pytest

from tests.tools.admin.flock import HOST, Flock, Node, three
from tools.admin import membership
from tools.admin.client import AdminError


def with_replicas() -> Flock:
    """Nodes 4 and 5 follow 1 and 2."""
    flock = three()
    for port, primary in ((4, 1), (5, 2)):
        flock.nodes[port] = Node(port, primary_id=flock.nodes[primary].id)
    for node in flock.nodes.values():
        node.known = set(flock.nodes)
    return flock


def test_a_primary_joins() -> None:
    flock = three()
    flock.nodes[9] = Node(9, known={9})
    assert membership.add_node(flock.cluster(1), (HOST, 9), None) == flock.nodes[9].id
    assert all(node.known == {1, 2, 3, 9} for node in flock.nodes.values())


def test_a_replica_joins_the_primary_with_fewest() -> None:
    flock = with_replicas()
    flock.nodes[9] = Node(9, known={9})
    cluster = flock.cluster(1)
    membership.add_node(cluster, (HOST, 9), membership.poorest_primary(cluster))
    assert flock.nodes[9].primary_id == flock.nodes[3].id


def test_a_node_with_slots_is_not_removed() -> None:
    flock = three()
    cluster = flock.cluster(1)
    with pytest.raises(AdminError, match="owns 5461 slots"):
        membership.del_node(cluster, cluster.find("127.0.0.1:1"), lambda line: None)
    assert flock.sent("CLUSTER FORGET") == []


def test_a_removed_primary_leaves_its_replicas_to_others() -> None:
    flock = with_replicas()
    flock.nodes[2].slots |= flock.nodes[1].slots
    flock.nodes[1].slots = set()
    cluster, said = flock.cluster(2), list[str]()
    membership.del_node(cluster, cluster.find("127.0.0.1:1"), said.append)
    assert flock.nodes[4].primary_id == flock.nodes[3].id
    assert len(said) == 1
    assert flock.sent("CLUSTER RESET") == [1]
    assert flock.log[-1][1] == "CLUSTER RESET SOFT", "or it would gossip itself back in"
    assert all(1 not in node.known for port, node in flock.nodes.items() if port != 1)


def test_who_has_forgotten_already_is_no_obstacle() -> None:
    flock = with_replicas()
    cluster = flock.cluster(1)
    flock.nodes[3].known.discard(4)
    membership.del_node(cluster, cluster.find("127.0.0.1:4"), lambda line: None)
    assert flock.nodes[4].known == {4}


def test_a_failover_waits_for_the_new_role() -> None:
    flock = with_replicas()
    membership.failover(flock.client((HOST, 4)), "TAKEOVER")
    assert flock.sent("CLUSTER FAILOVER TAKEOVER") == [4]
    assert flock.nodes[4].primary_id is None


def test_a_primary_cannot_take_over() -> None:
    with pytest.raises(AdminError, match="to a replica"):
        membership.failover(three().client((HOST, 1)), "")
