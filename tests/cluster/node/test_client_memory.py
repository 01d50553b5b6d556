from __future__ import annotations

import pytest

from cluster.session.session import SESSION_BYTES
from protocol.resp.writer import encode_command
from tests.cluster.node.single import Raw, Single

HALF_A_REQUEST = b"*2\r\n$4\r\nECHO\r\n$400000\r\n" + b"x" * 200_000


def info(raw: Raw, field: str) -> str:
    """A field of INFO."""
    reply = raw.send(b"INFO EVERYTHING\r\n").decode()
    return next(line for line in reply.split("\r\n") if line.startswith(field + ":")).partition(":")[2]


def test_without_a_limit_nobody_goes() -> None:
    single = Single()
    large = single.connect()
    large.send(HALF_A_REQUEST)
    assert not large.is_closed
    other = single.connect()
    assert int(info(other, "mem_clients_normal")) > 200_000
    assert info(other, "evicted_clients") == "0"


def test_the_largest_goes_and_the_rest_stay() -> None:
    single = Single(maxmemory_clients="250000")
    others = [single.connect() for _ in range(5)]
    large, smaller = single.connect(), single.connect()
    smaller.send(HALF_A_REQUEST[:30_000])
    assert not smaller.is_closed
    large.send(HALF_A_REQUEST + b"x" * 100_000)
    assert large.is_closed
    assert not smaller.is_closed
    assert [raw.send(b"PING\r\n") for raw in others] == [b"+PONG\r\n"] * 5
    assert info(others[0], "evicted_clients") == "1"
    assert int(info(others[0], "mem_clients_normal")) < 250_000
    assert single.logged("Evicting client: id=")
    assert others[0].send(b"CONFIG RESETSTAT\r\n") == b"+OK\r\n"
    assert info(others[0], "evicted_clients") == "0"


def test_whoever_asked_stays() -> None:
    single = Single(maxmemory_clients="250000")
    asked, other = single.connect(), single.connect()
    assert asked.send(b"CLIENT NO-EVICT ON\r\n") == b"+OK\r\n"
    asked.send(HALF_A_REQUEST + b"x" * 100_000)
    assert not asked.is_closed
    assert other.is_closed  # it was all that could go
    assert asked.send(b"x" * 100_000 + b"\r\nCLIENT NO-EVICT OFF\r\n", 100).endswith(b"+OK\r\n")
    asked.send(HALF_A_REQUEST + b"x" * 100_000)
    assert asked.is_closed


def test_a_queue_counts() -> None:
    single = Single(maxmemory_clients="250000")
    raw = single.connect()
    raw.send(b"MULTI\r\n")
    for _ in range(7):
        raw.send(encode_command([b"SET", b"k", b"x" * 40_000]))
    assert raw.is_closed


def test_a_queue_that_was_run_or_dropped_does_not_count() -> None:
    single = Single(maxmemory_clients="250000")
    raw = single.connect()
    for end in (b"EXEC\r\n", b"DISCARD\r\n", b"RESET\r\n"):
        raw.send(b"MULTI\r\n" + encode_command([b"SET", b"k", b"x" * 200_000]))
        raw.send(end)
        line = raw.send(b"CLIENT INFO\r\n").decode()
        assert " multi-mem=0 " in line, line
        assert f" tot-mem={SESSION_BYTES} " in line
    assert not raw.is_closed


def test_the_limit_may_come_later_and_be_a_share_of_maxmemory() -> None:
    single = Single(maxmemory="1000000", maxmemory_policy="noeviction")
    large, other = single.connect(), single.connect()
    large.send(HALF_A_REQUEST)
    for share, goes in (("50%", False), ("20%", True)):
        assert other.send(f"CONFIG SET maxmemory-clients {share}\r\n".encode()) == b"+OK\r\n"
        assert large.is_closed is goes
    again = single.connect()
    again.send(HALF_A_REQUEST[:150_000])
    for maxmemory, goes in ((1_000_000, False), (500_000, True)):
        assert other.send(f"CONFIG SET maxmemory {maxmemory}\r\n".encode()) == b"+OK\r\n"
        assert again.is_closed is goes
    assert not other.is_closed


def test_one_that_does_not_read_goes() -> None:
    single = Single(maxmemory_clients="1mb")
    raw, other = single.connect(), single.connect()
    other.send(encode_command([b"SET", b"big", b"x" * 300_000]))
    assert raw.link is not None
    raw.link.pause_reading()
    raw.send(b"GET big\r\n" * 40, wait_ms=2000)
    assert info(other, "evicted_clients") == "1"
    assert info(other, "connected_clients") == "1"


@pytest.mark.parametrize("kind", ["unsent", "unserved"])
def test_client_list_shows_it(kind: str) -> None:
    single = Single()
    raw, other = single.connect(), single.connect()
    if kind == "unserved":
        raw.send(HALF_A_REQUEST)
        line = other.send(b"CLIENT LIST ID 1\r\n").decode()
        size = int(line.split(" qbuf=")[1].split()[0])
        assert 200_000 <= size < 200_100
    else:
        session = single.node.server.sessions[1]
        session.buffers = lambda: (0, 7000)
        line = other.send(b"CLIENT LIST ID 1\r\n").decode()
        assert " oll=1 omem=7000 " in line
        size = 7000
    assert f" tot-mem={SESSION_BYTES + size} " in line
