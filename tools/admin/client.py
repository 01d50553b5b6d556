"""A blocking RESP client, one connection to one node, with pipelines; the admin verbs need nothing else of a
node.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import Any, TypeAlias

import hiredis

Word: TypeAlias = str | bytes | int
Address: TypeAlias = tuple[str, int]


class AdminError(Exception):
    """A verb cannot go on; the text is one line for the user."""


class UnreachableError(AdminError):
    """No connection, or it broke."""


class ServerError(AdminError):
    """A node replied with an error; `reply` is its text."""

    def __init__(self, address: Address, reply: str) -> None:
        super().__init__(f"{show(address)}: {reply}")
        self.reply = reply

    @property
    def code(self) -> str:
        """The first word: MOVED, BUSYKEY, ERR."""
        return self.reply.split(" ", 1)[0]


def show(address: Address) -> str:
    """HOST:PORT, as it is typed."""
    return f"{address[0]}:{address[1]}"


def parse_address(text: str) -> Address:
    """Reads HOST:PORT (an IPv6 host may hold colons). Raises AdminError."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise AdminError(f"'{text}' is not an address: HOST:PORT is expected, such as 127.0.0.1:7000")
    return host.strip("[]"), int(port)


def environment_password() -> str | None:
    """The password that redis-cli would use as well."""
    return os.environ.get("REDISCLI_AUTH")


class Client:
    """Connects at the first call, and again after a break."""

    def __init__(self, address: Address, password: str | None = None, *, timeout_s: float = 5.0) -> None:
        self.address = address
        self._password = password
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._reader = hiredis.Reader()

    def call(self, *words: Word, timeout_s: float | None = None) -> Any:
        """One command's reply: bytes, int, None or a list. Raises ServerError and UnreachableError."""
        (reply,) = self.pipeline([words], timeout_s=timeout_s)
        if isinstance(reply, ServerError):
            raise reply
        return reply

    def text(self, *words: Word) -> str:
        """As `call`, for a reply that is text."""
        reply = self.call(*words)
        return reply.decode() if isinstance(reply, bytes) else str(reply)

    def pipeline(self, requests: Sequence[Sequence[Word]], *, timeout_s: float | None = None) -> list[Any]:
        """All replies of several commands sent at once; an error reply is a ServerError in the list."""
        if not requests:
            return []
        try:
            connection = self._connected()
            connection.settimeout(self._timeout_s if timeout_s is None else timeout_s)
            connection.sendall(b"".join(_pack(words) for words in requests))
            return [self._reply(connection) for _ in requests]
        except TimeoutError as error:
            self.close()
            raise UnreachableError(f"{show(self.address)} does not answer") from error
        except OSError as error:
            self.close()
            raise UnreachableError(
                f"cannot talk to {show(self.address)}: {error.strerror or error}"
            ) from error
        except hiredis.ProtocolError as error:
            self.close()
            raise UnreachableError(f"{show(self.address)} does not speak RESP: {error}") from error

    def close(self) -> None:
        """Drops the connection, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._reader = hiredis.Reader()
            self._socket = socket.create_connection(self.address, timeout=self._timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._password is not None:
                self._socket.sendall(_pack(("AUTH", self._password)))
                self._check_password(self._reply(self._socket))
        return self._socket

    def _check_password(self, reply: Any) -> None:
        # A server without a password refuses AUTH; redis-cli warns and goes on, so that one option serves all
        # nodes.
        if isinstance(reply, ServerError) and "without any password configured" not in reply.reply:
            self.close()
            raise reply

    def _reply(self, connection: socket.socket) -> Any:
        while (reply := self._reader.gets()) is False:
            data = connection.recv(65536)
            if not data:
                raise ConnectionResetError("the connection was closed")
            self._reader.feed(data)
        return ServerError(self.address, str(reply)) if isinstance(reply, hiredis.ReplyError) else reply


def _pack(words: Sequence[Word]) -> bytes:
    packed: bytes = hiredis.pack_command(tuple(words))  # type: ignore[arg-type]  # the stub: one word
    return packed
