"""Moves slots with their keys from one primary to another while clients go on using them."""

from __future__ import annotations

from collections.abc import Sequence

from tools.admin.client import AdminError, ServerError
from tools.admin.plan import Move
from tools.admin.progress import MoveProgress
from tools.admin.topology import Cluster, Member

BATCH_KEYS = 100
TIMEOUT_MS = 60_000
_DRAIN_TRIES = 5


class MoveError(AdminError):
    """A slot could not be moved; it may stay open."""


def count_keys(cluster: Cluster, moves: Sequence[Move]) -> int:
    """How many keys the slots of these moves have at their sources."""
    total = 0
    for source_id in {move.source_id for move in moves}:
        requests = [
            ("CLUSTER", "COUNTKEYSINSLOT", move.slot) for move in moves if move.source_id == source_id
        ]
        replies = cluster.client(cluster.find(source_id)).pipeline(requests)
        total += sum(reply for reply in replies if isinstance(reply, int))
    return total


def move_slots(
    cluster: Cluster, moves: Sequence[Move], progress: MoveProgress, batch: int = BATCH_KEYS
) -> None:
    """Moves one slot after the other. Raises MoveError, naming the slot and the way on."""
    by_id = {member.id: member for member in cluster.members}
    for done, move in enumerate(moves):
        source, target = by_id[move.source_id], by_id[move.target_id]
        try:
            move_slot(cluster, move.slot, source, target, progress, batch)
        except AdminError as error:
            where = f"{cluster.entry[0]}:{cluster.entry[1]}"
            raise MoveError(
                f"slot {move.slot} stopped on its way from {source.title} to {target.title}: {error}. "
                f"{done} of {len(moves)} slots have moved. To go on: `starling fix {where}`, then move the "
                "rest."
            ) from error
        source.slots.discard(move.slot)
        target.slots.add(move.slot)
        progress.add(slots=1)


def move_slot(
    cluster: Cluster,
    slot: int,
    source: Member,
    target: Member,
    progress: MoveProgress,
    batch: int = BATCH_KEYS,
) -> None:
    """Opens the slot, moves its keys, closes it. Raises ServerError and UnreachableError.

    The target opens first: once the source sends clients on with ASK, they must find an open door there.
    """
    cluster.client(target).call("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
    cluster.client(source).call("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
    drain(cluster, slot, source, target, progress, batch)
    hand_over(cluster, slot, source, target, progress)


def drain(
    cluster: Cluster,
    slot: int,
    source: Member,
    target: Member,
    progress: MoveProgress,
    batch: int = BATCH_KEYS,
) -> None:
    """Moves all keys of an open slot, a batch at a time."""
    client = cluster.client(source)
    while keys := client.call("CLUSTER", "GETKEYSINSLOT", slot, batch):
        _migrate_or_replace(cluster, source, target, keys)
        progress.add(keys=len(keys))


def _migrate_or_replace(cluster: Cluster, source: Member, target: Member, keys: Sequence[bytes]) -> None:
    """A key that is at the target already is replaced: it is a leftover of a MIGRATE whose reply was lost.

    That loses nothing: as long as a key exists at the source, clients are served there and nowhere else, so
    the source's value is the newest.
    """
    try:
        migrate(cluster, source, target, keys)
    except ServerError as error:
        if "BUSYKEY" not in error.reply:
            raise
        migrate(cluster, source, target, keys, "REPLACE")


def migrate(cluster: Cluster, source: Member, target: Member, keys: Sequence[bytes], *options: str) -> None:
    """One MIGRATE of these keys. Raises ServerError and UnreachableError."""
    auth = ("AUTH", cluster.password) if cluster.password else ()
    words = ("MIGRATE", *target.address, "", 0, TIMEOUT_MS, *options, *auth, "KEYS", *keys)
    cluster.client(source).call(*words, timeout_s=TIMEOUT_MS / 1000 + 5)


def hand_over(cluster: Cluster, slot: int, source: Member, target: Member, progress: MoveProgress) -> None:
    """Closes a slot: the target, the source, then the other primaries learn the new owner.

    The target is first. Were the source first and the target then lost, nobody would own the slot; in this
    order there is
    at worst an owner too many for a moment, and the target's new config epoch wins. The others would learn it
    by gossip;
    telling them saves clients a redirect, so a failure there is no failure of the move.
    """
    cluster.client(target).call("CLUSTER", "SETSLOT", slot, "NODE", target.id)
    for tries in range(_DRAIN_TRIES):
        try:
            cluster.client(source).call("CLUSTER", "SETSLOT", slot, "NODE", target.id)
            break
        except ServerError as error:
            if "still hold keys" not in error.reply or tries == _DRAIN_TRIES - 1:
                raise
            drain(cluster, slot, source, target, progress)
    for member in cluster.primaries:
        if member.id not in (source.id, target.id):
            _tell(cluster, member, slot, target)


def _tell(cluster: Cluster, member: Member, slot: int, target: Member) -> None:
    try:
        cluster.client(member).call("CLUSTER", "SETSLOT", slot, "NODE", target.id)
    except AdminError:
        return
