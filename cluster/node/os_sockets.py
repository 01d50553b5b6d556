"""Streams and datagrams of the real World."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from cluster.node.world import Endpoint

_DATAGRAM_BYTES_MAX = 65535
_DATAGRAMS_A_TURN = 64
_SOCKET_BUFFER_BYTES = 1 << 21


class OsLink(asyncio.BaseProtocol):
    """A stream connection: asyncio's protocol on one side, cluster.node.world.Link on the other.

    `data_received` and `write` are the endpoint's and the transport's own methods, so that a byte passes no
    code of ours on its way.
    """

    data_received: Callable[[bytes], None]
    write: Callable[[bytes | bytearray], None]

    def __init__(self, endpoint: Endpoint, keepalive_s: int, open_links: set[OsLink]) -> None:
        """`open_links` holds the link as long as it is connected."""
        self._endpoint = endpoint
        self._open_links = open_links
        self._keepalive_s = keepalive_s
        self._transport: asyncio.Transport | None = None
        self.data_received = endpoint.received
        self.peer_address = ("", 0)
        self.local_address = ("", 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = made = cast(asyncio.Transport, transport)
        self._open_links.add(self)
        # write() never waits: the node itself looks at unsent_bytes().
        self.write = made.write
        sock = made.get_extra_info("socket")
        if sock.family == socket.AF_UNIX:
            path = str(made.get_extra_info("sockname") or made.get_extra_info("peername") or "")
            self.peer_address = self.local_address = (path, 0)
        else:
            self.peer_address = _address(made.get_extra_info("peername"))
            self.local_address = _address(made.get_extra_info("sockname"))
            set_stream_options(sock, self._keepalive_s)
        self._endpoint.connected(self)

    def eof_received(self) -> bool:
        """A peer that has closed its half is gone, as Redis sees it."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._open_links.discard(self)
        self._endpoint.closed(str(error) if error else "")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def pause_reading(self) -> None:
        if self._transport is not None and self._transport.is_reading():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def unsent_bytes(self) -> int:
        return self._transport.get_write_buffer_size() if self._transport is not None else 0


class OsListener:
    """Listening sockets are made at once, so that a port in use is known at once; serving starts with the
    loop.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, backlog: int, make: Callable[[], OsLink]
    ) -> None:
        self._sock = sock
        self._backlog = backlog
        self._loop = loop
        self._server: asyncio.AbstractServer | None = None
        self._is_unix = sock.family == socket.AF_UNIX
        self.port = 0 if self._is_unix else int(sock.getsockname()[1])
        self._task = loop.create_task(self._serve(make))

    async def _serve(self, make: Callable[[], OsLink]) -> None:
        create: Any = self._loop.create_unix_server if self._is_unix else self._loop.create_server
        # The loop calls listen() once more: it must be with the same backlog.
        self._server = await create(make, sock=self._sock, backlog=self._backlog)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        else:
            self._task.cancel()
            self._sock.close()


class OsDatagramPort:
    """Datagrams without asyncio's own transport: it would queue what the kernel refuses; gossip is sent again
    anyway.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        received: Callable[[bytes, str, int], None],
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._received = received
        self.port = int(sock.getsockname()[1])
        loop.add_reader(sock.fileno(), self._readable)

    def send(self, data: bytes, host: str, port: int) -> None:
        with contextlib.suppress(OSError, OverflowError):
            self._sock.sendto(data, socket.MSG_DONTWAIT, (host, port))

    def close(self) -> None:
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()

    def _readable(self) -> None:
        for _ in range(_DATAGRAMS_A_TURN):
            if self._sock.fileno() < 0:
                return
            try:
                data, address = self._sock.recvfrom(_DATAGRAM_BYTES_MAX)
            except BlockingIOError:
                return
            except OSError:
                continue
            self._received(data, address[0], address[1])


def _address(name: Any) -> tuple[str, int]:
    return (str(name[0]), int(name[1])) if name else ("", 0)


def set_stream_options(sock: socket.socket, keepalive_s: int) -> None:
    """No delay, and keepalive probes after `keepalive_s` (0: none)."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if keepalive_s > 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, keepalive_s)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, keepalive_s // 3))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)


def _family_and_host(host: str) -> tuple[socket.AddressFamily, str]:
    if host == "*":
        return socket.AF_INET, "0.0.0.0"
    if host == "::*":
        return socket.AF_INET6, "::"
    return (socket.AF_INET6 if ":" in host else socket.AF_INET), host


def _bound(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    family, address = _family_and_host(host)
    sock = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
    except BaseException:
        sock.close()
        raise
    return sock


def stream_socket(host: str, port: int, backlog: int) -> socket.socket:
    """A listening socket. Raises OSError."""
    sock = _bound(host, port, socket.SOCK_STREAM)
    try:
        sock.listen(backlog)
    except OSError:
        sock.close()
        raise
    return sock


def datagram_socket(host: str, port: int) -> socket.socket:
    """A bound datagram socket with room for a burst from many members. Raises OSError."""
    sock = _bound(host, port, socket.SOCK_DGRAM)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER_BYTES)
    return sock


def unix_socket(path: str, mode: int, backlog: int) -> socket.socket:
    """A listening unix socket; a socket file left behind by a dead process is replaced. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(Path(path).lstat().st_mode):
            raise OSError(errno.EADDRINUSE, "Address already in use")
        Path(path).unlink()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        sock.bind(path)
        if mode:
            Path(path).chmod(mode)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock
