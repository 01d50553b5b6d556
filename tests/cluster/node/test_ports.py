from __future__ import annotations

import pytest

from cluster.node.ports import StartError
from tests.cluster.node.single import HOST, Single


def test_an_optional_address_may_be_missing() -> None:
    assert Single(bind=f"{HOST} -::1").connect().send(b"PING\r\n") == b"+PONG\r\n"
    with pytest.raises(StartError, match=r"Failed listening on port 7000 \(TCP\), aborting\."):
        Single(bind=f"{HOST} 10.7.7.7")
    with pytest.raises(StartError, match="Failed listening"):
        Single(bind="-10.7.7.7")


def test_moving_a_port_keeps_connections_and_the_old_port_when_it_fails() -> None:
    single = Single()
    raw = single.connect()
    assert raw.send(b"CONFIG SET port 7100\r\n") == b"+OK\r\n"
    assert raw.send(b"PING\r\n") == b"+PONG\r\n"
    assert single.connect(7100).send(b"PING\r\n") == b"+PONG\r\n"
    assert single.connect().is_closed
    single.network.bind_stream(single.world, HOST, 7200, lambda: raw)
    assert raw.send(b"CONFIG SET port 7200\r\n") == (
        b"-ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port, "
        b"check server logs.\r\n"
    )
    assert raw.send(b"CONFIG GET port\r\n") == b"*2\r\n$4\r\nport\r\n$4\r\n7100\r\n"
    assert single.connect(7100).send(b"PING\r\n") == b"+PONG\r\n"


def test_a_unix_socket_that_cannot_be_had_stops_the_start() -> None:
    with pytest.raises(StartError, match="Failed opening Unix socket: bind: Operation not supported"):
        Single(unixsocket="node.sock")
