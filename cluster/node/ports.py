"""Where clients connect: every address of `bind` at `port`, and a unix socket."""

from __future__ import annotations

import errno
from collections.abc import Callable

from cluster.node.log import Log
from cluster.node.world import Endpoint, Listener, World
from cluster.spec.options import Options

_NO_SUCH_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ENOENT)

Place = tuple[str, int]
"""A word of `bind`, and a port."""


class StartError(Exception):
    """The node cannot start; str() is the log line that says why."""


class ClientPorts:
    """The listeners for clients."""

    def __init__(self, world: World, options: Options, log: Log, accept: Callable[[], Endpoint]) -> None:
        self._world = world
        self._options = options
        self._log = log
        self._accept = accept
        self._listeners: dict[Place, Listener] = {}
        self._unix: Listener | None = None

    def open(self) -> None:
        """Listens. Raises StartError; close() is then still to be called."""
        options = self._options
        if options.port:
            for address in options.bind:
                self._listeners |= self._listen((address, options.port))
            if not self._listeners:
                raise StartError(f"Failed listening on port {options.port} (TCP), aborting.")
        if options.unixsocket:
            try:
                self._unix = self._world.listen_unix(options.unixsocket, options.unixsocketperm, self._accept)
            except OSError as error:
                raise StartError(f"Failed opening Unix socket: bind: {error.strerror}") from error

    def move(self) -> None:
        """Listens where `port` and `bind` say now, then no longer where they said before.

        Raises OSError; then all is as before.
        """
        options = self._options
        wanted = {(address, options.port) for address in options.bind if options.port}
        opened: dict[Place, Listener] = {}
        try:
            for place in sorted(wanted - self._listeners.keys()):
                opened |= self._listen(place)
        except StartError as error:
            for listener in opened.values():
                listener.close()
            raise OSError("Unable to listen on this port, check server logs.") from error
        for place in self._listeners.keys() - wanted:
            self._listeners.pop(place).close()
        self._listeners |= opened

    def close(self) -> None:
        """Nobody can connect any more."""
        for listener in self._listeners.values():
            listener.close()
        self._listeners.clear()
        if self._unix is not None:
            self._unix.close()
            self._unix = None

    def _listen(self, place: Place) -> dict[Place, Listener]:
        """One address of `bind`; one that begins with a minus may be missing. Raises StartError."""
        address, port = place
        host = address.removeprefix("-")
        try:
            listener = self._world.listen(host, port, self._accept, backlog=self._options.tcp_backlog)
        except OSError as error:
            if host != address and error.errno in _NO_SUCH_ADDRESS:
                return {}
            self._log(
                "warning",
                f"Warning: Could not create server TCP listening socket {host}:{port}: bind: "
                f"{error.strerror}",
            )
            raise StartError(f"Failed listening on port {port} (TCP), aborting.") from error
        return {place: listener}
