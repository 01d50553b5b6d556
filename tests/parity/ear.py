"""A client of both servers that hears every keyspace event."""

from __future__ import annotations

from protocol.resp.types import Reply
from protocol.resp.writer import encode
from tests.support.local import Local
from tests.support.oracle import Connection, Oracle

CLASSES = b"EAmn"
"""By name of the event, of every class."""
PATTERN = b"__keyevent@*__:*"


class Ear:
    """Listens from when it is made."""

    def __init__(self, oracle: Oracle, local: Local) -> None:
        self._theirs = Connection(oracle.port, protocol=3)
        self._theirs.raw(b"PSUBSCRIBE", PATTERN)
        self._ours: list[Reply] = []
        session = local.engine.open("127.0.0.1:2", "127.0.0.1:1", self._ours.append, lambda: None)
        session.protocol = 3
        local.call(b"PSUBSCRIBE", PATTERN, session=session)
        self._ours.clear()
        oracle.raw(b"CONFIG", b"SET", b"notify-keyspace-events", CLASSES)
        local.raw(b"CONFIG", b"SET", b"notify-keyspace-events", CLASSES)

    def heard(self) -> tuple[bytes, bytes]:
        """What has come since the last time from our server, and what from the real one."""
        ours = bytearray()
        for push in self._ours:
            encode(push, 3, ours)
        self._ours.clear()
        return bytes(ours), self._theirs.pipeline([])

    def close(self) -> None:
        self._theirs.close()
