"""A spare replica moves to a primary that has lost all of its own (replica migration).

Redis's rules. A primary is orphaned when it owns slots, none of its replicas works, and it is meant to have
some: it had, or it was a replica that took over, or it got its first slots in a cluster with replicas. Of the
primaries with the most working replicas the one replica with the smallest id moves, if its primary keeps
cluster-migration-barrier of them; all nodes know the same, so only one does. It waits until the orphan has
been one for DELAY_MS: after a failover the other replicas of the dead primary are about to follow the new
one. Should two move all the same (their views differed), nothing is lost: the orphan has one more.
"""

from __future__ import annotations

from cluster.core.peers import Peer
from cluster.core.roles import Roles
from cluster.core.state import State

DELAY_MS = 5000
LOOK_PERIOD_MS = 500


class SpareReplicas:
    def __init__(self, state: State, roles: Roles) -> None:
        self._state = state
        self._roles = roles
        self._orphaned_ms: dict[str, int] = {}
        self._next_ms = state.now_ms
        self._seen = -1

    def deadline_ms(self) -> int | None:
        if not self._is_spare() or (self._seen == self._state.changes and not self._orphaned_ms):
            return None
        return self._next_ms

    def tick(self) -> None:
        state = self._state
        if not self._is_spare():
            self._orphaned_ms.clear()
            self._seen = -1
            return
        if state.now_ms < self._next_ms:
            return
        self._next_ms = state.now_ms + LOOK_PERIOD_MS
        self._seen = state.changes
        orphans = [primary.node_id for primary in state.primaries if self._is_orphaned(primary)]
        self._orphaned_ms = {id_: self._orphaned_ms.get(id_, state.now_ms) for id_ in orphans}
        due = [id_ for id_, since_ms in self._orphaned_ms.items() if state.now_ms - since_ms >= DELAY_MS]
        if due and self._is_ours_to_move():
            state.trace("notice", f"Migrating to orphaned master {due[0]}")
            self._roles.follow(state.peers[due[0]])

    def _is_spare(self) -> bool:
        """Whether this node may be one, by what costs nothing to know."""
        state = self._state
        allowed = state.settings.allow_replica_migration and state.is_ok and state.me.is_replica
        return allowed and len(state.followers.of(state.me.primary_id or "")) > max(1, self._barrier())

    def _barrier(self) -> int:
        return self._state.settings.migration_barrier

    def _is_orphaned(self, primary: Peer) -> bool:
        return primary.wants_replicas and not primary.failed and not self._working(primary.node_id)

    def _working(self, primary_id: str) -> list[str]:
        """Those of a primary's replicas that are not FAIL."""
        troubled = self._state.troubled
        return [
            node_id
            for node_id in self._state.followers.of(primary_id)
            if node_id not in troubled or not troubled[node_id].failed
        ]

    def _is_ours_to_move(self) -> bool:
        state = self._state
        ours = self._working(state.me.primary_id or "")
        if sum(node_id not in state.troubled for node_id in ours) <= self._barrier():
            return False
        groups = [
            self._working(primary_id)
            for primary_id in state.followers.followed()
            if primary_id not in state.troubled or not state.troubled[primary_id].failed
        ]
        most = max(map(len, groups), default=0)
        if most < 2:
            return False
        return state.me.node_id == min(group[0] for group in groups if len(group) == most)
