"""What a node says of itself: each change raises its incarnation, reaches the disk, and then everyone."""

from __future__ import annotations

from cluster.core.gossip import Gossip
from cluster.core.state import State

INCARNATIONS_AHEAD = 1000


class Announcer:
    """The only place that raises an incarnation.

    A fact about a node is versioned by the node's own counter, so that two versions are never in doubt. It
    must not be given twice, not even around a power cut: nodes.conf has a counter that is ahead of all that
    were given, and a restart begins above that. Ahead by many: only one in so many waits for an fsync.
    """

    def __init__(self, state: State, gossip: Gossip) -> None:
        self._state = state
        self._gossip = gossip

    def raise_incarnation(self, above: int = 0) -> None:
        """Gives this node an incarnation that is new, and greater than `above`. The caller tells of it."""
        me = self._state.me
        me.incarnation = max(me.incarnation, above) + 1
        self._state.rehash(me)
        if me.incarnation > self._state.incarnation_kept:
            self._state.incarnation_kept = me.incarnation + INCARNATIONS_AHEAD
            self._state.save(durable=True)
        else:
            self._state.save(now=True)

    def member(self, above: int = 0) -> None:
        """Tells everyone that this node is there, and where."""
        self.raise_incarnation(above)
        self._gossip.spread(self._state.me.member_fact())

    def claim(self, above: int = 0) -> None:
        """Tells everyone this node's role, config epoch and slots."""
        me = self._state.me
        self.raise_incarnation(above)
        me.claim_version = me.incarnation
        self._state.rehash(me)
        self._gossip.spread(me.claim_fact())
        # The incarnation has moved with it: without this a node that has FAIL against us would not see us
        # alive.
        self._gossip.spread(me.member_fact())
