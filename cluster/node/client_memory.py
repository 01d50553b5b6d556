"""What all clients together take up, and which of them go when that is too much (maxmemory-clients).

The largest go first, as in Redis, until the rest is within the limit: one that reads too slowly or sends
endless requests costs itself and not those beside it. Replicas, our primary and whoever asked for it by
CLIENT NO-EVICT stay.

Each client is counted anew when it has sent something, when it leaves something unread, and each second.

Source: https://redis.io/docs/latest/develop/reference/clients/ ("Client Eviction")
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from cluster.commands.client import describe
from cluster.commands.context import Server
from cluster.node.log import Log
from cluster.session.session import Kind, Session
from cluster.spec.options import Options

MAY_GO = frozenset((Kind.NORMAL, Kind.PUBSUB))


class Connection(Protocol):
    session: Session

    def abort(self) -> None: ...


class MemoryHost(Protocol):
    log: Log
    options: Options
    server: Server


class ClientMemory:
    """`limit_bytes` is 0 where there is no limit; then nothing is counted."""

    def __init__(self, host: MemoryHost) -> None:
        self._host = host
        self._counted: dict[Connection, int] = {}
        self._total_bytes = 0
        self.limit_bytes = 0

    def update_limit(self, connections: Iterable[Connection]) -> None:
        """Follows CONFIG SET."""
        options = self._host.options
        limit = options.maxmemory_clients
        # A percentage is kept as a negative number; without maxmemory it is of nothing.
        self.limit_bytes = limit if limit >= 0 else options.maxmemory * -limit // 100
        self._counted.clear()
        self._total_bytes = 0
        if self.limit_bytes:
            for connection in connections:
                self.join(connection)

    def join(self, connection: Connection) -> None:
        """A client has come."""
        self._counted[connection] = 0
        self.note(connection)

    def note(self, connection: Connection) -> None:
        """Counts a client anew; closes it, or others, when all together are too large. One that has been
        closed counts no longer, even if it is heard once more."""
        if connection not in self._counted:
            return
        size = connection.session.memory_bytes() if connection.session.kind in MAY_GO else 0
        self._total_bytes += size - self._counted[connection]
        self._counted[connection] = size
        if self._total_bytes > self.limit_bytes:
            self._make_room()

    def forget(self, connection: Connection) -> None:
        """A client has gone."""
        self._total_bytes -= self._counted.pop(connection, 0)

    def _make_room(self) -> None:
        evictable = [
            connection
            for connection in self._counted
            if connection.session.kind in MAY_GO and not connection.session.no_evict
        ]
        for connection in sorted(evictable, key=self._counted.__getitem__, reverse=True):
            if self._total_bytes <= self.limit_bytes:
                break
            session = connection.session
            told = describe(session.context, session).decode(errors="replace").rstrip()
            self._host.log("notice", f"Evicting client: {told}")
            self._host.server.statistics.evicted_clients += 1
            self.forget(connection)
            connection.abort()
