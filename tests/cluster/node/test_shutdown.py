from __future__ import annotations

from tests.cluster.node.single import Raw, Single


def with_silent_replica() -> tuple[Single, Raw]:
    """A node with a replica that never acknowledges what is written after its copy."""
    single = Single(shutdown_timeout="5")
    replica = single.connect()
    replica.send(b"REPLCONF listening-port 7777\r\nPSYNC ? -1\r\n", wait_ms=200)
    single.connect().send(b"SET a 1\r\n")
    return single, replica


def test_nobody_to_wait_for() -> None:
    single = Single()
    raw = single.connect()
    assert raw.send(b"SHUTDOWN NOSAVE\r\n") == b""
    assert raw.is_closed
    assert single.world.exit_code == 0
    assert single.logged("bye bye...")


def test_replicas_get_time_and_writes_wait() -> None:
    single, _replica = with_silent_replica()
    assert single.node.shutdown(save=None, now=False, force=False) is None
    assert single.node.is_shutting_down
    client = single.connect()
    assert client.send(b"SET b 1\r\n") == b""
    assert single.connect().send(b"GET a\r\n") == b"$1\r\n1\r\n"
    single.simulation.run_for(4000)
    assert single.world.alive
    single.simulation.run_for(2000)
    assert single.world.exit_code == 0
    assert single.logged("Lagging replica 10.9.9.9:7777")


def test_it_ends_as_soon_as_replicas_have_caught_up() -> None:
    single, replica = with_silent_replica()
    single.node.shutdown(save=None, now=False, force=False)
    replica.send(b"REPLCONF ACK %d\r\n" % single.node.replication.offset, wait_ms=100)
    single.simulation.run_for(100)
    assert single.world.exit_code == 0


def test_now_does_not_wait() -> None:
    single, _replica = with_silent_replica()
    single.node.shutdown(save=None, now=True, force=False)
    single.simulation.run_for(20)
    assert single.world.exit_code == 0


def test_it_can_be_called_off() -> None:
    single, _replica = with_silent_replica()
    assert not single.node.abort_shutdown()
    single.node.shutdown(save=None, now=False, force=False)
    client = single.connect()
    assert client.send(b"SET b 1\r\n") == b""
    assert single.node.abort_shutdown()
    assert client.take() == b"+OK\r\n"
    single.simulation.run_for(10_000)
    assert single.world.alive
