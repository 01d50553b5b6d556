"""A real redis-server, started for the tests, to compare with."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from protocol.resp.writer import encode_command
from tests.support.frames import Frame, Incomplete, take, whole
from tests.support.ports import free_port

SERVER = shutil.which("redis-server")
START_SECONDS_MAX = 10.0
LAST = b"that was the last of the replies"


def words(argv: tuple[bytes | str | int, ...]) -> list[bytes]:
    """A request as its bytes."""
    return [word if isinstance(word, bytes) else str(word).encode() for word in argv]


class Connection:
    """A client's connection that hands out the very bytes of each reply."""

    def __init__(self, port: int, protocol: int = 2, timeout_s: float = START_SECONDS_MAX) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self._received = b""
        if protocol == 3:
            self.raw("HELLO", 3)

    def raw(self, *argv: bytes | str | int) -> bytes:
        """The bytes of the reply to one request."""
        self._socket.sendall(encode_command(words(argv)))
        return self.next_reply()

    def pipeline(self, requests: Iterable[Sequence[bytes]]) -> bytes:
        """The bytes of the replies to several requests that are sent at once."""
        told = b"".join(map(encode_command, requests))
        self._socket.sendall(told + encode_command([b"ECHO", LAST]))
        data, end = bytearray(self._received), b"$%d\r\n%b\r\n" % (len(LAST), LAST)
        self._received = b""
        while not data.endswith(end):
            piece = self._socket.recv(1 << 20)
            if not piece:
                raise ConnectionError("the server has closed the connection")
            data += piece
        return bytes(data[: -len(end)])

    def next_reply(self) -> bytes:
        """The bytes of the next reply or push."""
        while True:
            try:
                _, end = take(self._received)
            except Incomplete:
                data = self._socket.recv(1 << 16)
                if not data:
                    raise ConnectionError("the server has closed the connection") from None
                self._received += data
                continue
            reply, self._received = self._received[:end], self._received[end:]
            return reply

    def many(self, requests: bytes, count: int) -> list[bytes]:
        """The bytes of each reply to so many requests that are sent in one go."""
        self._socket.sendall(requests)
        return [self.next_reply() for _ in range(count)]

    def call(self, *argv: bytes | str | int) -> Frame:
        """The reply to one request, taken apart."""
        return whole(self.raw(*argv))

    def close(self) -> None:
        self._socket.close()


class Oracle:
    """A redis-server on a free port with nothing on disk."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        assert SERVER is not None
        self.port = free_port()
        command = [SERVER, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)]
        command += ["--save", "", "--appendonly", "no", "--enable-debug-command", "yes", *arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self._connections: dict[int, Connection] = {}
        self._await_start()
        self._first_config = self._config()

    def connection(self, protocol: int = 2) -> Connection:
        """The shared connection that speaks RESP2 or RESP3."""
        if protocol not in self._connections:
            self._connections[protocol] = Connection(self.port, protocol)
        return self._connections[protocol]

    def raw(self, *argv: bytes | str | int, protocol: int = 2) -> bytes:
        """The bytes of the reply to one request."""
        return self.connection(protocol).raw(*argv)

    def call(self, *argv: bytes | str | int, protocol: int = 2) -> Frame:
        """The reply to one request, taken apart."""
        return self.connection(protocol).call(*argv)

    def restore_config(self) -> None:
        """Takes back each CONFIG SET: what one test has set must not reach the next."""
        now = self._config()
        for name, value in self._first_config.items():
            if now[name] != value:
                self.raw("CONFIG", "SET", name, value)

    def _config(self) -> dict[bytes, bytes]:
        words = [child.text for child in self.call("CONFIG", "GET", "*").children]
        return dict(zip(words[::2], words[1::2], strict=True))

    def stop(self) -> None:
        for connection in self._connections.values():
            connection.close()
        self._process.kill()  # it has nothing to save, and a polite end would wait for replicas
        self._process.wait(timeout=START_SECONDS_MAX)

    def _await_start(self) -> None:
        give_up = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                self.connection()
                return
            except ConnectionRefusedError:
                if time.monotonic() > give_up or self._process.poll() is not None:
                    raise
                time.sleep(0.01)
