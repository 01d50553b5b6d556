"""What it costs to answer a write only when a replica has it: `cluster-write-acks`, beside WAIT behind each
write to a redis-server.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import uvloop

from protocol.resp.writer import encode_command
from tools.admin.client import AdminError, Client, ServerError, UnreachableError
from tools.admin.waiting import wait_until
from tools.bench.measure import CLIENTS, Subject

SECONDS = 5.0
WAIT_MS = 1000
PATIENCE_S = 30.0
_SET = encode_command([b"SET", b"key", b"x" * 100])
_WAIT = encode_command([b"WAIT", b"1", b"%d" % WAIT_MS])


@dataclass(frozen=True)
class Promise:
    """Writes by 50 clients that each wait for the answer before the next; `how` says when they get it."""

    server: str
    how: str
    writes_per_s: float
    latency_p50_ms: float
    latency_p99_ms: float


class Writer(asyncio.Protocol):
    """One client. `request` is answered by so many lines."""

    def __init__(self, request: bytes, lines: int, times_s: list[float]) -> None:
        self._request = request
        self._lines = lines
        self._times_s = times_s
        self._due = 0
        self._began_s = 0.0
        self._transport: asyncio.WriteTransport
        self.complaint = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._send()

    def _send(self) -> None:
        self._due = self._lines
        self._began_s = time.perf_counter()
        self._transport.write(self._request)

    def close(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        # A 0 is WAIT's answer when no replica has the write.
        if b"-" in data or b":0" in data:
            self.complaint = data.decode(errors="replace").strip()
        self._due -= data.count(b"\r\n")
        if not self._due:
            self._times_s.append(time.perf_counter() - self._began_s)
            self._send()


def write_for(port: int, request: bytes, lines: int, seconds: float = SECONDS) -> list[float]:
    """How long each request took, in seconds. Raises AdminError where one was refused, and OSError."""
    times_s: list[float] = []

    async def run() -> list[Writer]:
        loop, writers = asyncio.get_running_loop(), []
        for _ in range(CLIENTS):
            _, writer = await loop.create_connection(
                lambda: Writer(request, lines, times_s), "127.0.0.1", port
            )
            writers.append(writer)
        await asyncio.sleep(seconds)
        for writer in writers:
            writer.close()
        await asyncio.sleep(0.1)  # for the transports to end
        return writers

    for writer in uvloop.run(run()):
        if writer.complaint:
            raise AdminError(f"a write was refused: {writer.complaint}")
    return times_s


def promise(subject: Subject, how: str, *, waits: bool = False, seconds: float = SECONDS) -> Promise:
    """One row; `waits` sends WAIT 1 behind each write."""
    request, lines = (_SET + _WAIT, 2) if waits else (_SET, 1)
    times_s = sorted(write_for(subject.port, request, lines, seconds))
    if not times_s:
        raise AdminError(f"{subject.name} has answered nothing")
    middle, late = times_s[len(times_s) // 2], times_s[len(times_s) * 99 // 100]
    return Promise(subject.name, how, len(times_s) / seconds, middle * 1000, late * 1000)


def promises(subject: Subject, replica: Subject, seconds: float = SECONDS) -> Iterator[Promise]:
    """A primary with all slots, and an empty node, which becomes its replica: without a promise, and with."""
    _follow(subject, replica)
    yield promise(subject, "at once", seconds=seconds)
    if subject.name == "redis-server":
        yield promise(subject, "WAIT 1", waits=True, seconds=seconds)
        return
    for each in (replica, subject):
        each.client.call("CONFIG", "SET", "cluster-write-acks", 1, "cluster-write-acks-timeout-ms", 5000)
    wait_until(
        "the replica to be in sync", lambda: _refusal(subject.client, "SET", "key", "value"), PATIENCE_S
    )
    yield promise(subject, "cluster-write-acks 1", seconds=seconds)


def _follow(subject: Subject, replica: Subject) -> None:
    replica.client.call("CLUSTER", "MEET", "127.0.0.1", subject.port)
    node_id = subject.client.text("CLUSTER", "MYID")

    def down() -> str:
        is_up = "master_link_status:up" in replica.client.text("INFO", "replication")
        return "" if is_up else "the link is not up"

    wait_until(
        "the two to meet", lambda: _refusal(replica.client, "CLUSTER", "REPLICATE", node_id), PATIENCE_S
    )
    wait_until("the replica to follow", down, PATIENCE_S)


def _refusal(client: Client, *words: str) -> str:
    try:
        client.call(*words)
    except (ServerError, UnreachableError) as error:
        return str(error)
    return ""
