"""MONITOR: who is shown every request that this node serves, and how a request is shown."""

from __future__ import annotations

from cluster.session.session import Session
from protocol.resp.types import Status

_ESCAPES = {
    **{byte: b"\\x%02x" % byte for byte in range(256) if not 32 <= byte <= 126},
    **{ord(raw): f"\\{shown}".encode() for raw, shown in zip('\\"\n\r\t\a\b', '\\"nrtab', strict=True)},
}
_SHOWN = [_ESCAPES.get(byte, bytes([byte])) for byte in range(256)]


class Monitors:
    """The clients of one node that watch it: `sessions`, in order."""

    def __init__(self) -> None:
        self.sessions: dict[Session, None] = {}

    def add(self, session: Session) -> None:
        """From now on it is shown requests, and has none of its own."""
        session.monitors = True
        session.refresh()
        self.sessions[session] = None

    def forget(self, session: Session) -> None:
        """RESET, or the client has gone."""
        session.monitors = False
        self.sessions.pop(session, None)

    def show(self, unix_us: int, session: Session, argv: list[bytes]) -> None:
        """Shows a client's request to all."""
        words = b" ".join(quoted(word) for word in argv)
        seconds, micros = divmod(unix_us, 1_000_000)
        where = b"%d %b" % (session.database, session.address.encode())
        line = Status(b"%d.%06d [%b] %b" % (seconds, micros, where, words))
        for each in list(self.sessions):
            each.deliver(line)


def quoted(word: bytes) -> bytes:
    """A word between quotes, what cannot be printed escaped."""
    return b'"%b"' % b"".join([_SHOWN[byte] for byte in word])
