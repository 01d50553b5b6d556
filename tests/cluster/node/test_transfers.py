"""MIGRATE between nodes of the simulated World."""

from __future__ import annotations

from protocol.keyslot import key_slot
from protocol.resp.types import ErrorReply, Reply
from tests.cluster.node.single import PORT as SINGLE_PORT
from tests.cluster.node.single import Single
from tools.sim.cluster import PORT, SimCluster, SimHost
from tools.sim.world import SimDisk, SimWorld


def two(**settings: str) -> tuple[SimCluster, SimHost, SimHost]:
    """Two nodes that are in no cluster."""
    cluster = SimCluster(11, 2, cluster_enabled="no", **settings)
    return cluster, cluster.hosts[0], cluster.hosts[1]


def migrate(one: SimHost, other: SimHost, *words: str, timeout_ms: int = 1000, database: int = 0) -> Reply:
    key, *options = words
    return one.call("MIGRATE", other.host, str(PORT), key, str(database), str(timeout_ms), *options)


def test_a_key_is_here_or_there() -> None:
    _, one, other = two()
    one.call("RPUSH", "k", "a", "b")
    one.call("PEXPIRE", "k", "100000")
    assert migrate(one, other, "k") == b"OK"
    assert one.call("EXISTS", "k") == 0
    assert other.call("LRANGE", "k", "0", "-1") == [b"a", b"b"]
    left_ms = other.call("PTTL", "k")
    assert isinstance(left_ms, int)
    assert 90_000 < left_ms <= 100_000
    assert one.node.server.in_transfer == set()


def test_many_keys_at_once_into_another_database() -> None:
    _, one, other = two()
    one.call("MSET", "a", "1", "b", "2", "c", "3")
    assert migrate(one, other, "", "KEYS", "a", "b", "nothing", database=4) == b"OK"
    assert one.call("KEYS", "*") == [b"c"]
    assert set(other.node.server.databases[4].keys()) == {b"a", b"b"}
    one.call("SET", "a", "4")
    assert migrate(one, other, "a") == b"OK"
    assert other.call("GET", "a") == b"4"


def test_a_copy_stays_here_too() -> None:
    _, one, other = two()
    one.call("SET", "k", "v")
    assert migrate(one, other, "k", "COPY") == b"OK"
    assert (one.call("GET", "k"), other.call("GET", "k")) == (b"v", b"v")


def test_what_the_target_refuses_stays_and_the_rest_goes() -> None:
    _, one, other = two()
    one.call("MSET", "a", "1", "b", "2")
    other.call("SET", "a", "old")
    refusal = ErrorReply(b"ERR Target instance replied with error: BUSYKEY Target key name already exists.")
    assert migrate(one, other, "", "KEYS", "a", "b") == refusal
    assert one.call("MGET", "a", "b") == [b"1", None]
    assert other.call("MGET", "a", "b") == [b"old", b"2"]
    assert migrate(one, other, "a", "REPLACE") == b"OK"
    assert other.call("GET", "a") == b"1"


def test_a_password_is_given_when_asked_for() -> None:
    _, one, other = two()
    other.call("CONFIG", "SET", "requirepass", "secret")
    one.call("SET", "k", "v")
    refusal = ErrorReply(b"ERR Target instance replied with error: NOAUTH Authentication required.")
    assert migrate(one, other, "k") == refusal
    assert migrate(one, other, "k", "AUTH", "secret") == b"OK"


def test_a_target_that_is_not_there() -> None:
    cluster, one, other = two()
    one.call("SET", "k", "v")
    refused = ErrorReply(b"IOERR error or timeout writing to target instance")
    assert one.call("MIGRATE", other.host, "1", "k", "0", "500") == refused
    cluster.network.cut([one.host], [other.host])
    timed_out = ErrorReply(b"IOERR error or timeout connecting to the client")
    assert migrate(one, other, "k", timeout_ms=300) == timed_out
    assert one.call("GET", "k") == b"v"
    assert one.node.server.in_transfer == set()


def test_a_link_is_kept_and_one_that_was_closed_is_opened_anew() -> None:
    cluster, one, other = two()
    for number in range(3):
        one.call("SET", f"k{number}", "v")
    assert migrate(one, other, "k0") == b"OK"
    accepted = other.node.clients.accepted
    assert migrate(one, other, "k1") == b"OK"
    assert other.node.clients.accepted == accepted
    for connection in other.node.clients:
        connection.abort()
    cluster.simulation.run_for(100)
    assert migrate(one, other, "k2") == b"OK"
    assert other.call("EXISTS", "k0", "k1", "k2") == 3
    cluster.simulation.run_for(100)
    assert len(list(other.node.clients)) == 1
    cluster.simulation.run_for(11_000)
    assert len(list(other.node.clients)) == 0


