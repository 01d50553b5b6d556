"""cluster-write-acks: a write is acknowledged when those who may take over have it.

Which replicas those are the voters must know (cluster.core.in_sync). Here is decided whom to name to them,
and what may be said to clients meanwhile:

- A write is answered when every replica that is in sync, or is about to be, has acknowledged its place in the
  stream, and they are at least as many as asked for. While they are fewer, writes are refused before they are
  carried out.
- A read may have seen a write that is not acknowledged yet: it is answered when that one is safe with those
  in sync, however few they are. And it is answered only while nobody else can have acknowledged newer writes.
- A replica joins when it has all that was ever answered. One that has not acknowledged something for too long
  leaves: sooner while there are enough without it, later when writes are to be refused for it.

In a new term nothing is answered before the first agreement: what this node had when it began counts as
answered.
"""

from __future__ import annotations

from typing import Protocol

from cluster.commands.context import Server
from cluster.core.orders import ProposeInSync
from cluster.engine.held_replies import Need
from cluster.session.session import Kind, Session
from protocol.resp.types import QUEUED, ErrorReply, Reply

DATA_FLAGS = frozenset(("readonly", "write", "may_replicate"))


class Waiting(Protocol):
    """A connection with held replies."""

    def release(self, *, gives_up: bool = False) -> None:
        """Sends what may leave now; `gives_up` refuses the rest."""


