"""A primary or a replica that talks garbage: the data and the files stay what they were, the log says why,
and a real one is welcome afterwards.
"""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import redis

from protocol.rdb.encode import encode_file
from protocol.rdb.records import DatabaseRecord, KeyRecord
from tests.support.process import Process, Start, ready
from tools.admin.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]
ID = b"a" * 40
FULL = b"+FULLRESYNC " + ID + b" 7\r\n"
MARK = b"m" * 40


def copy() -> bytes:
    """A whole RDB file with one other key."""
    keys = [KeyRecord(0, b"other", b"value")]
    return b"".join(encode_file([DatabaseRecord(0, 1, 0, keys)], {}))


def flipped(data: bytes) -> bytes:
    at = len(data) // 2
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


class Impostor:
    """Answers PING and REPLCONF as a primary does and PSYNC with what it is told; then it closes."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.greeting = b"+PONG\r\n"
        self.answer = b""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection, contextlib.suppress(OSError):
                    self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        data = b""
        while b"PSYNC" not in data:
            got = connection.recv(1 << 16)
            if not got:
                return
            data += got
            if b"PING" in got:
                connection.sendall(self.greeting)
            connection.sendall(b"+OK\r\n" * got.count(b"REPLCONF"))
        connection.sendall(self.answer)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 16):
            pass

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def impostor() -> Iterator[Impostor]:
    made = Impostor()
    yield made
    made.close()


CASES = {
    "a greeting that is none": (b"nonsense\r\n", b"", "Error reply to PING from master: 'nonsense'"),
    "random bytes": (b"+PONG\r\n", random.Random(1).randbytes(70_000), None),
    "an answer that is none": (b"+PONG\r\n", b"+MAYBE later\r\n", None),
    "an answer without an offset": (b"+PONG\r\n", b"+FULLRESYNC " + ID + b"\r\n", None),
    "no length": (b"+PONG\r\n", FULL + b"$many\r\n", None),
    "another thing in place of a copy": (b"+PONG\r\n", FULL + b"*1\r\n$4\r\nPING\r\n", None),
    "a copy that is junk": (b"+PONG\r\n", FULL + b"$400\r\n" + b"junk" * 100, "Failed trying to load"),
    "a copy cut short": (b"+PONG\r\n", FULL + b"$%d\r\n" % len(copy()) + copy()[:-20], None),
    "a copy with another bit": (
        b"+PONG\r\n",
        FULL + b"$%d\r\n" % len(copy()) + flipped(copy()),
        "Failed trying",
    ),
    "a streamed copy with another bit": (
        *(b"+PONG\r\n", FULL + b"$EOF:" + MARK + b"\r\n" + flipped(copy()) + MARK),
        "Failed trying to load",
    ),
    "a streamed copy without its end": (b"+PONG\r\n", FULL + b"$EOF:" + MARK + b"\r\n" + copy(), None),
    "a stream that is none": (b"+PONG\r\n", b"+CONTINUE\r\n\xff\xfe\0junk\r\n", None),
}
"""What is said to PING and to PSYNC, and what the log has of it besides the end of the link."""


@pytest.mark.parametrize("load", ["disabled", "swapdb"])
def test_a_primary_that_talks_garbage(start: Start, tmp_path: Path, impostor: Impostor, load: str) -> None:
    process, client = ready(start, "--dir", str(tmp_path), "--repl-diskless-load", load)
    client.set("kept", "value")
    client.save()
    before = (tmp_path / "dump.rdb").read_bytes()
    for name, (impostor.greeting, impostor.answer, said) in CASES.items():
        logged = len(process.lines)
        client.replicaof("127.0.0.1", impostor.port)
        wait_until(f"{name} to be told of", partial(untold, process, logged, said), 20.0)
        client.replicaof("NO", "ONE")
        assert client.get("kept") == "value", name
        assert client.dbsize() == 1, name
        assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"dump.rdb": before}, name
    assert process.process.poll() is None
    follow(start, client, tmp_path)


def untold(process: Process, at: int, text: str | None) -> str:
    """The log, until a warning of what went wrong is in it: a text, or that the link has ended."""
    lines = [line for line in process.lines[at:] if " # " in line]
    wanted = [line for line in lines if text is None or text in line]
    return "" if wanted else str(process.lines[at:])


def follow(start: Start, client: redis.Redis, folder: Path) -> None:
    """It can follow a real primary."""
    (folder / "real").mkdir()
    _, real = ready(start, folder=folder / "real")
    real.set("other", "real")
    client.replicaof("127.0.0.1", real.connection_pool.connection_kwargs["port"])
    wait_until("the copy", lambda: missing(client, "other", "real"), 20.0)
    real.close()
    client.close()


def missing(client: redis.Redis, key: str, value: str) -> str:
    """Until a key has the value."""
    try:
        found = client.get(key)
    except redis.BusyLoadingError as error:
        return str(error)
    return "" if found == value else str(found)


REQUESTS = (
    b"PSYNC\r\n",
    b"PSYNC ? many\r\n",
    b"PSYNC " + ID + b" -99999999999999999999\r\n",
    b"PSYNC ? -1\r\n\xff\xfe\0junk\r\n",
    b"SYNC\r\n*-5\r\n$9999999999\r\n",
    b"REPLCONF ACK many\r\nREPLCONF listening-port x\r\nREPLCONF capa\r\nREPLCONF nosuch thing\r\n",
    b"PSYNC ? -1\r\nREPLCONF ACK 99999999999\r\nSET kept stolen\r\n",
    b"PSYNC ? -1\r\n" + b"x" * 100_000,
)


def test_replicas_that_talk_garbage(start: Start, tmp_path: Path) -> None:
    process, client = ready(start, "--dir", str(tmp_path))
    client.set("kept", "value")
    port = client.connection_pool.connection_kwargs["port"]
    generator = random.Random(3)
    for request in (*REQUESTS, *(b"PSYNC ? -1\r\n" + generator.randbytes(500) for _ in range(10))):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
            raw.sendall(request)
            raw.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionError):
                while raw.recv(1 << 16):
                    pass
        assert client.get("kept") == "value", request[:50]
    wait_until("all of them to be gone", lambda: "" if not connected(client) else "not yet", 20.0)
    assert process.process.poll() is None
    (tmp_path / "replica").mkdir()
    _, replica = ready(start, folder=tmp_path / "replica")
    replica.replicaof("127.0.0.1", port)
    wait_until("the copy", lambda: missing(replica, "kept", "value"), 20.0)
    replica.close()
    client.close()


def connected(client: redis.Redis) -> int:
    return int(client.info("replication")["connected_slaves"])
