"""What a CLUSTER command, or the node, asks of the core. Names are those of the commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


class OrderRefused(Exception):
    """The order cannot be carried out; str() is Redis's own error text ("ERR Unknown node ..."). Nothing
    changed."""


@dataclass(frozen=True, slots=True)
class Meet:
    host: str
    port: int
    bus_port: int


@dataclass(frozen=True, slots=True)
class Forget:
    node_id: str


@dataclass(frozen=True, slots=True)
class AddSlots:
    slots: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DelSlots:
    slots: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FlushSlots:
    pass


@dataclass(frozen=True, slots=True)
class SetSlotMigrating:
    slot: int
    node_id: str


@dataclass(frozen=True, slots=True)
class SetSlotImporting:
    slot: int
    node_id: str


@dataclass(frozen=True, slots=True)
class SetSlotStable:
    slot: int


@dataclass(frozen=True, slots=True)
class SetSlotNode:
    """`keys_left` is the number of keys still here in the slot: Redis refuses to give away a slot that has
    some."""

    slot: int
    node_id: str
    keys_left: int


@dataclass(frozen=True, slots=True)
class Replicate:
    """`keys` is the number of keys here: a primary that has keys or slots refuses."""

    node_id: str
    keys: int


@dataclass(frozen=True, slots=True)
class Failover:
    """`mode` is "", "FORCE" or "TAKEOVER"."""

    mode: str


@dataclass(frozen=True, slots=True)
class Reset:
    """A hard one gives a new node id and zeroes the epochs. `keys`: a primary that has keys refuses."""

    hard: bool
    keys: int


@dataclass(frozen=True, slots=True)
class BumpEpoch:
    pass


@dataclass(frozen=True, slots=True)
class SetConfigEpoch:
    epoch: int


@dataclass(frozen=True, slots=True)
class SaveConfig:
    pass


@dataclass(frozen=True, slots=True)
class ReplicationStatus:
    """Told by the node before each tick: our offset, whether our link to the primary is up, since when it is
    down (ms, 0 when up or primary), and whether a full copy is still being received."""

    offset: int
    link_up: bool
    link_down_since_ms: int
    syncing: bool = False


@dataclass(frozen=True, slots=True)
class ProposeInSync:
    """These replicas of ours hold all that we have acknowledged (cluster-write-acks): have the voters note
    it. Our own id: none does. Nobody at all: nothing is promised any more."""

    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Publish:
    """Has the other nodes deliver a message to their clients; `sharded`: those of this shard only."""

    channel: bytes
    message: bytes
    sharded: bool


Order: TypeAlias = (
    Meet | Forget | AddSlots | DelSlots | FlushSlots | SetSlotMigrating | SetSlotImporting | SetSlotStable
    | SetSlotNode | Replicate | Failover | Reset | BumpEpoch | SetConfigEpoch | SaveConfig | ReplicationStatus
    | ProposeInSync | Publish
)  # fmt: skip
