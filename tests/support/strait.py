"""Proxies on the loopback that stand before nodes, so that one of them can be cut off from the others: no
namespaces, no privileges.

A node announces its proxies' ports and so is reached through them. Whose a datagram is shows its source port,
which is the sender's bus port; whose a link of the bus is, its first words say (cluster/node/bus.py). A link
that is cut stays open and stands still, as one does in a network that drops all.
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

HOST = "127.0.0.1"
_FIRST_WORDS = 10
_CHUNK = 1 << 16
_KEPT = 10_000


@dataclass(eq=False)
class _Stream:
    """One direction of a connection. `source` is the bus port of the node that opened it, 0 for a client;
    `carried` is what has passed."""

    inlet: socket.socket
    outlet: socket.socket
    target: int
    source: int
    carried: bytearray = field(default_factory=bytearray)


@dataclass
class Strait:
    """Carries what goes to nodes, named by their bus ports. A context manager."""

    cut_off: int = 0
    """The node that reaches nobody and is reached by nobody."""

    dropped: int = 0
    datagrams: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """The latest that were carried, each with the node that it was for."""

    links: deque[tuple[int, bytearray]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """The same for links of the bus, each with all that its opener has sent."""

    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _standing: list[_Stream] = field(default_factory=list)
    _sockets: list[socket.socket] = field(default_factory=list)
    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Strait:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
        for one in self._sockets:
            one.close()
        self._selector.close()

    def carry_bus(self, port: int, bus_port: int) -> None:
        """Datagrams and links to this port go to a node's bus. Before the start, as carry_clients()."""
        datagrams = self._keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        datagrams.bind((HOST, port))
        self._selector.register(datagrams, selectors.EVENT_READ, lambda: self._datagram(datagrams, bus_port))
        self._listen(port, lambda inlet: self._opened(inlet, bus_port, bus_port, is_bus=True))

    def carry_clients(self, port: int, client_port: int, bus_port: int) -> None:
        """Connections to this port go to a node's clients' port."""
        self._listen(port, lambda inlet: self._opened(inlet, client_port, bus_port, is_bus=False))

    def _keep(self, one: socket.socket) -> socket.socket:
        self._sockets.append(one)
        return one

    def _listen(self, port: int, opened: Callable[[socket.socket], None]) -> None:
        listener = self._keep(socket.create_server((HOST, port)))
        self._selector.register(listener, selectors.EVENT_READ, lambda: opened(listener.accept()[0]))

    def _run(self) -> None:
        while not self._ending.is_set():
            if not self.cut_off and self._standing:
                standing, self._standing = self._standing, []
                for stream in standing:
                    self._watch(stream)
            for key, _ in self._selector.select(0.02):
                key.data()

    def _is_cut(self, source: int, target: int) -> bool:
        return self.cut_off != 0 and (source == self.cut_off) != (target == self.cut_off)

    def _datagram(self, datagrams: socket.socket, bus_port: int) -> None:
        with suppress(OSError):
            data, source = datagrams.recvfrom(_CHUNK)
            if self._is_cut(source[1], bus_port):
                self.dropped += 1
            else:
                self.datagrams.append((bus_port, data))
                datagrams.sendto(data, (HOST, bus_port))

    def _opened(self, inlet: socket.socket, port: int, bus_port: int, *, is_bus: bool) -> None:
        self._keep(inlet)
        try:
            outlet = self._keep(socket.create_connection((HOST, port)))
        except OSError:
            inlet.close()
            return
        stream = _Stream(inlet, outlet, bus_port, 0)
        if is_bus:
            self._selector.register(inlet, selectors.EVENT_READ, lambda: self._introduce(stream))
        else:
            self._begin(stream)

    def _introduce(self, stream: _Stream) -> None:
        with suppress(OSError):
            first = stream.inlet.recv(_FIRST_WORDS, socket.MSG_PEEK)
            if len(first) == _FIRST_WORDS:
                stream.source = int.from_bytes(first[-2:], "big")
                self._selector.unregister(stream.inlet)
                self.links.append((stream.target, stream.carried))
                self._begin(stream)
            if len(first) > 0:
                return
        self._close(stream)

    def _begin(self, stream: _Stream) -> None:
        self._watch(stream)
        self._watch(_Stream(stream.outlet, stream.inlet, stream.target, stream.source))

    def _watch(self, stream: _Stream) -> None:
        self._selector.register(stream.inlet, selectors.EVENT_READ, lambda: self._pump(stream))

    def _pump(self, stream: _Stream) -> None:
        if self._is_cut(stream.source, stream.target):
            self._selector.unregister(stream.inlet)
            self._standing.append(stream)
            return
        with suppress(OSError):
            if data := stream.inlet.recv(_CHUNK):
                stream.carried += data
                stream.outlet.sendall(data)
                return
        self._close(stream)

    def _close(self, stream: _Stream) -> None:
        for one in (stream.inlet, stream.outlet):
            with suppress(KeyError, ValueError):
                self._selector.unregister(one)
            one.close()
        self._standing = [each for each in self._standing if each.inlet.fileno() >= 0]
