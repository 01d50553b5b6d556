"""Replication's connections: replicas that follow us, and the one to a primary that we follow.

Full copies for replicas are cluster.node.full_copies' business; here is what comes before and behind them.
"""

from __future__ import annotations

from typing import Protocol

from cluster.commands.context import Server
from cluster.engine.engine import Engine
from cluster.engine.write_acks import WriteAcks
from cluster.node.clients import Clients
from cluster.node.disk import Disk
from cluster.node.failover import Failover
from cluster.node.following import Following
from cluster.node.full_copies import FullCopies, Outlet
from cluster.node.loading import Loading
from cluster.node.log import Log
from cluster.node.world import World
from cluster.replication.primary import FUNCTIONS, ONLINE, RDB_PARTS, SEND_BULK, WAIT_BGSAVE, Replica
from cluster.replication.replication import NO_FAILOVER, Replication
from cluster.session.session import Kind, Session
from cluster.spec.errors import NOT_AN_INTEGER
from cluster.spec.options import Options
from cluster.store.clock import Clock
from cluster.store.values.string import parse_integer
from protocol.psync import FIELD_ENDS, Continue
from protocol.resp.inline import split_words
from protocol.resp.types import NO_REPLY, OK, ErrorReply, Reply

KEEPALIVE_MS = 1000
ADDRESS_BYTES_MAX = 255


class ReplicaHost(Protocol):
    """What replication's connections need of the node."""

    world: World
    log: Log
    options: Options
    clock: Clock
    server: Server
    engine: Engine
    write_acks: WriteAcks
    replication: Replication
    clients: Clients
    disk: Disk
    loading: Loading
    failover: Failover

    def follow(self, primary: tuple[str, int] | None) -> None: ...

    def after_requests(self) -> None: ...

    def before_reply(self) -> None:
        """What was written goes to the append only file before anyone hears of it."""

    def data_replaced(self) -> None:
        """A full copy has taken the place of all data."""

    def primary_link_changed(self) -> None:
        """We are in step with our primary now, or not any more."""


