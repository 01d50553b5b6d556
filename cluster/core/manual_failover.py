"""A replica takes over from a living primary because an administrator asks for it.

The default: the replica asks its primary to hold its writes; the primary does, and tells where its stream
stands; once the replica is there too, nothing can be lost, and it is elected though the primary is not FAIL.
FORCE leaves the primary out (it may be dead), TAKEOVER the voters as well (they may be gone): it takes a
config epoch by itself. If it is not done within TIMEOUT_MS, both go on as before.
"""

from __future__ import annotations

from cluster.core.effects import PauseWrites
from cluster.core.election import Election
from cluster.core.epochs import Epochs
from cluster.core.orders import OrderRefused
from cluster.core.peers import Peer
from cluster.core.state import State
from protocol.gossip.messages import PausedOffset, PauseRequest

TIMEOUT_MS = 5000
PAUSE_FACTOR = 2
REPEAT_MS = 100


class ManualFailover:
    def __init__(self, state: State, election: Election, epochs: Epochs) -> None:
        self._state = state
        self._election = election
        self._epochs = epochs
        self._ends_ms: int | None = None
        self._next_ms = 0
        # the replica's side
        self._primary_offset: int | None = None
        self._can_start = False
        # the primary's side
        self._replica_id: str | None = None
        self._paused_status = 0

    def can_start(self) -> bool:
        return self._can_start

    def pending(self) -> bool:
        return self._ends_ms is not None

    def order(self, mode: str) -> None:
        """CLUSTER FAILOVER. Raises OrderRefused."""
        state = self._state
        primary = state.primary()
        if not state.me.is_replica:
            raise OrderRefused("ERR You should send CLUSTER FAILOVER to a replica")
        if primary is None:
            raise OrderRefused("ERR I'm a replica but my master is unknown to me")
        if not mode and (primary.failed or not primary.reachable):
            raise OrderRefused("ERR Master is down or failed, please use CLUSTER FAILOVER FORCE")
        self.abandon()
        if mode == "TAKEOVER":
            state.trace("warning", "Taking over the master (user request).")
            self._epochs.take_greatest()
            self._election.take_over(primary, state.me.config_epoch)
            return
        self._ends_ms = state.now_ms + TIMEOUT_MS
        self._next_ms = state.now_ms
        self._can_start = mode == "FORCE"
        state.trace("warning", f"{'Forced' if mode else 'Manual'} failover user request accepted.")

    def abandon(self) -> None:
        """Ends it, done or not; a primary that holds its writes lets them go."""
        if self._replica_id is not None:
            self._state.emit(PauseWrites(0))
        self._ends_ms = None
        self._primary_offset = None
        self._can_start = False
        self._replica_id = None

    def deadline_ms(self) -> int | None:
        if self._ends_ms is None:
            return None
        return self._ends_ms if self._can_start else min(self._ends_ms, self._next_ms)

    def tick(self) -> None:
        state = self._state
        if self._ends_ms is None:
            return
        if state.now_ms >= self._ends_ms:
            state.trace("warning", "Manual failover timed out.")
            self.abandon()
            self._election.abandon()
            return
        if self._replica_id is not None:
            self._tell_offset()
        elif not self._can_start:
            self._catch_up()

    def _catch_up(self) -> None:
        state = self._state
        primary = state.primary()
        if self._primary_offset is not None and state.offset == self._primary_offset:
            state.trace(
                "warning",
                "All master replication stream processed, manual failover can start.",
            )
            self._can_start = True
        elif state.now_ms >= self._next_ms:
            self._next_ms = state.now_ms + REPEAT_MS
            if primary is not None:
                state.send(primary, PauseRequest(state.me.node_id, state.current_epoch))

    def _tell_offset(self) -> None:
        """Our offset counts only when the node has told it after it began to hold the writes."""
        state = self._state
        replica = state.member(self._replica_id or "")
        if state.now_ms < self._next_ms:
            return
        self._next_ms = state.now_ms + REPEAT_MS
        if replica is None or state.status_number <= self._paused_status:
            return
        state.send(replica, PausedOffset(state.me.node_id, state.current_epoch, state.offset))

    def receive_pause_request(self, source: Peer) -> None:
        state = self._state
        if state.me.is_replica or source.primary_id != state.me.node_id:
            return
        if self._replica_id == source.node_id:
            return
        self.abandon()
        self._ends_ms = state.now_ms + TIMEOUT_MS
        self._replica_id = source.node_id
        self._paused_status = state.status_number
        self._next_ms = state.now_ms
        state.trace("warning", f"Manual failover requested by replica {source.node_id}.")
        state.emit(PauseWrites(state.now_ms + TIMEOUT_MS * PAUSE_FACTOR))

    def receive_offset(self, source: Peer, message: PausedOffset) -> None:
        if source is self._state.primary() and self._ends_ms is not None and self._primary_offset is None:
            self._primary_offset = message.offset
            self._state.trace(
                "warning",
                f"Received replication offset for paused master manual failover: {message.offset}",
            )
