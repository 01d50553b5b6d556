"""Config epochs: whose word about a slot counts.

Each primary that owns slots has a config epoch of its own; the greater wins a slot. An election gives a fresh
one by majority. BUMPEPOCH, TAKEOVER and the end of a slot's migration take one without asking, and so two
nodes may end up with the same. Then neither would win, so the one with the smaller node id moves to a fresh
epoch as soon as it hears of the other: the pair is ordered, each such step makes the number of equal pairs
smaller or moves it to a greater epoch, and once nobody takes epochs by hand all are different.
"""

from __future__ import annotations

from collections.abc import Callable

from cluster.core.announce import Announcer
from cluster.core.orders import OrderRefused
from cluster.core.peers import Peer
from cluster.core.state import State
from protocol.gossip.messages import COUNTER_MAX


class Epochs:
    def __init__(self, state: State, announcer: Announcer) -> None:
        self._state = state
        self._announcer = announcer
        self.renew: Callable[[], None] = lambda: None

    def take_greatest(self) -> bool:
        """Gives this node the greatest config epoch unless it has it already. The caller announces it."""
        state = self._state
        greatest = max(state.current_epoch, *(peer.config_epoch for peer in state.peers.values()))
        if state.me.config_epoch != 0 and state.me.config_epoch == greatest:
            return False
        state.current_epoch = greatest + 1
        state.me.config_epoch = state.current_epoch
        state.save(durable=True)
        return True

    def bump(self) -> str:
        """BUMPEPOCH: the status of its reply."""
        if not self.take_greatest():
            return f"STILL {self._state.me.config_epoch}"
        self._state.trace(
            "warning", f"New configEpoch set to {self._state.me.config_epoch} without an election"
        )
        self._announcer.claim()
        return f"BUMPED {self._state.me.config_epoch}"

    def assign(self, epoch: int) -> None:
        """SET-CONFIG-EPOCH, for a node that knows no other and has none yet. Raises OrderRefused."""
        state = self._state
        if not 0 <= epoch <= COUNTER_MAX:
            raise OrderRefused(f"ERR Invalid config epoch specified: {epoch}")
        if len(state.peers) > 1:
            raise OrderRefused(
                "ERR The user can assign a config epoch only when the node does not know any other node."
            )
        if state.me.config_epoch != 0:
            raise OrderRefused("ERR Node config epoch is already non-zero")
        state.me.config_epoch = epoch
        state.current_epoch = max(state.current_epoch, epoch)
        state.trace("warning", f"configEpoch set to {epoch} via CLUSTER SET-CONFIG-EPOCH")
        self._announcer.claim()

    def settle_collision(self, other: Peer) -> None:
        """Moves away from an epoch that another owner of slots has as well, if it is ours to move."""
        me = self._state.me
        if not (me.claims and other.claims) or me.config_epoch != other.config_epoch:
            return
        if other.node_id < me.node_id:
            return
        if self._state.settings.write_acks:
            # We may have been replaced without knowing it, and a greater epoch would take the slots back,
            # with all that the new owner has acknowledged: this one a majority has to give.
            self.renew()
            return
        self._state.current_epoch += 1
        me.config_epoch = self._state.current_epoch
        self._state.trace(
            "verbose",
            f"configEpoch collision with node {other.node_id}. Updating my configEpoch to {me.config_epoch}",
        )
        self._announcer.claim()
