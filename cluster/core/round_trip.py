"""How long an answer takes: what to wait for before something is sent again.

The estimator of TCP (RFC 6298: smoothed time and its variation, doubled at each try; Karn's rule: only
answers to what was sent once are counted), one for all members: what it has to follow is mostly this node's
own loop and the kind of network that it is in.
"""

from __future__ import annotations

FIRST_MS = 60.0
MIN_MS = 6
MAX_MS = 250


class RoundTrip:
    def __init__(self) -> None:
        self._smoothed_ms = 0.0
        self._variation_ms = FIRST_MS / 4

    def sample(self, took_ms: int) -> None:
        """An answer came after so long."""
        if not self._smoothed_ms:
            self._smoothed_ms = max(float(took_ms), 0.5)
            self._variation_ms = self._smoothed_ms / 2
            return
        self._variation_ms += (abs(took_ms - self._smoothed_ms) - self._variation_ms) / 4
        self._smoothed_ms += (took_ms - self._smoothed_ms) / 8

    def timeout_ms(self, tries: int) -> int:
        """How long to wait for the answer to the latest of so many tries."""
        wait_ms = max(self._smoothed_ms + 4 * self._variation_ms, MIN_MS)
        return int(min(wait_ms * 2 ** (tries - 1), MAX_MS)) + 1
