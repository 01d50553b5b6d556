"""Whether a cluster is sound, by redis-cli's verdicts: one view of the slots, none open, all covered."""

from __future__ import annotations

from dataclasses import dataclass

from tools.admin.slots import SLOT_COUNT, show_ranges
from tools.admin.topology import Cluster, Member


@dataclass
class Health:
    """What a check found; `problems` counts what keeps a cluster from being sound."""

    agreed: bool
    open_slots: dict[int, list[str]]
    uncovered: set[int]
    lost: dict[str, str]

    @property
    def is_sound(self) -> bool:
        """Agreed, closed, covered, and every node that should answer does."""
        return self.agreed and not self.open_slots and not self.uncovered and not self.lost

    def lines(self) -> list[str]:
        """The verdicts as redis-cli words them."""
        found = [
            "[OK] All nodes agree about slots configuration."
            if self.agreed
            else "[ERR] Nodes don't agree about configuration!"
        ]
        found += [f"[WARNING] {reason}" for reason in self.lost.values()]
        found += [f"[WARNING] {text}" for texts in self.open_slots.values() for text in texts]
        if self.open_slots:
            slots = ",".join(str(slot) for slot in sorted(self.open_slots))
            found.append(f"[WARNING] The following slots are open: {slots}.")
        if self.uncovered:
            found.append(
                f"[ERR] Not all {SLOT_COUNT} slots are covered by nodes: {show_ranges(self.uncovered)}."
            )
        else:
            found.append(f"[OK] All {SLOT_COUNT} slots covered.")
        return found


def check(cluster: Cluster) -> Health:
    """Looks at every node's view."""
    covered: set[int] = set().union(*(member.slots for member in cluster.primaries))
    signatures = {_signature(view) for view in cluster.views.values()}
    # A node that its peers have marked FAIL is no news to them: redis-cli does not ask it either.
    lost = {node_id: reason for node_id, reason in cluster.lost.items() if "is marked" not in reason}
    return Health(
        agreed=len(signatures) == 1,
        open_slots=_open_slots(cluster),
        uncovered=set(range(SLOT_COUNT)) - covered,
        lost=lost,
    )


def _signature(view: list[Member]) -> str:
    return "|".join(sorted(f"{member.id}:{show_ranges(member.slots)}" for member in view if member.slots))


def _open_slots(cluster: Cluster) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for member in cluster.members:
        for state, slots in (("migrating", member.migrating), ("importing", member.importing)):
            for slot in slots:
                text = f"Node {member.title} has slot {slot} in {state} state."
                found.setdefault(slot, []).append(text)
    return found