class Sink:
    """A target that takes connections and answers what it is told to."""

    def __init__(self, single: Single, host: str, answer: bytes) -> None:
        self.answer = answer
        self.got = b""
        world = SimWorld(single.simulation, single.network, host, SimDisk(), 0)
        world.listen("*", 6379, lambda: self)

    def connected(self, link: object) -> None:
        self.link = link

    def received(self, data: bytes) -> None:
        self.got += data
        if self.answer:
            self.link.write(self.answer)  # type: ignore[attr-defined]

    def closed(self, reason: str) -> None:
        pass


def test_requests_for_a_key_that_moves_wait_for_its_end() -> None:
    single = Single()
    sink = Sink(single, "10.0.0.66", b"")
    mover, reader, other = single.connect(), single.connect(), single.connect()
    other.send(b"MSET k 1 l 2\r\n")
    assert mover.send(b"MIGRATE 10.0.0.66 6379 k 0 5000\r\n", 500) == b""
    assert reader.send(b"INCR k\r\n") == b""
    assert other.send(b"GET l\r\n") == b"$1\r\n2\r\n"
    sink.link.write(b"+OK\r\n")  # type: ignore[attr-defined]
    assert mover.take() == b"+OK\r\n"
    # The increment was made on what was left of the key here: nothing. It did not get lost in the copy.
    assert reader.take() == b":1\r\n"


def test_a_target_that_says_nothing_or_nonsense() -> None:
    single = Single()
    Sink(single, "10.0.0.66", b"")
    Sink(single, "10.0.0.67", b"?what\r\n")
    raw = single.connect()
    raw.send(b"SET k v\r\n")
    silent = b"-IOERR error or timeout reading to target instance\r\n"
    assert raw.send(b"MIGRATE 10.0.0.66 6379 k 0 300\r\n", 600) == silent
    assert raw.send(b"MIGRATE 10.0.0.67 6379 k 0 300\r\n", 600) == silent
    assert raw.send(b"GET k\r\n") == b"$1\r\nv\r\n"


def test_a_node_that_is_demoted_meanwhile_deletes_nothing() -> None:
    single = Single()
    sink = Sink(single, "10.0.0.66", b"")
    mover, admin = single.connect(), single.connect()
    admin.send(b"SET k v\r\n")
    mover.send(b"MIGRATE 10.0.0.66 6379 k 0 5000\r\n", 100)
    admin.send(b"REPLICAOF 10.0.0.77 6379\r\n")
    sink.link.write(b"+OK\r\n")  # type: ignore[attr-defined]
    assert mover.take().startswith(b"-READONLY")
    assert single.node.server.databases[0].peek(b"k") is not None
    assert single.node.options.port == SINGLE_PORT


def test_the_deletion_reaches_the_replica() -> None:
    cluster = SimCluster(12, 3, cluster_enabled="no")
    one, other, replica = cluster.hosts
    replica.call("REPLICAOF", one.host, str(PORT))
    one.call("SET", "k", "v")
    cluster.until(lambda: replica.call("EXISTS", "k") == 1, 20_000)
    assert migrate(one, other, "k") == b"OK"
    cluster.until(lambda: replica.call("EXISTS", "k") == 0, 5000)


def test_a_slot_moves_while_its_keys_are_written() -> None:
    cluster = SimCluster(13, 2)
    cluster.form(2)
    source, target = cluster.hosts
    assert source.node.core is not None
    assert target.node.core is not None
    slot = key_slot(b"{a}")
    if source.node.core.owners[slot] is not source.node.core.me:
        source, target = target, source
    ours, theirs = source.node.core.me.node_id, target.node.core.me.node_id  # type: ignore[union-attr]
    names = [f"{{a}}{number}" for number in range(10)]
    for name in names:
        assert source.call("SET", name, "1") == b"OK"
    assert target.call("CLUSTER", "SETSLOT", str(slot), "IMPORTING", ours) == b"OK"
    assert source.call("CLUSTER", "SETSLOT", str(slot), "MIGRATING", theirs) == b"OK"
    assert migrate(source, target, "", "KEYS", *names[:5]) == b"OK"
    asked = source.call("GET", names[0])
    assert isinstance(asked, ErrorReply)
    assert asked == f"ASK {slot} {target.host}:{PORT}".encode()
    assert source.call("GET", names[9]) == b"1"
    client = cluster.client(target.host)
    client.call("ASKING")
    assert client.call("GET", names[0]) == b"1"
    assert migrate(source, target, "", "KEYS", *names[5:]) == b"OK"
    for host in (target, source):
        assert host.call("CLUSTER", "SETSLOT", str(slot), "NODE", theirs) == b"OK"
    assert [target.call("GET", name) for name in names] == [b"1"] * 10
    moved = source.call("GET", names[0])
    assert moved == f"MOVED {slot} {target.host}:{PORT}".encode()
