"""The simulation's heart: virtual time, one heap of events, one source of randomness, one hash of all that
happened.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

START_US = 1_700_000_000_000_000
STANDSTILL_EVENTS = 100_000
"""So many events of one moment, and time will never go on."""


class Standstill(Exception):
    """Somebody wants to be called at once, again and again: a real process would keep its processor busy."""


@dataclass(order=True, slots=True)
class Event:
    """Something that will happen. `number` keeps the order of events of one moment."""

    when_us: int
    number: int
    node: str = field(compare=False)
    what: str = field(compare=False)
    action: Callable[[], None] = field(compare=False)
    cancelled: bool = field(compare=False, default=False)

    def cancel(self) -> None:
        """It will not happen."""
        self.cancelled = True


class Simulation:
    """Runs events in the order of their times. The same seed and the same calls give the same history.

    `trace_hash()` covers every event: its time, its node and what it was.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(f"simulation {seed}")
        self.now_us = START_US
        self.events = 0
        self.trace: list[str] | None = None
        self._heap: list[Event] = []
        self._number = 0
        self._hash = hashlib.sha256()
        self._at_once = 0

    @property
    def now_ms(self) -> int:
        """Virtual unix time."""
        return self.now_us // 1000

    def at(self, when_us: int, node: str, what: str, action: Callable[[], None]) -> Event:
        """Plans an event; one in the past happens now."""
        self._number += 1
        event = Event(max(when_us, self.now_us), self._number, node, what, action)
        heapq.heappush(self._heap, event)
        return event

    def note(self, node: str, what: str) -> None:
        """Puts a line into the trace."""
        line = f"{self.now_us} {node} {what}"
        self._hash.update(line.encode(errors="replace") + b"\n")
        if self.trace is not None:
            self.trace.append(line)

    def trace_hash(self) -> str:
        """A hash of the history so far."""
        return self._hash.hexdigest()

    def step(self) -> bool:
        """Lets the next event happen; False when there is none. Raises Standstill."""
        while self._heap:
            event = heapq.heappop(self._heap)
            if not event.cancelled:
                self._at_once = self._at_once + 1 if event.when_us == self.now_us else 0
                if self._at_once > STANDSTILL_EVENTS:
                    raise Standstill(f"{event.node} at {self.now_us} us: {event.what}")
                self.now_us = event.when_us
                self.events += 1
                self.note(event.node, event.what)
                event.action()
                return True
        return False

    def run_for(self, duration_ms: int) -> None:
        """Lets so much time pass."""
        end_us = self.now_us + duration_ms * 1000
        while self._heap and self._heap[0].when_us <= end_us:
            self.step()
        self.now_us = end_us

    def run_until(self, condition: Callable[[], bool], timeout_ms: int) -> bool:
        """Runs until the condition holds; False when that takes longer than `timeout_ms`."""
        end_us = self.now_us + timeout_ms * 1000
        while not condition():
            if not self._heap or self._heap[0].when_us > end_us:
                self.now_us = max(self.now_us, end_us)
                return condition()
            self.step()
        return True
