"""Writes on their way to backlog, replicas and files: each once, in the order in which they happened.

What one request causes travels together. When that is more than one command (a transaction, a write that
found an expired key) it is wrapped in MULTI and EXEC: a replica that sees only a part of it, because the
link broke, must not apply that part, or it would hold a state that the primary never had. Until EXEC arrives
it applies none of it, and after the break it asks for the stream from where it was.

Source: https://redis.io/docs/latest/operate/oss_and_stack/management/replication/
"""

from __future__ import annotations

from cluster.commands.journal import Journal
from cluster.replication.replication import Replication
from protocol.resp.writer import encode_command

_MULTI = encode_command([b"MULTI"])
_EXEC = encode_command([b"EXEC"])


class Propagation:
    """What has been written and not yet been fed to replication and to the append only file."""

    __slots__ = ("_journal", "_replication", "pending")

    def __init__(self, replication: Replication, journal: Journal) -> None:
        self._replication = replication
        self._journal = journal
        self.pending: list[tuple[int, list[bytes]]] = []

    def is_wanted(self) -> bool:
        """Whether there is anywhere to put a write."""
        return self._journal.is_open or self._replication.feeds_anyone()

    def add(self, database: int, argv: list[bytes]) -> None:
        """One more command of the request being served."""
        if self.is_wanted():
            self.pending.append((database, argv))

    def flush(self, *, together: bool, to_replicas: bool = True) -> None:
        """Feeds what is pending; `together` says that it is one request's. Replicas that have it already get
        it not again."""
        pending, self.pending = self.pending, []
        wraps = together and len(pending) > 1
        if wraps:
            self._feed(_MULTI, pending[0][0], to_replicas)
        for database, argv in pending:
            self._feed(encode_command(argv), database, to_replicas)
        if wraps:
            self._feed(_EXEC, pending[-1][0], to_replicas)

    def _feed(self, data: bytes, database: int, to_replicas: bool) -> None:
        if to_replicas:
            self._replication.feed(data, database)
        self._journal.feed(data, database)
