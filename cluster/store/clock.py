"""The time as the engine and what is below it see it."""

from __future__ import annotations

from collections.abc import Callable


class Clock:
    """Holds the unix time in milliseconds: the node sets it once for each read of a socket.

    `stopwatch_ns()` gives nanoseconds since some moment or other, for durations only: it never goes back.
    """

    __slots__ = ("now_ms", "stopwatch_ns")

    def __init__(self, now_ms: int = 0, stopwatch_ns: Callable[[], int] = lambda: 0) -> None:
        self.now_ms = now_ms
        self.stopwatch_ns = stopwatch_ns
