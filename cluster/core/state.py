"""What every room of the core works on: the view of the cluster, and the effects of the input at hand."""

from __future__ import annotations

import random

from cluster.core.effects import Address, Effect, Send, Trace
from cluster.core.followers import Followers
from cluster.core.peers import Peer
from cluster.core.roster import Base, Ordered, Owners, PeerTable, place_of, with_id, without_id
from cluster.core.settings import Settings
from cluster.core.viewhash import ViewHash
from cluster.core.watch import Watch
from protocol.gossip.messages import COUNTER_MAX, EPOCH_STEP_MAX, Message, SyncRecord
from protocol.gossip.slotset import ALL_SLOTS, SLOTS

SAVE_DELAY_MS = 20
"""How long a change that nobody relies on (what others told us) may wait for nodes.conf, so that many share a
write."""

FSYNC_DELAY_MS = 1000
"""How long what is written may wait for its fsync: slots move by the hundred, and an fsync is slow."""


class State:
    """One node's view. Rooms change it through their own functions; all of them may read it.

    `now_ms` is the time of the input at hand. `roster` has the ids of all members, this node included, in
    order and without handshakes; `primary_ids` those of them that own slots. They are replaced, never
    changed. `members` are the roster's peers but for this node, `primaries` those of `primary_ids`: their
    length and one by its place are cheap, going through them is not, in a large cluster. `troubled` are the
    peers that are suspected or failed, `troubled_primaries` those of them that own slots, and
    `failed_primaries` those of these that are failed; whoever changes that of a peer calls judged().
    `uncovered` are the slots without an owner. `followers` has each primary's replicas. `changes` counts what
    may make a primary an orphan: judgements, new owners, new replicas.
    `incarnation_kept` is an incarnation that none was given above, as nodes.conf has it.
    `synced` says that this replica has had a link to a primary since it became one.
    `sync_records` are what primaries have said of who is in sync, by their ids; `sync_kept` are
    the last replicas with whom this primary could acknowledge writes; `hollow` says that this
    primary was restarted and may lack what it had acknowledged.
    """

    def __init__(
        self, settings: Settings, rng: random.Random, now_ms: int, me: Peer, base: Base | None = None
    ) -> None:
        """`base` is what this node knows when it starts, itself included."""
        base = base or Base()
        self.settings = settings
        self.rng = rng
        self.now_ms = now_ms
        self.me = me
        self.incarnation_kept = 0
        self.peers = PeerTable(base)
        self.peers[me.node_id] = me
        self.troubled: dict[str, Peer] = {}
        self.troubled_primaries: set[str] = set()
        self.failed_primaries: set[str] = set()
        self.roster = base.ids
        self.primary_ids = base.primary_ids
        self.followers = Followers(base)
        self.changes = 0
        self.current_epoch = base.current_epoch
        self.last_vote_epoch = 0
        self.is_ok = False
        self.serving = bytearray(SLOTS)
        self.owners = Owners(self.peers, base)
        self.uncovered = 0 if base.peers else ALL_SLOTS
        self.migrating: dict[int, str] = {}
        self.importing: dict[int, str] = {}
        self.messages_sent: dict[str, int] = {}
        self.messages_received: dict[str, int] = {}
        self.view = ViewHash(base.view)
        self.watch = Watch()
        self.offset = 0
        self.link_up = False
        self.link_down_since_ms = 0
        self.syncing = False
        self.synced = False
        self.sync_records: dict[str, SyncRecord] = {}
        self.sync_kept: tuple[str, ...] = ()
        self.hollow = False
        self.status_number = 0
        self.effects: list[Effect] = []
        self._effects_seen = 0
        self.save_now = False
        self.save_durable = False
        self.save_due_ms: int | None = None
        for node_id in base.troubled_ids:
            self.judged(self.peers[node_id])
        self.rehash(me)
        self._roster_changed(with_id(self.roster, me.node_id))
        self._primaries_changed(self.primary_ids)

    @property
    def view_hash(self) -> int:
        """Of all that is to be the same at all nodes."""
        return self.view.whole

    def member(self, node_id: str) -> Peer | None:
        """The member of this id, not this node itself and no handshake."""
        peer = self.peers.get(node_id)
        return None if peer is None or peer is self.me or peer.handshake else peer

    def primary(self) -> Peer | None:
        """The primary that this node follows."""
        return self.peers.get(self.me.primary_id) if self.me.primary_id else None

    def quorum(self) -> int:
        """How many of the primaries that own slots are a majority."""
        return len(self.primary_ids) // 2 + 1

    def place(self, node_id: str) -> int | None:
        """Where a member stands in the roster."""
        return place_of(self.roster, node_id)

    def place_of_primary(self, node_id: str) -> int | None:
        """Where a member stands among those that own slots."""
        return place_of(self.primary_ids, node_id)

    def emit(self, effect: Effect) -> None:
        self.effects.append(effect)

    def trace(self, level: str, text: str) -> None:
        self.effects.append(Trace(level, text))

    def send(self, to: Peer | Address, message: Message, *, reliable: bool = False) -> None:
        """Sends to a member, or to an address. A member whose address nobody knows is not sent anything."""
        address = Address(to.host, to.bus_port) if isinstance(to, Peer) else to
        if not address.host or not address.port:
            return
        self.messages_sent[message.kind] = self.messages_sent.get(message.kind, 0) + 1
        self.effects.append(Send(address, message, reliable))

    def save(self, *, now: bool = False, durable: bool = False) -> None:
        """Has nodes.conf written and fsynced before long.

        `now`: written before anything of this input is sent, so that a killed process finds it; `durable`:
        fsynced then as well, so that a power cut leaves it.
        """
        if now or durable:
            self.save_now = True
            self.save_durable = self.save_durable or durable
        if not durable:
            due_ms = self.now_ms + (FSYNC_DELAY_MS if now else SAVE_DELAY_MS)
            self.save_due_ms = due_ms if self.save_due_ms is None else min(self.save_due_ms, due_ms)

    def rehash(self, peer: Peer) -> None:
        """Takes a changed member into the hash of the whole view: an XOR, so that the order does not
        matter."""
        before = peer.record_hash
        peer.record_hash = 0 if peer.handshake else peer.digest()
        if before != peer.record_hash:
            self.view.change(peer.node_id, before, peer.record_hash)

    def add(self, peer: Peer) -> None:
        self.peers[peer.node_id] = peer
        self.rehash(peer)
        if not peer.handshake:
            self._roster_changed(with_id(self.roster, peer.node_id))

    def remove(self, peer: Peer) -> None:
        self.follows(peer, None)
        del self.peers[peer.node_id]
        self.troubled.pop(peer.node_id, None)
        self.troubled_primaries.discard(peer.node_id)
        self.failed_primaries.discard(peer.node_id)
        if peer.record_hash:
            self.view.change(peer.node_id, peer.record_hash, 0)
        peer.record_hash = 0
        self._roster_changed(without_id(self.roster, peer.node_id))

    def list_members(self) -> None:
        """Sees to the roster after many peers have changed at once."""
        self._roster_changed(
            tuple(sorted(peer.node_id for peer in self.peers.values() if not peer.handshake))
        )
        self.followers.list_all(self.peers.values())
        for primary_id in self.followers.followed():
            if primary_id in self.peers:
                self.peers[primary_id].wants_replicas = True

    def follows(self, peer: Peer, primary_id: str | None) -> None:
        """A peer, or this node, is a replica of this member now; of None: a primary, or leaving."""
        before = peer.primary_id
        peer.is_replica, peer.primary_id = primary_id is not None, primary_id
        if primary_id == before:
            return
        self.changes += 1
        self.followers.move(peer.node_id, before, primary_id)
        if before is not None and before in self.peers:
            self.peers[before].wants_replicas = bool(self.followers.of(before))
        if primary_id is None:
            peer.wants_replicas = True
        elif primary_id in self.peers:
            self.peers[primary_id].wants_replicas = True

    def judged(self, peer: Peer) -> None:
        """A peer is, or is no longer, suspected or failed."""
        self.changes += 1
        troubled = peer.troubled
        if troubled:
            self.troubled[peer.node_id] = peer
        else:
            self.troubled.pop(peer.node_id, None)
        _put(self.troubled_primaries, peer.node_id, troubled and peer.owned != 0)
        _put(self.failed_primaries, peer.node_id, peer.failed and peer.owned != 0)

    def owns_changed(self, peer: Peer) -> None:
        """A peer owns other slots than before."""
        if peer.node_id in self.troubled:
            self.judged(peer)
        change = with_id if peer.owned else without_id
        ids = change(self.primary_ids, peer.node_id)
        if ids is not self.primary_ids:
            self.changes += 1
            peer.wants_replicas |= bool(peer.owned and self.followers)
            self._primaries_changed(ids)

    def _roster_changed(self, ids: tuple[str, ...]) -> None:
        self.roster = ids
        self.members = Ordered(self.peers, ids, self.me.node_id)

    def _primaries_changed(self, ids: tuple[str, ...]) -> None:
        self.primary_ids = ids
        self.primaries = Ordered(self.peers, ids)

    def sees_epoch(self, epoch: int) -> None:
        """Someone's currentEpoch: ours follows the greatest."""
        believed = min(epoch, max(COUNTER_MAX, self.current_epoch + EPOCH_STEP_MAX))
        if believed > self.current_epoch:
            self.current_epoch = believed
            self.save()


def _put(ids: set[str], node_id: str, belongs: bool) -> None:
    if belongs:
        ids.add(node_id)
    else:
        ids.discard(node_id)
