"""Who owns which slot: all claims weighed against each other.

A node claims its slots at its config epoch, as one versioned fact. A slot's owner is the claimant with the
greatest config epoch (between equals, which epochs.py soon parts, the smaller node id: it is the one that
will move up). That is a function of the facts alone, so nodes that know the same facts agree, in whatever
order the facts came.

An administrator may bind a slot otherwise at one node (DELSLOTS or SETSLOT NODE about a slot of another). As
in Redis that is this node's view only, until the next word of the owner: here for OVERRIDE_MS.

A primary that gives a slot away (SETSLOT NODE at the source) goes on claiming it until the new owner's claim
is seen, and redirects to the new owner meanwhile. Were it to stop at once, the others would hold the slot for
unassigned, and refuse service, whenever the tool tells the source before the target.
"""

from __future__ import annotations

from cluster.core.announce import Announcer
from cluster.core.effects import ServingChanged, SlotsChanged
from cluster.core.epochs import Epochs
from cluster.core.orders import OrderRefused
from cluster.core.peers import Peer
from cluster.core.roles import Roles
from cluster.core.roster import Base
from cluster.core.state import State
from protocol.gossip import slotset
from protocol.gossip.messages import ClaimFact

OVERRIDE_MS = 1000


class Slots:
    def __init__(self, state: State, announcer: Announcer, epochs: Epochs, roles: Roles) -> None:
        self._state = state
        self._announcer = announcer
        self._epochs = epochs
        self._roles = roles
        self._ceded: dict[int, str] = {}
        self._overridden = 0
        self._override_ends_ms: int | None = None
        self._stale: set[str] = set()
        """Members that claim what they do not own. With the owners they are all the claimants there are."""
        self._disputed = 0
        """Slots outside of which none of them claims any."""

    def begin(self, base: Base) -> None:
        """This node has known all of the base for long."""
        for node_id in base.stale_ids:
            self._note_stale(self._state.peers[node_id])

    def deadline_ms(self) -> int | None:
        return self._override_ends_ms

    def tick(self) -> None:
        if self._override_ends_ms is not None and self._state.now_ms >= self._override_ends_ms:
            overridden, self._overridden, self._override_ends_ms = self._overridden, 0, None
            self.weigh(overridden)

    def merge(self, fact: ClaimFact) -> bool:
        """Takes a member's claim; whether it was news."""
        state = self._state
        if fact.node_id == state.me.node_id:
            # Our own word came back greater than we remember it: our disk has gone back. Say it anew, above
            # that.
            if fact.version > state.me.claim_version:
                self._announcer.claim(above=fact.version)
            return False
        peer = state.member(fact.node_id)
        if peer is None or not _is_news(peer, fact):
            return False
        before = peer.claims
        epoch_changed = peer.config_epoch != fact.config_epoch
        peer.claim_version = fact.version
        peer.config_epoch = fact.config_epoch
        state.follows(peer, fact.primary_id or None)
        peer.claims = 0 if peer.is_replica else fact.slots
        state.sees_epoch(fact.config_epoch)
        state.rehash(peer)
        state.save()
        state.emit(ServingChanged())
        self._stale.add(peer.node_id)
        self._disputed |= peer.claims
        self.weigh(before | peer.claims if epoch_changed else before ^ peer.claims)
        self._note_stale(peer)
        self._epochs.settle_collision(peer)
        return True

    def drop_peer(self, peer: Peer) -> None:
        """A member has been forgotten: its slots go to whoever else claims them."""
        claimed, peer.claims = peer.claims | peer.owned, 0
        self._overridden &= ~claimed
        self.weigh(claimed, leaving=peer)

    def weigh(self, changed: int, leaving: Peer | None = None) -> None:
        """Works out anew who owns these slots, and acts on what that means for this node."""
        state = self._state
        changed &= ~self._overridden
        if not changed:
            return
        mine_before = state.me.owned
        primary = state.primary()
        primarys_before = primary.owned if primary is not None else 0
        self._assign(changed, self._winners(changed), leaving)
        self._after_weighing(mine_before, primary, primarys_before)

    def _winners(self, slots: int) -> dict[str, int]:
        """Who owns which of these slots by the claims alone."""
        winners: dict[str, int] = {}
        rest = slots
        for _, node_id, claims in self._contenders(slots):
            winners[node_id] = winners.get(node_id, 0) | (claims & rest)
            rest &= ~claims
        return winners

    def _contenders(self, changed: int) -> list[tuple[int, str, int]]:
        contenders = []
        ceded = slotset.from_slots(self._ceded)
        state = self._state
        stale = self._stale if changed & self._disputed else ()
        for node_id in {state.me.node_id, *stale, *state.owners.among(changed)}:
            peer = state.peers.get(node_id)
            claims = peer.claims & changed if peer is not None else 0
            if peer is state.me:
                claims &= ~ceded
            if peer is not None and claims:
                contenders.append((-peer.config_epoch, peer.node_id, claims))
        # What we have given away counts for its new owner with the weight that our own claim has.
        for slot, node_id in self._ceded.items():
            if slotset.contains(changed, slot):
                contenders.append((-state.me.config_epoch, node_id, 1 << slot))
        return sorted(contenders)

    def _assign(self, changed: int, taken: dict[str, int], leaving: Peer | None = None) -> None:
        state = self._state
        touched = state.owners.among(changed) | taken.keys()
        state.owners.give(changed, "")
        given = 0
        for node_id in touched:
            peer = leaving if leaving is not None and node_id == leaving.node_id else state.peers.get(node_id)
            if peer is None:
                continue
            gains = taken.get(node_id, 0)
            state.owners.give(gains, node_id)
            given |= gains
            peer.owned = (peer.owned & ~changed) | gains
            state.owns_changed(peer)
            self._note_stale(peer)
        state.uncovered = (state.uncovered | changed) & ~given

    def _note_stale(self, peer: Peer) -> None:
        if peer.stale():
            self._stale.add(peer.node_id)
            self._disputed |= peer.claims
        elif peer.node_id in self._stale:
            self._stale.remove(peer.node_id)
            if not self._stale:
                self._disputed = 0

    def _after_weighing(self, mine_before: int, primary: Peer | None, primarys_before: int) -> None:
        me = self._state.me
        lost = mine_before & ~me.owned
        gained = me.owned & ~mine_before
        self._forget_settled()
        winner = None
        if lost and not me.owned and not me.is_replica:
            winner = self._winner(lost, mine_before)
        elif me.is_replica and primary is not None and primarys_before and not primary.owned:
            winner = self._winner(primarys_before, primarys_before)
        if lost or gained:
            self._mine_changed(gained, lost, follows=winner is not None)
        if winner is not None:
            self._state.trace(
                "warning",
                f"Configuration change detected. Reconfiguring myself as a replica of {winner.node_id}",
            )
            self._roles.follow(winner, same_data=winner.owned == primarys_before)

    def _winner(self, lost: int, before: int) -> Peer | None:
        """Whom to follow, now that the last slot is gone: who took it, if roles may move along with slots."""
        for slot in slotset.to_slots(lost):
            winner = self._state.owners[slot]
            if winner is not None and winner is not self._state.me:
                whole = winner.owned == before
                return winner if whole or self._state.settings.allow_replica_migration else None
        return None

    def _mine_changed(self, gained: int, lost: int, *, follows: bool = False) -> None:
        """`follows`: this node is about to be a replica of whoever has its slots now. It keeps the keys then
        (the new primary has them too): a DEL of them would put its offset beyond the new primary's."""
        state = self._state
        anothers = () if follows else tuple(s for s in slotset.to_slots(lost) if state.owners[s] is not None)
        for slot in slotset.to_slots(lost):
            state.migrating.pop(slot, None)
        for slot in slotset.to_slots(gained):
            state.importing.pop(slot, None)
        state.emit(SlotsChanged(tuple(slotset.to_slots(gained)), anothers))
        state.emit(ServingChanged())
        state.save()

    def _forget_settled(self) -> None:
        """Stops claiming what others are now seen to own: our claim has lost, or what we gave away has
        arrived."""
        me = self._state.me
        for slot, node_id in list(self._ceded.items()):
            target = self._state.peers.get(node_id)
            if me.is_replica or target is None or slotset.contains(target.claims, slot):
                del self._ceded[slot]
        lost = me.claims & ~me.owned & ~slotset.from_slots(self._ceded) & ~self._overridden
        if lost:
            me.claims &= ~lost
            self._announcer.claim()

    def bind(self, slots: int, owner: Peer | None) -> None:
        """Has these slots owned by `owner` here, whatever the claims say, for OVERRIDE_MS."""
        winners = self._winners(slots)
        if owner is not None:
            against = slots & ~winners.get(owner.node_id, 0)
        else:
            against = sum(winners.values())
        self._overridden |= against
        if against:
            self._override_ends_ms = self._state.now_ms + OVERRIDE_MS
        mine_before = self._state.me.owned
        taken = {owner.node_id: slots} if owner is not None else {}
        self._assign(slots, taken)
        self._mine_changed(self._state.me.owned & ~mine_before, mine_before & ~self._state.me.owned)

    def cede(self, slot: int, owner: Peer) -> None:
        """Gives a slot of ours away; its owner's claim is awaited."""
        self._ceded[slot] = owner.node_id
        self._overridden &= ~(1 << slot)
        self.weigh(1 << slot)

    def claim(self, slots: int) -> None:
        """Claims slots for this node and binds them here at once."""
        self._ceded = {slot: to for slot, to in self._ceded.items() if not slotset.contains(slots, slot)}
        self._state.me.claims |= slots
        self._announcer.claim()
        self.bind(slots, self._state.me)

    def take_over(self, slots: int) -> None:
        """Weighs after this node has become the owner of a whole shard."""
        self._overridden &= ~slots
        self.weigh(slots)

    def add(self, slots: tuple[int, ...]) -> None:
        """ADDSLOTS. Raises OrderRefused."""
        seen: set[int] = set()
        for slot in slots:
            if self._state.owners[slot] is not None:
                raise OrderRefused(f"ERR Slot {slot} is already busy")
            self._refuse_twice(slot, seen)
        self.claim(slotset.from_slots(slots))

    def delete(self, slots: tuple[int, ...]) -> None:
        """DELSLOTS. Raises OrderRefused."""
        seen: set[int] = set()
        for slot in slots:
            if self._state.owners[slot] is None:
                raise OrderRefused(f"ERR Slot {slot} is already unassigned")
            self._refuse_twice(slot, seen)
        self._drop(slotset.from_slots(slots))

    def flush(self) -> None:
        """FLUSHSLOTS: DELSLOTS of all that this node owns."""
        self._drop(self._state.me.owned)

    def _drop(self, slots: int) -> None:
        me = self._state.me
        if me.claims & slots:
            me.claims &= ~slots
            self._announcer.claim()
        self._ceded = {slot: to for slot, to in self._ceded.items() if not slotset.contains(slots, slot)}
        self.bind(slots, None)

    @staticmethod
    def _refuse_twice(slot: int, seen: set[int]) -> None:
        if slot in seen:
            raise OrderRefused(f"ERR Slot {slot} specified multiple times")
        seen.add(slot)

    def restore(self) -> None:
        """Weighs what nodes.conf has claimed for all: no two claim the same there."""
        for peer in self._state.peers.values():
            if peer.claims:
                self._assign(peer.claims, {peer.node_id: peer.claims})

    def clear(self) -> None:
        """CLUSTER RESET: nobody owns anything."""
        self._ceded.clear()
        self._overridden = 0
        self._override_ends_ms = None
        for peer in self._state.peers.values():
            peer.claims = 0
        self._stale.clear()
        self._disputed = 0
        self._assign(slotset.ALL_SLOTS, {})
        self._state.migrating.clear()
        self._state.importing.clear()
        self._state.emit(ServingChanged())


def _is_news(peer: Peer, fact: ClaimFact) -> bool:
    if fact.version or peer.claim_version:
        return fact.version > peer.claim_version
    # Both are as some nodes.conf had them, which keeps no versions, and the claimant may never come back to
    # say it anew: any choice will do that is everyone's.
    known = (peer.config_epoch, peer.claims, peer.primary_id or "")
    return (fact.config_epoch, fact.slots, fact.primary_id) > known
