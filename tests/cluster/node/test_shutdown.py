from __future__ import annotations

import pytest

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
    assert single.logged("0 of 1 replicas are in sync when shutting down.")


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
    assert single.logged("0 of 1 replicas are in sync when shutting down.")


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


def test_whoever_asked_hears_that_it_was_called_off() -> None:
    single, _replica = with_silent_replica()
    one, other, third = single.connect(), single.connect(), single.connect()
    assert one.send(b"SHUTDOWN\r\nPING\r\n") == b""
    assert other.send(b"SHUTDOWN NOW SAVE\r\nPING\r\n") == b""
    assert b"\r\nshutdown_in_milliseconds:4" in third.send(b"INFO server\r\n")
    assert third.send(b"SHUTDOWN ABORT\r\nSHUTDOWN ABORT\r\n") == b"+OK\r\n-ERR No shutdown in progress.\r\n"
    for each in (one, other):
        assert each.take() == b"-ERR Errors trying to SHUTDOWN. Check logs.\r\n+PONG\r\n"
    assert b"shutdown_in" not in third.send(b"INFO server\r\n")


def test_whoever_asked_hears_that_it_failed_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    single, _replica = with_silent_replica()
    raw = single.connect()
    assert raw.send(b"SHUTDOWN SAVE\r\n") == b""
    monkeypatch.setattr(single.node.disk, "write", lambda: "ERR")
    assert raw.take(6000) == b"-ERR Errors trying to SHUTDOWN. Check logs.\r\n"
    assert raw.send(b"SET a 2\r\n") == b"+OK\r\n"
    assert single.logged("Errors trying to shut down the server. Check the logs for more information.")


def test_one_that_has_gone_meanwhile_is_no_trouble() -> None:
    single, _replica = with_silent_replica()
    raw = single.connect()
    raw.send(b"SHUTDOWN\r\n")
    assert raw.link is not None
    raw.link.close()
    assert single.connect().send(b"SHUTDOWN ABORT\r\n") == b"+OK\r\n"


def test_the_end_comes_once() -> None:
    single = Single()
    single.connect().send(b"SHUTDOWN NOSAVE\r\nSHUTDOWN NOSAVE\r\n")
    assert sum("bye bye" in line for line in single.world.lines) == 1
