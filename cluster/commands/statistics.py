"""What INFO, SLOWLOG and LATENCY tell of the requests served."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from cluster.spec.command import CommandStats

SLOWLOG_WORDS_MAX = 32
SLOWLOG_WORD_BYTES_MAX = 128
ERROR_CODES_MAX = 128
"""Error codes come from our own texts; a script's could be made up, so the table is bounded all the same."""
LATENCY_SAMPLES_MAX = 160
OPS_SAMPLES = 16


@dataclass(frozen=True, slots=True)
class SlowEntry:
    """One line of SLOWLOG GET. Words beyond the 32nd and bytes beyond the 128th are only counted."""

    id: int
    unix_s: int
    usec: int
    argv: list[bytes]
    address: str
    name: bytes


@dataclass(slots=True)
class Statistics:
    """One node's counters since the start or CONFIG RESETSTAT. `commands` is by full name ("config|get")."""

    commands: dict[str, CommandStats] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    connections: int = 0
    rejected_connections: int = 0
    evicted_keys: int = 0
    evicted_clients: int = 0
    memory_exceeded_ms: int = 0
    memory_exceeded_since_ms: int = 0
    unexpected_errors: int = 0
    slow: deque[SlowEntry] = field(default_factory=deque)
    slow_next_id: int = 0
    latency: dict[str, deque[tuple[int, int]]] = field(default_factory=dict)
    latency_max_ms: dict[str, int] = field(default_factory=dict)
    _samples: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=OPS_SAMPLES))

    def of(self, name: str) -> CommandStats:
        """A command's counters, made when first asked for."""
        stats = self.commands.get(name)
        if stats is None:
            stats = self.commands[name] = CommandStats()
        return stats

    @property
    def calls(self) -> int:
        """Requests served."""
        return sum(stats.calls for stats in self.commands.values())

    @property
    def error_count(self) -> int:
        """Error replies."""
        return sum(self.errors.values())

    def count_error(self, reply: bytes) -> None:
        """Counts an error reply under its code, its first word."""
        code = reply.split(b" ", 1)[0].decode(errors="replace")
        if code in self.errors or len(self.errors) < ERROR_CODES_MAX:
            self.errors[code] = self.errors.get(code, 0) + 1

    def exceeds_memory(self, exceeds: bool, now_ms: int) -> None:
        """Whether memory is over maxmemory now: for how long it has been."""
        if self.memory_exceeded_since_ms and not exceeds:
            self.memory_exceeded_ms += now_ms - self.memory_exceeded_since_ms
            self.memory_exceeded_since_ms = 0
        elif exceeds and not self.memory_exceeded_since_ms:
            self.memory_exceeded_since_ms = now_ms

    def sample(self, now_ms: int) -> None:
        """Ten times a second: for ops a second."""
        self._samples.append((now_ms, self.calls))

    def ops_per_second(self) -> int:
        """Requests a second over the last samples."""
        if len(self._samples) < 2:
            return 0
        (start_ms, before), (end_ms, after) = self._samples[0], self._samples[-1]
        return max(0, (after - before) * 1000 // max(1, end_ms - start_ms))

    def slow_request(
        self, argv: list[bytes], usec: int, unix_s: int, address: str, name: bytes, entries_max: int
    ) -> None:
        """Keeps a slow request, shortened, and no more than so many of them."""
        words = [_shortened(word) for word in argv[:SLOWLOG_WORDS_MAX]]
        if len(argv) > SLOWLOG_WORDS_MAX:
            words[-1] = b"... (%d more arguments)" % (len(argv) - SLOWLOG_WORDS_MAX + 1)
        self.slow.appendleft(SlowEntry(self.slow_next_id, unix_s, usec, words, address, name))
        self.slow_next_id += 1
        while len(self.slow) > entries_max:
            self.slow.pop()

    def late(self, event: str, unix_s: int, ms: int) -> None:
        """A latency spike of an event ("command", "fast-command"); one sample a second, the worst."""
        samples = self.latency.setdefault(event, deque(maxlen=LATENCY_SAMPLES_MAX))
        self.latency_max_ms[event] = max(ms, self.latency_max_ms.get(event, 0))
        if samples and samples[-1][0] == unix_s:
            samples[-1] = (unix_s, max(ms, samples[-1][1]))
        else:
            samples.append((unix_s, ms))

    def reset(self) -> None:
        """CONFIG RESETSTAT. The slow log and the latency history stay."""
        for stats in self.commands.values():
            stats.calls = stats.rejected_calls = stats.failed_calls = 0
            stats.usec = 0.0
            stats.durations.clear()
        self.errors.clear()
        self._samples.clear()
        self.connections = self.rejected_connections = self.evicted_keys = self.unexpected_errors = 0
        self.evicted_clients = 0
        self.memory_exceeded_ms = 0


def _shortened(word: bytes) -> bytes:
    if len(word) <= SLOWLOG_WORD_BYTES_MAX:
        return word
    return word[:SLOWLOG_WORD_BYTES_MAX] + b"... (%d more bytes)" % (len(word) - SLOWLOG_WORD_BYTES_MAX)
