"""Several clients of one server, ours and a real one, played step by step and compared byte by byte."""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from protocol.resp.types import LATER, NO_REPLY
from protocol.resp.writer import encode, encode_command
from tests.support.frames import Incomplete, take
from tests.support.oracle import Connection, Oracle, words
from tests.support.served import Client, Served

WAIT_SECONDS_MAX = 10.0
_WAITING = re.compile(rb" flags=\w*b")
LONGER_THAN_ANY_TIMEOUT_MS = 60_000

Word = bytes | str | int


@dataclass(frozen=True)
class Id:
    """Stands in a request for the id of the so-manieth client."""

    client: int


@dataclass(frozen=True)
class Step:
    """One client's request. `ends` says that it, or what it waits for, ends by its own timeout."""

    client: int
    argv: tuple[Word | Id, ...]


class Ours:
    """Clients of a Starling without sockets."""

    def __init__(self, clients: int, protocol: int, served: Served | None = None) -> None:
        self.served = served or Served()
        self.clients = [self.served.client, *(Client(self.served) for _ in range(clients - 1))]
        for client in self.clients:
            if protocol == 3:
                client.raw("HELLO", 3)

    def ids(self) -> list[int]:
        return [client.session.id for client in self.clients]

    def is_waiting(self, client: int) -> bool:
        return self.clients[client].session.waiting is not None

    def play(self, client: int, argv: list[bytes]) -> list[bytes]:
        """What each client gets in consequence of one request."""
        self.served.clock.now_ms = time.time_ns() // 1_000_000
        mine = self.clients[client]
        reply = mine.call(*argv)
        if reply is not LATER and reply is not NO_REPLY:
            mine.got.append(reply)
        self.served.server.tracking.settle()
        return self._take()

    def run_out(self) -> list[bytes]:
        """What each client gets when all timeouts are over."""
        self.served.clock.now_ms += LONGER_THAN_ANY_TIMEOUT_MS
        self.served.engine.tick()
        return self._take()

    def _take(self) -> list[bytes]:
        return [encoded(client) for client in self.clients]


def encoded(client: Client) -> bytes:
    """The bytes of what a client has got."""
    out = bytearray()
    for value in client.got:
        if value is not NO_REPLY:
            encode(value, client.session.protocol, out)
    client.got.clear()
    return bytes(out)


class Theirs:
    """Clients of a real server, and one more that looks on."""

    def __init__(self, oracle: Oracle, clients: int, protocol: int) -> None:
        self._control = Connection(oracle.port)
        self._control.raw("FLUSHALL")
        self._sockets = [socket.create_connection(("127.0.0.1", oracle.port)) for _ in range(clients)]
        self._ids = []
        for each in self._sockets:
            each.sendall(encode_command([b"HELLO", b"%d" % protocol]) + encode_command([b"CLIENT", b"ID"]))
            answer = self._await_frames(each, 2)
            self._ids.append(int(answer.rsplit(b":", 1)[1]))
            each.setblocking(False)

    def _await_frames(self, each: socket.socket, count: int) -> bytes:
        data = b""
        while True:
            data += each.recv(1 << 16)
            try:
                end = 0
                for _ in range(count):
                    _, end = take(data, end)
                return data
            except Incomplete:
                continue

    def ids(self) -> list[int]:
        return self._ids

    def play(self, client: int, argv: list[bytes], *, answers: bool) -> list[bytes]:
        """What each client gets in consequence of one request, once it is answered or waits."""
        self._sockets[client].sendall(encode_command(argv))
        got = self._await(client) if answers else self._await_waiting(client)
        # The server writes to all clients before it reads again: with this answer all is here.
        self._control.raw("PING")
        return [early + self._drain(each) for early, each in zip(got, self._sockets, strict=True)]

    def _await(self, client: int) -> list[bytes]:
        got = [b""] * len(self._sockets)
        with selectors.DefaultSelector() as selector:
            selector.register(self._sockets[client], selectors.EVENT_READ)
            if not selector.select(WAIT_SECONDS_MAX):
                raise TimeoutError("the real server does not answer")
        got[client] = self._drain(self._sockets[client])
        return got

    def _await_waiting(self, client: int) -> list[bytes]:
        give_up = time.monotonic() + WAIT_SECONDS_MAX
        while _WAITING.search(self._control.raw("CLIENT", "LIST", "ID", self._ids[client])) is None:
            if time.monotonic() > give_up:
                raise TimeoutError("the real server's client does not wait")
        return [b""] * len(self._sockets)

    def run_out(self, waiting: Sequence[int]) -> list[bytes]:
        """What each of these clients gets when its timeout is over."""
        got = [b""] * len(self._sockets)
        for client in waiting:
            got[client] = self._await(client)[client]
        return got

    def _drain(self, each: socket.socket) -> bytes:
        data = b""
        try:
            while piece := each.recv(1 << 16):
                data += piece
        except BlockingIOError:
            pass
        return data

    def close(self) -> None:
        for each in self._sockets:
            each.close()
        self._control.close()


def play_together(
    oracle: Oracle,
    steps: Sequence[Step],
    *,
    clients: int = 3,
    protocol: int = 2,
    runs_out: bool = False,
    served: Served | None = None,
    before_step: Callable[[Step], bool] = lambda _step: False,
) -> list[tuple[list[bytes], bytes]]:
    """Plays the steps on both servers from an empty database; each request with what its client got of it. A
    step of a client that waits is left out.

    With `runs_out` all who wait in the end have short timeouts, which are waited for. Raises AssertionError
    at the first difference in what any of the clients gets. `before_step` says whether a step is no request.
    """
    ours, theirs = Ours(clients, protocol, served), Theirs(oracle, clients, protocol)
    told: list[str] = []
    played: list[tuple[list[bytes], bytes]] = []
    try:
        for step in steps:
            if before_step(step) or ours.is_waiting(step.client):
                continue
            told.append(f"{step.client}: {' '.join(map(str, step.argv))}")
            mine = ours.play(step.client, _request(step, ours.ids()))
            request = _request(step, theirs.ids())
            try:
                others = theirs.play(step.client, request, answers=bool(mine[step.client]))
            except TimeoutError as error:
                raise AssertionError("\n".join([*told, str(error)])) from None
            assert _same(request, mine, others), "\n".join(
                [f"RESP{protocol}, after", *told, f"ours   {mine}", f"theirs {others}"]
            )
            played.append((request, mine[step.client]))
        waiting = [client for client in range(clients) if ours.is_waiting(client)]
        if runs_out:
            assert ours.run_out() == theirs.run_out(waiting), "\n".join([*told, "time runs out"])
    finally:
        theirs.close()
    return played


def _same(request: list[bytes], ours: list[bytes], theirs: list[bytes]) -> bool:
    """Equality, up to the order where Redis promises none."""
    if ours == theirs or not _is_unordered([word.upper() for word in request[:2]]):
        return ours == theirs
    lines = [[sorted(each.split(b"\r\n")) for each in got] for got in (ours, theirs)]
    return lines[0] == lines[1]


def _is_unordered(words: list[bytes]) -> bool:
    """Channels come in the order of a hash table. Redis answers PEXPIREAT, as some other commands, before it
    tells of the change, which a client sees that is told of its own."""
    return words in ([b"PUBSUB", b"CHANNELS"], [b"PUBSUB", b"SHARDCHANNELS"]) or words[0] == b"PEXPIREAT"


def _request(step: Step, ids: list[int]) -> list[bytes]:
    return words(tuple(ids[word.client] if isinstance(word, Id) else word for word in step.argv))
