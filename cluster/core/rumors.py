"""A rumor in a node's hands, and what it remembers of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from cluster.core.delegation import Arc, Duty, Names, covers
from protocol.gossip.messages import Fact


@dataclass(slots=True)
class Spreading:
    """A fact, and the sent-to memory of it.

    `has` are those known to have it or to be told it by someone else: this node never sends it to one of
    them. `names` and `stretches` are what this node has taken on itself, done or not.
    """

    fact: Fact
    expires_ms: int
    has: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    stretches: list[Arc] = field(default_factory=list)

    def take_on(self, duty: Duty) -> Duty | None:
        """Takes a duty on; what of it is new, None when nothing is."""
        if isinstance(duty, Names):
            new = tuple(
                node_id for node_id in duty.ids if node_id not in self.has and node_id not in self.names
            )
            self.names.update(new)
            return Names(new) if new else None
        if isinstance(duty, Arc):
            if any(covers(stretch, duty) for stretch in self.stretches):
                return None
            self.stretches.append(duty)
        # The whole ring is not remembered: this node is in it, and whoever hands it a stretch of it, as to
        # any other member, relies on it.
        return duty

    def open_names(self, duty: Names) -> Names:
        """Those of a duty that still have to be told."""
        return Names(tuple(node_id for node_id in duty.ids if node_id not in self.has))
