from __future__ import annotations

from protocol.resp.types import ErrorReply
from tests.cluster.node.test_replicas import caught_up, follow, keys, lines, standalone
from tools.sim.cluster import PORT, SimCluster, SimHost


def state(host: SimHost) -> str:
    return host.node.replication.failover_state


def pair() -> tuple[SimCluster, SimHost, SimHost]:
    cluster, (one, two) = standalone(2)
    one.call("SET", "before", "1")
    follow(cluster, two, one)
    cluster.until(lambda: one.call("WAIT", "1", "10") == 1, 10_000)
    return cluster, one, two


def test_the_role_goes_over_and_the_stream_goes_on() -> None:
    cluster, one, two = pair()
    writer = cluster.client(one.host)
    writer.call("SET", "last", "1")
    assert one.call("FAILOVER", "TO", two.host, str(PORT), "TIMEOUT", "9000") == b"OK"
    assert state(one) == "waiting-for-sync"
    assert isinstance(writer.call("SET", "meanwhile", "1"), ErrorReply)
    cluster.until(lambda: one.node.replication.link_up, 10_000)
    assert state(one) == "no-failover"
    assert two.node.replication.primary is None
    assert two.call("SET", "after", "1") == b"OK"
    cluster.until(lambda: caught_up(one, two), 5000)
    assert keys(one.node) == keys(two.node) == {b"before", b"last", b"after"}
    assert two.node.replication.full_syncs == 0
    assert lines(two, "Failover request received for replid") == 1


def test_any_replica_will_do_that_has_caught_up() -> None:
    cluster, one, two = pair()
    assert one.call("FAILOVER") == b"OK"
    cluster.until(lambda: one.node.replication.link_up, 10_000)
    assert two.call("SET", "after", "1") == b"OK"


def test_a_replica_that_never_catches_up_is_given_up_or_forced() -> None:
    cluster, one, two = pair()
    for words, ends_as_replica in ((("TIMEOUT", "3000"), False), (("FORCE", "TIMEOUT", "3000"), True)):
        two.world.pause()
        one.call("SET", "unseen", "1")
        assert one.call("FAILOVER", "TO", two.host, str(PORT), *words) == b"OK"
        cluster.until(lambda: state(one) != "waiting-for-sync", 10_000)
        assert (one.node.replication.primary is not None) == ends_as_replica
        two.world.resume()
        cluster.until(lambda: state(one) == "no-failover", 20_000)
        cluster.until(lambda: caught_up(one, two), 20_000)
    assert lines(one, "Replica never caught up before timeout") == 1
    assert two.call("SET", "after", "1") == b"OK"


def test_it_can_be_called_off() -> None:
    _, one, two = pair()
    two.world.pause()
    one.call("SET", "unseen", "1")
    assert one.call("FAILOVER") == b"OK"
    assert one.call("FAILOVER") == ErrorReply(b"ERR FAILOVER already in progress.")
    assert one.call("FAILOVER", "ABORT") == b"OK"
    assert one.call("SET", "after", "1") == b"OK"


def test_who_is_asked_to_be_primary_must_be_our_replica() -> None:
    _, one, two = pair()
    history = one.node.replication.id
    assert one.call("PSYNC", history, "1", "FAILOVER") == ErrorReply(
        b"ERR PSYNC FAILOVER can't be sent to a master."
    )
    assert two.call("PSYNC", "f" * 40, "1", "FAILOVER") == ErrorReply(
        b"ERR PSYNC FAILOVER replid must match my replid."
    )
    assert two.node.replication.primary is not None
