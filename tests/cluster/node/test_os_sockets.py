from __future__ import annotations

import socket
from pathlib import Path

import pytest

from cluster.node.os_world import OsWorld
from tests.cluster.node.loops import Recorder, run_until


def test_a_stream_carries_bytes_both_ways_and_ends_once(world: OsWorld) -> None:
    server, client = Recorder(echo=True), Recorder()
    listener = world.listen("127.0.0.1", 0, lambda: server)
    world.connect("127.0.0.1", listener.port, client)
    run_until(world, lambda: client.link is not None and server.link is not None)
    assert client.link is not None
    assert server.link is not None
    assert client.link.peer_address == ("127.0.0.1", listener.port)
    assert client.link.local_address == server.link.peer_address
    client.link.write(b"x" * 300_000)
    run_until(world, lambda: len(client.data) == 300_000)
    client.link.close()
    run_until(world, lambda: bool(server.ends and client.ends))
    assert (len(server.ends), len(client.ends)) == (1, 1)
    listener.close()


def test_close_sends_what_was_written_and_abort_does_not_wait(world: OsWorld) -> None:
    server, client = Recorder(), Recorder()
    listener = world.listen("127.0.0.1", 0, lambda: server)
    world.connect("127.0.0.1", listener.port, client)
    run_until(world, lambda: server.link is not None and client.link is not None)
    assert server.link is not None
    server.link.write(b"y" * 1_000_000)
    server.link.close()
    run_until(world, lambda: bool(client.ends))
    assert len(client.data) == 1_000_000
    listener.close()


def test_paused_reading_holds_bytes_back(world: OsWorld) -> None:
    server, client = Recorder(), Recorder()
    listener = world.listen("127.0.0.1", 0, lambda: server)
    world.connect("127.0.0.1", listener.port, client)
    run_until(world, lambda: server.link is not None and client.link is not None)
    assert server.link is not None
    assert client.link is not None
    server.link.pause_reading()
    client.link.write(b"z" * 30_000_000)
    run_until(world, lambda: client.link is not None and client.link.unsent_bytes() > 0)
    assert server.data == b""
    server.link.resume_reading()
    run_until(world, lambda: len(server.data) == 30_000_000, timeout_ms=30_000)
    listener.close()


def test_a_connection_that_fails_says_why(world: OsWorld) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = Recorder()
    world.connect("127.0.0.1", port, client)
    run_until(world, lambda: bool(client.ends))
    assert client.ends == ["Connection refused"]
    odd = Recorder()
    world.connect("127.0.0.1", 99999, odd)
    run_until(world, lambda: bool(odd.ends))
    assert odd.link is None


def test_a_port_in_use_is_known_at_once(world: OsWorld) -> None:
    listener = world.listen("127.0.0.1", 0, Recorder)
    with pytest.raises(OSError, match="in use"):
        world.listen("127.0.0.1", listener.port, Recorder)
    datagrams = world.datagram("127.0.0.1", 0, lambda *_: None)
    with pytest.raises(OSError, match="in use"):
        world.datagram("127.0.0.1", datagrams.port, lambda *_: None)
    datagrams.close()


def test_a_unix_socket_replaces_what_a_dead_process_left(world: OsWorld, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    server = Recorder(echo=True)
    world.listen_unix(path, 0o700, lambda: server)
    assert Path(path).stat().st_mode & 0o777 == 0o700
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(b"hello")
        run_until(world, lambda: server.data == b"hello")
        assert server.link is not None
        assert server.link.peer_address == (path, 0)
    (tmp_path / "file").write_text("keep")
    with pytest.raises(OSError, match="in use"):
        world.listen_unix(str(tmp_path / "file"), 0, Recorder)


def test_datagrams_arrive_with_their_sender(world: OsWorld) -> None:
    got: list[tuple[bytes, str, int]] = []
    one = world.datagram("127.0.0.1", 0, lambda *what: got.append(what))
    two = world.datagram("127.0.0.1", 0, lambda *what: got.append(what))
    two.send(b"hi", "127.0.0.1", one.port)
    run_until(world, lambda: bool(got))
    assert got == [(b"hi", "127.0.0.1", two.port)]
    for host, port in (("not an address", 1), ("127.0.0.1", 99999), ("::1", 7)):
        two.send(b"lost", host, port)
    two.send(b"x" * 100_000, "127.0.0.1", one.port)
    one.close()
    one.close()
    two.close()
