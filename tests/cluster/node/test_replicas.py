"""Replication over connections, between nodes of the simulated World."""

from __future__ import annotations

from cluster.node.server import Node
from cluster.store.keyspace import Keyspace
from protocol.resp.types import ErrorReply
from protocol.resp.writer import encode_command
from tests.cluster.node.single import Single
from tools.sim.cluster import PORT, SimCluster, SimHost

MARK = b"$EOF:"


def standalone(count: int, **settings: str) -> tuple[SimCluster, list[SimHost]]:
    """Nodes that are in no cluster."""
    cluster = SimCluster(7, count, cluster_enabled="no", **settings)
    return cluster, cluster.hosts


def follow(cluster: SimCluster, host: SimHost, primary: SimHost) -> None:
    assert host.call("REPLICAOF", primary.host, str(PORT)) == b"OK"
    cluster.until(lambda: host.node.replication.link_up, 20_000)


def caught_up(one: SimHost, other: SimHost) -> bool:
    ours, theirs = one.node.replication, other.node.replication
    return (ours.id, ours.offset) == (theirs.id, theirs.offset)


def keys(node: Node) -> set[bytes]:
    return {key for database in node.server.databases for key in Keyspace.keys(database)}


def lines(host: SimHost, text: str) -> int:
    return sum(text in line for line in host.world.lines)


def test_a_replica_gets_what_is_there_and_what_comes() -> None:
    cluster, (one, two) = standalone(2)
    for number in range(20):
        one.call("RPUSH", f"list{number}", "a", "b")
    follow(cluster, two, one)
    assert lines(two, "MASTER <-> REPLICA sync: Finished with success") == 1
    cluster.until(lambda: lines(one, "Synchronization with replica 10.0.0.2:") == 1, 5000)
    one.call("SET", "later", "1")
    assert one.call("WAIT", "1", "5000") == 1
    assert keys(two.node) == keys(one.node)
    assert two.call("GET", "later") == b"1"
    assert isinstance(two.call("SET", "k", "v"), ErrorReply)


def test_databases_stay_apart() -> None:
    cluster, (one, two) = standalone(2)
    follow(cluster, two, one)
    client = cluster.client(one.host)
    client.call("SET", "zero", "0")
    client.call("SELECT", "3")
    client.call("SET", "three", "3")
    cluster.until(lambda: caught_up(one, two), 5000)
    assert set(two.node.server.databases[3].keys()) == {b"three"}


def test_a_replica_of_a_replica_goes_on_in_the_database_that_the_stream_has_selected() -> None:
    cluster, (one, two, three) = standalone(3)
    follow(cluster, two, one)
    client = cluster.client(one.host)
    client.call("SELECT", "3")
    client.call("SET", "before", "1")
    cluster.until(lambda: caught_up(one, two), 5000)
    follow(cluster, three, two)
    client.call("SET", "after", "1")
    cluster.until(lambda: caught_up(one, three), 5000)
    assert set(three.node.server.databases[3].keys()) == {b"before", b"after"}


def test_a_transaction_arrives_whole() -> None:
    cluster, (one, two) = standalone(2)
    follow(cluster, two, one)
    client = cluster.client(one.host)
    for words in (("MULTI",), ("SET", "a", "1"), ("INCR", "a"), ("EXEC",)):
        client.call(*words)
    cluster.until(lambda: caught_up(one, two), 5000)
    assert two.call("GET", "a") == b"2"


def test_a_short_break_is_continued_without_a_copy() -> None:
    cluster, (one, two) = standalone(2)
    follow(cluster, two, one)
    cluster.network.cut([one.host], [two.host])
    one.call("CLIENT", "KILL", "TYPE", "replica")
    one.call("SET", "missed", "1")
    cluster.network.heal()
    cluster.until(lambda: two.call("GET", "missed") == b"1", 200_000)
    assert lines(two, "Successful partial resynchronization with master.") == 1
    assert one.node.replication.full_syncs == 1


def test_waiting_replicas_share_a_fork() -> None:
    cluster, (one, two, three) = standalone(3)
    one.call("SET", "k", "v")
    for host in (two, three):
        host.call("REPLICAOF", one.host, str(PORT))
    cluster.until(lambda: all(host.node.replication.link_up for host in (two, three)), 20_000)
    assert keys(two.node) == keys(three.node) == {b"k"}
    assert lines(one, "Background RDB transfer started") <= 2


def test_writes_during_the_copy_come_behind_it() -> None:
    cluster, (one, two) = standalone(2)
    for number in range(300):
        one.call("SET", f"before{number}", "x" * 1000)
    two.call("REPLICAOF", one.host, str(PORT))
    cluster.until(lambda: any(each.state == "send_bulk" for each in one.node.replication.replicas), 20_000)
    one.call("SET", "during", "1")
    cluster.until(lambda: two.node.replication.link_up and caught_up(one, two), 20_000)
    assert two.call("GET", "during") == b"1"
    assert len(keys(two.node)) == 301


