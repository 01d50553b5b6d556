"""The link to our primary: the replication machine's bytes, snapshot and commands, carried out.

What can go wrong: the link may break at any byte, and the other side may send anything. A snapshot is loaded
in the way that cluster.node.copying describes, and counts when it is whole and sound, under the history that
it belongs to. Where our data had to make room for one that then turned out not to be, we hold no place in any
history (Replication.is_void), and the next link brings a whole one. Whatever ends a link, the next one asks
to go on from the last command that was applied, so the two sides agree in the end. It comes at once where the
other side, or CLIENT KILL, has closed one that was in step, lest the backlog move on meanwhile; else after a
second, so that what went wrong is not tried without a pause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.node import copying
from cluster.node.clients import shown_address
from cluster.node.copying import Copy
from cluster.node.world import Link
from cluster.replication.replica import (
    AckDue,
    Apply,
    CopyBegins,
    CopyEnds,
    CopyPart,
    DropReplicas,
    Effect,
    FailoverAnswered,
    Hangup,
    PrimaryLink,
    Say,
    Write,
)
from cluster.session.session import Session

if TYPE_CHECKING:
    from cluster.node.replicas import ReplicaHost, ReplicaLinks

RETRY_MS = 1000
CONNECT_TIMEOUT_MS_MAX = 5000
NEWLINE_MS = 1000
"""While a copy is loaded the primary hears so often that we are alive."""


class Following:
    """One connection to a primary: an Endpoint of the World. When it is over it sees to the next one, unless
    stop() has been called."""

    def __init__(
        self, host: ReplicaHost, links: ReplicaLinks, primary: tuple[str, int], *, is_resumed: bool
    ) -> None:
        self._host = host
        self._links = links
        self._primary = primary
        self._link: Link | None = None
        self._copy: Copy | None = None
        self._ended: str | None = None
        self._newline_ms = 0
        self._stopped = False
        self._over = False
        self._was_up = False
        self._session: Session | None = None
        begins = "Reconnecting" if is_resumed else "Connecting"
        host.log("notice", f"{begins} to MASTER {primary[0]}:{primary[1]}")
        host.log("notice", "MASTER <-> REPLICA sync started")
        self._machine = PrimaryLink(host.replication, host.options, host.world.unix_ms())
        timeout_ms = min(host.options.repl_timeout * 1000, CONNECT_TIMEOUT_MS_MAX)
        host.world.connect(*primary, self, timeout_ms=timeout_ms)

    def stop(self) -> None:
        """We follow somebody else now, or nobody."""
        self._stopped = True
        self._abandon()
        self._leave_clients()
        if self._link is not None:
            self._link.abort()

    def cut(self) -> None:
        """CLIENT KILL: this link is to end, and the next one to come."""
        self._leave_clients()
        if self._link is not None:
            self._link.abort()

    def tick(self) -> None:
        """A few times a second."""
        if self._over:
            return
        now_ms = self._host.world.unix_ms()
        self._machine.tick(now_ms)
        self._settle()
        if self._copy is not None and self._link is not None and now_ms - self._newline_ms >= NEWLINE_MS:
            self._newline_ms = now_ms
            self._link.write(b"\n")

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
        if self._session is not None:
            self._session.last_interaction_ms = self._host.clock.now_ms
        self._machine.received(self._host.clock.now_ms, data)
        self._settle()
        self._host.after_requests()

    def closed(self, reason: str) -> None:
        """The connection is gone, or was never made."""
        self._link = None
        if self._copy is not None and self._copy.is_loading and not self._stopped:
            self._ended = reason
        elif not self._over:
            self._end(reason, at_once=self._host.replication.link_up)

    def _end(self, reason: str, *, at_once: bool = False) -> None:
        self._over = True
        self._abandon()
        if self._stopped:
            return
        world = self._host.world
        self._machine.closed(world.unix_ms(), reason)
        self._settle()
        wait_ms = 0 if at_once else RETRY_MS
        world.call_at(world.now_ms() + wait_ms, lambda: self._retry(is_resumed=at_once))

    def _retry(self, *, is_resumed: bool) -> None:
        if not self._stopped:
            self._links.connect(self._primary, is_resumed=is_resumed)

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
            if is_up:
                self._join_clients()
            else:
                self._leave_clients()
            self._host.primary_link_changed()

    def _join_clients(self) -> None:
        link = self._link
        here, there = (link.local_address, link.peer_address) if link is not None else (("", 0), ("", 0))
        self._session = self._host.engine.open_primary(shown_address(there), shown_address(here), self.cut)

    def _leave_clients(self) -> None:
        if self._session is not None:
            self._session = None
            self._host.engine.close_primary()

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Apply(commands):
                apply = self._host.engine.apply
                for argv in commands:
                    apply(argv)
                # Not within them: the offset that the file is to have is already that behind the last one.
                self._host.disk.settle_flush()
            case FailoverAnswered(accepted):
                self._host.failover.answered(accepted=accepted)
            case AckDue():
                self._host.before_reply()
                self._machine.acknowledge(self._host.world.unix_ms())
            case Write(data):
                if self._link is not None:
                    self._link.write(data)
            case Say(level, text):
                self._host.log(level, text)
            case CopyBegins(length):
                self._begin_copy(length, is_our_history=effect.is_our_history)
            case CopyPart(data):
                self._take_part(data)
            case CopyEnds():
                if self._copy is not None:
                    if self._link is not None:
                        self._link.pause_reading()
                    self._copy.end()
            case DropReplicas():
                self._links.drop_replicas()
            case Hangup():
                self._hang_up()

    def _hang_up(self) -> None:
        if self._link is not None:
            self._link.abort()
        if not self._over:
            self._end("")

    # full copies

    def _begin_copy(self, length: int | None, *, is_our_history: bool) -> None:
        assert self._link is not None
        host = self._host
        try:
            self._copy = copying.begin(
                host, self._link, self._copied, length=length, is_our_history=is_our_history
            )
        except OSError as error:
            self._machine.copy_failed(
                "Opening the temp file needed for MASTER <-> REPLICA synchronization: "
                f"{error.strerror or error}"
            )
            return
        where = "disk" if isinstance(self._copy, copying.FileCopy) else "parser"
        form = "streamed RDB from master with EOF" if length is None else f"{length} bytes from master"
        host.log("notice", f"MASTER <-> REPLICA sync: receiving {form} to {where}")

    def _take_part(self, data: bytes) -> None:
        if self._copy is None:
            return
        try:
            self._copy.take(data)
        except OSError as error:
            self._machine.copy_failed(
                "Write error or short write writing to the DB dump file needed for MASTER <-> REPLICA "
                f"synchronization: {error.strerror or error}"
            )

    def _abandon(self) -> None:
        copy, self._copy = self._copy, None
        if copy is not None:
            copy.abandon()

    def _copied(self, aux: dict[bytes, bytes], failure: str) -> None:
        """The copy has become our data, or never will."""
        host, self._copy = self._host, None
        if self._link is not None:
            self._link.resume_reading()
        if failure:
            self._machine.copy_failed(f"Failed trying to load the MASTER synchronization DB: {failure}")
        else:
            host.engine.restart_stream()
            database = aux.get(b"repl-stream-db", b"0")
            if database.isdigit() and int(database) < len(host.server.databases):
                host.engine.apply([b"SELECT", database])
            self._machine.loaded(host.world.unix_ms())
            host.disk.copied()
            host.data_replaced()
        self._settle()
        if self._ended is not None and not self._over:
            self._end(self._ended)
        host.after_requests()
