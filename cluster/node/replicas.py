"""Replication's connections: replicas that follow us, and the one to a primary that we follow.

A full copy is taken by a forked child at one moment of the stream: `+FULLRESYNC` names that moment, and what
the stream brings meanwhile is held for each replica and sent behind the copy. All replicas that wait at the
moment of a fork share it. Unlike Redis, which waits repl-diskless-sync-delay for more of them, the fork comes
at once: a replica that is late only costs another fork."""

from __future__ import annotations

from typing import Protocol

from cluster.commands.context import Server
from cluster.engine.engine import Engine
from cluster.node.clients import ClientConnection, Clients
from cluster.node.disk import Disk
from cluster.node.following import Following
from cluster.node.loading import Loading
from cluster.node.log import Log
from cluster.node.world import Child, World
from cluster.replication.primary import ONLINE, SEND_BULK, WAIT_BGSAVE, Replica
from cluster.replication.replication import Replication
from cluster.session.session import Kind, Session
from cluster.spec.options import Options
from cluster.store.clock import Clock
from cluster.store.values.string import parse_integer
from protocol.psync import Continue, FullResync
from protocol.resp.types import NO_REPLY, OK, ErrorReply, Reply

UNSENT_BYTES_PAUSE = 8 << 20
"""While a replica has not taken so much of its copy, the child that produces it waits."""
LOOK_AGAIN_MS = 10
KEEPALIVE_MS = 1000
ADDRESS_BYTES_MAX = 46


class ReplicaHost(Protocol):
    """What replication's connections need of the node."""

    world: World
    log: Log
    options: Options
    clock: Clock
    server: Server
    engine: Engine
    replication: Replication
    clients: Clients
    disk: Disk
    loading: Loading

    def before_reply(self) -> None: ...

    def after_requests(self) -> None: ...

    def data_replaced(self) -> None:
        """A full copy has taken the place of all data."""

    def primary_link_changed(self) -> None:
        """We are in step with our primary now, or not any more."""


class Outlet:
    """A replica's connection. `held` has the stream since its copy's moment, until it may be sent; None when
    nothing is to be held. Times are unix milliseconds."""

    __slots__ = ("connection", "held", "moved_ms", "replica", "unsent_bytes")

    def __init__(self, replica: Replica, connection: ClientConnection) -> None:
        self.replica = replica
        self.connection = connection
        self.held: bytearray | None = None
        self.unsent_bytes = 0
        self.moved_ms = 0


class FullCopy:
    """One fork, and the replicas that get what it produces."""

    def __init__(self, outlets: list[Outlet], marker: bytes) -> None:
        self.outlets = outlets
        self.marker = marker
        self.collected: bytearray | None = None
        self.child: Child | None = None
        self.is_paused = False
        if any(not outlet.replica.takes_eof for outlet in outlets):
            self.collected = bytearray()


