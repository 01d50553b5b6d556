"""A slot on its way from one primary to another: the SETSLOT family."""

from __future__ import annotations

from cluster.core.effects import ServingChanged
from cluster.core.epochs import Epochs
from cluster.core.orders import (
    OrderRefused,
    SetSlotImporting,
    SetSlotMigrating,
    SetSlotNode,
    SetSlotStable,
)
from cluster.core.peers import Peer
from cluster.core.slots import Slots
from cluster.core.state import State


class Migration:
    def __init__(self, state: State, slots: Slots, epochs: Epochs) -> None:
        self._state = state
        self._slots = slots
        self._epochs = epochs

    def _require_primary(self) -> None:
        if self._state.me.is_replica:
            raise OrderRefused("ERR Please use SETSLOT only with masters.")

    def _target(self, node_id: str, unknown: str) -> Peer:
        peer = self._state.peers.get(node_id)
        if peer is None or peer.handshake:
            raise OrderRefused(f"ERR {unknown} {node_id}")
        if peer.is_replica:
            raise OrderRefused("ERR Target node is not a master")
        return peer

    def _changed(self) -> None:
        self._state.save(now=True)
        self._state.emit(ServingChanged())

    def migrating(self, order: SetSlotMigrating) -> None:
        self._require_primary()
        if self._state.owners[order.slot] is not self._state.me:
            raise OrderRefused(f"ERR I'm not the owner of hash slot {order.slot}")
        self._state.migrating[order.slot] = self._target(order.node_id, "I don't know about node").node_id
        self._changed()

    def importing(self, order: SetSlotImporting) -> None:
        self._require_primary()
        if self._state.owners[order.slot] is self._state.me:
            raise OrderRefused(f"ERR I'm already the owner of hash slot {order.slot}")
        self._state.importing[order.slot] = self._target(order.node_id, "I don't know about node").node_id
        self._changed()

    def stable(self, order: SetSlotStable) -> None:
        self._require_primary()
        self._state.importing.pop(order.slot, None)
        self._state.migrating.pop(order.slot, None)
        self._changed()

    def node(self, order: SetSlotNode) -> None:
        """Ends a migration at one node.

        The target takes a fresh config epoch without asking anyone: its claim must win over the source's. Two
        targets that do so at the same time collide, which epochs.py settles; they claim different slots, so
        that meanwhile nobody's slot is in doubt.
        """
        self._require_primary()
        state = self._state
        slot = order.slot
        target = self._target(order.node_id, "Unknown node")
        was_mine = state.owners[slot] is state.me
        if was_mine and target is not state.me and order.keys_left:
            raise OrderRefused(
                f"ERR Can't assign hashslot {slot} to a different node while I still hold keys "
                "for this hash slot."
            )
        if not order.keys_left:
            state.migrating.pop(slot, None)
        if target is state.me:
            if state.importing.pop(slot, None) is not None and self._epochs.take_greatest():
                state.trace(
                    "warning",
                    f"configEpoch updated to {state.me.config_epoch} after importing slot {slot}",
                )
            self._slots.claim(1 << slot)
        elif was_mine:
            self._slots.cede(slot, target)
        else:
            self._slots.bind(1 << slot, target)
        self._changed()
