"""The bus: what carries the core's messages to other nodes and back.

A frame of up to 1400 bytes is one datagram. A larger or a reliable one goes over a TCP link, opened when
there is something to send and closed when it has been idle for a while. A link begins with a magic word and
the sender's bus port, so that the receiver knows the sender by the same address as its datagrams have; then
come frames. Links carry one direction only: an answer goes over a link of its own.

Nothing on the bus is trusted to arrive: a frame that a full queue or a broken link drops is one that gossip
repeats. Anyone can send anything to an open port, so that what does not parse is counted, logged at most once
a second, and dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cluster.commands.context import BusLink
from cluster.core.effects import Address
from cluster.node.log import Log, Throttle
from cluster.node.world import DatagramPort, Link, Listener, World
from protocol.gossip.codec import DATAGRAM_BYTES_MAX, MalformedFrame, StreamDecoder, decode, encode
from protocol.gossip.messages import Message

QUEUE_BYTES_MAX = 32 << 20
LINK_IDLE_MS = 15_000
LINKS_MAX = 1024

_MAGIC = b"STARLNG1"
_PREFACE_BYTES = len(_MAGIC) + 2

Receive = Callable[[Address, Message], None]


@dataclass(slots=True)
class BusStats:
    """Counters since the start. Bytes are those of frames and of links' first words, without the headers of
    UDP and TCP; what was dropped is not sent."""

    datagrams_sent: int = 0
    datagrams_received: int = 0
    link_frames_sent: int = 0
    link_frames_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    frames_dropped: int = 0
    corrupt: int = 0

    def info_fields(self) -> dict[str, str | int]:
        """What CLUSTER INFO tells of it."""
        return {
            "cluster_stats_bytes_sent": self.bytes_sent,
            "cluster_stats_bytes_received": self.bytes_received,
            "cluster_stats_datagrams_sent": self.datagrams_sent,
            "cluster_stats_datagrams_received": self.datagrams_received,
            "cluster_stats_link_frames_sent": self.link_frames_sent,
            "cluster_stats_link_frames_received": self.link_frames_received,
            "cluster_stats_frames_dropped": self.frames_dropped,
            "cluster_stats_frames_malformed": self.corrupt,
        }


class Bus:
    """Opened once the core is there; `receive` gets every message that parses."""

    def __init__(self, world: World, log: Log, receive: Receive) -> None:
        self.stats = BusStats()
        self.port = 0
        self._world = world
        self._receive = receive
        self._complain = Throttle(log, world.now_ms)
        self._listeners: list[Listener] = []
        self._datagrams: dict[bool, DatagramPort] = {}
        self._outgoing: dict[Address, OutgoingLink] = {}
        # A dict for its order: what is closed in another one each time has another history each time.
        self._incoming: dict[IncomingLink, None] = {}

    @property
    def links(self) -> int:
        """TCP links open now, both ways."""
        return len(self._outgoing) + len(self._incoming)

    def describe(self) -> list[BusLink]:
        """The TCP links open now, of which it is known whose they are."""
        found = [BusLink(True, to.host, to.port, *link.state()) for to, link in self._outgoing.items()]
        return found + [
            BusLink(False, link.source.host, link.source.port, *link.state())
            for link in self._incoming
            if link.source is not None
        ]

    def _links(self) -> list[OutgoingLink | IncomingLink]:
        return [*self._outgoing.values(), *self._incoming]

    def open(self, addresses: tuple[str, ...], port: int) -> None:
        """Listens on every address of `bind`, for datagrams too; one that begins with a minus may be missing.

        Raises OSError, with nothing left open.
        """
        self.port = port
        for address in addresses:
            try:
                self._open_on(address.removeprefix("-"), port)
            except OSError:
                if not address.startswith("-"):
                    self.close()
                    raise

    def _open_on(self, host: str, port: int) -> None:
        self._listeners.append(self._world.listen(host, port, self._accept))
        if (":" in host) not in self._datagrams:
            self._datagrams[":" in host] = self._world.datagram(host, port, self._datagram)

    def close(self) -> None:
        """Stops listening and drops every link."""
        for listener in self._listeners:
            listener.close()
        for datagrams in self._datagrams.values():
            datagrams.close()
        for link in self._links():
            link.abort()
        self._listeners.clear()
        self._datagrams.clear()

    def send(self, to: Address, message: Message, *, reliable: bool = False) -> None:
        """Sends, or drops where there is no way; never raises."""
        frame = encode(message)
        if len(frame) <= DATAGRAM_BYTES_MAX and not reliable:
            datagrams = self._datagrams.get(":" in to.host)
            if datagrams is not None:
                self.stats.datagrams_sent += 1
                self.stats.bytes_sent += len(frame)
                datagrams.send(frame, to.host, to.port)
                return
        self._link_to(to).send(frame)

    def tick(self) -> None:
        """Once a second or so: closes idle links."""
        now_ms = self._world.now_ms()
        for link in self._links():
            if now_ms - link.used_ms > LINK_IDLE_MS:
                link.close()

    def _link_to(self, to: Address) -> OutgoingLink:
        link = self._outgoing.get(to)
        if link is None:
            link = self._outgoing[to] = OutgoingLink(
                self._world, self.port, self.stats, lambda: self._outgoing.pop(to, None)
            )
            self._world.connect(to.host, to.port, link)
        return link

    def _forget(self, link: IncomingLink) -> None:
        self._incoming.pop(link, None)

    def _accept(self) -> IncomingLink:
        link = IncomingLink(self._world, self.stats, self._frame, self._broken, self._forget)
        if len(self._incoming) < LINKS_MAX:
            self._incoming[link] = None
        else:
            link.refused = True
        return link

    def _datagram(self, data: bytes, host: str, port: int) -> None:
        source = Address(host, port)
        self.stats.datagrams_received += 1
        self.stats.bytes_received += len(data)
        try:
            message = decode(data)
        except MalformedFrame as error:
            self._broken(source, str(error))
        else:
            self._receive(source, message)

    def _frame(self, source: Address, message: Message) -> None:
        self.stats.link_frames_received += 1
        self._receive(source, message)

    def _broken(self, source: Address, reason: str) -> None:
        self.stats.corrupt += 1
        self._complain("warning", f"Bad frame on the cluster bus from {source.host}:{source.port}: {reason}")


class OutgoingLink:
    """A link that we opened; frames wait in it until it is connected."""

    def __init__(self, world: World, bus_port: int, stats: BusStats, gone: Callable[[], object]) -> None:
        self.used_ms = self._opened_ms = world.now_ms()
        self._world = world
        self._stats = stats
        self._gone = gone
        self._link: Link | None = None
        self._queue = bytearray(_MAGIC + bus_port.to_bytes(2, "big"))
        stats.bytes_sent += _PREFACE_BYTES
        self._ended = False

    def state(self) -> tuple[int, int]:
        """Since when it has been there, and how many bytes wait in it."""
        return self._opened_ms, len(self._queue) if self._link is None else self._link.unsent_bytes()

    def send(self, frame: bytes) -> None:
        """Queues a frame; drops it where the queue is full."""
        _, waiting = self.state()
        if waiting + len(frame) > QUEUE_BYTES_MAX:
            self._stats.frames_dropped += 1
            return
        self.used_ms = self._world.now_ms()
        self._stats.link_frames_sent += 1
        self._stats.bytes_sent += len(frame)
        if self._link is None:
            self._queue += frame
        else:
            self._link.write(frame)

    def close(self) -> None:
        """After what was queued is sent."""
        self._leave()
        if self._link is not None:
            self._link.close()

    def abort(self) -> None:
        """At once."""
        self._leave()
        if self._link is not None:
            self._link.abort()

    def connected(self, link: Link) -> None:
        self._link = link
        if self._ended:
            link.abort()
        else:
            link.write(self._queue)

    def received(self, _data: bytes) -> None:
        """Nobody answers on this link: whoever does is no Starling node."""
        self.abort()

    def closed(self, _reason: str) -> None:
        self._leave()

    def _leave(self) -> None:
        # A link that has been given up may end after its successor has begun: it must not remove that one.
        if not self._ended:
            self._ended = True
            self._gone()


class IncomingLink:
    """A link that another node, or anyone, opened to us."""

    def __init__(
        self,
        world: World,
        stats: BusStats,
        frame: Callable[[Address, Message], None],
        broken: Callable[[Address, str], None],
        gone: Callable[[IncomingLink], None],
    ) -> None:
        self.used_ms = self._opened_ms = world.now_ms()
        self.refused = False
        self._world = world
        self._stats = stats
        self._frame = frame
        self._broken = broken
        self._gone = gone
        self._link: Link | None = None
        self.source: Address | None = None
        self._preface = b""
        self._frames = StreamDecoder()

    def connected(self, link: Link) -> None:
        self._link = link
        if self.refused:
            link.abort()

    def received(self, data: bytes) -> None:
        if self._link is None or self.refused:
            return
        self.used_ms = self._world.now_ms()
        self._stats.bytes_received += len(data)
        if self.source is None:
            self._preface += data
            self.source = self._take_preface(self._link)
            if self.source is None:
                return
            data, self._preface = self._preface[_PREFACE_BYTES:], b""
        try:
            messages = self._frames.feed(data)
        except MalformedFrame as error:
            self._give_up(str(error))
            return
        for message in messages:
            if not self.refused:
                self._frame(self.source, message)

    def state(self) -> tuple[int, int]:
        """Since when it has been there, and how many bytes wait in it."""
        return self._opened_ms, self._link.unsent_bytes() if self._link is not None else 0

    def closed(self, _reason: str) -> None:
        self.refused = True
        self._gone(self)

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        """Ends it; nothing more is taken from it."""
        self.refused = True
        if self._link is not None:
            self._link.abort()

    def _take_preface(self, link: Link) -> Address | None:
        start = self._preface[:_PREFACE_BYTES]
        if not _MAGIC.startswith(start[: len(_MAGIC)]):
            self._give_up("not a Starling node")
            return None
        if len(start) < _PREFACE_BYTES:
            return None
        return Address(link.peer_address[0], int.from_bytes(start[len(_MAGIC) :], "big"))

    def _give_up(self, reason: str) -> None:
        peer = self._link.peer_address if self._link is not None else ("", 0)
        self._broken(self.source or Address(*peer), reason)
        self.abort()
