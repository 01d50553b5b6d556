from __future__ import annotations

import pytest

from tests.tools.admin.flock import three
from tools.admin.client import AdminError
from tools.admin.topology import parse_nodes

NODES = """\
07c3 127.0.0.1:30004@31004,hostname4 slave e7d1 0 1426238317239 4 connected
e7d1 127.0.0.1:30001@31001,host myself,master - 0 0 1 connected 0-3 5 [7->-67ed] [9-<-292f]
67ed 127.0.0.1:30002@31002 master,fail - 0 1426238316232 2 disconnected 5461-10922
292f :0@0 master,noaddr - 0 1426238316232 3 disconnected
"""


def test_nodes_are_read() -> None:
    me, replica, failed, lost = parse_nodes(NODES, ("localhost", 30001))
    assert (me.id, me.address, me.bus_port, me.epoch) == ("e7d1", ("localhost", 30001), 31001, 1)
    assert me.slots == {0, 1, 2, 3, 5}
    assert me.migrating == {7: "67ed"}
    assert me.importing == {9: "292f"}
    assert me.is_primary
    assert (replica.primary_id, replica.is_primary, replica.linked) == ("e7d1", False, True)
    assert replica.address == ("127.0.0.1", 30004)
    assert "fail" in failed.flags
    assert not failed.linked
    assert lost.address == ("", 0)


@pytest.mark.parametrize("text", ["", "nonsense", "a b c d e f g h", NODES.replace("myself,", "")])
def test_what_cannot_be_read_is_said(text: str) -> None:
    with pytest.raises(AdminError, match="h:1 "):
        parse_nodes(text, ("h", 1))


def test_each_node_is_asked_for_its_own_view() -> None:
    flock = three()
    flock.nodes[2].importing = {5: flock.nodes[1].id}
    cluster = flock.cluster(1)
    assert [member.address[1] for member in cluster.members] == [1, 2, 3]
    assert cluster.members[1].importing == {5: flock.nodes[1].id}
    assert cluster.lost == {}


def test_a_silent_node_is_lost_not_fatal() -> None:
    flock = three()
    flock.nodes[3].is_down = True
    cluster = flock.cluster(1)
    assert [member.address[1] for member in cluster.members] == [1, 2]
    assert "Connection refused" in cluster.lost[flock.nodes[3].id]


def test_nodes_are_found_by_id_beginning_or_address() -> None:
    flock = three()
    cluster = flock.cluster(1)
    assert cluster.find("127.0.0.1:2").id == flock.nodes[2].id
    assert cluster.find(flock.nodes[3].id).id == flock.nodes[3].id
    with pytest.raises(AdminError, match="more than one"):
        cluster.find("0000000")
    with pytest.raises(AdminError, match="no node"):
        cluster.find("beef")


def test_of_two_owners_the_higher_epoch_counts() -> None:
    flock = three()
    flock.nodes[3].slots.add(0)
    owner = flock.cluster(1).owner(0)
    assert owner is not None
    assert owner.id == flock.nodes[3].id


def test_a_node_without_cluster_mode_is_named() -> None:
    flock = three()
    flock.fail_once[(1, "CLUSTER NODES")] = "ERR This instance has cluster support disabled"
    with pytest.raises(AdminError, match=r"127\.0\.0\.1:1 is not configured as a cluster node"):
        flock.cluster(1)
