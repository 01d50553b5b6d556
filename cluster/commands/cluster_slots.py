"""CLUSTER: whose slots are whose, slots that move, and the keys in them."""

from __future__ import annotations

from collections.abc import Iterable

from cluster.commands.arguments import integer
from cluster.commands.cluster import ADMIN, core_of, key_count, ordered, text
from cluster.commands.context import Context
from cluster.core.orders import (
    AddSlots,
    DelSlots,
    FlushSlots,
    SetSlotImporting,
    SetSlotMigrating,
    SetSlotNode,
    SetSlotStable,
)
from cluster.spec.command import command
from cluster.spec.errors import CommandError
from cluster.store.keyspace import SLOTS
from protocol.keyslot import key_slot
from protocol.resp.types import Reply

SETSLOT_MISUSE = "ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP"
PER_SLOT = "O(N) where N is the total number of hash slot arguments"
PER_RANGE = "O(N) where N is the total number of the slots between the start slot and end slot arguments."
RANGES = "start-slot_end-slot={start-slot:integer end-slot:integer}+"


def _slot(word: bytes) -> int:
    invalid = "ERR Invalid or out of range slot"
    slot = integer(word, invalid)
    if not 0 <= slot < SLOTS:
        raise CommandError(invalid)
    return slot


def _slots_of_ranges(ctx: Context, words: tuple[bytes, ...]) -> tuple[int, ...]:
    if len(words) % 2:
        raise CommandError(f"ERR wrong number of arguments for 'cluster|{text(ctx.argv[1]).lower()}' command")
    ranges: list[range] = []
    for start_word, end_word in zip(words[::2], words[1::2], strict=True):
        start, end = _slot(start_word), _slot(end_word)
        if start > end:
            raise CommandError(f"ERR start slot number {start} is greater than end slot number {end}")
        ranges.append(range(start, end + 1))
    return _up_to_a_double(slot for each in ranges for slot in each)


def _up_to_a_double(slots: Iterable[int]) -> tuple[int, ...]:
    """The slots up to the first that comes twice: the core refuses that, and the rest, which may be long,
    makes no difference."""
    seen: dict[int, None] = {}
    for slot in slots:
        if slot in seen:
            return (*seen, slot)
        seen[slot] = None
    return tuple(seen)


@command(
    "CLUSTER ADDSLOTS", "slot:integer+", group="cluster", since="3.0.0", flags=ADMIN, complexity=PER_SLOT
)
def cluster_addslots(ctx: Context, *words: bytes) -> Reply:
    """Makes this node the owner of slots that have none."""
    core_of(ctx)
    return ordered(ctx, AddSlots(_up_to_a_double([_slot(word) for word in words])))


@command("CLUSTER ADDSLOTSRANGE", RANGES, group="cluster", since="7.0.0", flags=ADMIN, complexity=PER_RANGE)
def cluster_addslotsrange(ctx: Context, *words: bytes) -> Reply:
    """Makes this node the owner of ranges of slots that have none."""
    core_of(ctx)
    return ordered(ctx, AddSlots(_slots_of_ranges(ctx, words)))


@command(
    "CLUSTER DELSLOTS", "slot:integer+", group="cluster", since="3.0.0", flags=ADMIN, complexity=PER_SLOT
)
def cluster_delslots(ctx: Context, *words: bytes) -> Reply:
    """Makes slots ownerless, as this node sees it."""
    core_of(ctx)
    return ordered(ctx, DelSlots(_up_to_a_double([_slot(word) for word in words])))


@command("CLUSTER DELSLOTSRANGE", RANGES, group="cluster", since="7.0.0", flags=ADMIN, complexity=PER_RANGE)
def cluster_delslotsrange(ctx: Context, *words: bytes) -> Reply:
    """Makes ranges of slots ownerless, as this node sees it."""
    core_of(ctx)
    return ordered(ctx, DelSlots(_slots_of_ranges(ctx, words)))


@command("CLUSTER FLUSHSLOTS", group="cluster", since="3.0.0", flags=ADMIN)
def cluster_flushslots(ctx: Context) -> Reply:
    """Takes all of its slots from this node, which must have no keys."""
    core_of(ctx)
    if key_count(ctx):
        raise CommandError("ERR DB must be empty to perform CLUSTER FLUSHSLOTS.")
    return ordered(ctx, FlushSlots())


@command(
    "CLUSTER SETSLOT",
    "slot:integer subcommand={IMPORTING node-id | MIGRATING node-id | NODE node-id | STABLE}",
    group="cluster",
    since="3.0.0",
    flags=ADMIN,
)
def cluster_setslot(ctx: Context, slot_word: bytes, action: bytes, *words: bytes) -> Reply:
    """Opens a slot for its move to another node, closes it, or gives it away."""
    if core_of(ctx).me.is_replica:
        raise CommandError("ERR Please use SETSLOT only with masters.")
    slot = _slot(slot_word)
    name = action.lower()
    if name == b"stable" and not words:
        return ordered(ctx, SetSlotStable(slot))
    if len(words) != 1:
        raise CommandError(SETSLOT_MISUSE)
    node_id = text(words[0])
    if name == b"migrating":
        return ordered(ctx, SetSlotMigrating(slot, node_id))
    if name == b"importing":
        return ordered(ctx, SetSlotImporting(slot, node_id))
    if name == b"node":
        return ordered(ctx, SetSlotNode(slot, node_id, ctx.server.databases[0].slot_count(slot)))
    raise CommandError(SETSLOT_MISUSE)


@command(
    "CLUSTER KEYSLOT",
    "key:string",
    group="cluster",
    since="3.0.0",
    flags="STALE",
    complexity="O(N) where N is the number of bytes in the key",
)
def cluster_keyslot(ctx: Context, key: bytes) -> Reply:
    """Tells a key's slot."""
    core_of(ctx)
    return key_slot(key)


@command("CLUSTER COUNTKEYSINSLOT", "slot:integer", group="cluster", since="3.0.0", flags="STALE")
def cluster_countkeysinslot(ctx: Context, slot_word: bytes) -> Reply:
    """Counts the keys that this node has in a slot."""
    core_of(ctx)
    slot = integer(slot_word)
    if not 0 <= slot < SLOTS:
        raise CommandError("ERR Invalid slot")
    return ctx.server.databases[0].slot_count(slot)


@command(
    "CLUSTER GETKEYSINSLOT",
    "slot:integer count:integer",
    group="cluster",
    since="3.0.0",
    flags="STALE",
    complexity="O(N) where N is the number of requested keys",
    tips=("nondeterministic_output",),
)
def cluster_getkeysinslot(ctx: Context, slot_word: bytes, count_word: bytes) -> Reply:
    """Lists some of the keys that this node has in a slot."""
    core_of(ctx)
    slot, count = integer(slot_word), integer(count_word)
    if not 0 <= slot < SLOTS or count < 0:
        raise CommandError("ERR Invalid slot or number of keys")
    return list(ctx.server.databases[0].slot_keys(slot, count))
