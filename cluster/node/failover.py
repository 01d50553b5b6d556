"""FAILOVER: a primary hands its role to one of its replicas, and loses nothing by it.

Writes are paused; when the replica has acknowledged all that there is, we become its replica, and our PSYNC
asks it to be the primary (PSYNC id offset FAILOVER), which it does only if it has our history. Since nothing
was written meanwhile, both histories end at the same place, and the stream goes on from there.

What can go wrong: the replica never catches up (the timeout gives up, or with FORCE goes on all the same and
loses what it had not got), or it refuses the role: then we take it back. A replica that has gone is tried
again until FAILOVER ABORT.

Source: https://redis.io/docs/latest/commands/failover/
"""

from __future__ import annotations

from typing import Protocol

from cluster.node.log import Log
from cluster.node.world import World
from cluster.replication.primary import Replica
from cluster.replication.replication import FAILING_OVER, NO_FAILOVER, WAITING_FOR_SYNC, Replication

PAUSE_MS = 1 << 40
"""Longer than anybody waits: the end of the failover ends the pause."""


class FailoverHost(Protocol):
    """What a failover needs of the node."""

    world: World
    log: Log
    replication: Replication

    def follow(self, primary: tuple[str, int] | None) -> None: ...

    def pause_writes(self, until_ms: int) -> None: ...


class Failover:
    """The one failover under way, if any."""

    def __init__(self, host: FailoverHost) -> None:
        self._host = host
        self._target: tuple[str, int] | None = None
        self._deadline_ms = 0
        self._forces = False

    def begin(self, target: tuple[str, int] | None, *, timeout_ms: int, forces: bool) -> None:
        """To that replica, or to the first that has caught up. `timeout_ms` 0 waits for ever."""
        host = self._host
        self._target, self._forces = target, forces
        self._deadline_ms = host.world.now_ms() + timeout_ms if timeout_ms else 0
        host.replication.failover_state = WAITING_FOR_SYNC
        host.pause_writes(host.world.unix_ms() + PAUSE_MS)
        host.log("notice", f"FAILOVER requested to {self._shown()}.")

    def _shown(self) -> str:
        return f"{self._target[0]}:{self._target[1]}" if self._target else "any replica"

    def tick(self) -> None:
        """A few times a second."""
        host = self._host
        if host.replication.failover_state != WAITING_FOR_SYNC:
            return
        ready = next(filter(self._is_ready, host.replication.replicas), None)
        if ready is not None:
            self._target = ready.name
            host.log("notice", f"Failover target {self._shown()} is synced, failing over.")
            self._hand_over(self._target)
        elif self._deadline_ms and host.world.now_ms() >= self._deadline_ms:
            if self._forces and self._target is not None:
                host.log("notice", f"FAILOVER to {self._shown()} time out exceeded, failing over.")
                self._hand_over(self._target)
            else:
                self.abort("Replica never caught up before timeout")

    def _is_ready(self, replica: Replica) -> bool:
        is_wanted = self._target is None or replica.name == self._target
        return is_wanted and replica.is_online and replica.ack_offset == self._host.replication.offset

    def _hand_over(self, target: tuple[str, int]) -> None:
        self._host.replication.failover_state = FAILING_OVER
        self._host.follow(target)

    def answered(self, *, accepted: bool) -> None:
        """The target has taken the role, or refuses it."""
        if accepted:
            self._clear()
        else:
            self.abort("Failover target rejected psync request")

    def abort(self, why: str) -> None:
        """We are the primary still, or again."""
        host = self._host
        host.log("notice", f"FAILOVER to {self._shown()} aborted: {why}")
        was_failing_over = host.replication.failover_state == FAILING_OVER
        host.replication.failover_state = NO_FAILOVER
        if was_failing_over:
            host.follow(None)
        self._clear()

    def _clear(self) -> None:
        self._target = None
        self._deadline_ms = 0
        self._host.replication.failover_state = NO_FAILOVER
        self._host.pause_writes(0)