class ReplicaLinks:
    """All of a node's replication connections."""

    def __init__(self, host: ReplicaHost) -> None:
        self._host = host
        self._replication = host.replication
        self._replication.on_outgoing = self._flush_soon
        self._replication.on_synced = self._synced
        self._outlets: dict[int, Outlet] = {}
        self._copies = FullCopies(host, self._outlets, self.flush, self._go_online)
        self._kept_alive_ms = 0
        self._following: Following | None = None

    # following

    def follow(self, host: str, port: int) -> None:
        """Replicate from there."""
        if self._replication.primary == (host, port):
            return
        if self._replication.primary is None:
            self._host.log(
                "notice",
                "Before turning into a replica, using my own master parameters to synthesize a cached "
                "master: I may be able to synchronize with the new master with just a partial transfer.",
            )
        self._hang_up()
        self._replication.follow(host, port, self._host.world.unix_ms())
        self.connect((host, port))

    def connect(self, primary: tuple[str, int], *, is_resumed: bool = False) -> None:
        """Opens the link to the primary, a first one or the next; `is_resumed`: at once behind one that was
        in step."""
        self._following = Following(self._host, self, primary, is_resumed=is_resumed)

    def stop(self) -> None:
        """Replicate from nobody."""
        if self._replication.primary is None:
            return
        self._hang_up()
        self.flush()
        self._replication.promote(self._host.world.unix_ms())
        self._host.engine.restart_stream()
        self._host.log(
            "warning",
            f"Setting secondary replication ID to {self._replication.id2}, valid up to offset: "
            f"{self._replication.offset2}. New replication ID is {self._replication.id}",
        )
        self.drop_replicas()

    def _hang_up(self) -> None:
        if self._following is not None:
            self._following.stop()
            self._following = None

    def close(self) -> None:
        """The node is ending."""
        self._hang_up()
        self._copies.stop()

    def tick(self) -> None:
        """A few times a second."""
        now_ms = self._host.world.unix_ms()
        if self._following is not None:
            self._following.tick()
        had_backlog = self._replication.backlog is not None
        self._replication.tick(now_ms)
        if had_backlog and self._replication.backlog is None:
            seconds = self._host.options.repl_backlog_ttl
            self._host.log(
                "notice", f"Replication backlog freed after {seconds} seconds without connected replicas."
            )
        keeps_alive = now_ms - self._kept_alive_ms >= KEEPALIVE_MS
        if keeps_alive:
            self._kept_alive_ms = now_ms
        for outlet in list(self._outlets.values()):
            if outlet.replica in self._replication.replicas:
                self._look_after(outlet, now_ms, keeps_alive=keeps_alive)

    def _look_after(self, outlet: Outlet, now_ms: int, *, keeps_alive: bool) -> None:
        replica, timeout_ms = outlet.replica, self._host.options.repl_timeout * 1000
        # Whatever it says, and be it a newline while it loads its copy, it is alive.
        replica.ack_ms = max(replica.ack_ms, outlet.connection.heard_ms)
        if replica.state == WAIT_BGSAVE and keeps_alive:
            outlet.connection.write(b"\n")
        elif replica.state == ONLINE and now_ms - replica.ack_ms > timeout_ms and not replica.old_protocol:
            self._drop(outlet, f"Disconnecting timedout replica (streaming sync): {replica.address}")
        elif replica.state == SEND_BULK:
            unsent = outlet.connection.unsent_bytes()
            if not unsent or unsent != outlet.unsent_bytes:
                outlet.unsent_bytes, outlet.moved_ms = unsent, now_ms
            elif now_ms - outlet.moved_ms > timeout_ms:
                self._drop(outlet, f"Disconnecting timedout replica (full sync): {replica.address}")

    def _synced(self) -> None:
        """Whoever waits for it at our primary hears of it now, not within a second."""
        if self._following is not None:
            self._following.acknowledge()

    # the stream

    def _flush_soon(self) -> None:
        self._host.world.call_at(self._host.world.now_ms(), self.flush)

    def flush(self) -> None:
        """Sends what has been fed since the last time, in one write for each replica."""
        if self._host.write_acks.wants_acks():
            self._replication.ask_for_acks()
        data = self._replication.take_outgoing()
        if not data:
            return
        limit = self._host.options.client_output_buffer_limit["slave"][0]
        for outlet in list(self._outlets.values()):
            if outlet.held is not None:
                outlet.held += data
                if limit and len(outlet.held) > limit:
                    self._drop(
                        outlet,
                        f"Client {outlet.replica.address} closed for overcoming of output buffer limits.",
                    )
            elif outlet.replica.state == ONLINE:
                outlet.connection.write(data)

    # replicas that follow us

    def attach(self, session: Session, kind: str, argv: list[bytes]) -> Reply:
        """REPLCONF, PSYNC or SYNC on a client's connection."""
        outlet = self._outlet(session)
        if outlet is None:
            return NO_REPLY
        if kind == "REPLCONF":
            return self._configure(outlet, argv)
        if session.kind is Kind.REPLICA:
            return NO_REPLY
        replication = self._replication
        if kind == "PSYNC" and len(argv) > 3 and argv[3].lower() == b"failover":
            refusal = self._take_role(session, argv[1])
            if refusal:
                return ErrorReply(refusal)
        offset = _integer(argv[2]) if kind == "PSYNC" else -1
        if offset is None:
            return ErrorReply(NOT_AN_INTEGER.encode())
        if replication.failover_state != NO_FAILOVER:
            return ErrorReply(b"NOMASTERLINK Can't SYNC while failing over")
        if replication.primary is not None and not replication.link_up:
            return ErrorReply(b"NOMASTERLINK Can't SYNC while not connected with my master")
        core = self._host.server.core
        if core is not None and core.hollow:
            return ErrorReply(b"NOMASTERLINK Can't SYNC: my data may not be what I have acknowledged")
        replica = outlet.replica
        if replica.rdb_parts != RDB_PARTS and not replica.takes_eof:
            return ErrorReply(b"ERR Filtered replica requires EOF capability")
        self._host.log("notice", f"Replica {outlet.replica.address} asks for synchronization")
        self.flush()
        history = argv[1].decode("latin-1") if kind == "PSYNC" else "?"
        outlet.replica.old_protocol = kind == "SYNC"
        answer, reason = replication.answer(outlet.replica, history, offset)
        if kind == "PSYNC":
            self._host.log("notice", reason)
        session.kind = Kind.REPLICA
        session.refresh()
        had_backlog = replication.backlog is not None
        replication.attach(outlet.replica, self._host.world.unix_ms())
        if not had_backlog:
            ids = f"'{replication.id}' and '{replication.id2}'"
            self._host.log("notice", f"Replication backlog created, my new replication IDs are {ids}")
        if isinstance(answer, Continue):
            assert replication.backlog is not None
            outlet.replica.state = ONLINE
            outlet.connection.write(answer.line() + replication.backlog.since(offset))
        else:
            outlet.replica.parted_at = answer.parted_at
            self._copies.begin_soon()
        return NO_REPLY

    def _take_role(self, session: Session, history: bytes) -> bytes:
        """Our primary asks us to be the primary (its FAILOVER); why not, when we can't."""
        self._host.log("warning", f"Failover request received for replid {history.decode('latin-1')}.")
        if self._replication.primary is None:
            return b"ERR PSYNC FAILOVER can't be sent to a master."
        if history.lower() != self._replication.id.encode():
            return b"ERR PSYNC FAILOVER replid must match my replid."
        self._host.follow(None)
        self._host.log("notice", f"MASTER MODE enabled (failover request from 'addr={session.address}')")
        return b""

    def _outlet(self, session: Session) -> Outlet | None:
        """What is known of this connection as a replica's; made when it first says something of the kind."""
        outlet = self._outlets.get(session.id)
        connection = self._host.clients.of(session)
        if outlet is None and connection is not None:
            host = session.address.rpartition(":")[0].strip("[]")
            outlet = self._outlets[session.id] = Outlet(Replica(session.id, host), connection)
            connection.on_closed = lambda: self._detach(session.id)
        return outlet

    def _detach(self, session_id: int) -> None:
        outlet = self._outlets.pop(session_id, None)
        if outlet is None or outlet.replica not in self._replication.replicas:
            return
        self._replication.detach(outlet.replica, self._host.world.unix_ms())
        self._host.log("warning", f"Connection with replica {outlet.replica.address} lost.")
        self._copies.gone(outlet)

    def _drop(self, outlet: Outlet, why: str) -> None:
        self._host.log("warning", why)
        outlet.connection.abort()

    def drop_replicas(self) -> None:
        """Has our replicas connect again: the history that they follow has another name now."""
        for outlet in list(self._outlets.values()):
            if outlet.replica in self._replication.replicas:
                outlet.connection.abort()

    # REPLCONF

    def _configure(self, outlet: Outlet, argv: list[bytes]) -> Reply:
        if len(argv) % 2 == 0:
            return ErrorReply(b"ERR syntax error")
        for name, value in zip(argv[1::2], argv[2::2], strict=True):
            word = name.lower()
            if word == b"ack":
                synced = _integer(argv[4]) if len(argv) > 4 and argv[3].lower() == b"fack" else None
                return self._acknowledged(outlet, value, -1 if synced is None else synced)
            if word == b"getack":
                if self._following is not None:
                    self._following.acknowledge()
                return NO_REPLY
            refusal = self._note(outlet.replica, word, value)
            if refusal:
                return ErrorReply(b"ERR " + refusal)
        return OK

    def _note(self, replica: Replica, word: bytes, value: bytes) -> bytes:
        """Notes what a replica says of itself; why not, when it can't be."""
        if word in (b"listening-port", b"rdb-only"):
            number = _integer(value)
            if number is None or (word == b"rdb-only" and number not in (0, 1)):
                return b"value is not an integer or out of range"
            if word == b"rdb-only":
                replica.rdb_only = bool(number)
            else:
                replica.port = number
        elif word == b"cluster-node-id":
            replica.node_id = value.decode("latin-1")
        elif word == b"ip-address":
            if len(value) > ADDRESS_BYTES_MAX:
                return b"REPLCONF ip-address provided by replica instance is too long: %d bytes" % len(value)
            replica.announced_host = value.decode("latin-1")
        elif word == b"capa":
            replica.takes_eof |= value.lower() == b"eof"
            replica.takes_new_id |= value.lower() == b"psync2"
            replica.takes_field_ends |= value.lower() == FIELD_ENDS
        elif word == b"rdb-filter-only":
            return _note_parts(replica, value)
        else:
            return b"Unrecognized REPLCONF option: " + word[:128]
        return b""

    def _acknowledged(self, outlet: Outlet, value: bytes, synced_offset: int) -> Reply:
        offset = _integer(value)
        if offset is None or outlet.connection.session.kind is not Kind.REPLICA:
            return NO_REPLY
        if outlet.held is not None and self._copies.is_over(outlet):
            self._go_online(outlet)
        self._replication.attachments.acknowledge(
            outlet.replica, offset, self._host.world.unix_ms(), synced_offset=synced_offset
        )
        self._host.write_acks.acked(outlet.replica.node_id, offset)
        return NO_REPLY

    def _go_online(self, outlet: Outlet) -> None:
        held, outlet.held = outlet.held, None
        outlet.replica.state = ONLINE
        outlet.replica.ack_ms = self._host.world.unix_ms()
        self._host.log("notice", f"Synchronization with replica {outlet.replica.address} succeeded")
        if held:
            outlet.connection.write(bytes(held))


def _note_parts(replica: Replica, text: bytes) -> bytes:
    """Notes of which parts a replica wants a copy; why not, when there are no such parts."""
    words = split_words(text)
    if words is None:
        return b"Missing rdb-filter-only values"
    replica.rdb_parts = frozenset()
    for word in words:
        if word.lower() != FUNCTIONS.encode():
            return b"Unsupported rdb-filter-only option: " + word
        replica.rdb_parts |= {FUNCTIONS}
    return b""


def _integer(text: bytes) -> int | None:
    try:
        return parse_integer(text)
    except ValueError:
        return None
