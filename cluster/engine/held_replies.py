"""One connection's replies that may not leave yet, in order, with whatever comes behind them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

WRITE_REFUSAL = (
    b"-NOREPLICAS Not enough replicas have acknowledged the write in time. It may have been applied, and may "
    b"still be lost.\r\n"
)
READ_REFUSAL = (
    b"-NOREPLICAS What this node holds could not be confirmed by the others in time. Nothing was changed.\r\n"
)


@dataclass(slots=True)
class Need:
    """What has to be before a reply may leave: so much of the stream is with those in sync, and nobody else
    acknowledged writes before `asked_ms` (the World's clock). At `until_ms` the client is refused instead."""

    offset: int
    asked_ms: int
    until_ms: int
    writes: bool


class HeldReplies:
    """Bytes that wait. `size_bytes` is how many."""

    __slots__ = ("_queue", "size_bytes")

    def __init__(self) -> None:
        self._queue: deque[tuple[bytes | bytearray, Need | None]] = deque()
        self.size_bytes = 0

    def __bool__(self) -> bool:
        return bool(self._queue)

    def add(self, data: bytes | bytearray, need: Need | None) -> None:
        """The next reply; without a need of its own it waits for those before it."""
        self._queue.append((data, need))
        self.size_bytes += len(data)

    def take(self, acknowledged: int, confirmed: int, leased_ms: int, now_ms: int) -> bytearray:
        """What may leave now.

        `acknowledged` is up to where enough replicas have the stream, `confirmed` up to where those in sync
        have it, however few. What has waited for too long becomes a refusal.
        """
        out = bytearray()
        queue = self._queue
        while queue:
            data, need = queue[0]
            if need is None:
                may_leave = True
            elif need.writes:
                may_leave = need.offset <= acknowledged
            else:
                may_leave = need.offset <= confirmed and need.asked_ms <= leased_ms
            if may_leave or need is None:
                out += data
            elif now_ms >= need.until_ms:
                out += WRITE_REFUSAL if need.writes else READ_REFUSAL
            else:
                break
            queue.popleft()
            self.size_bytes -= len(data)
        return out
