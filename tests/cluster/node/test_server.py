from __future__ import annotations

import pytest

from cluster.node.ports import StartError
from cluster.replication.replication import CONNECTED
from protocol.keyslot import key_slot
from protocol.resp.writer import encode_command
from tests.cluster.node.single import Single


def test_the_log_tells_the_start_and_the_role() -> None:
    single = Single(cluster_enabled="yes")
    texts = [line.partition(" * ")[2] or line.partition(" # ")[2] for line in single.world.lines]
    assert single.node.core is not None
    assert texts[:4] == [
        f"No cluster configuration found, I'm {single.node.core.me.node_id}",
        "Running mode=cluster, port=7000.",
        "Server initialized",
        "Ready to accept connections",
    ]
    assert all(":M " in line for line in single.world.lines)


def test_with_an_append_only_file_the_rdb_file_is_left_alone() -> None:
    single = Single()
    single.connect().send(b"SET a 1\r\nSAVE\r\n")
    single.world.kill()
    single.start(appendonly="yes")
    assert single.connect().send(b"GET a\r\n") == b"$-1\r\n"


def test_two_nodes_cannot_share_a_configuration() -> None:
    single = Single(cluster_enabled="yes")
    with pytest.raises(StartError, match="already used by a different Redis Cluster node"):
        single.start()


def test_a_node_keeps_its_id_and_refuses_a_cut_configuration() -> None:
    single = Single(cluster_enabled="yes")
    assert single.node.core is not None
    node_id = single.node.core.me.node_id
    single.world.kill()
    single.start()
    assert single.node.core is not None
    assert single.node.core.me.node_id == node_id
    single.world.kill()
    saved = single.disk.contents["nodes.conf"]
    for at in range(len(saved)):
        single.disk.contents["nodes.conf"] = saved[:at]
        with pytest.raises(StartError, match="corrupted cluster config file"):
            single.start()
        single.world.kill()
        assert single.disk.contents["nodes.conf"] == saved[:at]


def test_a_start_that_fails_leaves_no_port_open() -> None:
    single = Single(cluster_enabled="yes")
    single.node.save()
    single.world.kill()
    single.disk.contents["dump.rdb"] = b"REDIS"
    with pytest.raises(StartError):
        single.start()
    assert not single.network.streams
    assert not single.network.datagrams


def test_a_bus_port_too_high_is_refused() -> None:
    with pytest.raises(StartError, match="port number too high for cluster mode"):
        Single(cluster_enabled="yes", port="60000")


def test_keys_of_a_slot_that_another_node_owns_are_dropped() -> None:
    single = Single(cluster_enabled="yes")
    raw = single.connect()
    raw.send(b"CLUSTER ADDSLOTSRANGE 0 16383\r\n", wait_ms=3000)
    for name in (b"{a}1", b"{a}2", b"b"):
        assert raw.send(encode_command([b"SET", name, b"x"])) == b"+OK\r\n"
    single.node.slots_dropped((key_slot(b"a"),))
    assert raw.send(b"DBSIZE\r\n") == b":1\r\n"


def test_the_loops_lag_is_measured() -> None:
    single = Single()
    single.world.pause()
    single.simulation.run_for(3000)
    single.world.resume()
    assert 2000 < single.node.lag_ms <= 3000
    single.simulation.run_for(1000)
    assert single.node.lag_ms == 0
    fields = single.node.info_fields("cluster")
    assert fields["cluster_loop_lag_ms"] == 0
    assert 2000 < int(fields["cluster_loop_lag_max_ms"]) <= 3000


def test_a_replica_says_so_in_its_log() -> None:
    single = Single()
    single.node.follow(("10.0.0.9", 7000))
    single.node.log("notice", "something")
    assert ":S " in single.world.lines[-1]
    single.node.follow(None)
    single.node.log("notice", "something")
    assert ":M " in single.world.lines[-1]


def test_the_core_counts_no_link_while_a_files_data_are_behind() -> None:
    node = Single().node
    node.replication.follow("10.0.0.2", 7000, 0)
    node.replication.go_on("a" * 40, 500)
    node.replication.link.state = CONNECTED
    found = [node.replication_status().link_up]
    node.replication.continued(500)
    found.append(node.replication_status().link_up)
    assert found == [False, True]
