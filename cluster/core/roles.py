"""Becoming a primary or a replica."""

from __future__ import annotations

from collections.abc import Callable

from cluster.core.announce import Announcer
from cluster.core.effects import RoleChanged, ServingChanged, SlotsChanged
from cluster.core.peers import Peer
from cluster.core.state import State
from protocol.gossip.slotset import SLOTS


class Roles:
    """Changes this node's role. `abandon()` is called to end an election or a manual failover of the old
    role."""

    def __init__(self, state: State, announcer: Announcer) -> None:
        self._state = state
        self._announcer = announcer
        self._told: RoleChanged | None = None
        self.abandon: Callable[[], None] = lambda: None

    def follow(self, primary: Peer, *, same_data: bool = False) -> None:
        """This node becomes (or stays) a replica, now of `primary`. `same_data`: that one has taken over from
        the primary that it followed, so that what it has is still of use."""
        me = self._state.me
        if not me.is_replica or (primary.node_id != me.primary_id and not same_data):
            self._state.synced = False
        self._state.follows(me, primary.node_id)
        me.claims = 0
        self._state.migrating.clear()
        self._state.importing.clear()
        self.abandon()
        self._announcer.claim()
        self.tell_node()

    def lead(self, claims: int, config_epoch: int) -> None:
        """This node becomes a primary with these slots. The caller weighs the claims anew."""
        me = self._state.me
        self._state.follows(me, None)
        me.claims = claims
        me.config_epoch = config_epoch
        self._announcer.claim()
        self.tell_node()

    def tell_node(self) -> None:
        """Tells the node whom to follow, when that (or where it is) has changed."""
        primary = self._state.primary()
        if primary is None:
            told = RoleChanged(None, None, None)
        else:
            told = RoleChanged(primary.node_id, primary.host, primary.port)
        if told != self._told:
            self._told = told
            self._state.emit(told)
            self._state.emit(ServingChanged())

    def begin(self) -> None:
        """A new node is a primary; nobody needs to be told. One that was saved as a replica follows at
        once."""
        self._told = RoleChanged(None, None, None)
        self.tell_node()

    def discard_data(self) -> None:
        """A replica that is reset keeps nothing of its primary's data."""
        self._state.emit(SlotsChanged((), tuple(range(SLOTS))))
