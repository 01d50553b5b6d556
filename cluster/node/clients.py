"""Client connections: bytes in, requests to the engine, replies out.

All that one read brings is served in one go and answered with one write. A request whose reply comes later
(LATER) holds up the rest of its own connection only. What a client has sent but we have not served is
bounded, and so is what it has not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from cluster.commands.context import Server
from cluster.engine.engine import Engine
from cluster.engine.held_replies import HeldReplies
from cluster.engine.write_acks import WriteAcks
from cluster.node.client_memory import ClientMemory
from cluster.node.log import Log
from cluster.node.world import Link, World
from cluster.session.session import Kind, Session
from cluster.spec.options import Options
from cluster.store.clock import Clock
from protocol.resp.reader import Limits, ProtocolError, QueryBufferExceeded, RequestReader
from protocol.resp.types import LATER, NO_REPLY, Reply
from protocol.resp.writer import encode

PROTECTED = (
    b"-DENIED Redis is running in protected mode because protected mode is enabled and no password is "
    b"set for the default user. In this mode connections are only accepted from the loopback interface. "
    b"If you want to connect from external computers to Redis you may adopt one of the following "
    b"solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from "
    b"the loopback interface by connecting to Redis from the same host the server is running, however "
    b"MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make "
    b"this change permanent. 2) Alternatively you can just disable the protected mode by editing the "
    b"Redis configuration file, and setting the protected mode option to 'no', and then restarting the "
    b"server. 3) If you started the server manually just for testing, restart it with the '--protected-"
    b"mode no' option. 4) Setup a an authentication password for the default user. NOTE: You only need "
    b"to do one of the above things in order for the server to start accepting connections from the "
    b"outside.\r\n"
)
HELD_BYTES_PAUSE = 8 << 20
"""While so many bytes of replies wait for replicas, the client's next requests wait as well."""
UNSERVED_BYTES_PAUSE = 1 << 20
"""A client that waits for a reply may send so much more before we stop reading from it."""


class ClientHost(Protocol):
    """What connections need of the node."""

    world: World
    log: Log
    options: Options
    clock: Clock
    engine: Engine
    write_acks: WriteAcks
    server: Server

    def before_requests(self) -> None:
        """Called when a read has brought something, before any of it is served."""

    def after_requests(self) -> None:
        """Called when what one read brought has been served, before its replies are written."""

    def before_reply(self) -> None:
        """Called before a reply leaves out of turn."""

    def is_protected(self) -> bool: ...


class Clients:
    """All client connections."""

    def __init__(self, host: ClientHost) -> None:
        self.host = host
        self.limits = Limits()
        self.connections: dict[int, ClientConnection] = {}
        self.memory = ClientMemory(host)
        self.update_limits()
        self.refused = 0
        self.accepted = 0
        self.closed_for_output = 0
        self.bytes_read = 0
        self.bytes_written = 0

    def update_limits(self) -> None:
        """Follows CONFIG SET."""
        self.limits.bulk_bytes = self.host.options.proto_max_bulk_len
        self.limits.query_buffer_bytes = self.host.options.client_query_buffer_limit
        self.memory.update_limit(self)

    def accept(self) -> ClientConnection:
        """A listener's callback."""
        return ClientConnection(self)

    def of(self, session: Session) -> ClientConnection | None:
        """The connection that carries a session."""
        return self.connections.get(session.id)

    def __iter__(self) -> Iterator[ClientConnection]:
        return iter(list(self.connections.values()))

    def tick(self) -> None:
        """Once a second: idle clients and soft output limits."""
        timeout_ms = self.host.options.timeout * 1000
        now_ms = self.host.clock.now_ms
        for connection in self:
            session = connection.session
            connection.check_output()
            may_idle = session.kind is not Kind.NORMAL or session.waiting is not None
            if timeout_ms and not may_idle and now_ms - session.last_interaction_ms > timeout_ms:
                self.host.log("verbose", "Closing idle client")
                connection.close()

    def close_all(self) -> None:
        """The node is ending."""
        for connection in self:
            connection.close()


