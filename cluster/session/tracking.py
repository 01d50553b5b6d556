"""Client-side caching: who has read which keys, and must hear when they change.

A client in the default mode is told once of a key that it has read: it is then forgotten until it reads it
again. One in BCAST mode is told of every key with one of its prefixes; what changed before anyone named a
prefix is no news to those who name it. Clients are known by their ids, so
that one that has gone leaves nothing behind but numbers.

What concerns the client whose request is being served comes behind its reply, and broadcasts come when all
that one read brought has been served: both wait in `settle()`'s lists until then.

Source: https://redis.io/docs/latest/develop/reference/client-side-caching/
"""

from __future__ import annotations

from collections.abc import Iterable

from cluster.session.session import Kind, Session, TrackingMode
from protocol.resp.types import Push, Reply

CHANNEL = b"__redis__:invalidate"


class TrackingTable:
    """The tracked keys of one node. `clients` are those that track anything; `sessions` are all, by id.

    `is_used` says that some client ever has: a key that changes while none does must be forgotten, too.
    """

    def __init__(self, sessions: dict[int, Session]) -> None:
        self.clients: dict[int, Session] = {}
        self.is_used = False
        self._sessions = sessions
        self._readers: dict[bytes, set[int]] = {}
        self._audiences: dict[bytes, dict[int, Session]] = {}
        self._changed: dict[bytes, dict[bytes, Session | None]] = {}
        self._late: list[tuple[Session, TrackingMode, Reply]] = []

    @property
    def key_count(self) -> int:
        """Keys that someone has read in the default mode."""
        return len(self._readers)

    @property
    def item_count(self) -> int:
        """Readers, counted once for each key."""
        return sum(map(len, self._readers.values()))

    @property
    def prefix_count(self) -> int:
        """Different prefixes of those in BCAST mode."""
        return len(self._audiences)

    def start(self, session: Session, mode: TrackingMode) -> None:
        """CLIENT TRACKING ON; once more it adds prefixes and takes none away, and what CLIENT CACHING said of
        the next request stays said."""
        if session.tracking is not None:
            mode.next_is_excepted = session.tracking.next_is_excepted
        session.tracking = mode
        self.is_used = True
        self.clients[session.id] = session
        for prefix in _prefixes(session):
            self._audiences.setdefault(prefix, {})[session.id] = session

    def stop(self, session: Session) -> None:
        """CLIENT TRACKING OFF, RESET, or the client has gone."""
        for prefix in _prefixes(session):
            del self._audiences[prefix][session.id]
            if not self._audiences[prefix]:
                del self._audiences[prefix]
                self._changed.pop(prefix, None)
        if session.tracking is not None:
            # What it is still to be told goes where it was last said to go.
            last = session.tracking
            self._late = [(to, last if to is session else mode, keys) for to, mode, keys in self._late]
        session.tracking = None
        self.clients.pop(session.id, None)

    def remember(self, session: Session, keys: Iterable[bytes], keys_max: int) -> None:
        """The client has read these keys. Beyond `keys_max` in all (0: no bound) the oldest count as
        changed."""
        mode = session.tracking
        if mode is None or not mode.wants_reads():
            return
        for key in keys:
            self._readers.setdefault(key, set()).add(session.id)
        while keys_max and len(self._readers) > keys_max:
            self._tell_readers(next(iter(self._readers)), None)

    def changed(self, key: bytes, by: Session | None) -> None:
        """A key has changed; `by` is the client that has changed it, None for expiry and eviction."""
        if not self.is_used:
            return
        for prefix in self._audiences:
            if key.startswith(prefix):
                self._changed.setdefault(prefix, {})[key] = by
        self._tell_readers(key, by)

    def _tell_readers(self, key: bytes, by: Session | None) -> None:
        for number in sorted(self._readers.pop(key, ())):
            session = self.clients.get(number)
            if session is None or session.tracking is None or session.tracking.broadcasts:
                continue
            if session is not by:
                self._send(session, [key])
            elif not session.tracking.ignores_own:
                self._late.append((session, session.tracking, [key]))

    def flushed(self, by: Session | None) -> None:
        """All keys are gone."""
        self._readers.clear()
        for session in list(self.clients.values()):
            if session is by and session.tracking is not None:
                self._late.append((session, session.tracking, None))
            else:
                self._send(session, None)

    def settle(self) -> None:
        """Sends what had to wait."""
        late, self._late = self._late, []
        for session, mode, keys in late:
            if session.id in self._sessions:  # also one that has stopped tracking since
                self._send(session, keys, session.tracking or mode)
        changed, self._changed = self._changed, {}
        for prefix in sorted(changed):
            self._broadcast(changed[prefix], self._audiences.get(prefix, {}))

    def _broadcast(self, changed: dict[bytes, Session | None], audience: dict[int, Session]) -> None:
        keys = sorted(changed)
        for _, session in sorted(audience.items()):
            own = session.tracking is not None and session.tracking.ignores_own
            told: list[Reply] = [key for key in keys if not (own and changed[key] is session)]
            if told:
                self._send(session, told)

    def _send(self, session: Session, keys: Reply, mode: TrackingMode | None = None) -> None:
        """To the client, or to the one that it has named for this: as a push, or in RESP2 as a message."""
        mode = mode or session.tracking
        redirect = mode.redirect if mode is not None else 0
        to = self._sessions.get(redirect) if redirect else session
        if to is None:
            if mode is not None:
                mode.is_broken = True
            if session.protocol == 3:
                session.deliver(Push([b"tracking-redir-broken", redirect]))
        elif to.protocol == 3:
            to.deliver(Push([b"invalidate", keys]))
        elif redirect and to.kind is Kind.PUBSUB:
            to.deliver(Push([b"message", CHANNEL, keys]))


def _prefixes(session: Session) -> tuple[bytes, ...]:
    mode = session.tracking
    return mode.prefixes if mode is not None and mode.broadcasts else ()
