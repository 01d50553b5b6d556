"""What commands read of the cluster: its state in the words of CLUSTER NODES, and where a request goes."""

from __future__ import annotations

from collections.abc import Callable

from cluster.core import routing, snapshot
from cluster.core.peers import Peer
from cluster.core.state import State
from protocol.gossip import slotset


class Views(State):
    """Changes nothing."""

    def slot_ranges(self, node_id: str) -> list[tuple[int, int]]:
        """Inclusive ranges of the slots a node owns."""
        peer = self.peers.get(node_id)
        return slotset.to_ranges(peer.owned) if peer is not None else []

    def slots_assigned(self) -> int:
        return self._count_slots(lambda _: True)

    def slots_ok(self) -> int:
        return self._count_slots(lambda primary: not (primary.failed or primary.suspected))

    def slots_pfail(self) -> int:
        return self._count_slots(lambda primary: primary.suspected and not primary.failed)

    def slots_fail(self) -> int:
        return self._count_slots(lambda primary: primary.failed)

    def _count_slots(self, counts: Callable[[Peer], bool]) -> int:
        return sum(primary.owned.bit_count() for primary in self.primaries if counts(primary))

    def size(self) -> int:
        """Primaries that own at least one slot."""
        return len(self.primaries)

    def replicas_of(self, node_id: str) -> list[Peer]:
        return [self.peers[replica_id] for replica_id in self.followers.of(node_id)]

    def nodes_text(self) -> str:
        """CLUSTER NODES: nodes.conf without its vars line."""
        return snapshot.nodes_text(self)

    def node_line(self, node_id: str) -> str:
        return snapshot.node_line(self, self.peers[node_id])

    def endpoint(self, peer: Peer) -> str:
        """The host by which clients are told to reach a node, as cluster-preferred-endpoint-type has it."""
        return routing.endpoint(self, peer)

    def route(
        self,
        slot: int,
        *,
        writes: bool,
        readonly: bool,
        asking: bool,
        keys: int,
        missing: int,
        pubsub: bool = False,
        migrate: bool = False,
    ) -> str | None:
        """None to go on, else the error: MOVED, ASK, TRYAGAIN, CLUSTERDOWN as Redis's getNodeByQuery has it.

        `keys` is how many keys the request names and `missing` how many of those are not here (only asked for
        where the slot migrates or is imported: pass 0 else). `pubsub` is a request on a shard channel,
        `migrate` the MIGRATE command, which always works on an open slot. See
        https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
        """
        return routing.route(
            self,
            slot,
            writes=writes,
            readonly=readonly,
            asking=asking,
            keys=keys,
            missing=missing,
            pubsub=pubsub,
            migrate=migrate,
        )
