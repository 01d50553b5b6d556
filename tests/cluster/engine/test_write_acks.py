"""cluster-write-acks on whole nodes: what clients are told, and when."""

from __future__ import annotations

from cluster.node.world import Link
from protocol.resp.writer import encode_command
from tools.sim.cluster import SimCluster, SimHost

TIMEOUT_MS = 1000
IN_SLOT_OF_THE_FIRST = "b"
"""Its slot is 3300: the first of three primaries owns it."""


class Raw:
    """A connection that keeps what arrives."""

    def __init__(self, cluster: SimCluster, host: SimHost) -> None:
        self.link: Link | None = None
        self.data = b""
        self._cluster = cluster
        cluster.connect(host.host, self)
        cluster.simulation.run_for(20)

    def connected(self, link: Link) -> None:
        self.link = link

    def received(self, data: bytes) -> None:
        self.data += data

    def closed(self, _reason: str) -> None:
        self.link = None

    def send(self, *requests: str, wait_ms: int = 20) -> bytes:
        """Sends requests in one write; what has come after some time."""
        assert self.link is not None
        self.link.write(b"".join(encode_command(each.encode().split()) for each in requests))
        return self.take(wait_ms)

    def take(self, wait_ms: int) -> bytes:
        self._cluster.simulation.run_for(wait_ms)
        data, self.data = self.data, b""
        return data


def formed(replicas: int = 1, **settings: str) -> SimCluster:
    """Three primaries and their replicas, with an agreement on who is in sync."""
    settings = {"cluster_write_acks": "1", "cluster_node_timeout": "1000"} | settings
    cluster = SimCluster(5, 3 + 3 * replicas, **settings)
    cluster.form(primaries=3)
    cluster.until(lambda: all(len(in_sync(host)) == replicas for host in cluster.hosts[:3]), 10_000)
    return cluster


def in_sync(host: SimHost) -> tuple[str, ...]:
    core = host.node.core
    assert core is not None
    return core.agreed_in_sync or ()


def test_a_reply_waits_for_the_replica_and_holds_up_nobody_else() -> None:
    cluster = formed()
    first, replica = cluster.hosts[0], cluster.hosts[3]
    writer, other = Raw(cluster, first), Raw(cluster, first)
    assert writer.send("SET b 1") == b"+OK\r\n"
    replica.world.pause()
    assert writer.send("SET b 2", "PING", "SET b 3", "GET b") == b""
    assert other.send("PING", "INCR {b}other") == b"+PONG\r\n"
    replica.world.resume()
    assert writer.take(30) == b"+OK\r\n+PONG\r\n+OK\r\n$1\r\n3\r\n"
    assert other.take(30) == b":1\r\n"


def test_in_time_or_not_at_all() -> None:
    cluster = formed()
    first, replica = cluster.hosts[0], cluster.hosts[3]
    writer, reader = Raw(cluster, first), Raw(cluster, first)
    replica.world.pause()
    assert writer.send("SET b 2", "PING", wait_ms=TIMEOUT_MS - 50) == b""
    assert reader.send("GET b") == b""
    told = writer.take(200)
    assert told.startswith(b"-NOREPLICAS Not enough replicas have acknowledged the write in time.")
    assert told.endswith(b"+PONG\r\n")
    # Nobody takes the place of a node whose replica is gone: what it holds is read again before long.
    cluster.until(lambda: in_sync(first) == (_id(first),), 10_000)
    assert reader.take(20)
    assert reader.send("GET b") == b"$1\r\n2\r\n"
    assert writer.send("SET b 3") == b"-NOREPLICAS Not enough good replicas to write.\r\n"
    replica.world.resume()
    cluster.until(lambda: in_sync(first) == (_id(replica),), 10_000)
    assert writer.send("SET b 4") == b"+OK\r\n"


def _id(host: SimHost) -> str:
    assert host.node.core is not None
    return host.node.core.me.node_id


def test_nobody_sees_a_write_that_may_still_be_lost() -> None:
    cluster = formed()
    first, replica = cluster.hosts[0], cluster.hosts[3]
    writer, reader = Raw(cluster, first), Raw(cluster, first)
    replica.world.pause()
    writer.send("SET b 2")
    assert reader.send("GET b", "EXISTS b") == b""
    replica.world.resume()
    assert reader.take(30) == b"$1\r\n2\r\n:1\r\n"


def test_transactions_and_clients_that_are_woken_wait_as_well() -> None:
    cluster = formed()
    first, replica = cluster.hosts[0], cluster.hosts[3]
    waiter, writer = Raw(cluster, first), Raw(cluster, first)
    assert waiter.send("BLPOP b 0") == b""
    replica.world.pause()
    assert writer.send("MULTI", "RPUSH b x y", "EXEC") == b"+OK\r\n+QUEUED\r\n"
    assert waiter.take(50) == b""
    replica.world.resume()
    assert writer.take(30) == b"*1\r\n:2\r\n"
    assert waiter.take(30) == b"*2\r\n$1\r\nb\r\n$1\r\nx\r\n"


