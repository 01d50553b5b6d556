"""One client's state, whatever carries its bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from protocol.resp.types import NO_REPLY, Reply

SESSION_BYTES = 4096
"""What a client takes up that asks for nothing: measured, with its connection."""

SUBSCRIPTION_BYTES = 100
"""What one channel, pattern or watched key takes up beside its name."""


class Kind(Enum):
    """What a connection is, as CLIENT LIST TYPE tells."""

    NORMAL = "normal"
    PRIMARY = "master"
    REPLICA = "replica"
    PUBSUB = "pubsub"


@dataclass(slots=True)
class TrackingMode:
    """How CLIENT TRACKING was asked for: `opts` is "in", "out" or "", `redirect` a client's id or 0."""

    redirect: int = 0
    broadcasts: bool = False
    prefixes: tuple[bytes, ...] = ()
    opts: str = ""
    ignores_own: bool = False
    next_is_excepted: bool = False
    is_broken: bool = False

    def wants_reads(self) -> bool:
        """Whether the keys that are read now are to be tracked: CLIENT CACHING makes the exception."""
        return not self.broadcasts and (self.next_is_excepted == (self.opts == "in") or not self.opts)


@dataclass(eq=False, slots=True)
class Session:
    """A client.

    `plain` is the hot path's one question: true while nothing about this client needs the gates to look at it
    (authenticated, not in MULTI, not subscribed, replies on, not ASKING, not a replica, no CLIENT NO-TOUCH).
    Whoever changes one of those calls `refresh()`.

    `deliver(value)` writes a value out of turn: a push, or the reply that LATER promised (use `finish` for
    that). `context` is the handlers' view of the server for this client; the engine makes it. `watched` maps
    database and key to whether the key was there when WATCH came. `skips_late` says that the client does not
    want the reply that LATER promised (CLIENT REPLY). `buffers` tells how many bytes the client has sent that
    are not served, and how many it has been sent that it has not taken.
    """

    id: int
    address: str
    local_address: str
    deliver: Callable[[Reply], None]
    close: Callable[[], None]
    created_ms: int
    name: bytes = b""
    lib_name: bytes = b""
    lib_version: bytes = b""
    user: str = "default"
    authenticated: bool = True
    protocol: int = 2
    database: int = 0
    kind: Kind = Kind.NORMAL
    plain: bool = True
    asking: bool = False
    readonly: bool = False
    queue: list[list[bytes]] | None = None
    queue_failed: bool = False
    watched: dict[tuple[int, bytes], bool] = field(default_factory=dict)
    watch_broken: bool = False
    replies_on: bool = True
    skip_next: int = 0
    skips_late: bool = False
    no_evict: bool = False
    no_touch: bool = False
    monitors: bool = False
    tracking: TrackingMode | None = None
    waiting: object | None = None
    close_after_reply: bool = False
    last_command: str = "NULL"
    last_interaction_ms: int = 0
    write_offset: int = 0
    queued_bytes: int = 0
    buffers: Callable[[], tuple[int, int]] = field(default=lambda: (0, 0))
    on_finish: Callable[[Reply], None] = field(default=lambda _: None)
    channels: set[bytes] = field(default_factory=set)
    patterns: set[bytes] = field(default_factory=set)
    shard_channels: set[bytes] = field(default_factory=set)
    context: Any = None

    def refresh(self) -> None:
        """Works `plain` out anew."""
        self.plain = (
            self.authenticated
            and self.queue is None
            and not self.asking
            and not self.readonly
            and self.replies_on
            and not self.skip_next
            and self.kind is Kind.NORMAL
            and not self.monitors
            and not self.no_touch
        )

    def finish(self, reply: Reply) -> None:
        """Gives the reply that LATER promised; the client's next request is served after it."""
        self.waiting = None
        if self.skips_late:
            self.skips_late = False
            reply = NO_REPLY
        self.on_finish(reply)

    def enqueue(self, argv: list[bytes]) -> None:
        """Keeps a request for EXEC."""
        assert self.queue is not None
        self.queue.append(argv)
        self.queued_bytes += sum(map(len, argv))

    def memory_bytes(self) -> int:
        """What the client takes up, about: what it has sent and not been served, been sent and not read, and
        what is kept for it."""
        names = (*self.channels, *self.patterns, *self.shard_channels, *(key for _, key in self.watched))
        kept = sum(map(len, names)) + SUBSCRIPTION_BYTES * len(names)
        return SESSION_BYTES + sum(self.buffers()) + self.queued_bytes + kept

    def forget_transaction(self) -> None:
        """Out of MULTI. What is watched stays watched."""
        self.queue = None
        self.queued_bytes = 0
        self.queue_failed = False
        self.refresh()
