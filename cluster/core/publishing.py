"""Pub/sub between the nodes: a message published here goes to the clients of the others as well.

Each member is sent it once, over its link, so that what one node publishes arrives in order. Nothing is kept
for one that cannot be reached: pub/sub promises delivery to those who listen now, and no more.
"""

from __future__ import annotations

from collections.abc import Iterable

from cluster.core.effects import Deliver
from cluster.core.orders import Publish
from cluster.core.peers import Peer
from cluster.core.state import State
from protocol.gossip import messages as bus
from protocol.gossip.codec import FRAME_BYTES_MAX, encoded_bytes


class Publishing:
    """Sends what is published to those whom it concerns, and hands over what others publish."""

    def __init__(self, state: State) -> None:
        self._state = state

    def publish(self, order: Publish) -> None:
        """To all members, or with `sharded` to the primary and the replicas of this node's own shard."""
        state = self._state
        kind = bus.ShardPublished if order.sharded else bus.Published
        message = kind(state.me.node_id, state.current_epoch, order.channel, order.message)
        if encoded_bytes(message) > FRAME_BYTES_MAX:
            state.trace("warning", "A published message is too long for the cluster bus: not sent to others.")
            return
        for peer in self._shard() if order.sharded else state.members:
            if not peer.failed:
                state.send(peer, message, reliable=True)

    def _shard(self) -> Iterable[Peer]:
        state = self._state
        shard_id = state.me.primary_id or state.me.node_id
        return (peer for peer in state.members if shard_id in (peer.node_id, peer.primary_id))

    def receive(self, message: bus.Published | bus.ShardPublished) -> None:
        """What another node's client has published."""
        sharded = isinstance(message, bus.ShardPublished)
        self._state.effects.append(Deliver(message.channel, message.message, sharded))