class ClientConnection:
    """One client: an Endpoint of the World."""

    __slots__ = (
        "_began_offset",
        "_bytes_unread",
        "_clients",
        "_clock",
        "_held",
        "_link",
        "_out",
        "_reader",
        "_resumed",
        "_serve",
        "_soft_since_ms",
        "_unix_ms",
        "_waiting",
        "heard_ms",
        "on_closed",
        "session",
    )

    session: Session

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._clock = clients.host.clock
        self._unix_ms = clients.host.world.unix_ms
        self._serve = clients.host.engine.serve
        self._link: Link | None = None
        self._reader = RequestReader(clients.limits)
        self._out: bytearray | None = None
        self._waiting = False
        self._resumed = False
        self._bytes_unread = 0
        self._soft_since_ms = 0
        self._held = HeldReplies()
        self._began_offset = 0
        self.heard_ms = 0
        """When something came last, in unix milliseconds."""
        self.on_closed: Callable[[], None] = lambda: None

    # the World's side

    def connected(self, link: Link) -> None:
        host = self._clients.host
        refusal = self._refusal(link)
        if refusal:
            self._clients.refused += 1
            link.write(refusal)
            link.close()
            return
        self._link = link
        self._clients.accepted += 1
        self._clock.now_ms = self._unix_ms()
        self.session = host.engine.open(
            shown_address(link.peer_address), shown_address(link.local_address), self.deliver, self.close
        )
        self.session.on_finish = self._finished
        self.session.buffers = self.buffers
        self._reader.authenticated = self.session.authenticated
        self._clients.connections[self.session.id] = self
        if self._clients.memory.limit_bytes:
            self._clients.memory.join(self)

    def _refusal(self, link: Link) -> bytes:
        host = self._clients.host
        if len(self._clients.connections) >= host.options.maxclients:
            if host.options.cluster_enabled:
                return b"-ERR max number of clients + cluster connections reached\r\n"
            return b"-ERR max number of clients reached\r\n"
        if host.is_protected() and not _is_local(link.peer_address):
            return PROTECTED
        return b""

    def received(self, data: bytes) -> None:
        if self._link is None:
            return
        self._clients.bytes_read += len(data)
        try:
            self._reader.feed(data)
        except QueryBufferExceeded as error:
            self._refuse_protocol(error, bytearray())
            self._link.close()
            return
        if self._held and self.session.close_after_reply:
            return
        if self._waiting:
            self._bytes_unread += len(data)
            if self._bytes_unread > UNSERVED_BYTES_PAUSE:
                self._link.pause_reading()
        else:
            self._process()
        if self._clients.memory.limit_bytes and self._link is not None:
            self._clients.memory.note(self)

    def closed(self, _reason: str) -> None:
        if self._link is None:
            return
        self._link = None
        self._clients.connections.pop(self.session.id, None)
        self._clients.host.write_acks.forget(self)
        self._clients.memory.forget(self)
        self._clients.host.engine.close(self.session)
        self.on_closed()
        self._clients.host.after_requests()

    # the engine's side

    def deliver(self, value: Reply) -> None:
        """Writes a value out of turn: behind the replies that are already made."""
        if self._held:
            data = bytearray()
            encode(value, self.session.protocol, data)
            self._held.add(data, None)
        elif self._out is not None:
            encode(value, self.session.protocol, self._out)
        else:
            out = bytearray()
            encode(value, self.session.protocol, out)
            self.write(out)

    def close(self) -> None:
        """Closes after what has been written is sent."""
        if self._held:
            self.session.close_after_reply = True
        elif self._link is not None:
            self._link.close()

    def abort(self) -> None:
        """Closes at once."""
        if self._link is not None:
            self._link.abort()

    # for whoever takes the connection over (replicas)

    def write(self, data: bytes | bytearray) -> None:
        """Writes bytes as they are."""
        if self._out is not None:
            self._out += data
        elif self._link is not None and data:
            self._clients.bytes_written += len(data)
            self._link.write(data)
            if self._link.unsent_bytes():
                self.check_output()

    def unsent_bytes(self) -> int:
        """What the peer has not taken yet."""
        return self._link.unsent_bytes() if self._link is not None else 0

    def buffers(self) -> tuple[int, int]:
        """What has come and is not served, and what the peer has not taken yet."""
        return max(self._reader.pending_bytes, self._bytes_unread), self.unsent_bytes()

    def check_output(self) -> None:
        """Closes a client that reads too slowly for what it is sent (client-output-buffer-limit)."""
        if self._link is None:
            return
        unsent = self._link.unsent_bytes()
        limits = self._clients.host.options.client_output_buffer_limit
        hard, soft, soft_s = limits[_limit_class(self.session)]
        if not soft or unsent < soft:
            self._soft_since_ms = 0
        elif not self._soft_since_ms:
            self._soft_since_ms = self._clock.now_ms
        too_long_ms = self._clock.now_ms - self._soft_since_ms if self._soft_since_ms else 0
        if (hard and unsent >= hard) or too_long_ms > soft_s * 1000:
            self._clients.closed_for_output += 1
            self._clients.host.log(
                "warning", f"Client {self.session.address} closed for overcoming of output buffer limits."
            )
            self._link.abort()
        elif self._clients.memory.limit_bytes:
            self._clients.memory.note(self)

    # serving

    def _process(self) -> None:
        """Serves all whole requests that are here, and writes their replies at once."""
        if self._link is None or self._waiting:
            return
        self._clock.now_ms = self.heard_ms = self._unix_ms()
        self._clients.host.before_requests()
        self._out = out = bytearray()
        while True:
            try:
                if self._clients.host.write_acks.is_on or self._held:
                    self._serve_holding(out)
                else:
                    self._serve_all(out)
            except ProtocolError as error:
                self._refuse_protocol(error, out)
            self._clients.host.after_requests()
            if not self._resumed:
                break
            self._resumed = False
        self._out = None
        self.write(out)
        if self.session.close_after_reply:
            self.close()

    def _serve_all(self, out: bytearray) -> None:
        """Until there is no whole request any more, or one has to wait. Raises ProtocolError."""
        session = self.session
        serve = self._serve
        reader = self._reader
        take = reader.next
        is_stranger = not reader.authenticated
        while (argv := take()) is not None:
            reply = serve(session, argv)
            if reply is LATER:
                if not self._resumed:
                    self._waiting = True
                    return
                self._resumed = False
            elif reply is not NO_REPLY:
                encode(reply, session.protocol, out)
            if is_stranger:
                reader.authenticated = session.authenticated
            if session.close_after_reply:
                return

    def _serve_holding(self, out: bytearray) -> None:
        """The same where replies may have to wait for replicas (cluster-write-acks)."""
        session, reader = self.session, self._reader
        is_stranger = not reader.authenticated
        while self._held.size_bytes < HELD_BYTES_PAUSE and (argv := reader.next()) is not None:
            self._began_offset = session.write_offset
            reply = self._serve(session, argv)
            if reply is LATER:
                if not self._resumed:
                    self._waiting = True
                    return
                self._resumed = False
            elif reply is not NO_REPLY:
                self._reply(reply, argv, out)
            if is_stranger:
                reader.authenticated = session.authenticated
            if session.close_after_reply:
                return

    def _reply(self, reply: Reply, argv: list[bytes], out: bytearray) -> None:
        """Into `out`, or among what waits."""
        acks, now_ms = self._clients.host.write_acks, self._clients.host.world.now_ms()
        need = acks.need(self.session, argv, reply, self._began_offset, now_ms)
        if need is None and not self._held:
            encode(reply, self.session.protocol, out)
            return
        data = bytearray()
        encode(reply, self.session.protocol, data)
        self._held.add(data, need)
        acks.wait(self)

    def release(self, *, gives_up: bool = False) -> None:
        """Sends the replies that have waited for long enough."""
        acks = self._clients.host.write_acks
        now_ms = self._clients.host.world.now_ms()
        was_full = self._held.size_bytes >= HELD_BYTES_PAUSE
        ends_ms = now_ms + (self._clients.host.options.cluster_write_acks_timeout_ms if gives_up else 0)
        data = self._held.take(acks.acknowledged, acks.confirmed, acks.leased_ms(), ends_ms)
        if data:
            self._clients.host.before_reply()
            self.write(data)
        if self._held:
            return
        acks.forget(self)
        if self.session.close_after_reply:
            self.close()
        elif was_full:
            self._clients.host.world.call_at(now_ms, self._process)

    def _refuse_protocol(self, error: ProtocolError, out: bytearray) -> None:
        """What follows cannot be told apart any more: say so, and close."""
        log, address = self._clients.host.log, self.session.address
        self.session.close_after_reply = True
        if isinstance(error, QueryBufferExceeded):
            log("warning", f"Closing client that reached max query buffer length: {address}")
        else:
            text = b"-ERR %s\r\n" % str(error).encode("latin-1")
            if self._held:
                self._held.add(text, None)
            else:
                out += text
            log("verbose", f"{error} from client: {address}")

    def _deliver_late(self, reply: Reply) -> None:
        if not (self._clients.host.write_acks.is_on or self._held):
            self.deliver(reply)
            return
        out = bytearray()
        self._reply(reply, self.session.context.argv, out)
        self.write(out)

    def _finished(self, reply: Reply) -> None:
        """The reply that LATER promised; it may come while we serve, ours or another client's requests."""
        if self._link is None:
            return
        if reply is not NO_REPLY:
            self._clients.host.before_reply()
            self._deliver_late(reply)
        self._link.resume_reading()
        self._waiting = False
        self._bytes_unread = 0
        if self._out is not None:
            self._resumed = True
        else:
            # Not from here: whoever finishes requests is in the middle of a list of them.
            self._clients.host.world.call_at(self._clients.host.world.now_ms(), self._process)


def _limit_class(session: Session) -> str:
    if session.kind is Kind.REPLICA:
        return "slave"
    return "pubsub" if session.kind is Kind.PUBSUB else "normal"


def shown_address(address: tuple[str, int]) -> str:
    """As CLIENT LIST has it."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_local(address: tuple[str, int]) -> bool:
    """From this machine; a unix socket has no port."""
    host, port = address
    return not port or host.startswith("127.") or host == "::1"
