"""Whether the cluster is ok as seen from here, and which slots may be served without a question.

A primary that cannot reach the majority of the primaries must stop taking writes: on the other side a replica
may be taking its slots over. It notices when it has waited node-timeout for their answers. A process that was
stopped (SIGSTOP, a paused machine) has not noticed anything, and would wake up as an owner long since
replaced. So a tick that comes more than node-timeout late takes the lease away, and so does a restart with
saved slots; it comes back when a majority has answered probes sent after that moment, not one of them calling
this node's claim stale (probe.py). The answering majority and the majority that elected a successor share a
primary, and that one knows of its own vote.
"""

from __future__ import annotations

from cluster.core.effects import ServingChanged
from cluster.core.state import State
from protocol.gossip import slotset

REJOIN_DELAY_MIN_MS = 500
REJOIN_DELAY_MAX_MS = 5000
RESTART_DELAY_MS = 2000


class Health:
    """Keeps `is_ok` and `serving`."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._minority_ms: int | None = None
        self._restarted_ms: int | None = None
        self._restarting = False
        self._lease_lost = False
        self._lease_probe = 0
        self._assents: set[str] = set()
        self._served = 0

    def restarted(self) -> None:
        """This node came up with slots that it saved: whether they are still its own, others know."""
        self._restarted_ms = self._state.now_ms
        self._restarting = True
        self._lease_lost = True

    def lose_lease(self, next_probe: int) -> None:
        """Nothing is certain until a majority has answered probes numbered from `next_probe` on."""
        self._lease_lost = True
        self._lease_probe = next_probe
        self._assents.clear()

    def answered(self, node_id: str, probe: int, stale: bool) -> None:
        """A member has answered a probe."""
        if self._lease_lost and probe >= self._lease_probe:
            if stale:
                self._assents.discard(node_id)
            else:
                self._assents.add(node_id)

    def deadline_ms(self) -> int | None:
        """When a delay ends after which the state may turn to ok."""
        now_ms = self._state.now_ms
        ends = []
        if not self._state.is_ok and self._minority_ms is not None:
            ends.append(self._minority_ms + self._rejoin_delay_ms())
        if not self._state.is_ok and self._restarted_ms is not None:
            ends.append(self._restarted_ms + RESTART_DELAY_MS)
        return min((end for end in ends if end > now_ms), default=None)

    def update(self) -> None:
        """Looks at the whole anew; after each input."""
        state = self._state
        ok = self._is_covered()
        reaches, leased = self._reaches_majority(), self._has_lease()
        if not reaches or not (leased or self._restarting):
            self._minority_ms = state.now_ms
        ok = ok and reaches and leased and not state.hollow
        if ok and not state.is_ok and not state.me.is_replica and self._must_wait():
            ok = False
        if ok != state.is_ok:
            state.is_ok = ok
            self._restarting = False
            state.trace("warning", f"Cluster state changed: {'ok' if ok else 'fail'}")
            state.emit(ServingChanged())
        self._mark_serving()

    def _is_covered(self) -> bool:
        if not self._state.settings.require_full_coverage:
            return True
        return not self._state.uncovered and not self._state.failed_primaries

    def _has_lease(self) -> bool:
        state = self._state
        if self._lease_lost:
            assents = bool(state.me.owned) + sum(
                state.place_of_primary(node_id) is not None for node_id in self._assents
            )
            # With no other primary there is nobody to ask: whoever is alone with its slots is their owner.
            self._lease_lost = assents < state.quorum()
        return not self._lease_lost

    def _reaches_majority(self) -> bool:
        state = self._state
        reached = len(state.primary_ids) - len(state.troubled_primaries)
        return not state.primary_ids or reached >= state.quorum()

    def _rejoin_delay_ms(self) -> int:
        return min(max(self._state.settings.node_timeout_ms, REJOIN_DELAY_MIN_MS), REJOIN_DELAY_MAX_MS)

    def _must_wait(self) -> bool:
        """A primary that was cut off, or was restarted, gives the others time to tell it what has changed.

        An election may be under way while a majority still assents to the old claim: the time is for that one
        to end. A restart has a delay of its own, as Redis's, counted from the start.
        """
        now_ms = self._state.now_ms
        if self._restarted_ms is not None and now_ms - self._restarted_ms < RESTART_DELAY_MS:
            return True
        return self._minority_ms is not None and now_ms - self._minority_ms < self._rejoin_delay_ms()

    def _mark_serving(self) -> None:
        state = self._state
        served = 0
        if state.is_ok and not state.me.is_replica:
            served = state.me.owned
            if state.migrating:
                served &= ~slotset.from_slots(state.migrating)
        changed = served ^ self._served
        if not changed:
            return
        for first, last in slotset.to_ranges(changed & served):
            state.serving[first : last + 1] = b"\1" * (last - first + 1)
        for first, last in slotset.to_ranges(changed & ~served):
            state.serving[first : last + 1] = bytes(last - first + 1)
        self._served = served