class ReplicaLinks:
    """All of a node's replication connections."""

    def __init__(self, host: ReplicaHost) -> None:
        self._host = host
        self._replication = host.replication
        self._replication.on_outgoing = self._flush_soon
        self._replication.on_synced = self._synced
        self._outlets: dict[int, Outlet] = {}
        self._copy: FullCopy | None = None
        self._copy_is_due = False
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

    def connect(self, primary: tuple[str, int]) -> None:
        """Opens the link to the primary, a first one or the next."""
        self._following = Following(self._host, self, primary)

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
        if self._copy is not None and self._copy.child is not None:
            self._copy.child.kill()

    def tick(self) -> None:
        """A few times a second."""
        now_ms = self._host.world.unix_ms()
        if self._following is not None:
            self._following.tick()
        self._replication.tick(now_ms)
        keeps_alive = now_ms - self._kept_alive_ms >= KEEPALIVE_MS
        if keeps_alive:
            self._kept_alive_ms = now_ms
        for outlet in list(self._outlets.values()):
            if outlet.replica in self._replication.replicas:
                self._look_after(outlet, now_ms, keeps_alive=keeps_alive)

    def _look_after(self, outlet: Outlet, now_ms: int, *, keeps_alive: bool) -> None:
        replica, timeout_ms = outlet.replica, self._host.options.repl_timeout * 1000
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
        if replication.primary is not None and not replication.link_up:
            return ErrorReply(b"NOMASTERLINK Can't SYNC while not connected with my master")
        self._host.log("notice", f"Replica {outlet.replica.address} asks for synchronization")
        self.flush()
        history, offset = ("?", -1)
        if kind == "PSYNC":
            history, offset = argv[1].decode("latin-1"), int(argv[2])
        outlet.replica.old_protocol = kind == "SYNC"
        answer, reason = replication.answer(outlet.replica, history, offset)
        if kind == "PSYNC":
            self._host.log("notice", reason)
        session.kind = Kind.REPLICA
        session.refresh()
        replication.attach(outlet.replica, self._host.world.unix_ms())
        if isinstance(answer, Continue):
            assert replication.backlog is not None
            outlet.replica.state = ONLINE
            outlet.connection.write(answer.line() + replication.backlog.since(offset))
        else:
            self._copy_soon()
        return NO_REPLY

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
        self._host.log("notice", f"Connection with replica {outlet.replica.address} lost.")
        copy = self._copy
        if copy is not None and outlet in copy.outlets:
            copy.outlets.remove(outlet)
            if not copy.outlets and copy.child is not None:
                self._host.log("notice", "Diskless rdb transfer, last replica dropped, killing fork child.")
                copy.child.kill()

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
        elif word == b"ip-address":
            if len(value) >= ADDRESS_BYTES_MAX:
                return b"REPLCONF ip-address provided by replica instance is too long: %d bytes" % len(value)
            replica.announced_host = value.decode("latin-1")
        elif word == b"capa":
            replica.takes_eof |= value.lower() == b"eof"
            replica.takes_new_id |= value.lower() == b"psync2"
        elif word == b"rdb-filter-only":
            if value:
                return b"Unsupported rdb-filter-only option: " + value
        else:
            return b"Unrecognized REPLCONF option: " + word[:128]
        return b""

    def _acknowledged(self, outlet: Outlet, value: bytes, synced_offset: int) -> Reply:
        offset = _integer(value)
        if offset is None or outlet.connection.session.kind is not Kind.REPLICA:
            return NO_REPLY
        if outlet.held is not None and self._copy_is_over(outlet):
            self._go_online(outlet)
        self._replication.attachments.acknowledge(
            outlet.replica, offset, self._host.world.unix_ms(), synced_offset=synced_offset
        )
        return NO_REPLY

    def _copy_is_over(self, outlet: Outlet) -> bool:
        return self._copy is None or outlet not in self._copy.outlets

    def _go_online(self, outlet: Outlet) -> None:
        held, outlet.held = outlet.held, None
        outlet.replica.state = ONLINE
        outlet.replica.ack_ms = self._host.world.unix_ms()
        self._host.log("notice", f"Synchronization with replica {outlet.replica.address} succeeded")
        if held:
            outlet.connection.write(bytes(held))

    # full copies

    def _copy_soon(self) -> None:
        # Behind what this turn of the loop still brings, so that replicas that come together share a fork.
        if not self._copy_is_due and self._copy is None:
            self._copy_is_due = True
            self._host.world.call_at(self._host.world.now_ms(), self._start_copy)

    def _start_copy(self) -> None:
        self._copy_is_due = False
        waiting = [
            each
            for each in self._outlets.values()
            if each.replica.state == WAIT_BGSAVE and each.replica in self._replication.replicas
        ]
        if not waiting or self._copy is not None:
            return
        self.flush()
        self._replication.copy_begins()
        host, marker = self._host, b"%040x" % self._host.world.random.getrandbits(160)
        copy = self._copy = FullCopy(waiting, marker)
        host.log("notice", "Starting BGSAVE for SYNC with target: replicas sockets")
        try:
            copy.child = host.world.fork_stream(host.disk.snapshot, self._chunk, self._copied)
        except OSError as error:
            self._copied(f"Can't fork: {error.strerror}")
            return
        host.log("notice", f"Background RDB transfer started by pid {copy.child.pid}")
        answer = FullResync(self._replication.id, self._replication.offset).line()
        for outlet in waiting:
            outlet.replica.state = SEND_BULK
            outlet.held = bytearray()
            outlet.moved_ms = host.world.unix_ms()
            if not outlet.replica.old_protocol:
                outlet.connection.write(answer)
            if outlet.replica.takes_eof:
                outlet.connection.write(b"$EOF:%b\r\n" % marker)

    def _chunk(self, data: bytes) -> None:
        copy = self._copy
        if copy is None:
            return
        if copy.collected is not None:
            copy.collected += data
        for outlet in list(copy.outlets):
            if outlet.replica.takes_eof:
                outlet.connection.write(data)
        self._throttle(copy)

    def _throttle(self, copy: FullCopy) -> None:
        """Holds the child while a replica is behind, and lets it go on when all have taken most of it."""
        if copy is not self._copy or copy.child is None:
            return
        is_behind = any(each.connection.unsent_bytes() > UNSENT_BYTES_PAUSE for each in copy.outlets)
        if is_behind and not copy.is_paused:
            copy.child.pause_reading()
        elif copy.is_paused and not is_behind:
            copy.child.resume_reading()
        copy.is_paused = is_behind
        if is_behind:
            self._host.world.call_at(self._host.world.now_ms() + LOOK_AGAIN_MS, lambda: self._throttle(copy))

    def _copied(self, failure: str) -> None:
        copy, self._copy = self._copy, None
        if copy is None:
            return
        if failure:
            self._host.log("warning", f"Background RDB transfer error: {failure}")
            for outlet in list(copy.outlets):
                outlet.connection.abort()
        else:
            self._host.log("notice", "Background RDB transfer terminated with success")
            for outlet in list(copy.outlets):
                self._send_rest(outlet, copy)
        self._copy_soon()

    def _send_rest(self, outlet: Outlet, copy: FullCopy) -> None:
        replica = outlet.replica
        if replica.takes_eof:
            outlet.connection.write(copy.marker)
            self._host.log(
                "notice",
                f"Streamed replica with replica {replica.address} succeeded (socket). Waiting for REPLCONF "
                "ACK from replica to enable streaming",
            )
        elif copy.collected is not None:
            outlet.connection.write(b"$%d\r\n" % len(copy.collected))
            outlet.connection.write(bytes(copy.collected))
            if not replica.rdb_only:
                self._go_online(outlet)


def _integer(text: bytes) -> int | None:
    try:
        return parse_integer(text)
    except ValueError:
        return None
