"""Who watches which keys: what WATCH asks for and EXEC goes by."""

from __future__ import annotations

from collections.abc import Callable

from cluster.session.session import Session

Place = tuple[int, bytes]
"""A database's index and a key."""


class Watches:
    """The watched keys of one node."""

    __slots__ = ("_sessions",)

    def __init__(self) -> None:
        self._sessions: dict[Place, set[Session]] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def watch(self, session: Session, place: Place, exists: bool) -> None:
        """From now on a change of that key fails the session's EXEC."""
        if place not in session.watched:
            session.watched[place] = exists
            self._sessions.setdefault(place, set()).add(session)

    def forget(self, session: Session) -> None:
        """UNWATCH, and the end of a transaction or a connection."""
        for place in session.watched:
            sessions = self._sessions[place]
            sessions.discard(session)
            if not sessions:
                del self._sessions[place]
        session.watched.clear()
        session.watch_broken = False

    def touch(self, place: Place) -> None:
        """The key has changed."""
        for session in self._sessions.get(place, ()):
            session.watch_broken = True

    def expired(self, place: Place) -> None:
        """The key is over and removed. Whoever saw it absent when watching sees no change."""
        for session in self._sessions.get(place, ()):
            if session.watched[place]:
                session.watch_broken = True

    def touch_database(self, index: int, exists: Callable[[bytes], bool] = lambda _key: True) -> None:
        """All keys of the database are gone or others. A key that was absent, and of which `exists` says that
        it still is, has not changed."""
        for place, sessions in self._sessions.items():
            if place[0] == index:
                for session in sessions:
                    if session.watched[place] or exists(place[1]):
                        session.watch_broken = True
