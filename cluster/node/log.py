"""Log lines in Redis's format: `7:M 21 Nov 2026 02:20:01.123 * Ready to accept connections`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

LEVELS = ("debug", "verbose", "notice", "warning")
_MARKS = dict(zip(LEVELS, ".-*#", strict=True))
_LINE_CHARACTERS_MAX = 1024


class Log:
    """`role` is C (child, or not started), M (primary) or S (replica); `level` hides what is below it."""

    def __init__(self, write: Callable[[str], None], unix_ms: Callable[[], int], pid: int) -> None:
        self._write = write
        self._unix_ms = unix_ms
        self.pid = pid
        self.role = "C"
        self.level = "notice"

    def __call__(self, level: str, text: str) -> None:
        """Writes a line; `level` is debug, verbose, notice or warning."""
        if LEVELS.index(level) < LEVELS.index(self.level):
            return
        now_ms = self._unix_ms()
        moment = datetime.fromtimestamp(now_ms // 1000).strftime("%d %b %Y %H:%M:%S")
        # One event is one line, whatever a client has put into it.
        shown = text.replace("\r", "\\r").replace("\n", "\\n")[:_LINE_CHARACTERS_MAX]
        self._write(f"{self.pid}:{self.role} {moment}.{now_ms % 1000:03d} {_MARKS[level]} {shown}")


class Throttle:
    """Lets one line a second through, and counts what it held back."""

    def __init__(self, log: Log, now_ms: Callable[[], int], interval_ms: int = 1000) -> None:
        self._log = log
        self._now_ms = now_ms
        self._interval_ms = interval_ms
        self._last_ms = -interval_ms
        self._held = 0

    def __call__(self, level: str, text: str) -> None:
        now_ms = self._now_ms()
        if now_ms - self._last_ms < self._interval_ms:
            self._held += 1
            return
        more = f" ({self._held} more since the last such line)" if self._held else ""
        self._last_ms, self._held = now_ms, 0
        self._log(level, text + more)
