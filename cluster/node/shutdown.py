"""The end of a node: replicas catch up, the data is saved, files are left in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cluster.node.world import Timer

if TYPE_CHECKING:
    from cluster.node.server import Node

_LOOK_AGAIN_MS = 10
_FOR_EVER_MS = 1 << 62


class Shutdown:
    """SHUTDOWN and the signals that mean the same. What comes while one waits has it as its own."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._timer: Timer | None = None
        self._deadline_ms = 0
        self._save: bool | None = None
        self._force = False
        self._called_off: list[Callable[[], None]] = []

    @property
    def is_waiting(self) -> bool:
        """Whether replicas are being given time."""
        return self._timer is not None

    @property
    def left_ms(self) -> int:
        """How much time they have left."""
        return self._deadline_ms - self._node.world.now_ms()

    def begin(self, *, save: bool | None, now: bool, force: bool) -> str | None:
        """Ends the process, at once or when the replicas have caught up; the reason when it can't.

        `save` None saves when there are save points. `now` does not wait for replicas. `force` ends even when
        the data cannot be saved.
        """
        node = self._node
        if self.is_waiting or node.is_stopped:
            return None
        self._save, self._force = save, force
        node.log("warning", "User requested shutdown...")
        timeout_ms = node.options.shutdown_timeout * 1000
        if not now and timeout_ms and self._lagging():
            self._deadline_ms = node.world.now_ms() + timeout_ms
            node.pause_writes(_FOR_EVER_MS)
            node.log("notice", "Waiting for replicas before shutting down.")
            self._wait()
            return None
        return self._finish()

    def when_called_off(self, call: Callable[[], None]) -> None:
        """Calls back if the end that is being waited for does not come."""
        self._called_off.append(call)

    def abort(self) -> bool:
        """SHUTDOWN ABORT; whether there was one to abort."""
        if self._timer is None:
            return False
        self._timer.cancel()
        self._timer = None
        self._call_off()
        self._node.log("notice", "Shutdown manually aborted.")
        return True

    def _call_off(self) -> None:
        calls, self._called_off = self._called_off, []
        for call in calls:
            call()
        self._node.pause_writes(0)

    def _lagging(self) -> list[str]:
        replication = self._node.replication
        if replication.primary is not None:
            return []
        return [
            f"Lagging replica {replica.address} reported offset {replication.offset - replica.ack_offset} "
            f"behind master, lag={replica.lag_s(self._node.world.unix_ms())}, state={replica.state}."
            for replica in replication.replicas
            if replica.ack_offset < replication.offset
        ]

    def _wait(self) -> None:
        self._node.replication.ask_for_acks()
        self._timer = self._node.world.call_at(self._node.world.now_ms() + _LOOK_AGAIN_MS, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._lagging() and self._node.world.now_ms() < self._deadline_ms:
            self._timer = self._node.world.call_at(self._node.world.now_ms() + _LOOK_AGAIN_MS, self._look)
            return
        self._finish()

    def _finish(self) -> str | None:
        node = self._node
        self._tell_lag()
        node.disk.stop()
        failure = node.aof_rewriter.stop(force=self._force) or self._save_data()
        if failure is not None:
            node.log("warning", "Errors trying to shut down the server. Check the logs for more information.")
            self._call_off()
            return failure
        node.aof.stop()
        node.stop(0)
        node.log("warning", "Redis is now ready to exit, bye bye...")
        return None

    def _tell_lag(self) -> None:
        lagging = self._lagging()
        for line in lagging:
            self._node.log("notice", line)
        replication = self._node.replication
        count = len(replication.replicas)
        if count and replication.primary is None:
            self._node.log(
                "notice", f"{count - len(lagging)} of {count} replicas are in sync when shutting down."
            )

    def _save_data(self) -> str | None:
        node = self._node
        # What is half loaded must not take the place of the whole.
        wants_save = self._save or (self._save is None and node.options.save)
        if not wants_save or node.server.loading:
            return None
        node.log("notice", "Saving the final RDB snapshot before exiting.")
        failure = node.disk.write()
        if failure is None:
            return None
        if self._force:
            node.log("warning", "Error trying to save the DB. Exit anyway.")
            return None
        node.log("warning", "Error trying to save the DB, can't exit.")
        return failure
