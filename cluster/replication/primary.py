"""The primary's side: who is attached, how far each one is, and who waits for that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

WAIT_BGSAVE = "wait_bgsave"
SEND_BULK = "send_bulk"
ONLINE = "online"

DATA, FUNCTIONS = "data", "functions"
RDB_PARTS = frozenset((DATA, FUNCTIONS))
"""What a copy consists of, beside its auxiliary fields."""


@dataclass(eq=False, slots=True)
class Replica:
    """A replica on one connection. Times are unix milliseconds.

    `announced_host` and `port` are what it said with REPLCONF; `host` is where the connection comes from.
    `ack_offset` is what it has applied, `synced_offset` what it has on disk (in its append only file, -1
    where it keeps none), as far as it has told us. `rdb_parts` are those that it wants of a copy. `node_id`
    is its name in the cluster; `parted_at` is where its history and ours part, as FullResync has it.
    """

    session_id: int
    host: str
    port: int = 0
    announced_host: str = ""
    state: str = WAIT_BGSAVE
    ack_offset: int = 0
    synced_offset: int = -1
    ack_ms: int = 0
    takes_eof: bool = False
    takes_new_id: bool = False
    takes_field_ends: bool = False
    rdb_only: bool = False
    rdb_parts: frozenset[str] = RDB_PARTS
    old_protocol: bool = False
    node_id: str = ""
    parted_at: int = -1

    @property
    def name(self) -> tuple[str, int]:
        """The host and port by which it is to be reached."""
        return self.announced_host or self.host, self.port

    @property
    def is_online(self) -> bool:
        """Whether it has its copy, and gets the stream."""
        return self.state == ONLINE

    @property
    def address(self) -> str:
        """Its name in log lines."""
        return f"{self.announced_host or self.host}:{self.port or '<unknown-replica-port>'}"

    def lag_s(self, now_ms: int) -> int:
        """Whole seconds since it last told its offset."""
        return max(0, now_ms - self.ack_ms) // 1000


@dataclass(eq=False, slots=True)
class Waiter:
    """Somebody who waits for what replicas, or our own disk, acknowledge: `done()` is called once, when it
    `is_met()`. One who is no longer `alive` is dropped."""

    is_met: Callable[[], bool]
    done: Callable[[], None]
    alive: Callable[[], bool]


@dataclass(eq=False, slots=True)
class Replicas:
    """The attached replicas in order of arrival, and the waits for their acknowledgements."""

    attached: list[Replica] = field(default_factory=list)
    waiters: list[Waiter] = field(default_factory=list)

    def acknowledged_by(self, offset: int) -> int:
        """How many online replicas have acknowledged so much."""
        return sum(each.state == ONLINE and each.ack_offset >= offset for each in self.attached)

    def synced_by(self, offset: int) -> int:
        """How many online replicas have so much on disk."""
        return sum(each.state == ONLINE and each.synced_offset >= offset for each in self.attached)

    def good(self, now_ms: int, lag_s_max: int) -> int:
        """How many are online and have been heard of lately, as min-replicas-max-lag has it."""
        return sum(each.state == ONLINE and each.lag_s(now_ms) <= lag_s_max for each in self.attached)

    def acknowledge(self, replica: Replica, offset: int, now_ms: int, *, synced_offset: int = -1) -> None:
        """Notes an ACK; an offset never goes back. Waits that this satisfies end."""
        replica.ack_ms = now_ms
        if offset > replica.ack_offset or synced_offset > replica.synced_offset:
            replica.ack_offset = max(replica.ack_offset, offset)
            replica.synced_offset = max(replica.synced_offset, synced_offset)
            self.look()

    def look(self) -> None:
        """Ends the waits that are satisfied, and drops those whose client has gone."""
        if self.waiters:
            self.waiters = [each for each in self.waiters if each.alive()]
            self._end([each for each in self.waiters if each.is_met()])

    def _end(self, ended: list[Waiter]) -> None:
        if not ended:
            return
        self.waiters = [each for each in self.waiters if each not in ended]
        for waiter in ended:
            waiter.done()
