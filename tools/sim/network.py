"""Simulated links and datagrams: latency, loss and cuts, from the simulation's one source of randomness."""

from __future__ import annotations

import errno
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from cluster.node.world import Endpoint
from tools.sim.clock import Simulation

_T = TypeVar("_T")
_RETRANSMIT_US = 200_000


@dataclass(slots=True)
class Conditions:
    """How the network is now. `loss` is the share of datagrams lost; streams lose nothing, they wait."""

    latency_us: int = 500
    jitter_us: int = 500
    loss: float = 0.0


class Place(Protocol):
    """Where code runs: a node's process on a host. A place that is paused gets its events later; a dead one
    never.
    """

    host: str
    links: list[SimLink]

    def run(self, action: Callable[[], None]) -> None: ...


Accept = Callable[[], Endpoint]
Received = Callable[[bytes, str, int], None]


class Network:
    """All hosts, what listens on them, and which pairs of hosts cannot reach each other."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.conditions = Conditions()
        self.streams: dict[tuple[str, int], tuple[Place, Accept]] = {}
        self.datagrams: dict[tuple[str, int], tuple[Place, Received]] = {}
        self._cut: set[frozenset[str]] = set()
        self._next_port = 40000

    def cut(self, *groups: list[str]) -> None:
        """Parts the groups of hosts from each other; within a group all is well."""
        for index, group in enumerate(groups):
            for other in groups[index + 1 :]:
                self._cut |= {frozenset((one, two)) for one in group for two in other}

    def heal(self) -> None:
        """Ends all cuts."""
        self._cut.clear()

    def is_cut(self, one: str, two: str) -> bool:
        """Whether nothing passes between two hosts."""
        return frozenset((one, two)) in self._cut

    def delay_us(self) -> int:
        """How long the next thing takes to arrive."""
        return self.conditions.latency_us + self.simulation.random.randrange(self.conditions.jitter_us + 1)

    def send_datagram(self, data: bytes, source: tuple[str, int], target: tuple[str, int]) -> None:
        """Delivers it, unless it is lost."""
        lost = self.simulation.random.random() < self.conditions.loss
        if lost or self.is_cut(source[0], target[0]):
            self.simulation.note(source[0], f"lost to {target[0]}:{target[1]}")
            return

        def arrive() -> None:
            found = self.datagrams.get(target)
            if found is not None:
                place, received = found
                place.run(lambda: received(data, *source))

        what = f"datagram from {source[0]}:{source[1]} {len(data)} {zlib.crc32(data):08x}"
        self.simulation.at(self.simulation.now_us + self.delay_us(), target[0], what, arrive)

    def connect(self, place: Place, target: tuple[str, int], endpoint: Endpoint, timeout_ms: int) -> None:
        """Opens a stream; the endpoint hears of it, or of the failure."""
        self._next_port += 1
        source = (place.host, self._next_port)
        simulation = self.simulation

        def fail(reason: str, delay_us: int) -> None:
            simulation.at(
                simulation.now_us + delay_us,
                place.host,
                f"connect to {target[0]}:{target[1]} failed",
                lambda: place.run(lambda: endpoint.closed(reason)),
            )

        def arrive() -> None:
            if self.is_cut(source[0], target[0]):
                fail("Connection timed out", timeout_ms * 1000)
            elif target not in self.streams:
                fail("Connection refused", self.delay_us())
            else:
                there, accept = self.streams[target]
                join(self, (place, source, endpoint), (there, target, accept()))

        what = f"connect from {source[0]}:{source[1]} to port {target[1]}"
        simulation.at(simulation.now_us + self.delay_us(), target[0], what, arrive)

    def bind_stream(self, place: Place, host: str, port: int, accept: Accept) -> Callable[[], None]:
        """Listens; what it returns ends that. Raises OSError."""
        return _bind(self.streams, (host, port), (place, accept))

    def bind_datagrams(self, place: Place, host: str, port: int, received: Received) -> Callable[[], None]:
        """Takes datagrams; what it returns ends that. Raises OSError."""
        return _bind(self.datagrams, (host, port), (place, received))

    def drop_process(self, place: Place) -> None:
        """What listened for a process that has ended does so no more."""
        for key in [key for key, (owner, _) in self.streams.items() if owner is place]:
            del self.streams[key]
        for key in [key for key, (owner, _) in self.datagrams.items() if owner is place]:
            del self.datagrams[key]


def _bind(table: dict[tuple[str, int], _T], key: tuple[str, int], entry: _T) -> Callable[[], None]:
    if key in table:
        raise OSError(errno.EADDRINUSE, "Address already in use")
    table[key] = entry

    def forget() -> None:
        table.pop(key, None)

    return forget


End = tuple[Place, tuple[str, int], Endpoint]


def join(network: Network, one: End, two: End) -> None:
    """Connects two endpoints."""
    first = SimLink(network, one, two[1])
    second = SimLink(network, two, one[1])
    first.peer, second.peer = second, first
    for link in (second, first):
        link.place.run(link.start)


class SimLink:
    """One end of a stream: cluster.node.world.Link."""

    peer: SimLink

    def __init__(self, network: Network, end: End, peer_address: tuple[str, int]) -> None:
        self.place, self.local_address, self._endpoint = end
        self.peer_address = peer_address
        self._network = network
        self._leaving: deque[tuple[int, bytes | None]] = deque()
        self._arriving: deque[bytes | None] = deque()
        self._paused = False
        self._closing = False
        self._closed = False
        self._unsent = 0
        self.place.links.append(self)

    def start(self) -> None:
        """The connection is there."""
        self._endpoint.connected(self)

    def write(self, data: bytes | bytearray) -> None:
        if data and not self._closing and not self._closed:
            self._unsent += len(data)
            self._transmit(bytes(data))

    def close(self) -> None:
        if not self._closing and not self._closed:
            self._closing = True
            self._transmit(None)
            self._end_later("")

    def abort(self) -> None:
        if not self._closed:
            self._closing = True
            self._transmit(None)
            self._end_later("aborted")

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            self._network.simulation.at(
                self._network.simulation.now_us,
                self.place.host,
                "resume",
                lambda: self.place.run(self._read),
            )

    def unsent_bytes(self) -> int:
        return self._unsent

    def _transmit(self, data: bytes | None) -> None:
        """In order, whatever the delays."""
        ready_us = self._network.simulation.now_us + self._network.delay_us()
        self._leaving.append((ready_us, data))
        if len(self._leaving) == 1:
            self._plan_delivery(ready_us)

    def _plan_delivery(self, when_us: int) -> None:
        data = self._leaving[0][1]
        told = "end" if data is None else f"{len(data)} {zlib.crc32(data):08x}"
        what = f"stream from {self.local_address[0]}:{self.local_address[1]} {told}"
        self._network.simulation.at(when_us, self.peer.place.host, what, self._deliver)

    def _deliver(self) -> None:
        if self._network.is_cut(self.place.host, self.peer.place.host):
            # What meets a cut is tried again until the cut is healed.
            self._plan_delivery(self._network.simulation.now_us + _RETRANSMIT_US)
            return
        _, data = self._leaving.popleft()
        self._unsent -= len(data or b"")
        self.peer._arriving.append(data)
        self.peer.place.run(self.peer._read)
        if self._leaving:
            self._plan_delivery(self._leaving[0][0])

    def _read(self) -> None:
        while self._arriving and not self._paused and not self._closed:
            data = self._arriving.popleft()
            if data is None:
                self._closing = True
                self._end("")
            else:
                self._endpoint.received(data)

    def _end_later(self, reason: str) -> None:
        simulation = self._network.simulation
        simulation.at(
            simulation.now_us,
            self.place.host,
            "closed",
            lambda: self.place.run(lambda: self._end(reason)),
        )

    def _end(self, reason: str) -> None:
        if not self._closed:
            self._closed = True
            self.place.links.remove(self)
            self._endpoint.closed(reason)

    def owner_died(self) -> None:
        """The process has been killed: the system closes its streams for it."""
        if not self._closed:
            self._closed = True
            self._transmit(None)
