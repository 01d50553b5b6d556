from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tools.admin.client import AdminError, Client
from tools.bench.measure import Subject
from tools.bench.promised import promise, write_for
from tools.bench.verbs import _promises
from tools.up.processes import NODE_COMMAND

SECONDS = 0.3
Serve = Callable[..., int]


@pytest.fixture
def answering() -> Iterator[Serve]:
    """Starts a server that gives the same answer, in so many parts, to whatever is sent; its port."""
    with contextlib.ExitStack() as stack:

        def serve(*parts: bytes) -> int:
            listener = socket.create_server(("127.0.0.1", 0))
            stack.callback(listener.close)
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            threading.Thread(target=accept, args=(listener, parts), daemon=True).start()
            port: int = listener.getsockname()[1]
            return port

        yield serve


def accept(listener: socket.socket, parts: tuple[bytes, ...]) -> None:
    with contextlib.suppress(OSError):
        while True:
            threading.Thread(target=answer, args=(listener.accept()[0], parts), daemon=True).start()


def answer(link: socket.socket, parts: tuple[bytes, ...]) -> None:
    with link, contextlib.suppress(OSError):
        while link.recv(1 << 16):
            for part in parts:
                link.sendall(part)


@pytest.mark.parametrize(
    ("lines", "parts"),
    [(1, [b"-NOREPLICAS Not enough good replicas to write.\r\n"]), (2, [b"+OK\r\n", b":0\r\n"])],
)
def test_a_refused_write_is_no_write(answering: Serve, lines: int, parts: list[bytes]) -> None:
    with pytest.raises(AdminError, match="refused: "):
        write_for(answering(*parts), b"SET a 1\r\n", lines, SECONDS)


def test_a_write_and_a_wait_are_one(answering: Serve) -> None:
    port = answering(b"+O", b"K\r\n", b":1\r\n")
    row = promise(
        Subject("any", port, True, Client(("127.0.0.1", port))), "WAIT 1", waits=True, seconds=SECONDS
    )
    assert row.writes_per_s > 0
    assert 0 < row.latency_p50_ms <= row.latency_p99_ms


@pytest.mark.e2e
def test_a_primary_with_a_replica() -> None:
    rows = _promises("starling", NODE_COMMAND, SECONDS)
    assert [row.how for row in rows] == ["at once", "cluster-write-acks 1"]
    assert all(row.writes_per_s > 0 for row in rows)
