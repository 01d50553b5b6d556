"""What must hold in a cluster after each event, whatever befalls it.

- A primary's vote is given once an epoch, also by a node that was killed, or lost power, in between.
- At most one replica wins an epoch by votes (CLUSTER FAILOVER TAKEOVER asks for none).
- The config epoch at which a node claims slots never goes back.
- A node is held for FAIL only by a certificate: a majority of the primaries that owned slots, each of which
  did hold it for PFAIL.
- Once the network is whole and all nodes run, their views become equal, and then a slot has one owner, which
  is the only one to serve it.
"""

from __future__ import annotations

from collections.abc import Callable

from cluster.core.effects import Address, Send
from protocol.gossip.messages import Vote
from protocol.gossip.slotset import to_ranges
from tools.sim.flock import Flock, SimNode


class InvariantBroken(Exception):
    """str() says which, and how."""


class Invariants:
    """Looks at every input and every message of a flock. `watch` is passed on to what else wants to look."""

    def __init__(self, flock: Flock, watch: Callable[[SimNode], None] | None = None) -> None:
        self._flock = flock
        self._next = watch
        self._votes: dict[tuple[str, int], str] = {}
        self._names: dict[Address, str] = {}
        """Who is, or was last, at an address: a vote may go to where its candidate no longer is."""
        self._elected: set[tuple[str, int]] = set()
        self._winners: dict[int, str] = {}
        self._config_epochs: dict[str, int] = {}
        self._replicas: set[str] = set()
        self._suspicions: set[tuple[str, str]] = set()
        self._fails: dict[SimNode, dict[str, int]] = {}
        flock.watch = self._look
        flock.sends = self._sent

    def _sent(self, node: SimNode, effect: Send) -> None:
        message = effect.message
        if isinstance(message, Vote):
            name = self._names.get(effect.to, str(effect.to))
            self._elected.add((name, message.election_epoch))
            given = self._votes.setdefault((message.sender, message.election_epoch), name)
            if given != name:
                raise InvariantBroken(
                    f"{node.name} votes in epoch {message.election_epoch} for {name} after {given}"
                )

    def _look(self, node: SimNode) -> None:
        self._names[node.address] = node.name
        me = node.core.me
        if me.is_replica:
            self._replicas.add(me.node_id)
        elif me.node_id in self._replicas:
            self._replicas.discard(me.node_id)
            if me.claims and (node.name, me.config_epoch) in self._elected:
                self._won(node, me.config_epoch)
        if me.claims:
            before = self._config_epochs.get(me.node_id, 0)
            if me.config_epoch < before:
                raise InvariantBroken(f"{node.name}'s configEpoch goes from {before} to {me.config_epoch}")
            self._config_epochs[me.node_id] = me.config_epoch
        if node.core.troubled or self._fails.get(node) != {}:
            self._judge(node)
        if self._next is not None:
            self._next(node)

    def _won(self, node: SimNode, epoch: int) -> None:
        winner = self._winners.setdefault(epoch, node.core.me.node_id)
        if winner != node.core.me.node_id:
            raise InvariantBroken(f"{self._flock.name_of(winner)} and {node.name} both win epoch {epoch}")

    def _judge(self, node: SimNode) -> None:
        core = node.core
        known = self._fails.get(node)
        if known is None:
            # What it holds at the first look it has from its disk: nodes.conf keeps no certificates.
            known = {peer.node_id: peer.failed_incarnation for peer in core.troubled.values() if peer.failed}
            self._fails[node] = known
        for peer in core.troubled.values():
            if peer.suspected:
                self._suspicions.add((core.me.node_id, peer.node_id))
            if not peer.failed:
                known.pop(peer.node_id, None)
            elif known.get(peer.node_id, -1) < peer.failed_incarnation:
                known[peer.node_id] = peer.failed_incarnation
                self._check_certificate(node, peer.node_id)
        for node_id in known.keys() - core.troubled.keys():
            del known[node_id]

    def _check_certificate(self, node: SimNode, node_id: str) -> None:
        peer = node.core.peers[node_id]
        suspect = self._flock.name_of(node_id)
        voters = node.core.fail_voters(node_id)
        count = peer.failed_voters.bit_count()
        if count <= peer.failed_roster_size // 2:
            raise InvariantBroken(
                f"{node.name} holds {suspect} for FAIL by {count} of {peer.failed_roster_size} votes"
            )
        liars = [voter for voter in voters if (voter, node_id) not in self._suspicions]
        if liars:
            names = " ".join(sorted(map(self._flock.name_of, liars)))
            raise InvariantBroken(f"{node.name} has votes against {suspect} that {names} never gave")


def check_converged(flock: Flock) -> None:
    """Once views are equal: who owns what, and who serves it. Raises InvariantBroken."""
    running = flock.running()
    if not running:
        return
    claimed: dict[str, int] = {node.name: node.core.me.owned for node in running}
    seen = {node.name: [(peer.node_id, peer.owned) for peer in node.core.primaries] for node in running}
    first = running[0].name
    for name, owners in seen.items():
        if owners != seen[first]:
            raise InvariantBroken(f"{name} and {first} see other owners")
    taken = 0
    for name, owned in claimed.items():
        if owned & taken:
            raise InvariantBroken(f"{name} owns {to_ranges(owned & taken)}, and so does another")
        taken |= owned
    for slot in range(0, 16384, 16):
        servers = [node.name for node in running if node.core.serving[slot]]
        if len(servers) > 1:
            raise InvariantBroken(f"slot {slot} is served by {' '.join(servers)}")