def test_quit_leaves_after_what_is_held() -> None:
    cluster = formed()
    first, replica = cluster.hosts[0], cluster.hosts[3]
    writer = Raw(cluster, first)
    replica.world.pause()
    assert writer.send("SET b 2", "QUIT") == b""
    assert writer.link is not None
    replica.world.resume()
    assert writer.take(50) == b"+OK\r\n+OK\r\n"
    assert writer.link is None


def test_a_replica_that_lags_leaves_and_comes_back() -> None:
    cluster = formed(replicas=2)
    first, slow = cluster.hosts[0], cluster.hosts[3]
    both = in_sync(first)
    writer = Raw(cluster, first)
    slow.world.pause()
    assert writer.send("SET b 2") == b""
    # Soon enough for the client to hear nothing of it.
    assert writer.take(TIMEOUT_MS - 100) == b"+OK\r\n"
    assert in_sync(first) == tuple(each for each in both if each != _id(slow))
    assert writer.send("SET b 3") == b"+OK\r\n"
    slow.world.resume()
    cluster.until(lambda: in_sync(first) == both, 10_000)


def test_who_is_not_in_sync_does_not_take_over_though_it_be_the_only_one_left() -> None:
    cluster = formed(replicas=2)
    first, one, other = cluster.hosts[0], cluster.hosts[3], cluster.hosts[6]
    cluster.network.cut([one.host], [host.host for host in cluster.hosts if host is not one])
    writer = Raw(cluster, first)
    writer.send("SET b 2")
    cluster.until(lambda: in_sync(first) == (_id(other),), 10_000)
    other.crash()
    first.crash()
    cluster.network.heal()
    cluster.simulation.run_for(10_000)
    assert one.node.core is not None
    assert one.node.core.me.is_replica
    other.start()
    first.start()
    cluster.until(lambda: all(cluster.is_ok(host) for host in cluster.hosts), 30_000)


def test_a_primary_that_comes_back_at_once_leaves_its_place_to_its_replica() -> None:
    cluster = formed()
    first, replica = cluster.hosts[0], cluster.hosts[3]
    cluster.set("b", "kept")
    first.crash()
    first.start()
    cluster.until(lambda: first.node.core is not None and first.node.core.me.is_replica, 20_000)
    cluster.until(lambda: bool(in_sync(replica)) and cluster.is_ok(first), 20_000)
    assert cluster.get("b") == b"kept"


def test_a_manual_failover_loses_nothing_and_the_new_primary_agrees_anew() -> None:
    cluster = formed()
    first, replica = cluster.hosts[0], cluster.hosts[3]
    cluster.set("b", "kept")
    assert replica.call("CLUSTER", "FAILOVER") == b"OK"
    cluster.until(lambda: in_sync(replica) == (_id(first),), 20_000)
    assert cluster.get("b") == b"kept"


def test_the_promise_is_lifted_and_made_again() -> None:
    cluster = formed()
    first, replica = cluster.hosts[0], cluster.hosts[3]
    assert first.call("CONFIG", "SET", "cluster-write-acks", "0") == b"OK"
    cluster.until(lambda: in_sync(first) == (), 10_000)
    replica.world.pause()
    assert Raw(cluster, first).send("SET b 1") == b"+OK\r\n"
    replica.world.resume()
    assert first.call("CONFIG", "SET", "cluster-write-acks", "1") == b"OK"
    cluster.until(lambda: in_sync(first) == (_id(replica),), 10_000)


def test_a_promise_that_is_asked_for_holds_from_the_next_request_on() -> None:
    cluster = SimCluster(5, 6)
    cluster.form(primaries=3)
    raw = Raw(cluster, cluster.hosts[0])
    told = raw.send("CONFIG SET cluster-write-acks 1", f"SET {IN_SLOT_OF_THE_FIRST} 1")
    assert told.startswith(b"+OK\r\n-NOREPLICAS Not enough good replicas to write.\r\n")


def test_a_restarted_replica_goes_on_from_its_file_and_stands_when_it_has_the_rest() -> None:
    cluster = formed()
    first, replica = cluster.hosts[0], cluster.hosts[3]
    writer = Raw(cluster, first)
    writer.send("SET b 1")
    replica.node.disk.save_in_background()
    cluster.simulation.run_for(200)
    assert writer.send("SET b 2") == b"+OK\r\n"
    full_copies = first.node.replication.full_syncs
    replica.crash()
    replica.start()
    core = replica.node.core
    assert core is not None
    assert not core.synced
    cluster.until(lambda: core.synced, 10_000)
    assert replica.node.server.databases[0].slots[3300][b"b"].value == b"2"
    assert first.node.replication.full_syncs == full_copies
    first.crash()
    cluster.until(lambda: not core.me.is_replica, 20_000)
    cluster.simulation.run_for(3000)
    assert Raw(cluster, replica).send("GET b") == b"$1\r\n2\r\n"
