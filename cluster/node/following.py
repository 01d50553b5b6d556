"""The link to our primary: the replication machine's bytes, snapshot and commands, carried out.

What can go wrong: the link may break at any byte, and the other side may send anything. Nothing changes here
until a snapshot is whole and has been read without a fault; it then takes the old data's place in one step,
under the history that it belongs to. Whatever ends a link, the next one, a second later, asks to go on from
the last command that was applied, so the two sides agree in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.node.world import Link
from cluster.replication.replica import (
    Apply,
    CopyBegins,
    CopyEnds,
    CopyPart,
    DropReplicas,
    Effect,
    Hangup,
    PrimaryLink,
    Say,
    Write,
)
from cluster.store import dump
from cluster.store.keyspace import Keyspace
from protocol.rdb.records import CorruptFile

if TYPE_CHECKING:
    from cluster.node.replicas import ReplicaHost, ReplicaLinks

RETRY_MS = 1000
CONNECT_TIMEOUT_MS_MAX = 5000


class Following:
    """One connection to a primary: an Endpoint of the World. When it is over it sees to the next one, unless
    stop() has been called."""

    def __init__(self, host: ReplicaHost, links: ReplicaLinks, primary: tuple[str, int]) -> None:
        self._host = host
        self._links = links
        self._primary = primary
        self._link: Link | None = None
        self._snapshot = bytearray()
        self._stopped = False
        self._over = False
        self._was_up = False
        host.log("notice", f"Connecting to MASTER {primary[0]}:{primary[1]}")
        host.log("notice", "MASTER <-> REPLICA sync started")
        self._machine = PrimaryLink(host.replication, host.options, host.world.unix_ms())
        timeout_ms = min(host.options.repl_timeout * 1000, CONNECT_TIMEOUT_MS_MAX)
        host.world.connect(*primary, self, timeout_ms=timeout_ms)

    def stop(self) -> None:
        """We follow somebody else now, or nobody."""
        self._stopped = True
        if self._link is not None:
            self._link.abort()

    def tick(self) -> None:
        """A few times a second."""
        if not self._over:
            self._machine.tick(self._host.world.unix_ms())
            self._settle()

    def acknowledge(self) -> None:
        """Tells the primary our offset now."""
        self._machine.acknowledge(self._host.world.unix_ms())
        self._settle()

    # Endpoint

    def connected(self, link: Link) -> None:
        """The connection stands."""
        self._link = link
        if self._stopped:
            link.abort()
            return
        self._machine.connected(self._host.world.unix_ms())
        self._settle()

    def received(self, data: bytes) -> None:
        """Bytes from the primary."""
        if self._over or self._stopped:
            return
        self._host.clock.now_ms = self._host.world.unix_ms()
        self._machine.received(self._host.clock.now_ms, data)
        self._settle()
        self._host.after_requests()

    def closed(self, reason: str) -> None:
        """The connection is gone, or was never made."""
        self._link = None
        if not self._over:
            self._end(reason)

    def _end(self, reason: str) -> None:
        self._over = True
        if self._stopped:
            return
        world = self._host.world
        self._machine.closed(world.unix_ms(), reason)
        self._settle()
        world.call_at(world.now_ms() + RETRY_MS, self._retry)

    def _retry(self) -> None:
        if not self._stopped:
            self._links.connect(self._primary)

    # effects

    def _settle(self) -> None:
        while effects := self._machine.take_effects():
            for effect in effects:
                if self._stopped:
                    return
                self._carry_out(effect)
        is_up = self._host.replication.link_up
        if is_up != self._was_up:
            self._was_up = is_up
            self._host.primary_link_changed()

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Apply(commands):
                apply = self._host.engine.apply
                for argv in commands:
                    apply(argv)
            case Write(data):
                if self._link is not None:
                    self._link.write(data)
            case Say(level, text):
                self._host.log(level, text)
            case CopyBegins():
                self._snapshot = bytearray()
            case CopyPart(data):
                self._snapshot += data
            case CopyEnds():
                self._load()
            case DropReplicas():
                self._links.drop_replicas()
            case Hangup():
                self._hang_up()

    def _hang_up(self) -> None:
        if self._link is not None:
            self._link.abort()
        if not self._over:
            self._end("")

    def _load(self) -> None:
        """Reads the snapshot into databases of their own, which take the old ones' place when all is well."""
        host, server = self._host, self._host.server
        data, self._snapshot = bytes(self._snapshot), bytearray()
        fresh = [Keyspace(host.clock, each.index) for each in server.databases]
        try:
            aux = dump.load(data, fresh, limits=host.options)
        except CorruptFile as error:
            self._machine.load_failed(str(error))
            return
        for old, new in zip(server.databases, fresh, strict=True):
            old.swap(new)
            server.watches.touch_database(old.index)
            server.waiters.touch_database(old.index)
        host.engine.restart_stream()
        database = aux.get(b"repl-stream-db", b"0")
        if database.isdigit() and int(database) < len(fresh):
            host.engine.apply([b"SELECT", database])
        self._machine.loaded(host.world.unix_ms())
        host.data_replaced()
