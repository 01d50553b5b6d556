"""Views of clusters that were formed long ago, for simulations that begin in the middle: whole, or parted
into two halves that have held each other for dead for a while.

A parted one is what a flock comes to by itself a few seconds after the cut (a test compares the two). Loading
it costs what the members that are known cost; letting the halves find each other dead costs the square of
that in messages.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Collection

from cluster.core.peers import Peer
from cluster.core.roster import Base
from cluster.core.viewhash import digest
from protocol.gossip import slotset

BUS_PORT = 17000


def host(number: int) -> str:
    """The address of the node of this number."""
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def members(rng: random.Random, count: int, primaries: int) -> list[Peer]:
    """Primaries that share all slots, and then their replicas in turn."""
    peers = [_member(rng, number, primaries) for number in range(1, count + 1)]
    for number, peer in enumerate(peers[primaries:]):
        peer.is_replica, peer.primary_id = True, peers[number % primaries].node_id
    return peers


def _member(rng: random.Random, number: int, primaries: int) -> Peer:
    peer = Peer(
        f"{rng.getrandbits(160):040x}", host(number), 7000, BUS_PORT,
        incarnation=1, claim_version=1, reachable=True,
    )  # fmt: skip
    if number <= primaries:
        first, last = 16384 * (number - 1) // primaries, 16384 * number // primaries - 1
        peer.claims = peer.owned = slotset.from_ranges([(first, last)])
        peer.config_epoch = number
    return peer


def whole(peers: Collection[Peer]) -> Base:
    """The view of all in a cluster of these."""
    return Base(peers, current_epoch=max(peer.config_epoch for peer in peers))


def of_one_side(peers: Collection[Peer], side: Collection[str], cut_ms: int) -> Base:
    """What the members of one side of a cut know of all, when node-timeout is long over.

    A side with a majority of the primaries holds the others for FAIL since `cut_ms`, and has replaced those
    primaries whose replica it has; any other side has its suspicions.
    """
    known = {peer.node_id: copy.copy(peer) for peer in peers}
    primaries = [peer for peer in known.values() if peer.owned]
    voters = [peer.node_id for peer in primaries if peer.node_id in side]
    has_majority = len(voters) > len(primaries) // 2
    roster = sorted(known)
    roster_hash = digest("".join(roster))
    bitmap = sum(1 << roster.index(node_id) for node_id in voters)
    for peer in known.values():
        if peer.node_id not in side:
            peer.suspected, peer.reachable = True, False
            if has_majority:
                peer.failed, peer.failed_since_ms, peer.failed_incarnation = True, cut_ms, peer.incarnation
                peer.failed_roster_size, peer.failed_roster, peer.failed_voters = (
                    len(primaries),
                    roster_hash,
                    bitmap,
                )
    if has_majority:
        _replace_the_dead(known, side)
    return whole(known.values())


def _replace_the_dead(known: dict[str, Peer], side: Collection[str]) -> None:
    epoch = max(peer.config_epoch for peer in known.values())
    heirs: dict[str, Peer] = {}
    for peer in known.values():
        if peer.node_id not in side or peer.primary_id is None or peer.primary_id in side:
            continue
        dead = known[peer.primary_id]
        peer.incarnation += 1
        peer.claim_version = peer.incarnation
        if dead.node_id in heirs:
            peer.primary_id = heirs[dead.node_id].node_id
            continue
        heirs[dead.node_id] = peer
        epoch += 1
        peer.is_replica, peer.primary_id, peer.config_epoch = False, None, epoch
        peer.claims = peer.owned = dead.owned
        dead.owned = 0
