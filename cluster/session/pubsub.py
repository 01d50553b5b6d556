"""Channels, patterns and shard channels, and who listens to them, on this node."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cluster.session.session import Kind, Session
from protocol.resp.types import Push

Matcher = Callable[[bytes], bool]


class PubSub:
    """The subscriptions of one node's clients. `matcher` makes a glob pattern's test."""

    def __init__(self, matcher: Callable[[bytes], Matcher]) -> None:
        self._matcher = matcher
        self._channels: dict[bytes, dict[Session, None]] = {}
        self._shard_channels: dict[bytes, dict[Session, None]] = {}
        self._patterns: dict[bytes, tuple[Matcher, dict[Session, None]]] = {}

    @property
    def channels(self) -> Iterator[bytes]:
        """Channels that someone listens to."""
        return iter(self._channels)

    @property
    def shard_channels(self) -> Iterator[bytes]:
        """Shard channels that someone listens to."""
        return iter(self._shard_channels)

    @property
    def shard_channel_count(self) -> int:
        """Shard channels that someone listens to."""
        return len(self._shard_channels)

    @property
    def pattern_count(self) -> int:
        """Patterns that someone listens to."""
        return len(self._patterns)

    def listeners(self, channel: bytes) -> int:
        """Clients subscribed to this very channel."""
        return len(self._channels.get(channel, ()))

    def shard_listeners(self, channel: bytes) -> int:
        """Clients subscribed to this shard channel."""
        return len(self._shard_channels.get(channel, ()))

    # Subscribing

    def subscribe(self, session: Session, channel: bytes) -> None:
        session.channels.add(channel)
        _join(self._channels, channel, session)

    def subscribe_shard(self, session: Session, channel: bytes) -> None:
        session.shard_channels.add(channel)
        _join(self._shard_channels, channel, session)

    def subscribe_pattern(self, session: Session, pattern: bytes) -> None:
        session.patterns.add(pattern)
        if pattern not in self._patterns:
            self._patterns[pattern] = (self._matcher(pattern), {})
        self._patterns[pattern][1][session] = None
        _settle(session)

    def unsubscribe(self, session: Session, channel: bytes) -> None:
        session.channels.discard(channel)
        _leave(self._channels, channel, session)

    def unsubscribe_shard(self, session: Session, channel: bytes) -> None:
        session.shard_channels.discard(channel)
        _leave(self._shard_channels, channel, session)

    def unsubscribe_pattern(self, session: Session, pattern: bytes) -> None:
        if pattern in session.patterns:
            session.patterns.discard(pattern)
            sessions = self._patterns[pattern][1]
            del sessions[session]
            if not sessions:
                del self._patterns[pattern]
        _settle(session)

    def forget(self, session: Session) -> None:
        """Drops all of a client's subscriptions."""
        for channel in list(session.channels):
            self.unsubscribe(session, channel)
        for channel in list(session.shard_channels):
            self.unsubscribe_shard(session, channel)
        for pattern in list(session.patterns):
            self.unsubscribe_pattern(session, pattern)

    def drop_shard_channels(self, lost: Callable[[bytes], bool]) -> None:
        """Tells those who listen to these shard channels that they do so no more: another node has them."""
        for channel in [each for each in self._shard_channels if lost(each)]:
            for session in list(self._shard_channels[channel]):
                self.unsubscribe_shard(session, channel)
                session.deliver(Push([b"sunsubscribe", channel, len(session.shard_channels)]))

    # Publishing

    def publish(self, channel: bytes, message: bytes) -> int:
        """Delivers to everyone who listens; how many deliveries that were."""
        sent = 0
        for session in list(self._channels.get(channel, ())):
            session.deliver(Push([b"message", channel, message]))
            sent += 1
        for pattern, (matches, sessions) in list(self._patterns.items()):
            if matches(channel):
                for session in list(sessions):
                    session.deliver(Push([b"pmessage", pattern, channel, message]))
                    sent += 1
        return sent

    def publish_to_shard(self, channel: bytes, message: bytes) -> int:
        """Delivers to everyone who listens to a shard channel; how many that were."""
        sessions = list(self._shard_channels.get(channel, ()))
        for session in sessions:
            session.deliver(Push([b"smessage", channel, message]))
        return len(sessions)


def _join(table: dict[bytes, dict[Session, None]], channel: bytes, session: Session) -> None:
    table.setdefault(channel, {})[session] = None
    _settle(session)


def _leave(table: dict[bytes, dict[Session, None]], channel: bytes, session: Session) -> None:
    sessions = table.get(channel)
    if sessions is not None:
        sessions.pop(session, None)
        if not sessions:
            del table[channel]
    _settle(session)


def _settle(session: Session) -> None:
    if session.kind in (Kind.NORMAL, Kind.PUBSUB):
        listens = session.channels or session.patterns or session.shard_channels
        session.kind = Kind.PUBSUB if listens else Kind.NORMAL
        session.refresh()