class WriteAcks:
    """One node's. `is_on` says that replies may have to wait. `confirmed` is up to where all those in sync
    have the stream, `acknowledged` up to where they were enough as well. Times are the World's."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._replication = server.replication
        self._core = server.core
        self.is_on = False
        self.acknowledged = self.confirmed = -1
        self._written = 0
        self._asked_for = 0
        self._acked: dict[str, int] = {}
        self._owed: dict[str, tuple[int, int]] = {}
        self._term_since_ms = 0
        self._waiting: dict[Waiting, None] = {}
        self._now_ms = 0

    # replies

    def need(
        self, session: Session, argv: list[bytes], reply: Reply, before: int, now_ms: int
    ) -> Need | None:
        """What this reply has to wait for. `before` was the session's write_offset before the request."""
        if session.kind is not Kind.NORMAL or self._replication.primary is not None:
            return None
        until_ms = now_ms + self._server.options.cluster_write_acks_timeout_ms
        if session.write_offset != before:
            self._written = max(self._written, session.write_offset)
            return Need(session.write_offset, now_ms, until_ms, writes=True)
        if type(reply) is ErrorReply or reply is QUEUED or not self._is_about_data(argv):
            return None
        if self.confirmed >= self._written and self.leased_ms() >= now_ms:
            return None
        return Need(self._written, now_ms, until_ms, writes=False)

    def _is_about_data(self, argv: list[bytes]) -> bool:
        spec = self._server.runner.lookup(argv)
        if spec is None:
            return False
        return not DATA_FLAGS.isdisjoint(spec.flags) or spec.name == "exec"

    def leased_ms(self) -> int:
        """Up to when nobody else can have acknowledged writes."""
        return self._core.leased_until_ms() if self._core is not None else 0

    def wait(self, connection: Waiting) -> None:
        """This connection has replies that wait."""
        self._waiting[connection] = None

    def forget(self, connection: Waiting) -> None:
        """It has none any more."""
        self._waiting.pop(connection, None)

    def release(self, *, gives_up: bool = False) -> None:
        """Has all who wait look again; `gives_up` refuses what may not leave."""
        for connection in list(self._waiting):
            connection.release(gives_up=gives_up)

    # the stream

    def wants_acks(self) -> bool:
        """Whether the replicas should tell their offsets behind what is sent now. Once for each write."""
        if not self.is_on or not self._waiting or self._asked_for >= self._written:
            return False
        self._asked_for = self._written
        return True

    def acked(self, node_id: str, offset: int) -> None:
        """A replica has told how far it is."""
        if self.is_on and node_id and self._replication.primary is None:
            if offset > self._acked.get(node_id, -1):
                self._acked[node_id] = offset
            self.look(self._now_ms)

    # who is in sync

    def tick(self, now_ms: int) -> None:
        """A few times a second, and whenever an option, our role or the agreement has changed."""
        self._now_ms = now_ms
        core, options = self._core, self._server.options
        was_on = self.is_on
        self.is_on = core is not None and options.cluster_write_acks > 0
        if self.is_on != was_on:
            self._begin_term(now_ms)
        if core is None:
            return
        if self.is_on:
            # Who has lost an answer on the way is to be asked again.
            self._asked_for = min(self._asked_for, self.confirmed)
            self.look(now_ms)
        elif core.is_bound:
            core.order(now_ms, ProposeInSync(()))
        self._refuse_writes(self.is_on and self._replication.primary is None and not self._enough())
        if self._waiting:
            self.release()

    def _refuse_writes(self, lacks: bool) -> None:
        if lacks != self._server.lacks_in_sync:
            self._server.lacks_in_sync = lacks
            self._server.refresh()

    def role_changed(self, now_ms: int) -> None:
        """We lead, or follow somebody: a new term, and the old one's replies are refused."""
        self.release(gives_up=True)
        self._begin_term(now_ms)
        self.tick(now_ms)

    def _begin_term(self, now_ms: int) -> None:
        self._acked.clear()
        self._owed.clear()
        self._written = self._replication.offset
        self._asked_for = 0
        self.acknowledged = self.confirmed = -1
        self._term_since_ms = now_ms

    def look(self, now_ms: int) -> None:
        """Works out anew how far the stream is safe, and whom to name."""
        core = self._core
        if core is None or core.me.is_replica or self._replication.primary is not None:
            return
        before = self.acknowledged, self.confirmed
        agreed, asked = self._agreed(), core.asked_in_sync or ()
        if agreed is not None:
            others = {*agreed, *asked} - {core.me.node_id}
            safe = min((self._acked.get(each, -1) for each in others), default=self._replication.offset)
            self.confirmed = max(self.confirmed, safe)
            if self._enough():
                self.acknowledged = max(self.acknowledged, safe)
        if core.asked_in_sync == core.agreed_in_sync:
            self._propose(now_ms)
        if before != (self.acknowledged, self.confirmed):
            self.release()

    def _agreed(self) -> tuple[str, ...] | None:
        """The replicas that the voters know of; None where they know of none, or of no promise."""
        agreed = self._core.agreed_in_sync if self._core is not None else None
        return agreed or None

    def _enough(self) -> bool:
        me = self._core.me.node_id if self._core is not None else ""
        count = sum(each != me for each in self._agreed() or ())
        return count >= self._server.options.cluster_write_acks > 0

    def _propose(self, now_ms: int) -> None:
        core = self._core
        assert core is not None
        agreed = self._agreed()
        # What was here when the term began counts as answered, until there is an agreement.
        answered = self._written if agreed is None else self.confirmed
        online = {replica.node_id for replica in self._replication.replicas if replica.node_id}
        ready = {each for each in online if self._acked.get(each, -1) >= answered}
        members = ({*(agreed or ())} | ready) - {core.me.node_id} - self._laggards(agreed, now_ms)
        too_few = agreed is None and len(members) < self._server.options.cluster_write_acks
        if too_few and not self._is_alone(now_ms):
            return
        chosen = tuple(sorted(members)) or (core.me.node_id,)
        if chosen != agreed:
            core.order(now_ms, ProposeInSync(chosen))

    def _is_alone(self, now_ms: int) -> bool:
        """Whether it is no use to wait for a replica before the first word of a term."""
        core = self._core
        assert core is not None
        if now_ms - self._term_since_ms > core.settings.node_timeout_ms:
            return True
        return all(replica.failed for replica in core.replicas_of(core.me.node_id))

    def _laggards(self, agreed: tuple[str, ...] | None, now_ms: int) -> set[str]:
        """Those in sync who have kept something waiting for too long."""
        options, core = self._server.options, self._core
        assert core is not None
        timeout_ms = options.cluster_write_acks_timeout_ms
        late: dict[str, int] = {}
        for each in agreed or ():
            offset, since_ms = self._owed.get(each, (-1, now_ms))
            if each == core.me.node_id or self._acked.get(each, -1) >= offset:
                # What it owes now is what has been written until now.
                self._owed[each] = (self._written, now_ms)
            elif now_ms - since_ms > timeout_ms // 4:
                late[each] = since_ms
        if len(agreed or ()) - len(late) >= options.cluster_write_acks:
            return {*late}
        patience_ms = max(timeout_ms, core.settings.node_timeout_ms)
        return {each for each, since_ms in late.items() if now_ms - since_ms > patience_ms}