def test_a_promoted_replica_is_continued_by_its_sibling_and_by_its_old_primary() -> None:
    cluster, (one, two, three) = standalone(3)
    one.call("SET", "k", "v")
    follow(cluster, two, one)
    follow(cluster, three, one)
    cluster.until(lambda: caught_up(one, two) and caught_up(one, three), 20_000)
    two.call("REPLICAOF", "NO", "ONE")
    two.call("SET", "new", "1")
    follow(cluster, three, two)
    follow(cluster, one, two)
    cluster.until(lambda: caught_up(two, one) and caught_up(two, three), 20_000)
    assert one.call("GET", "new") == three.call("GET", "new") == b"1"
    assert two.node.replication.full_syncs == 0
    assert two.node.replication.partial_syncs == 2


def test_writes_that_the_new_primary_never_saw_are_thrown_away() -> None:
    cluster, (one, two) = standalone(2)
    follow(cluster, two, one)
    cluster.until(lambda: caught_up(one, two), 20_000)
    cluster.network.cut([one.host], [two.host])
    one.call("SET", "lost", "1")
    two.call("REPLICAOF", "NO", "ONE")
    cluster.network.heal()
    follow(cluster, one, two)
    assert one.call("GET", "lost") is None
    assert two.node.replication.full_syncs == 1


def test_a_chain_of_replicas_has_one_history() -> None:
    cluster, (one, two, three) = standalone(3)
    follow(cluster, two, one)
    follow(cluster, three, two)
    one.call("SET", "k", "v")
    cluster.until(lambda: caught_up(one, three), 20_000)
    assert three.call("GET", "k") == b"v"


def test_a_replica_without_a_link_serves_no_replicas() -> None:
    single = Single(replicaof="10.0.0.77 1")
    raw = single.connect()
    assert raw.send(b"PSYNC ? -1\r\n").startswith(b"-NOMASTERLINK Can't SYNC while not connected")


def test_a_replica_that_does_not_know_the_marker_gets_the_length() -> None:
    single = Single()
    single.connect().send(b"SET k v\r\n")
    raw = single.connect()
    data = raw.send(b"PSYNC ? -1\r\n", 500)
    replication = single.node.replication
    head, _, rest = data.partition(b"\r\n")
    assert head == b"+FULLRESYNC %b %d" % (replication.id.encode(), 0)
    length, _, payload = rest.lstrip(b"\n").partition(b"\r\n")
    assert payload.startswith(b"REDIS0010")
    single.connect().send(b"SET k w\r\n")
    stream = payload[int(length[1:]) :] + raw.take()
    assert stream.startswith(encode_command([b"SELECT", b"0"]))
    assert encode_command([b"SET", b"k", b"w"]) in stream


def test_the_old_sync_gets_a_copy_and_the_stream_without_a_line_before_it() -> None:
    single = Single()
    raw = single.connect()
    data = raw.send(b"SYNC\r\n", 500).lstrip(b"\n")
    assert data.startswith(b"$")
    assert b"REDIS0010" in data


def test_the_stream_waits_for_the_acknowledgement_behind_a_marker() -> None:
    single = Single()
    raw = single.connect()
    assert raw.send(b"REPLCONF capa eof capa psync2\r\n") == b"+OK\r\n"
    data = raw.send(b"PSYNC ? -1\r\n", 500)
    assert MARK in data
    marker = data.partition(MARK)[2][:40]
    assert data.endswith(marker)
    single.connect().send(b"SET k v\r\n")
    assert raw.take().replace(b"\n", b"") == b""
    assert raw.send(b"REPLCONF ACK 0\r\n").startswith(encode_command([b"SELECT", b"0"]))


def test_replconf_says_what_it_does_not_take() -> None:
    raw = Single().connect()
    for words, reply in (
        (b"REPLCONF a", b"-ERR syntax error\r\n"),
        (b"REPLCONF a b", b"-ERR Unrecognized REPLCONF option: a\r\n"),
        (b"REPLCONF listening-port x", b"-ERR value is not an integer or out of range\r\n"),
        (b"REPLCONF rdb-only 2", b"-ERR value is not an integer or out of range\r\n"),
        (b"REPLCONF rdb-filter-only x", b"-ERR Unsupported rdb-filter-only option: x\r\n"),
        (b"REPLCONF listening-port 1 ip-address 1.1.1.1 capa zzz", b"+OK\r\n"),
        (b"REPLCONF", b"+OK\r\n"),
        (b"REPLCONF ACK 12", b""),
        (b"REPLCONF GETACK x", b""),
    ):
        assert raw.send(words + b"\r\n") == reply


def test_waitaof_counts_the_replicas_that_have_it_on_disk() -> None:
    cluster, (one, two, three) = standalone(3, appendonly="yes")
    three.call("CONFIG", "SET", "appendonly", "no")
    follow(cluster, two, one)
    follow(cluster, three, one)
    cluster.until(lambda: one.call("WAIT", "2", "10") == 2, 10_000)
    client = cluster.client(one.host)
    client.call("SET", "k", "v")
    assert client.call("WAITAOF", "1", "1", "10000") == [1, 1]
    assert client.call("WAITAOF", "0", "2", "2000") == [1, 1]
    assert two.call("WAITAOF", "0", "0", "0") == ErrorReply(
        b"ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are "
        b"just local and are not propagated."
    )
