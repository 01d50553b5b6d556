"""Repairs what an interrupted move of slots leaves behind: open slots, and slots without an owner."""

from __future__ import annotations

from collections.abc import Callable

from tools.admin.check import check
from tools.admin.client import AdminError, ServerError
from tools.admin.move import BATCH_KEYS, drain, hand_over, migrate
from tools.admin.progress import MoveProgress
from tools.admin.topology import Cluster, Member

Report = Callable[[str], None]


def fix(cluster: Cluster, progress: MoveProgress, report: Report) -> None:
    """Closes every open slot and finds an owner for every uncovered one. Raises AdminError."""
    health = check(cluster)
    for slot in sorted(health.open_slots):
        fix_open_slot(cluster, slot, progress, report)
    cluster.load()
    for slot in sorted(check(cluster).uncovered):
        adopt(cluster, slot, progress, report)


def fix_open_slot(cluster: Cluster, slot: int, progress: MoveProgress, report: Report) -> None:
    """Carries a begun move on to its end, or undoes it where only one side has begun.

    An owner stays the owner unless it says itself that the slot is on its way to a node that expects it: then
    the move
    goes on, since part of the keys are there already. Nodes that have keys of the slot without owning it hand
    them over.
    """
    owner = cluster.owner(slot) or _most_keys(cluster, slot)
    importing = [member for member in cluster.primaries if slot in member.importing]
    target = next((member for member in importing if member.id == owner.migrating.get(slot)), None)
    if target is not None and slot in owner.slots:
        report(f"slot {slot}: going on with the move from {owner.title} to {target.title}")
        drain(cluster, slot, owner, target, progress)
        hand_over(cluster, slot, owner, target, progress)
        progress.add(slots=1)
        return
    report(f"slot {slot}: it stays with {owner.title}")
    settle(cluster, slot, owner, progress)


def adopt(cluster: Cluster, slot: int, progress: MoveProgress, report: Report) -> None:
    """Gives a slot that nobody owns to the primary with most of its keys."""
    owner = _most_keys(cluster, slot)
    report(f"slot {slot}: nobody owned it, now {owner.title} does")
    owner.slots.add(slot)
    settle(cluster, slot, owner, progress)


def settle(cluster: Cluster, slot: int, owner: Member, progress: MoveProgress) -> None:
    """Makes `owner` the one owner, with all keys of the slot that any primary has, and closes the slot
    everywhere.

    A new config epoch makes the claim win everywhere, whatever claims to the slot are still on their way.
    """
    mine = cluster.client(owner)
    mine.call("CLUSTER", "SETSLOT", slot, "STABLE")
    mine.call("CLUSTER", "SETSLOT", slot, "NODE", owner.id)
    mine.call("CLUSTER", "BUMPEPOCH")
    for member in cluster.primaries:
        if member.id != owner.id:
            _gather(cluster, slot, member, owner, progress)
            cluster.client(member).call("CLUSTER", "SETSLOT", slot, "NODE", owner.id)
            cluster.client(member).call("CLUSTER", "SETSLOT", slot, "STABLE")
    progress.add(slots=1)


def _gather(cluster: Cluster, slot: int, holder: Member, owner: Member, progress: MoveProgress) -> None:
    """Moves the keys that a node has of a slot to the slot's owner; where both have a key, the owner's value
    stays.

    Such a key is a leftover of a MIGRATE whose reply was lost: the owner has gone on serving it since.
    """
    client = cluster.client(holder)
    if (
        slot not in holder.slots
        and slot not in holder.importing
        and client.call("CLUSTER", "COUNTKEYSINSLOT", slot)
    ):
        # A node lets MIGRATE touch a slot that is not its own only while it is importing it.
        client.call("CLUSTER", "SETSLOT", slot, "IMPORTING", owner.id)
    while keys := client.call("CLUSTER", "GETKEYSINSLOT", slot, BATCH_KEYS):
        for key in keys:
            try:
                migrate(cluster, holder, owner, [key])
            except ServerError as error:
                if "BUSYKEY" not in error.reply:
                    raise
                client.pipeline([("ASKING",), ("DEL", key)])
        progress.add(keys=len(keys))


def _holders(cluster: Cluster, slot: int) -> list[Member]:
    """The primaries that have keys of a slot, most keys first."""
    counts = {
        m.id: int(cluster.client(m).call("CLUSTER", "COUNTKEYSINSLOT", slot)) for m in cluster.primaries
    }
    holding = [member for member in cluster.primaries if counts[member.id]]
    return sorted(holding, key=lambda member: -counts[member.id])


def _most_keys(cluster: Cluster, slot: int) -> Member:
    """The primary with most keys of a slot; without any keys, the one with fewest slots."""
    if not cluster.primaries:
        raise AdminError("no primary can be reached")
    holding = _holders(cluster, slot)
    return holding[0] if holding else min(cluster.primaries, key=lambda member: len(member.slots))
