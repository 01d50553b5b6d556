from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.resp.writer import encode_command
from tests.cluster.node.single import Single


def test_a_pipeline_is_answered_in_order_with_one_write() -> None:
    single = Single()
    raw = single.connect()
    before = single.simulation.events
    assert raw.send(b"PING\r\nSET a 1\r\nGET a\r\nNOPE\r\nINCR a\r\n", wait_ms=20).startswith(
        b"+PONG\r\n+OK\r\n$1\r\n1\r\n-ERR unknown command 'NOPE'"
    )
    writes = single.simulation.events - before
    assert writes <= 3


REQUESTS = [[b"SET", b"k", b"v\r\n\x00"], [b"GET", b"k"], [b"PING"], [b"ECHO", b"x" * 300], [b"NOPE"]]


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(1, 400), max_size=12))
def test_replies_do_not_depend_on_how_the_bytes_arrive(cuts: list[int]) -> None:
    data = b"".join(encode_command(request) for request in REQUESTS)
    whole = Single().connect().send(data)
    raw = Single().connect()
    got, at = b"", 0
    for cut in sorted({cut for cut in cuts if cut < len(data)}):
        got += raw.send(data[at:cut], wait_ms=5)
        at = cut
    assert got + raw.send(data[at:]) == whole


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"*1\r\n:1\r\n", b"-ERR Protocol error: expected '$', got ':'\r\n"),
        (b"*1\r\n\xe9\r\n", b"-ERR Protocol error: expected '$', got '\xe9'\r\n"),
        (b"*x\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*1\r\n$-5\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
        (b'GET "a\r\n', b"-ERR Protocol error: unbalanced quotes in request\r\n"),
        (b"x" * 70_000, b"-ERR Protocol error: too big inline request\r\n"),
    ],
)
def test_a_protocol_error_is_answered_behind_what_came_before_and_closes(data: bytes, error: bytes) -> None:
    single = Single()
    raw = single.connect()
    assert raw.send(b"PING\r\n" + data) == b"+PONG\r\n" + error
    assert raw.is_closed
    assert single.connect().send(b"PING\r\n") == b"+PONG\r\n"
    assert len(single.node.server.sessions) == 1


def test_a_stranger_may_not_make_us_hold_much() -> None:
    single = Single(requirepass="secret")
    raw = single.connect()
    assert raw.send(b"PING\r\n") == b"-NOAUTH Authentication required.\r\n"
    assert raw.send(b"*11\r\n") == b"-ERR Protocol error: unauthenticated multibulk length\r\n"
    assert raw.is_closed
    friend = single.connect()
    many = encode_command([b"MSET", *[b"x"] * 40])
    assert friend.send(encode_command([b"AUTH", b"secret"]) + many) == b"+OK\r\n+OK\r\n"


def test_protected_mode_refuses_strangers_from_elsewhere() -> None:
    single = Single(protected_mode="yes")
    raw = single.connect()
    reply = raw.take()
    assert reply.startswith(b"-DENIED Redis is running in protected mode")
    assert reply.endswith(b"from the outside.\r\n")
    assert raw.is_closed
    assert not single.node.server.sessions


def test_a_password_ends_protected_mode() -> None:
    assert Single(protected_mode="yes", requirepass="x").connect().take() == b""


@pytest.mark.parametrize(
    ("cluster", "error"),
    [
        ("no", b"-ERR max number of clients reached\r\n"),
        ("yes", b"-ERR max number of clients + cluster connections reached\r\n"),
    ],
)
def test_maxclients(cluster: str, error: bytes) -> None:
    single = Single(maxclients="2", cluster_enabled=cluster)
    first, _second = single.connect(), single.connect()
    third = single.connect()
    assert third.take() == error
    assert third.is_closed
    assert single.node.clients.refused == 1
    assert first.link is not None
    first.link.close()
    single.simulation.run_for(20)
    assert single.connect().send(b"PING\r\n") == b"+PONG\r\n"


def test_an_idle_client_is_closed_after_the_timeout() -> None:
    single = Single(timeout="3")
    idle, busy = single.connect(), single.connect()
    for _ in range(5):
        assert busy.send(b"PING\r\n", wait_ms=1000) == b"+PONG\r\n"
    assert idle.is_closed
    assert not busy.is_closed


def test_a_client_that_does_not_read_is_closed_at_the_hard_limit() -> None:
    single = Single(client_output_buffer_limit="normal 1mb 0 0")
    raw = single.connect()
    raw.send(encode_command([b"SET", b"big", b"x" * 300_000]))
    raw.send(encode_command([b"GET", b"big"]) * 10)
    assert raw.is_closed
    assert single.logged("closed for overcoming of output buffer limits")
    assert single.node.clients.closed_for_output == 1


def test_the_soft_limit_gives_time() -> None:
    single = Single(client_output_buffer_limit="normal 0 100kb 2")
    raw = single.connect()
    raw.send(encode_command([b"SET", b"big", b"x" * 300_000]))
    single.network.cut(["10.0.0.1"], ["10.9.9.9"])
    connection = next(iter(single.node.clients))
    connection.deliver(b"x" * 300_000)
    single.simulation.run_for(1_000)
    assert len(single.node.server.sessions) == 1
    single.simulation.run_for(3_000)
    assert not single.node.server.sessions


def test_a_query_that_never_ends_is_cut_off() -> None:
    single = Single(client_query_buffer_limit="1mb")
    raw = single.connect()
    raw.send(b"*2\r\n$3\r\nGET\r\n$9000000\r\n" + b"x" * 500_000)
    assert single.node.server.sessions
    raw.send(b"x" * 600_000)
    assert raw.is_closed
    assert single.logged("Closing client that reached max query buffer length")


def test_a_later_reply_holds_up_its_own_connection_only() -> None:
    single = Single()
    waiting, other = single.connect(), single.connect()
    single.node.pause_writes(single.world.unix_ms() + 1000)
    assert waiting.send(b"SET a 1\r\nGET a\r\nPING\r\n", wait_ms=100) == b""
    assert other.send(b"PING\r\n") == b"+PONG\r\n"
    single.node.pause_writes(0)
    assert waiting.take() == b"+OK\r\n$1\r\n1\r\n+PONG\r\n"


def test_requests_behind_a_later_reply_are_bounded() -> None:
    single = Single()
    raw = single.connect()
    single.node.pause_writes(single.world.unix_ms() + 1000)
    raw.send(b"SET a 1\r\n")
    for _ in range(40):
        raw.send(encode_command([b"ECHO", b"x" * 100_000]), wait_ms=5)
    assert raw.link is not None
    single.node.pause_writes(0)
    assert len(raw.take(500)) > 4_000_000


def test_quit_closes_behind_its_reply() -> None:
    raw = Single().connect()
    assert raw.send(b"PING\r\nQUIT\r\nPING\r\n") == b"+PONG\r\n+OK\r\n"
    assert raw.is_closed


def test_a_closed_client_leaves_nothing_behind() -> None:
    single = Single()
    for _ in range(20):
        raw = single.connect()
        raw.send(b"WATCH a\r\nMULTI\r\nSET a 1\r\n")
        assert raw.link is not None
        raw.link.abort()
    single.simulation.run_for(50)
    assert not single.node.server.sessions
    assert not single.node.clients.connections
