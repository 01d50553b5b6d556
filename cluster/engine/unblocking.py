"""How clients' waits end: a key is ready, time is over, another client says so, or this node may not serve
the key any more.

Source: what redis-server 7.0 does, as a client sees it.
"""

from __future__ import annotations

from collections.abc import Callable

from cluster.commands.context import Server
from cluster.session.session import Session
from cluster.session.waiters import Waiter
from cluster.session.watches import Place
from protocol.keyslot import key_slot
from protocol.resp.types import LATER, ErrorReply, Reply

ROLE_CHANGED = ErrorReply(
    b"UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"
)
CLUSTER_DOWN = ErrorReply(b"CLUSTERDOWN The cluster is down")


class Unblocker:
    """Ends the waits of one node's clients. `attempt(waiter, key)` runs a waiter's own attempt as a request
    of its client."""

    def __init__(self, server: Server, attempt: Callable[[Waiter, bytes], Reply]) -> None:
        self._server = server
        self._waiters = server.waiters
        self._attempt = attempt

    def serve_ready(self) -> None:
        """Offers the keys that have changed to those who wait for them.

        What a waiter takes may make other keys ready (BLMOVE's destination): they come after those that are
        ready already. A key that is taken from again becomes ready again, with nothing left to take: every
        round ends a wait or empties the list, so this ends.
        """
        waiters = self._waiters
        while waiters.ready:
            place, was_added = waiters.take_ready()
            kind = self._kind_at(place)
            for waiter in waiters.at(place):
                if waiter.wants_new and not was_added:
                    continue
                if waiter.kind is None or waiter.kind is kind:
                    reply = self._attempt(waiter, place[1])
                    if reply is not LATER:
                        self._finish(waiter, reply)
                    kind = self._kind_at(place)

    def _kind_at(self, place: Place) -> type | None:
        entry = self._server.databases[place[0]].peek(place[1])
        return None if entry is None else type(entry.value)

    def _finish(self, waiter: Waiter, reply: Reply) -> None:
        if type(reply) is ErrorReply:
            self._server.statistics.of(waiter.session.last_command).failed_calls += 1
        self.end(waiter, reply)

    def end(self, waiter: Waiter, reply: Reply) -> None:
        """Gives a waiting client its reply."""
        if type(reply) is ErrorReply:
            self._server.statistics.count_error(reply)
        self._waiters.forget(waiter)
        waiter.session.finish(reply)

    def expire(self) -> None:
        """Ends the waits whose time is over."""
        for waiter in self._waiters.due(self._server.clock.now_ms):
            self.end(waiter, waiter.nothing())

    def unblock(self, session: Session, error: ErrorReply | None) -> bool:
        """Ends a client's wait with an error, or as if its time were over; whether it was waiting."""
        waiter = session.waiting
        if not isinstance(waiter, Waiter):
            return False
        self._server.statistics.of(session.last_command).failed_calls += 1
        self.end(waiter, waiter.nothing() if error is None else error)
        return True

    def forget(self, session: Session) -> None:
        """The client has gone."""
        if isinstance(session.waiting, Waiter):
            self._waiters.forget(session.waiting)
            session.waiting = None

    def role_changed(self) -> None:
        """This node follows another one now: what it holds is not its own to give any more.

        The connection ends too, as Redis ends it: the client is to look for the primary.
        """
        for waiter in self._waiters:
            self.end(waiter, ROLE_CHANGED)
            self._server.runner.hang_up(waiter.session)

    def redirect(self) -> None:
        """Cluster mode: nobody may go on waiting here for a key that will be written on another node."""
        for waiter in self._waiters:
            refusal = self._refusal(waiter) if waiter.keys else None
            if refusal is not None:
                self.end(waiter, refusal)

    def _refusal(self, waiter: Waiter) -> ErrorReply | None:
        core = self._server.core
        assert core is not None  # only asked for in cluster mode
        # Also where reads are allowed while the cluster is down: the write that would end the wait is not.
        if not core.is_ok:
            return CLUSTER_DOWN
        refusal = core.route(
            key_slot(waiter.keys[0]),
            writes=self._writes(waiter),
            readonly=waiter.session.readonly,
            asking=True,
            keys=1,
            missing=0,
        )
        return None if refusal is None else ErrorReply(refusal.encode())

    def _writes(self, waiter: Waiter) -> bool:
        spec = self._server.runner.lookup(waiter.session.context.argv)
        return spec is None or spec.writes
